//! `grafolean hub`: a backend on one folder, with bots in its process if they are wanted (`bots`), what is done to its
//! folder (`folder`), and what is set up in it (`set_up` from a shell, `inventory` as files say).

pub(in crate::command) mod bots;
pub(in crate::command) mod folder;
mod inventory;
pub(in crate::command) mod set_up;

use std::{
    fs,
    io::{self, ErrorKind, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, bail};
use grafolean_collector::{
    collector::Signals,
    health::{Heartbeats, Service},
    time::SystemClock,
};
use grafolean_hub::{Forward, Hub, Options, Tls, TlsFiles, points, serve, serve_tls};
use secrecy::ExposeSecret;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, spawn_blocking},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{discoverer::OwnDiscoverer, folders, kept_flows::FlowFolder, protocols};
use crate::{
    config::{Config, HubSettings},
    failure::{Hint, Outcome},
};

/// Serves until it is stopped.
pub(crate) async fn run(config: &Config) -> anyhow::Result<Outcome> {
    let folder = folders::data(config)?;
    let signals = Signals::listen().context("cannot listen for signals")?;
    let tls = tls(&config.hub)?;
    let listener = listen(config.listen).await?;
    let address = listener.local_addr()?;
    let forward = forward(&folder, &config.hub).await?;
    let options = Options { forward: forward.clone(), ..options(&config.hub) };
    let hub = open_with(&folder, options).await?;
    if !address.ip().is_loopback() && tls.is_none() {
        warn!(%address, "the hub speaks plain HTTP: passwords and tokens can be read on the way; set --hub-tls-certificate, or put a proxy with TLS before it");
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}/", reachable(address));
    let mut out = io::stdout();
    writeln!(out, "the hub is at {url}, its data in {}", folder.display())?;
    if address.ip().is_loopback() {
        writeln!(
            out,
            "It is reached from this machine alone (--listen 0.0.0.0:{} is for all)",
            address.port()
        )?;
    }
    if let Some(secret) = hub.setup_secret() {
        writeln!(out, "{}", first_steps(&url, secret.expose_secret()))?;
    }
    if !config.hub.with_bots.is_empty() {
        let names: Vec<_> = config.hub.with_bots.iter().map(|protocol| protocol.name()).collect();
        writeln!(out, "bots in its process: {}", names.join(", "))?;
    }
    // Bots that are stopped bring their last values: until then the hub answers.
    let serving = CancellationToken::new();
    let plain = tls.is_none().then_some(reachable(address));
    let server = {
        let (hub, serving) = (Arc::clone(&hub), serving.clone());
        tokio::spawn(async move {
            match tls {
                Some(tls) => serve_tls(listener, hub, tls, serving).await,
                None => serve(listener, hub, serving).await,
            }
        })
    };
    let forwarding = forward.map(|forward| {
        let (hub, serving) = (Arc::clone(&hub), serving.clone());
        tokio::spawn(async move {
            if let Err(error) = forward.run(&hub, serving).await {
                error!(
                    error = &error as &dyn std::error::Error,
                    "values are not forwarded any more: they wait in the folder"
                );
            }
        })
    });
    // With bots it is they who say that all is ready, and whose signs of life count.
    let service = config.hub.with_bots.is_empty().then(|| {
        let service = Service { heartbeats: Heartbeats::default(), stop: signals.stop.clone() };
        tokio::spawn(service.run())
    });
    let ran = beside(&hub, plain, &serving, &folder, config, signals).await;
    serving.cancel();
    if let Some(service) = service {
        service.await?;
    }
    let served = server.await?;
    if let Some(forwarding) = forwarding {
        forwarding.await?;
    }
    served.context("the hub stopped")?;
    ran.map(|()| Outcome::Good)
}

/// Runs what belongs to the hub's process beside answering, bots and the inventory, until the hub is stopped.
async fn beside(
    hub: &Arc<Hub>,
    plain: Option<SocketAddr>,
    serving: &CancellationToken,
    folder: &Path,
    config: &Config,
    signals: Signals,
) -> anyhow::Result<()> {
    let HubSettings { with_bots, inventory: files, .. } = &config.hub;
    if with_bots.is_empty() && files.is_empty() {
        signals.stop.cancelled().await;
        return Ok(());
    }
    let (plain, aside) = plain_address(plain, hub, serving).await?;
    let keeping = (!files.is_empty()).then(|| {
        let url = format!("http://{plain}/api");
        tokio::spawn(inventory::keep(Arc::clone(hub), url, files.clone(), signals.clone()))
    });
    let ran = match &**with_bots {
        [] => {
            signals.stop.cancelled().await;
            Ok(())
        }
        wanted => {
            let mut own = bots::OwnBots::new(hub, plain, folder, config, signals);
            own.open_all(wanted).await;
            own.run().await.map(drop)
        }
    };
    if let Some(keeping) = keeping {
        keeping.await.context("the inventory is not kept any more")?;
    }
    serving.cancel();
    if let Some(aside) = aside {
        aside.await?.context("the hub stopped")?;
    }
    ran
}

/// Returns where the hub is reached over plain HTTP: beside TLS that is a port of loopback which it opens for its bots alone.
async fn plain_address(
    plain: Option<SocketAddr>,
    hub: &Arc<Hub>,
    serving: &CancellationToken,
) -> anyhow::Result<(SocketAddr, Option<JoinHandle<io::Result<()>>>)> {
    if let Some(plain) = plain {
        return Ok((plain, None));
    }
    let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).await?;
    let address = listener.local_addr()?;
    Ok((address, Some(tokio::spawn(serve(listener, Arc::clone(hub), serving.clone())))))
}

/// Sets a new password for a person of a hub that is stopped, and prints it.
pub(crate) async fn reset_password(config: &Config, username: &str) -> anyhow::Result<Outcome> {
    let folder = folders::data(config)?;
    let hub = open(&folder).await?;
    let mut out = io::stdout();
    match hub.setup().reset_password(username).await? {
        Some(password) => {
            writeln!(out, "the new password of {username} is {}", password.expose_secret())?;
            writeln!(out, "all sessions of {username} were ended")?;
            Ok(Outcome::Good)
        }
        None => bail!("the hub in {} has no user {username:?}", folder.display()),
    }
}

/// Reads certificate and key, if they are set: both, or none.
fn tls(settings: &HubSettings) -> anyhow::Result<Option<Tls>> {
    match (&settings.tls_certificate, &settings.tls_key) {
        (Some(certificate), Some(key)) => {
            let files = TlsFiles { certificate: certificate.clone(), key: key.clone() };
            Ok(Some(Tls::load(files).context("cannot speak TLS")?))
        }
        (None, None) => Ok(None),
        (Some(_), None) => bail!("`hub_tls_certificate` is set, `hub_tls_key` is not: TLS needs both"),
        (None, Some(_)) => bail!("`hub_tls_key` is set, `hub_tls_certificate` is not: TLS needs both"),
    }
}

/// Opens the way to other stores, if there is any.
async fn forward(folder: &Path, settings: &HubSettings) -> anyhow::Result<Option<Arc<Forward>>> {
    if settings.forward.is_empty() {
        return Ok(None);
    }
    let forward = Forward::open(folder, settings.forward.clone(), Arc::new(SystemClock)).await?;
    Ok(Some(Arc::new(forward)))
}

fn options(settings: &HubSettings) -> Options {
    let keep = points::Keep { values: settings.retention, hours: Some(settings.retention_hours) };
    let points = points::Settings { keep, disk_reserve: settings.disk_reserve, ..Default::default() };
    // This machine's own name; one that does not say it is reached by others.
    let own = fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    let names = settings.names.iter().cloned().chain(own).collect();
    Options {
        names,
        proxies: settings.proxies.clone(),
        points,
        event_retention: settings.event_retention,
        ..Default::default()
    }
}

/// Opens the hub of a folder.
pub(super) async fn open(folder: &Path) -> anyhow::Result<Arc<Hub>> {
    open_with(folder, Options::default()).await
}

async fn open_with(folder: &Path, options: Options) -> anyhow::Result<Arc<Hub>> {
    let folder = folder.to_owned();
    let kept = FlowFolder(folders::flow_archive(&folders::of_bot(&folder, "netflow")));
    let options = Options {
        protocols: protocols::declarations(),
        testers: protocols::testers(),
        discoverer: Some(Arc::new(OwnDiscoverer)),
        flow_archive: Some(Arc::new(kept)),
        ..options
    };
    Ok(Arc::new(spawn_blocking(move || Hub::open(&folder, options)).await??))
}

/// Opens the port; says what to do if that is not possible.
pub(super) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let opened = TcpListener::bind(address).await;
    let in_use = opened.as_ref().is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
    let opened = opened.with_context(|| format!("cannot listen on {address}"));
    if in_use { opened.hint("choose another address with --listen") } else { opened }
}

/// Returns the address at which a server is reached from this machine: one that listens on all of them, on loopback.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn first_steps(url: &str, secret: &str) -> String {
    format!(
        "It has no user yet. Make the first one, who may do everything, from this machine, at\n  \
         {url}#setup={secret}\n\
         or by\n  \
         curl -X POST {url}api/admin/first -H 'content-type: application/json' \\\n    \
         -H 'x-setup-secret: {secret}' \\\n    \
         -d '{{\"username\": \"admin\", \"password\": \"...\", \"name\": \"...\", \"email\": \"...\"}}'"
    )
}
