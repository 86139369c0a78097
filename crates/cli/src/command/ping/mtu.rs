//! `grafolean ping --mtu`: the largest packet that reaches each host whole.

use std::{
    io::{self, Write},
    net::IpAddr,
    sync::Arc,
};

use grafolean_bots::ping::{PathMtu, path_mtu};
use serde::Serialize;
use tokio::task::JoinSet;

use super::{Shared, resolve};
use crate::failure::Outcome;

/// What was found out about a host.
#[derive(Debug, Serialize)]
struct Line<'a> {
    host: &'a str,
    addr: Option<IpAddr>,
    /// Bytes of the largest packet, IP header included.
    mtu: Option<usize>,
    /// Bytes of an echo request's payload in it.
    payload: Option<usize>,
    /// Why one byte more does not arrive.
    limit: Option<String>,
    error: Option<String>,
}

/// Asks all hosts at the same time, and prints each as soon as it is known.
pub(super) async fn run(shared: Arc<Shared>) -> anyhow::Result<Outcome> {
    let mut hosts = JoinSet::new();
    for host in 0..shared.ping.hosts.len() {
        let shared = Arc::clone(&shared);
        hosts.spawn(async move { (host, ask(&shared, host).await) });
    }
    let mut outcome = Outcome::Good;
    while let Some(asked) = hosts.join_next().await {
        let (host, (addr, found)) = asked?;
        let host = shared.ping.hosts.get(host).map_or("", String::as_str);
        if found.is_err() {
            outcome = Outcome::Bad;
        }
        let mut out = io::stdout().lock();
        if shared.ping.json {
            serde_json::to_writer(&mut out, &line(host, addr, found))?;
            writeln!(out)?;
        } else {
            writeln!(out, "{}", sentence(host, addr, found))?;
        }
    }
    Ok(outcome)
}

async fn ask(shared: &Shared, host: usize) -> (Option<IpAddr>, Result<PathMtu, String>) {
    let name = shared.ping.hosts.get(host).map_or("", String::as_str);
    let target = match resolve(name, shared).await {
        Ok(target) => target,
        Err(reason) => return (None, Err(reason)),
    };
    let found = match path_mtu(&shared.pinger, shared.probe(target)).await {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err("no answer to a short packet, so that nothing can be told".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    (Some(target.ip()), found)
}

fn line(host: &str, addr: Option<IpAddr>, found: Result<PathMtu, String>) -> Line<'_> {
    let (found, error) = match found {
        Ok(found) => (Some(found), None),
        Err(error) => (None, Some(error)),
    };
    let (mtu, payload) = (found.map(|found| found.bytes), found.map(|found| found.payload_bytes));
    let limit = found.and_then(|found| found.limit).map(|limit| limit.to_string());
    Line { host, addr, mtu, payload, limit, error }
}

fn sentence(host: &str, addr: Option<IpAddr>, found: Result<PathMtu, String>) -> String {
    let addr = addr.map(|addr| format!(" ({addr})")).unwrap_or_default();
    match found {
        Err(error) => format!("{host}{addr}: {error}"),
        Ok(PathMtu { bytes, payload_bytes, limit }) => {
            let more = match limit {
                Some(limit) => format!("one byte more: {limit}"),
                None => "the longest packet there is".to_owned(),
            };
            format!("{host}{addr}: path MTU {bytes} bytes, payload {payload_bytes}; {more}")
        }
    }
}
