-- Devices: the installations of clients. Each comes back with its resume key instead of a password,
-- has its own mark, and numbers what it asks for, so that nothing is done twice.

-- AUTOINCREMENT: the number of a device that is gone never names another one; posts keep it.
CREATE TABLE devices (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  account    INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  device     BLOB    NOT NULL,            -- 16 random bytes of the client's
  resume_key BLOB,                        -- NULL: the next login has to prove the password
  created    INTEGER NOT NULL,
  last_seen  INTEGER NOT NULL,
  mark       INTEGER NOT NULL,            -- the newest post it has shown; written lazily
  -- The highest number of its requests that was done, and what the last 64 did: bit i is number
  -- done - i. Right up to settings.heads_position; what later posts say comes on top of it.
  done       INTEGER NOT NULL DEFAULT 0,
  ok         INTEGER NOT NULL DEFAULT 0,
  failed     INTEGER NOT NULL DEFAULT 0,
  UNIQUE (account, device)
) STRICT;

-- Which request a post was, so that a numbered post is one row and nothing else. 0, 0: not numbered.
-- No foreign key: a post outlives its device.
ALTER TABLE posts ADD COLUMN device INTEGER NOT NULL DEFAULT 0;    -- devices.id
ALTER TABLE posts ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;

-- One session a device beside the account's classic one. The sealed ones there are have no device;
-- their clients log in again.
CREATE TABLE sessions_by_device (
  account      INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  framing      INTEGER NOT NULL,  -- 0: classic, 1: sealed
  device       INTEGER NOT NULL,  -- sealed: devices.id; classic: 0
  token        INTEGER NOT NULL,  -- classic: its 32 bits; sealed: the hub's connection ID, 64 bits
  remote_ip    BLOB    NOT NULL,  -- 16 bytes; IPv4 mapped
  remote_port  INTEGER NOT NULL,
  remote_scope INTEGER NOT NULL,
  local_ip     BLOB    NOT NULL,  -- the address that was asked
  local_port   INTEGER NOT NULL,
  local_scope  INTEGER NOT NULL,
  magic        BLOB    NOT NULL,  -- classic: the client's own two bytes
  online_since INTEGER NOT NULL,
  PRIMARY KEY (account, framing, device)
) STRICT, WITHOUT ROWID;

INSERT OR REPLACE INTO sessions_by_device
SELECT account, framing, 0, token, remote_ip, remote_port, remote_scope, local_ip, local_port,
       local_scope, magic, online_since
FROM sessions WHERE framing = 0;

DROP TABLE sessions;

ALTER TABLE sessions_by_device RENAME TO sessions;

-- A copy of a database is another history once something is written to it: who opens it for that
-- gives it another ID and forgets its sessions. So is a database that is upgraded, perhaps once more
-- from the copy made of it; no client knows a history by its ID so far.
ALTER TABLE settings ADD COLUMN is_copy INTEGER NOT NULL DEFAULT 0 CHECK (is_copy IN (0, 1));

UPDATE settings SET history_id = random() | 1;  -- 0 means none to clients
