-- Live sessions, so that a restart carries them on. One an account and framing.
CREATE TABLE sessions (
  account      INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  framing      INTEGER NOT NULL,  -- 0: classic, 1: sealed
  token        INTEGER NOT NULL,
  remote_ip    BLOB    NOT NULL,  -- 16 bytes; IPv4 mapped
  remote_port  INTEGER NOT NULL,
  remote_scope INTEGER NOT NULL,
  local_ip     BLOB    NOT NULL,  -- the address that was asked
  local_port   INTEGER NOT NULL,
  local_scope  INTEGER NOT NULL,
  magic        BLOB    NOT NULL,  -- classic: the client's own two bytes
  online_since INTEGER NOT NULL,
  PRIMARY KEY (account, framing)
) STRICT, WITHOUT ROWID;
