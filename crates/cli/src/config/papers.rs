//! `docs/settings.md`, which is made of the table.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;

use super::table;
use crate::generated_page::hold_equal;

const HEAD: &str = "\
# Settings

Every setting has one name. In a TOML file it stands as it is, on the command line with dashes (`--backend-url`), in the
environment and in `.env` under its variable. The strongest place counts: command line, then environment, then `.env` in
the working folder, then the TOML file (`--config FILE` or `GRAFOLEAN_CONFIG`, else the first there is of
`grafolean.toml` in the working folder, `~/.config/grafolean/grafolean.toml`, `/etc/grafolean/grafolean.toml`), then the
default. `grafolean config` shows what is in force, and where it comes from.

The binary, a bot by `serve` and the Python package read them alike; a bot of your own knows the first fourteen, its own
token (`BOT_TOKEN_<PROTOCOL>`) and what its protocol declares. White space around a value does not count; an empty one
is as good as none. A token and the file that holds it are one setting in two forms: at one place there may be one of
them. Spans are seconds (`0.5`) or `200ms`, `30s`, `5m`, `1h 30m`; sizes are bytes or `500MB`, `2GiB`; a port alone, as
an address to listen on, is on 127.0.0.1.

A name in `.env` or in the TOML file that is no setting but looks like one is named in a warning, with the one that was
probably meant.

";

fn page() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("| name | variable | default | what it is |\n| --- | --- | --- | --- |\n");
    for setting in table() {
        let default = setting.default.map(|text| format!("`{text}`")).unwrap_or_default();
        let (name, variable, help) = (setting.name, setting.variable, setting.help.replace('|', "\\|"));
        writeln!(page, "| `{name}` | `{variable}` | {default} | {help} |").unwrap();
    }
    page
}

#[test]
fn the_page_of_settings_is_the_table() {
    hold_equal("settings.md", &page());
}
