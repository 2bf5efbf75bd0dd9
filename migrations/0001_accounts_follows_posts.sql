-- Accounts, whom they follow and what they post. Times are microseconds since 1970 (UTC).

-- What the hub as a whole keeps: one row.
CREATE TABLE settings (
  id             INTEGER PRIMARY KEY CHECK (id = 1),
  history_id     INTEGER NOT NULL,            -- 64 random bits
  secret         BLOB    NOT NULL,            -- keys the salts of unknown client IDs
  kdf_memory     INTEGER NOT NULL,            -- bytes; for new accounts
  kdf_passes     INTEGER NOT NULL,
  heads_position INTEGER NOT NULL DEFAULT 0,  -- accounts.last_post is right up to this post
  highest_id     INTEGER NOT NULL DEFAULT 0   -- IDs given out, where the newest posts were removed
) STRICT;

-- AUTOINCREMENT: the ID of a deleted account never names another one.
CREATE TABLE accounts (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  key        TEXT    NOT NULL UNIQUE,           -- the name in lower case
  name       TEXT    NOT NULL,                  -- as it was given
  salt       BLOB    NOT NULL,
  kdf_memory INTEGER NOT NULL,
  kdf_passes INTEGER NOT NULL,
  stored_key BLOB    NOT NULL,
  server_key BLOB    NOT NULL,
  disabled   INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
  created    INTEGER NOT NULL,
  last_post  INTEGER NOT NULL DEFAULT 0         -- written lazily: see settings.heads_position
) STRICT;

-- Client IDs of deleted accounts: not given out again.
CREATE TABLE retired_ids (
  key TEXT PRIMARY KEY,
  at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The posts of one author are a chain backwards: each names its author's previous one. Memory holds
-- the newest of each author, so that the newest posts of many authors are a merge of chains, one row
-- a step, however long history is.
--
-- There is no other index, and no foreign key either: a post is one append to the end of one table.
-- A secondary index costs a post several times its own work once history no longer fits the cache,
-- and a foreign key would make the deletion of an account scan history. hubadmin check finds orphans.
CREATE TABLE posts (
  id       INTEGER PRIMARY KEY,
  author   INTEGER NOT NULL,  -- accounts.id
  previous INTEGER NOT NULL,  -- posts.id of the same author; 0: this is the first
  at       INTEGER NOT NULL,  -- when it was committed
  text     TEXT               -- NULL: deleted; the row stays, so that the chain holds
) STRICT;

CREATE TABLE follows (
  follower INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  followee INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  since    INTEGER NOT NULL,  -- the newest post ID given out before
  PRIMARY KEY (follower, followee)
) STRICT, WITHOUT ROWID;

CREATE INDEX follows_by_followee ON follows (followee, follower);
