//! `grafolean demo`: a hub and a ping bot in one process, joined by HTTP on loopback as in real life.
//!
//! `device` says what is pinged, `account` fills the hub with it; `show` keeps the `board` in step with what the hub has
//! stored, `screen` draws it; `figures` are the sum.

mod account;
mod board;
mod device;
mod figures;
mod screen;
mod show;

use std::{io::ErrorKind, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use grafolean_bots::ping::{
    PingBot,
    engine::{Options, Pinger},
};
use grafolean_collector::{
    backend::{
        Backend,
        http::{HttpBackend, HttpSettings},
    },
    collector::{Collector, stop_on_signal},
    health::Health,
    time::{Clock, SystemClock, Timestamp},
};
use grafolean_hub::{Hub, serve};
use secrecy::ExposeSecret;
use tokio::{net::TcpListener, time};
use tokio_util::sync::CancellationToken;

use super::{bot::settings, folders, hub};
use crate::{
    arguments::Demo,
    config::{Choice, Config},
    failure::Outcome,
};
use account::DemoAccount;
use board::Board;
use figures::Figures;
pub(crate) use screen::Screen;
use show::Show;

/// How many ports above the usual one are tried.
const PORTS: u16 = 100;

/// Runs until its time is over, or until it is stopped, and says what came of it.
pub(crate) async fn run(demo: Demo, config: &Config, screen: Screen) -> anyhow::Result<Outcome> {
    let pinger = Pinger::open(Options::default()).context("the demo pings, but this user may not")?;
    let folder = folders::demo(config)?;
    let stop = stop_on_signal()?;
    let listener = listen(config).await?;
    let address = hub::reachable(listener.local_addr()?);
    let hub = hub::open(&folder).await?;
    let devices = device::usual().into_iter().chain(device::named(&demo.devices)).collect();
    let filled = account::fill(&hub, &folder, devices).await?;
    introduce(&screen, &hub, &filled, address, &folder).await?;
    let serving = CancellationToken::new();
    let server = tokio::spawn(serve(listener, Arc::clone(&hub), serving.clone()));
    // A run is due at a whole second.
    let began = Timestamp::from_seconds(SystemClock.now().seconds());
    let mut health = Health::new(env!("CARGO_PKG_VERSION"), began);
    let bot = Arc::new(PingBot::new(pinger));
    let backend = Arc::new(backend(&filled, address)?);
    account::leave_out_others(&hub, &filled, backend.inventory().await?).await?;
    let settings = settings(&backend, folder, config);
    let collector = Collector::open(bot, backend, Arc::new(SystemClock), &settings, &mut health).await?;
    let collecting = tokio::spawn(collector.run(stop.clone()));
    stop_after(demo.span, &stop);
    let mut show = Show { screen, account: filled.account, board: Board::of(&filled.devices), hub, began };
    show.run(&stop).await?;
    collecting.await.context("the bot stopped")??;
    show.look().await?;
    let figures = Figures::of(&health, filled.devices.len(), show.stored().await?);
    serving.cancel();
    server.await.context("the hub stopped")??;
    show.screen.close(&figures.to_string())?;
    Ok(if figures.lost() == 0 { Outcome::Good } else { Outcome::Bad })
}

/// Takes the port that somebody asked for, else the usual one or the next that is free.
async fn listen(config: &Config) -> anyhow::Result<TcpListener> {
    let usual = match config.listen {
        Choice::Said(address) => return hub::listen(address).await,
        Choice::Usual(address) => address,
    };
    for port in usual.port()..usual.port().saturating_add(PORTS) {
        match TcpListener::bind((usual.ip(), port)).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            opened => return opened.with_context(|| format!("cannot listen on {}:{port}", usual.ip())),
        }
    }
    hub::listen(usual).await
}

async fn introduce(
    screen: &Screen,
    hub: &Hub,
    filled: &DemoAccount,
    address: SocketAddr,
    folder: &Path,
) -> anyhow::Result<()> {
    let session = hub.setup().session(account::USERNAME).await?;
    let token = session.map(|token| format!("#token={}", token.expose_secret())).unwrap_or_default();
    let (user, password) = (account::USERNAME, filled.password.expose_secret());
    screen.line(&format!("the page:  http://{address}/{token}"))?;
    screen.line(&format!("log in:    {user} / {password}"))?;
    screen.line(&format!("data:      {}", folder.display()))?;
    screen.line("Ctrl-C ends; the same data is taken up again at the next start")?;
    screen.line("")?;
    Ok(())
}

/// The bot knows of the hub no more than any other does: the address of its API and a token.
fn backend(filled: &DemoAccount, address: SocketAddr) -> anyhow::Result<HttpBackend> {
    let url = format!("http://{address}/api");
    Ok(HttpBackend::new(HttpSettings::new(url, filled.bot.token.clone()))?)
}

fn stop_after(span: Option<Duration>, stop: &CancellationToken) {
    if let Some(span) = span {
        let stop = stop.clone();
        tokio::spawn(async move {
            time::sleep(span).await;
            stop.cancel();
        });
    }
}
