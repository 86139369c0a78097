ALTER TABLE persons ADD COLUMN timezone TEXT NOT NULL DEFAULT 'UTC';
ALTER TABLE persons ADD COLUMN email_confirmed INTEGER NOT NULL DEFAULT 0;

-- of a person who logged in; gone when they log out, and some time after it ended
CREATE TABLE sessions (
    id BLOB PRIMARY KEY,
    user INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    -- rises with each renewal: an older token opens nothing
    serial INTEGER NOT NULL,
    renewed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_user ON sessions (user);
CREATE INDEX sessions_by_age ON sessions (renewed);

-- the newest signs, the one before still opens what it signed
CREATE TABLE signing_keys (
    id INTEGER PRIMARY KEY,
    secret BLOB NOT NULL,
    created INTEGER NOT NULL
) STRICT;
