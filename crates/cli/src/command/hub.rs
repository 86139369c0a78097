//! `grafolean hub`: a backend on one folder.

use std::{
    io::{self, ErrorKind, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use anyhow::Context;
use grafolean_collector::collector::stop_on_signal;
use grafolean_hub::{Hub, Options, serve};
use secrecy::ExposeSecret;
use tokio::{net::TcpListener, task::spawn_blocking};
use tracing::warn;

use super::folders;
use crate::{
    config::Config,
    failure::{Hint, Outcome},
};

/// Serves until it is stopped.
pub(crate) async fn run(config: &Config) -> anyhow::Result<Outcome> {
    let folder = folders::data(config)?;
    let stop = stop_on_signal().context("cannot listen for signals")?;
    let listener = listen(config.listen).await?;
    let address = listener.local_addr()?;
    let hub = open(&folder).await?;
    if !address.ip().is_loopback() {
        warn!(%address, "the hub speaks plain HTTP: passwords and tokens can be read on the way; put a proxy with TLS before it");
    }
    let mut out = io::stdout();
    writeln!(out, "the hub is at http://{}/, its data in {}", reachable(address), folder.display())?;
    if address.ip().is_loopback() {
        writeln!(
            out,
            "It is reached from this machine alone (--listen 0.0.0.0:{} is for all)",
            address.port()
        )?;
    }
    if let Some(secret) = hub.setup_secret() {
        writeln!(out, "{}", first_steps(reachable(address), secret.expose_secret()))?;
    }
    serve(listener, hub, stop).await.context("the hub stopped")?;
    Ok(Outcome::Good)
}

/// Opens the hub of a folder.
pub(super) async fn open(folder: &Path) -> anyhow::Result<Arc<Hub>> {
    let folder = folder.to_owned();
    Ok(Arc::new(spawn_blocking(move || Hub::open(&folder, Options::default())).await??))
}

/// Opens the port; says what to do if that is not possible.
pub(super) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let opened = TcpListener::bind(address).await;
    let in_use = opened.as_ref().is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
    let opened = opened.with_context(|| format!("cannot listen on {address}"));
    if in_use { opened.hint("choose another address with --listen") } else { opened }
}

/// Gives the address at which a server is reached from this machine: one that listens on all of them, on loopback.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn first_steps(address: SocketAddr, secret: &str) -> String {
    format!(
        "It has no user yet. Make the first one, who may do everything, from this machine, at\n  \
         http://{address}/#setup={secret}\n\
         or by\n  \
         curl -X POST http://{address}/api/admin/first -H 'content-type: application/json' \\\n    \
         -H 'x-setup-secret: {secret}' \\\n    \
         -d '{{\"username\": \"admin\", \"password\": \"...\", \"name\": \"...\", \"email\": \"...\"}}'"
    )
}
