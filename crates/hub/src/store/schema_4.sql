-- links that show a dashboard to whoever has them: read-only, found by the digest of their token
CREATE TABLE shares (
    id INTEGER PRIMARY KEY,
    dashboard INTEGER NOT NULL REFERENCES dashboards ON DELETE CASCADE,
    token_digest BLOB NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    -- null: until it is taken back
    until INTEGER
) STRICT;
CREATE INDEX shares_of_dashboard ON shares (dashboard);
