//! `grafolean protocols`: what each protocol of this binary declares.
//!
//! `fields` reads the JSON Schema of a protocol's fields, `page` lays a declaration out for people, as Markdown; of it
//! `docs/protocols.md` is made. `metrics` says what series are called in Prometheus, of which `docs/prometheus.md` is
//! made.

mod fields;
mod metrics;
mod page;

use std::io::{self, Write};

use grafolean_collector::{
    collector::Registered,
    protocol::{Declaration, OpenTester},
};

use crate::{arguments::ShowProtocols, failure::Outcome, protocols};

/// Prints the declarations of one protocol or of all.
pub(crate) fn show(arguments: &ShowProtocols) -> anyhow::Result<Outcome> {
    let mut out = io::stdout().lock();
    if arguments.prometheus {
        let of_one = arguments.protocol.map(|protocol| vec![protocol.declaration()]);
        let declarations = of_one.unwrap_or_else(declarations);
        write!(out, "{}", metrics::sections(&declarations))?;
        return Ok(Outcome::Good);
    }
    match (arguments.protocol, arguments.json) {
        (Some(protocol), true) => serde_json::to_writer_pretty(&mut out, &protocol.declaration())?,
        (None, true) => serde_json::to_writer_pretty(&mut out, &declarations())?,
        (Some(protocol), false) => write!(out, "{}", page::section(&protocol.declaration()).trim_end())?,
        (None, false) => write!(out, "{}", page::sections(&declarations()).trim_end())?,
    }
    writeln!(out)?;
    Ok(Outcome::Good)
}

/// Returns what tests devices of those protocols of this binary that can.
pub(crate) fn testers() -> Vec<(String, OpenTester)> {
    let tester = |protocol: &Registered| Some((protocol.name().to_owned(), protocol.tester()?));
    protocols::ALL.iter().filter_map(tester).collect()
}

/// Returns the declarations of all protocols of this binary.
pub(crate) fn declarations() -> Vec<Declaration> {
    protocols::ALL.iter().map(|protocol| protocol.declaration()).collect()
}
