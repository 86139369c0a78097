-- tokens and what opens devices are sealed; see vault.rs. A bot is found by the digest of its token.
ALTER TABLE bots ADD COLUMN token_digest BLOB;
UPDATE bots SET token_digest = digest(lower(token)), token = hex(seal(lower(token), 'token'));
CREATE UNIQUE INDEX bots_by_token ON bots (token_digest);
UPDATE credentials SET details = hex(seal(details, 'credential'));
UPDATE signing_keys SET secret = seal(hex(secret), 'signing');

-- who changed what
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    user INTEGER,
    address TEXT NOT NULL,
    method TEXT NOT NULL,
    resource TEXT NOT NULL,
    status INTEGER NOT NULL
) STRICT;
