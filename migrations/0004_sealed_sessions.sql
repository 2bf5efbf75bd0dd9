-- An account may have several sealed sessions beside its one classic session: the name of a session,
-- its token or connection ID, becomes part of the key.
CREATE TABLE sessions_by_name (
  account      INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  framing      INTEGER NOT NULL,  -- 0: classic, 1: sealed
  token        INTEGER NOT NULL,  -- classic: its 32 bits; sealed: the hub's connection ID, 64 bits
  remote_ip    BLOB    NOT NULL,  -- 16 bytes; IPv4 mapped
  remote_port  INTEGER NOT NULL,
  remote_scope INTEGER NOT NULL,
  local_ip     BLOB    NOT NULL,  -- the address that was asked
  local_port   INTEGER NOT NULL,
  local_scope  INTEGER NOT NULL,
  magic        BLOB    NOT NULL,  -- classic: the client's own two bytes
  online_since INTEGER NOT NULL,
  PRIMARY KEY (account, framing, token)
) STRICT, WITHOUT ROWID;

INSERT INTO sessions_by_name
SELECT account, framing, token, remote_ip, remote_port, remote_scope, local_ip, local_port,
       local_scope, magic, online_since
FROM sessions;

DROP TABLE sessions;

ALTER TABLE sessions_by_name RENAME TO sessions;
