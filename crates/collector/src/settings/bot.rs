//! The settings that every bot has, whatever its protocol.

use super::{Setting, value};

/// The address of the backend.
pub const BACKEND_URL: Setting = Setting {
    name: "backend_url",
    variable: "BACKEND_URL",
    default: None,
    secret: false,
    placeholder: "URL",
    help: "Base URL of the backend's API, e.g. https://example.org/api",
    check: |text| value::backend_url(text).map(drop),
};

/// The token of a bot that has none of its own.
pub const BOT_TOKEN: Setting = Setting {
    name: "bot_token",
    variable: "BOT_TOKEN",
    default: None,
    secret: true,
    placeholder: "TOKEN",
    help: "The bot's token; as a flag every user of this machine can see it",
    check: value::anything,
};

/// A file that holds [`BOT_TOKEN`].
pub const BOT_TOKEN_FROM_FILE: Setting = Setting {
    name: "bot_token_from_file",
    variable: "BOT_TOKEN_FROM_FILE",
    default: None,
    secret: false,
    placeholder: "FILE",
    help: "A file that holds the bot's token",
    check: value::anything,
};

/// Certificates to trust.
pub const CA_FILE: Setting = Setting {
    name: "ca_file",
    variable: "GRAFOLEAN_CA_FILE",
    default: None,
    secret: false,
    placeholder: "FILE",
    help: "Certificates (PEM) to trust beside the machine's",
    check: |text| value::existing_file(text).map(drop),
};

/// How often the configuration is read.
pub const JOBS_REFRESH_INTERVAL: Setting = Setting {
    name: "jobs_refresh_interval",
    variable: "JOBS_REFRESH_INTERVAL",
    default: Some("120"),
    secret: false,
    placeholder: "TIME",
    help: "Time between two reads of the configuration",
    check: |text| value::interval(text).map(drop),
};

/// Where all is kept. Its default depends on the user: see [`Sources::data_home`](super::Sources::data_home).
pub const DATA: Setting = Setting {
    name: "data",
    variable: "GRAFOLEAN_DATA",
    default: None,
    secret: false,
    placeholder: "DIR",
    help: "Folder for all that is kept; by default grafolean in the user's data folder",
    check: value::anything,
};

/// The key of what a bot keeps of its configuration.
pub const STATE_KEY_FILE: Setting = Setting {
    name: "state_key_file",
    variable: "GRAFOLEAN_STATE_KEY_FILE",
    default: None,
    secret: false,
    placeholder: "FILE",
    help: "The key by which bots encrypt the configuration that they keep, made if there is none; without it each has one \
           beside it",
    check: value::anything,
};

/// How many bytes may wait for the backend.
pub const SPOOL_MAX_SIZE: Setting = Setting {
    name: "spool_max_size",
    variable: "GRAFOLEAN_SPOOL_MAX_SIZE",
    default: Some("1GiB"),
    secret: false,
    placeholder: "SIZE",
    help: "How much may wait for a backend that is away",
    check: |text| value::size(text).map(drop),
};

/// How long a value may wait for the backend.
pub const SPOOL_MAX_AGE: Setting = Setting {
    name: "spool_max_age",
    variable: "GRAFOLEAN_SPOOL_MAX_AGE",
    default: Some("7days"),
    secret: false,
    placeholder: "TIME",
    help: "How long it may wait",
    check: |text| value::positive_span(text).map(drop),
};

/// Where the bot is observed.
pub const METRICS: Setting = Setting {
    name: "metrics",
    variable: "GRAFOLEAN_METRICS",
    default: None,
    secret: false,
    placeholder: "ADDRESS",
    help: "Serve /metrics, /healthz and /status.json here, e.g. 127.0.0.1:9300",
    check: |text| value::address(text).map(drop),
};

/// Where values go too.
pub const REMOTE_WRITE_URL: Setting = Setting {
    name: "remote_write_url",
    variable: "GRAFOLEAN_REMOTE_WRITE_URL",
    default: None,
    secret: false,
    placeholder: "URL",
    help: "Send values to this receiver of Prometheus remote write too, e.g. http://127.0.0.1:9090/api/v1/write",
    check: |text| value::receiver_url(text).map(drop),
};

/// The token by which [`REMOTE_WRITE_URL`] knows us.
pub const REMOTE_WRITE_TOKEN: Setting = Setting {
    name: "remote_write_token",
    variable: "GRAFOLEAN_REMOTE_WRITE_TOKEN",
    default: None,
    secret: true,
    placeholder: "TOKEN",
    help: "The bearer token for that receiver; as a flag every user of this machine can see it",
    check: value::anything,
};

/// A file that holds [`REMOTE_WRITE_TOKEN`].
pub const REMOTE_WRITE_TOKEN_FROM_FILE: Setting = Setting {
    name: "remote_write_token_from_file",
    variable: "GRAFOLEAN_REMOTE_WRITE_TOKEN_FROM_FILE",
    default: None,
    secret: false,
    placeholder: "FILE",
    help: "A file that holds the bearer token for that receiver",
    check: value::anything,
};

/// A file of receivers.
pub const SINKS: Setting = Setting {
    name: "sinks",
    variable: "GRAFOLEAN_SINKS",
    default: None,
    secret: false,
    placeholder: "FILE",
    help: "A TOML file of stores that values go to beside the backend, each with its own settings",
    check: |text| value::existing_file(text).map(drop),
};

/// All of them, in the order in which they are shown.
pub const ALL: [Setting; 14] = [
    BACKEND_URL,
    BOT_TOKEN,
    BOT_TOKEN_FROM_FILE,
    CA_FILE,
    JOBS_REFRESH_INTERVAL,
    DATA,
    STATE_KEY_FILE,
    SPOOL_MAX_SIZE,
    SPOOL_MAX_AGE,
    METRICS,
    REMOTE_WRITE_URL,
    REMOTE_WRITE_TOKEN,
    REMOTE_WRITE_TOKEN_FROM_FILE,
    SINKS,
];
