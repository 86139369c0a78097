//! The settings that only the binary has: its hub and its log.

use grafolean_collector::settings::{Setting, value as read};

use super::{Color, LogFormat, value};

/// Whether bots give up what they do not need.
pub(crate) const SANDBOX: Setting = Setting {
    name: "sandbox",
    variable: "GRAFOLEAN_SANDBOX",
    default: Some("on"),
    secret: false,
    placeholder: "ON_OR_OFF",
    help: "Whether bots give up what they do not need, as far as the kernel can: other files (Landlock), system calls \
           (seccomp), capabilities",
    check: |text| read::switch(text).map(drop),
};

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

/// By which names the hub is reached.
pub(crate) const HUB_NAMES: Setting = Setting {
    name: "hub_names",
    variable: "GRAFOLEAN_HUB_NAMES",
    default: None,
    secret: false,
    placeholder: "NAMES",
    help: "Names by which the hub is reached, beside addresses and localhost, with commas between them: by any other name \
           the first user is not made",
    check: |text| value::host_names(text).map(drop),
};

/// Which proxies the hub believes.
pub(crate) const HUB_PROXIES: Setting = Setting {
    name: "hub_proxies",
    variable: "GRAFOLEAN_HUB_PROXIES",
    default: None,
    secret: false,
    placeholder: "NETWORKS",
    help: "Proxies before the hub whose X-Forwarded-For and X-Forwarded-Host it believes, e.g. 127.0.0.1,10.0.0.0/8",
    check: |text| value::proxies(text).map(drop),
};

/// With what the hub speaks TLS.
pub(crate) const HUB_TLS_CERTIFICATE: Setting = Setting {
    name: "hub_tls_certificate",
    variable: "GRAFOLEAN_HUB_TLS_CERTIFICATE",
    default: None,
    secret: false,
    placeholder: "FILE",
    help: "The hub's certificate and those that lead to its authority (PEM), read again when it changes; without it the \
           hub speaks plain HTTP",
    check: |text| read::existing_file(text).map(drop),
};

/// The key of the certificate.
pub(crate) const HUB_TLS_KEY: Setting = Setting {
    name: "hub_tls_key",
    variable: "GRAFOLEAN_HUB_TLS_KEY",
    default: None,
    secret: false,
    placeholder: "FILE",
    help: "The private key of the hub's certificate (PEM)",
    check: |text| read::existing_file(text).map(drop),
};

/// Which bots run in the hub's process.
pub(crate) const WITH_BOTS: Setting = Setting {
    name: "with_bots",
    variable: "GRAFOLEAN_WITH_BOTS",
    default: Some("off"),
    secret: false,
    placeholder: "on|off|BOTS",
    help: "Run bots in the hub's process, all of them (on) or those named with commas between them: nobody has to start a \
           second process to measure what this machine reaches",
    check: |text| value::bots(text).map(drop),
};

/// How long the hub keeps values.
pub(crate) const HUB_RETENTION: Setting = Setting {
    name: "hub_retention",
    variable: "GRAFOLEAN_HUB_RETENTION",
    default: None,
    secret: false,
    placeholder: "TIME",
    help: "How long the hub keeps values where no rule of an account says otherwise, e.g. 400days; without it for ever",
    check: |text| read::positive_span(text).map(drop),
};

/// How long the hub keeps what values amounted to.
pub(crate) const HUB_RETENTION_HOURS: Setting = Setting {
    name: "hub_retention_hours",
    variable: "GRAFOLEAN_HUB_RETENTION_HOURS",
    default: Some("5years"),
    secret: false,
    placeholder: "TIME",
    help: "How long the hub keeps mean, lowest and highest of each hour of values that are older than hub_retention, \
           counted from their time; off keeps none",
    check: |text| value::span_or_off(text).map(drop),
};

/// How long the hub keeps what devices told.
pub(crate) const HUB_EVENT_RETENTION: Setting = Setting {
    name: "hub_event_retention",
    variable: "GRAFOLEAN_HUB_EVENT_RETENTION",
    default: Some("400days"),
    secret: false,
    placeholder: "TIME",
    help: "How long the hub keeps what devices told by themselves (traps), at most a million of each account",
    check: |text| read::positive_span(text).map(drop),
};

/// How much of its disk the hub leaves free.
pub(crate) const HUB_DISK_RESERVE: Setting = Setting {
    name: "hub_disk_reserve",
    variable: "GRAFOLEAN_HUB_DISK_RESERVE",
    default: Some("1GiB"),
    secret: false,
    placeholder: "SIZE",
    help: "How much of its disk the hub leaves free: with less, values are refused, and bots keep them; with less than \
           twice as much, the log says so",
    check: |text| read::size(text).map(drop),
};

/// Where the hub sends what it stores.
pub(crate) const FORWARD: Setting = Setting {
    name: "forward",
    variable: "GRAFOLEAN_FORWARD",
    default: None,
    secret: false,
    placeholder: "URL|FILE",
    help: "Send what the hub stores to this receiver of Prometheus remote write too, or to those of a file of sinks",
    check: |text| value::receivers(text).map(drop),
};

/// The settings of the hub beside where it listens.
pub(crate) const OF_THE_HUB: [Setting; 11] = [
    WITH_BOTS,
    HUB_NAMES,
    HUB_PROXIES,
    HUB_TLS_CERTIFICATE,
    HUB_TLS_KEY,
    HUB_RETENTION,
    HUB_RETENTION_HOURS,
    HUB_EVENT_RETENTION,
    HUB_DISK_RESERVE,
    FORWARD,
    INVENTORY,
];

/// Which files say what accounts hold.
pub(crate) const INVENTORY: Setting = Setting {
    name: "inventory",
    variable: "GRAFOLEAN_INVENTORY",
    default: None,
    secret: false,
    placeholder: "FILES",
    help: "Files (TOML) that say which credentials, sensors and devices accounts have, with commas between them: the hub \
           brings them in step at its start and on SIGHUP",
    check: |text| value::files(text).map(drop),
};

/// Where a hub runs that is set up from here.
pub(crate) const HUB_URL: Setting = Setting {
    name: "hub_url",
    variable: "GRAFOLEAN_HUB_URL",
    default: Some("http://127.0.0.1:8080/api"),
    secret: false,
    placeholder: "URL",
    help: "Base URL of the API of a hub, or a Grafolean, that is set up from here",
    check: |text| read::backend_url(text).map(drop),
};

/// Who logs in to set it up.
pub(crate) const HUB_USER: Setting = Setting {
    name: "hub_user",
    variable: "GRAFOLEAN_HUB_USER",
    default: None,
    secret: false,
    placeholder: "NAME",
    help: "User who logs in there",
    check: read::anything,
};

/// Their password.
pub(crate) const HUB_PASSWORD: Setting = Setting {
    name: "hub_password",
    variable: "GRAFOLEAN_HUB_PASSWORD",
    default: None,
    secret: true,
    placeholder: "PASSWORD",
    help: "Their password; as a flag every user of this machine can see it",
    check: read::anything,
};

/// A file that holds [`HUB_PASSWORD`].
pub(crate) const HUB_PASSWORD_FROM_FILE: Setting = Setting {
    name: "hub_password_from_file",
    variable: "GRAFOLEAN_HUB_PASSWORD_FROM_FILE",
    default: None,
    secret: false,
    placeholder: "FILE",
    help: "A file that holds their password",
    check: read::anything,
};

/// How to log in to a hub that is set up from here.
pub(crate) const OF_A_LOGIN: [Setting; 4] = [HUB_URL, HUB_USER, HUB_PASSWORD, HUB_PASSWORD_FROM_FILE];

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
