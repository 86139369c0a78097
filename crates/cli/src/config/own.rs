//! The settings that only the binary has: its hub and its log.

use grafolean_collector::settings::{Setting, value as read};

use super::{Color, LogFormat, value};

/// Where the hub listens.
pub(crate) const LISTEN: Setting = Setting {
    name: "listen",
    variable: "GRAFOLEAN_LISTEN",
    default: Some("127.0.0.1:8080"),
    secret: false,
    placeholder: "ADDRESS",
    help: "Where the hub listens; a port alone is on 127.0.0.1, for this machine only",
    check: |text| read::address(text).map(drop),
};

/// What is logged.
pub(crate) const LOG: Setting = Setting {
    name: "log",
    variable: "GRAFOLEAN_LOG",
    default: None,
    secret: false,
    placeholder: "LEVEL",
    help: "What to log: off, error, warn, info, debug, trace; or by target: warn,grafolean_collector=debug; by default \
           info for bots and the hub, else warn",
    check: |text| value::targets(text).map(drop),
};

/// How log lines look.
pub(crate) const LOG_FORMAT: Setting = Setting {
    name: "log_format",
    variable: "GRAFOLEAN_LOG_FORMAT",
    default: Some("text"),
    secret: false,
    placeholder: "FORMAT",
    help: "How log lines look: text or json",
    check: |text| read::one_of(text, &LOG_FORMATS).map(drop),
};

/// Whether colours are used.
pub(crate) const COLOR: Setting = Setting {
    name: "color",
    variable: "GRAFOLEAN_COLOR",
    default: Some("auto"),
    secret: false,
    placeholder: "WHEN",
    help: "Colours: auto, always or never; NO_COLOR is honoured",
    check: |text| read::one_of(text, &COLORS).map(drop),
};

/// The words of [`LOG_FORMAT`].
pub(super) const LOG_FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];

/// The words of [`COLOR`].
pub(super) const COLORS: [(&str, Color); 3] =
    [("auto", Color::Auto), ("always", Color::Always), ("never", Color::Never)];

/// The settings of the log, which every command has.
pub(crate) const OF_EVERY_COMMAND: [Setting; 3] = [LOG, LOG_FORMAT, COLOR];
