//! `docs/troubleshooting.md`, which is made of the table of causes.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;

use grafolean_collector::cause::{Link, Row};

use crate::generated_page::hold_equal;

const HEAD: &str = "\
# Why is it empty?

Between a device and a chart lie nine steps. `grafolean why PATH|DEVICE` walks them in this order, stops at the first that is
broken, and says in three lines what is missing since when, why with what was found, and what to do. If nothing is broken it
says when the next value is due. `grafolean findings` says what is wrong with everything that is set up, each cause once.

```console
$ grafolean why core-switch-1        # by its name, number or address
$ grafolean why entity.7.snmp.up     # by a path
$ grafolean findings
```

Both ask a hub (`GET /api/hub/why?about=...`, `GET /api/hub/findings`; below `/api/hub/accounts/ACCOUNT/` for one account) with
a bot's token. Beside a Grafolean, name the address at which the bot is observed (`--metrics 127.0.0.1:9300`): then the bot
itself says what it knows. `--json` prints the whole way. Exit codes: 0 nothing is wrong, 1 something is, 2 it could not be asked.

Several causes are ranked by the step that they break: the first is the reason of what follows. The words in the first
column are those of the API, of `grafolean_hub_findings_devices` in `/api/metrics`, and of `/status.json`.
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for link in Link::ALL {
        writeln!(page, "\n## {}\n", link.title()).unwrap();
        page.push_str("| cause | what is wrong | what to do |\n| --- | --- | --- |\n");
        for row in Row::all().filter(|row| row.link == link) {
            writeln!(page, "| `{}` | {} | {} |", row.kind, row.sentence, row.remedy).unwrap();
        }
    }
    page
}

#[test]
fn the_page_of_causes_is_the_table() {
    hold_equal("troubleshooting.md", &page());
}
