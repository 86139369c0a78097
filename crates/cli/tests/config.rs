//! Where settings come from, and what is said when one is wrong. The real binary, in a folder of its own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(self, name: &str, text: &str) -> Self {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs `grafolean config` in this folder, which is also the home, with nothing else in the environment.
    fn config(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_grafolean"))
            .arg("config")
            .args(arguments)
            .env_clear()
            .env("HOME", self.path())
            .envs(environment.iter().copied())
            .current_dir(self.path())
            .output()
            .unwrap()
    }

    fn error(&self, arguments: &[&str], environment: &[(&str, &str)]) -> String {
        let output = self.config(arguments, environment);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        told.replace(self.path().to_str().unwrap(), "DIR")
    }

    fn in_force(&self, setting: &str, arguments: &[&str], environment: &[(&str, &str)]) -> (String, String) {
        let output = self.config(&[&["--json"], arguments].concat(), environment);
        assert!(output.status.success(), "{output:?}");
        let settings: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |key: &str| settings[setting][key].as_str().unwrap().to_owned();
        (text("value"), text("origin"))
    }
}

#[test]
fn the_stronger_place_hides_the_weaker_one() {
    let folder = Folder::new();
    let told = |folder: &Folder, arguments: &[&str], environment: &[(&str, &str)]| {
        folder.in_force("jobs_refresh_interval", arguments, environment)
    };
    let is = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(told(&folder, &[], &[]), is("120", "default"));
    let folder = folder.with(".config/grafolean/grafolean.toml", "jobs_refresh_interval = 10\n");
    assert_eq!(told(&folder, &[], &[]), is("10", "file"));
    let folder = folder.with("grafolean.toml", "jobs_refresh_interval = 20\n");
    assert_eq!(told(&folder, &[], &[]), is("20", "file"));
    let folder = folder.with("other.toml", "jobs_refresh_interval = \"30s\"\n");
    assert_eq!(told(&folder, &["--config", "other.toml"], &[]), is("30s", "file"));
    let folder = folder.with(".env", "# ours\nOTHER=1\nexport JOBS_REFRESH_INTERVAL=\"40\"\n");
    assert_eq!(told(&folder, &["--config", "other.toml"], &[]), is("40", ".env"));
    assert_eq!(told(&folder, &[], &[("JOBS_REFRESH_INTERVAL", "50")]), is("50", "environment"));
    let flag = ["--jobs-refresh-interval", "60"];
    assert_eq!(told(&folder, &flag, &[("JOBS_REFRESH_INTERVAL", "50")]), is("60", "flag"));
    assert_eq!(told(&folder, &[], &[("JOBS_REFRESH_INTERVAL", "")]), is("40", ".env"), "empty is not set");
}

#[test]
fn all_settings_are_printed_with_their_places_and_no_secret() {
    let folder = Folder::new()
        .with("grafolean.toml", "# comment\nbackend_url = \"https://example.org/api/\"\nlog = \"warn\"\n")
        .with(".env", "BOT_TOKEN=7f3cd7c4-2a53-4d6a-b8a2-3f7bd3a5e001\n");
    let output = folder.config(&["--metrics", "127.0.0.1:9300"], &[("GRAFOLEAN_LOG", "debug")]);
    let printed = String::from_utf8(output.stdout).unwrap().replace(folder.path().to_str().unwrap(), "DIR");
    let rows: Vec<Vec<&str>> = printed.lines().map(|line| line.split_whitespace().collect()).collect();
    let expected = "\
backend_url https://example.org/api/ file DIR/grafolean.toml:2:15
bot_token (hidden) .env BOT_TOKEN in DIR/.env
bot_token_from_file - default
bot_token_ping - default
bot_token_ping_from_file - default
bot_token_snmp - default
bot_token_snmp_from_file - default
bot_token_netflow - default
bot_token_netflow_from_file - default
bot_token_tcp - default
bot_token_tcp_from_file - default
ca_file - default
jobs_refresh_interval 120 default
data DIR/.local/share/grafolean default
state_key_file - default
spool_max_size 1GiB default
spool_max_age 7days default
metrics 127.0.0.1:9300 flag --metrics
remote_write_url - default
remote_write_token - default
remote_write_token_from_file - default
sinks - default
snmp_mib_folders - default
snmp_profile_folder - default
traps - default
netflow_port 2055 default
netflow_listen - default
netflow_tcp_listen - default
netflow_threads 1 default
flow_archive off default
flow_archive_max_size 10GiB default
flow_archive_max_age 7days default
flow_archive_to - default
flow_networks - default
flow_as_database - default
flow_country_database - default
flow_as_from exporter default
flow_lists - default
sandbox on default
listen 127.0.0.1:8080 default
with_bots off default
hub_names - default
hub_proxies - default
hub_tls_certificate - default
hub_tls_key - default
hub_retention - default
hub_retention_hours 5years default
hub_event_retention 400days default
hub_disk_reserve 1GiB default
forward - default
inventory - default
hub_url http://127.0.0.1:8080/api default
hub_user - default
hub_password - default
hub_password_from_file - default
log debug environment GRAFOLEAN_LOG
log_format text default
color auto default";
    assert_eq!(rows.iter().map(|row| row.join(" ")).collect::<Vec<_>>().join("\n"), expected);
}

#[test]
fn a_token_comes_trimmed_from_its_file_and_the_stronger_form_counts() {
    let folder = Folder::new().with("token", "  secret-in-file\n");
    let from_file = ("BOT_TOKEN_FROM_FILE", "token");
    assert_eq!(folder.in_force("bot_token_from_file", &[], &[from_file]).1, "environment");
    assert_eq!(folder.in_force("bot_token", &["--bot-token", "x"], &[from_file]).1, "flag");
    let error = folder.error(&[], &[("BOT_TOKEN", "secret"), from_file]);
    assert!(error.contains("both bot_token and bot_token_from_file"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    let of_one_bot = [("BOT_TOKEN_SNMP", "secret"), ("BOT_TOKEN_SNMP_FROM_FILE", "token")];
    assert!(folder.error(&[], &of_one_bot).contains("both bot_token_snmp and bot_token_snmp_from_file"));
    let error = folder.error(&["--bot-token-from-file", "nowhere"], &[]);
    assert!(error.starts_with("error: --bot-token-from-file: cannot read the token file nowhere"), "{error}");
    let folder = folder.with("empty", "\n");
    let error = folder.error(&[], &[("BOT_TOKEN_FROM_FILE", "empty")]);
    assert_eq!(error, "error: BOT_TOKEN_FROM_FILE: the token file empty is empty\n");
}

#[test]
fn a_name_that_is_no_setting_is_warned_of_with_the_nearest() {
    let folder = Folder::new()
        .with("grafolean.toml", "log = \"warn\"\nbackend_ulr = \"x\"\nquux = 1\n")
        .with(".env", "POSTGRES_PASSWORD=x\n\nexport LISTEN=8080\nBOT_TOKN=secret\n");
    let output = folder.config(&[], &[]);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap().replace(folder.path().to_str().unwrap(), "DIR");
    for warning in [
        "DIR/grafolean.toml:2:1: there is no setting `backend_ulr`: did you mean `backend_url`?",
        "DIR/grafolean.toml:3:1: there is no setting `quux`",
        "DIR/.env:3: there is no setting `LISTEN`: did you mean `GRAFOLEAN_LISTEN`?",
        "DIR/.env:4: there is no setting `BOT_TOKN`: did you mean `BOT_TOKEN`?",
    ] {
        assert!(told.contains(warning), "{warning} is not in {told}");
    }
    assert!(!told.contains("POSTGRES") && !told.contains("secret"), "{told}");
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_the_mend() {
    let wrong = |file: &str, text: &str| Folder::new().with(file, text).error(&[], &[]);
    let error = wrong("grafolean.toml", "\njobs_refresh_interval = 0\n");
    assert!(
        error.starts_with("error: DIR/grafolean.toml:2:25: `jobs_refresh_interval` is invalid: "),
        "{error}"
    );
    assert!(error.contains("at least 1 s"), "{error}");
    let error = wrong("grafolean.toml", "log = inf o\n");
    assert!(error.starts_with("error: DIR/grafolean.toml:1:"), "{error}");
    assert_eq!(
        wrong(".env", "A=1\nBOT_TOKEN secret\n"),
        "error: DIR/.env: line 2 is not NAME=value\n",
        "the line may hold a token"
    );
    let error = Folder::new().error(&["--config", "nowhere.toml"], &[]);
    assert!(error.starts_with("error: cannot read nowhere.toml\n  because: No such file"), "{error}");
    let error = Folder::new().error(&["--metrics", "9300x"], &[]);
    assert!(error.starts_with("error: --metrics: `metrics` is invalid: expected an address"), "{error}");
    let error = Folder::new().error(&["--backend-url", "https://example.org/api?b=secret"], &[]);
    assert!(error.starts_with("error: --backend-url: ") && !error.contains("secret"), "{error}");
    let error = Folder::new().error(&["--log", "inof"], &[]);
    assert!(error.contains("expected off, error, warn, info, debug, trace"), "{error}");
}
