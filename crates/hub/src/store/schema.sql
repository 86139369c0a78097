CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL
) STRICT;

-- people and bots; an id is one or the other
CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE persons (
    user INTEGER NOT NULL UNIQUE REFERENCES users ON DELETE CASCADE,
    username TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    -- rises with each change of the password, which ends all sessions from before
    sessions_since INTEGER NOT NULL DEFAULT 0
) STRICT;

-- without an account: systemwide
CREATE TABLE bots (
    user INTEGER NOT NULL UNIQUE REFERENCES users ON DELETE CASCADE,
    account INTEGER REFERENCES accounts ON DELETE CASCADE,
    name TEXT NOT NULL,
    protocol TEXT,
    config TEXT,
    token TEXT NOT NULL UNIQUE,
    last_login INTEGER
) STRICT;
CREATE INDEX bots_of_account ON bots (account);

-- a null prefix is everything, null methods are all
CREATE TABLE permissions (
    id INTEGER PRIMARY KEY,
    user INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    resource_prefix TEXT,
    methods TEXT
) STRICT;
CREATE INDEX permissions_of_user ON permissions (user);

CREATE TABLE credentials (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    name TEXT NOT NULL,
    protocol TEXT NOT NULL,
    details TEXT NOT NULL
) STRICT;
CREATE INDEX credentials_of_account ON credentials (account);

CREATE TABLE sensors (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    name TEXT NOT NULL,
    protocol TEXT NOT NULL,
    default_interval INTEGER,
    details TEXT NOT NULL
) STRICT;
CREATE INDEX sensors_of_account ON sensors (account);

CREATE TABLE entities (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    parent INTEGER REFERENCES entities ON DELETE CASCADE,
    name TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    details TEXT NOT NULL
) STRICT;
CREATE INDEX entities_of_account ON entities (account);
CREATE INDEX entities_by_name ON entities (account, name);
CREATE INDEX entities_of_parent ON entities (parent);

-- how one protocol measures one entity
CREATE TABLE attachments (
    id INTEGER PRIMARY KEY,
    entity INTEGER NOT NULL REFERENCES entities ON DELETE CASCADE,
    protocol TEXT NOT NULL,
    credential INTEGER NOT NULL REFERENCES credentials ON DELETE CASCADE,
    bot INTEGER REFERENCES bots (user) ON DELETE SET NULL,
    UNIQUE (entity, protocol)
) STRICT;
CREATE INDEX attachments_of_credential ON attachments (credential);
CREATE INDEX attachments_of_bot ON attachments (bot);

CREATE TABLE attached_sensors (
    attachment INTEGER NOT NULL REFERENCES attachments ON DELETE CASCADE,
    place INTEGER NOT NULL,
    sensor INTEGER NOT NULL REFERENCES sensors ON DELETE CASCADE,
    interval INTEGER,
    PRIMARY KEY (attachment, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX attached_sensors_of_sensor ON attached_sensors (sensor);

CREATE TABLE dashboards (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (account, slug)
) STRICT;

CREATE TABLE widgets (
    id INTEGER PRIMARY KEY,
    dashboard INTEGER NOT NULL REFERENCES dashboards ON DELETE CASCADE,
    type TEXT NOT NULL,
    title TEXT NOT NULL,
    content TEXT NOT NULL,
    page TEXT NOT NULL,
    x INTEGER NOT NULL,
    y INTEGER NOT NULL,
    w INTEGER NOT NULL,
    h INTEGER NOT NULL
) STRICT;
CREATE INDEX widgets_of_dashboard ON widgets (dashboard);
