//! A flow in one line, for tables of what is expected.
#![allow(dead_code, reason = "each test crate uses its own part of it")]

use std::{fmt::Display, net::IpAddr};

use grafolean_bots::netflow::flow::Flow;

/// `source:port > destination:port protocol bytes/packets input>output direction counter way`; `-` is what was not told,
/// and what comes last is left out where it is the usual.
pub(crate) fn short(flow: &Flow) -> String {
    let mut line = format!(
        "{} > {} {} {}/{} {}>{}",
        end(flow.source, flow.source_port),
        end(flow.destination, flow.destination_port),
        or_dash(flow.protocol),
        or_dash(flow.bytes),
        or_dash(flow.packets),
        or_dash(flow.input),
        or_dash(flow.output),
    );
    if let Some(direction) = flow.direction {
        line += &format!(" {direction:?}");
    }
    for (word, usual) in [(flow.counter.name(), "delta"), (flow.way.name(), "there")] {
        if word != usual {
            line += &format!(" {word}");
        }
    }
    line
}

fn end(address: Option<IpAddr>, port: Option<u16>) -> String {
    let port = port.map(|port| format!(":{port}"));
    format!("{}{}", or_dash(address), port.unwrap_or_default())
}

fn or_dash(value: Option<impl Display>) -> String {
    value.map_or("-".to_owned(), |value| value.to_string())
}
