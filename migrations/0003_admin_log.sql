-- What administrators did, in the transaction that did it. Nothing reads it but people.
CREATE TABLE admin_log (
  id      INTEGER PRIMARY KEY,
  at      INTEGER NOT NULL,
  command TEXT    NOT NULL,  -- as hubadmin names it: 'add-user', …
  target  TEXT    NOT NULL   -- a client ID, or a post's number
) STRICT;
