//! `grafolean demo`: a hub and all bots in one process, joined by HTTP on loopback as in real life.
//!
//! `device` says what is pinged, `agent` is what is polled over SNMP, `exporter` sends invented flows; `account` fills
//! the hub with all of them. `show` keeps the `board` in step with what the hub has stored, `screen` draws it; `figures`
//! are the sum.

mod account;
mod agent;
mod board;
mod device;
mod exporter;
mod figures;
mod screen;
mod show;

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use grafolean_collector::{
    backend::Backend,
    collector::Signals,
    interfaces::InterfaceBoard,
    protocol::Protocol,
    time::{Clock, SystemClock, Timestamp},
};
use grafolean_hub::{Hub, serve};
use grafolean_netflow::{
    bot::{NetflowBot, Options},
    metrics::NetflowMetrics,
    receive::Listen,
};
use secrecy::ExposeSecret;
use tokio::{net::TcpListener, time};
use tokio_util::sync::CancellationToken;

use super::{
    folders,
    hub::{self, bots::OwnBots},
};
use crate::{
    arguments::Demo,
    config::{Config, LISTEN},
    failure::{Outcome, chain},
    protocols,
};
use account::DemoAccount;
use agent::Agent;
use board::Board;
use figures::Figures;
pub(crate) use screen::Screen;
use show::Show;

/// How many ports above the usual one are tried.
const PORTS: u16 = 100;

/// Runs until its time is over, or until it is stopped, and says what came of it.
pub(crate) async fn run(demo: Demo, config: &Config, screen: Screen) -> anyhow::Result<Outcome> {
    let folder = folders::demo(config)?;
    let signals = Signals::listen()?;
    let stop = signals.stop.clone();
    let listener = listen(config).await?;
    let address = hub::reachable(listener.local_addr()?);
    let hub = hub::open(&folder).await?;
    let agent = Agent::start(stop.clone()).await?;
    let devices = device::usual().into_iter().chain(device::named(&demo.devices)).collect();
    let filled = account::fill(&hub, &folder, devices, agent.address).await?;
    introduce(&screen, &hub, &filled, address, agent.address, &folder).await?;
    let flow_values_before = show::flow_values(&hub, filled.account).await?;
    let serving = CancellationToken::new();
    let server = tokio::spawn(serve(listener, Arc::clone(&hub), serving.clone()));
    // A run is due at a whole second.
    let began = Timestamp::from_seconds(SystemClock.now().seconds());
    let mut bots = OwnBots::new(&hub, address, &folder, config, signals);
    let flows = assemble(&mut bots, &filled, &hub, &folder, &screen).await?;
    let collecting = tokio::spawn(bots.run());
    let exporting = flows.to.map(|to| tokio::spawn(exporter::run(to, stop.clone())));
    stop_after(demo.span, &stop);
    let board = Board::of(&filled, flows.metrics);
    let mut show = Show { screen, account: filled.account, board, hub, began, flow_values_before };
    show.run(&stop).await?;
    if let Some(exporting) = exporting {
        exporting.await.context("the flow generator stopped")??;
    }
    let health = collecting.await.context("the bots stopped")??;
    show.look().await?;
    let figures = Figures::of(&health, filled.devices.len() + 1, show.stored().await?);
    serving.cancel();
    server.await.context("the hub stopped")??;
    show.screen.close(&figures.to_string())?;
    Ok(if figures.lost() == 0 { Outcome::Good } else { Outcome::Bad })
}

/// Where flows are taken, and what is counted of them.
struct Flows {
    to: Option<SocketAddr>,
    metrics: NetflowMetrics,
}

/// Opens all bots. A user who may not ping sees the others at work.
async fn assemble(
    bots: &mut OwnBots<'_>,
    filled: &DemoAccount,
    hub: &Hub,
    folder: &Path,
    screen: &Screen,
) -> anyhow::Result<Flows> {
    let netflow = NetflowBot::open(&options_of_flows(folder, bots.health().interfaces()), &SystemClock)?;
    let flows = Flows { to: netflow.addresses().first().copied(), metrics: netflow.metrics().clone() };
    flows.metrics.register(bots.health().registry_of(NetflowBot::NAME));
    bots.add(account::protocol(NetflowBot::NAME)?, Arc::new(netflow)).await?;
    account::leave_out_others(hub, filled, bots.backend(&filled.ping)?.inventory().await?).await?;
    for protocol in protocols::ALL.iter().filter(|protocol| protocol.name() != NetflowBot::NAME) {
        if let Err(error) = bots.open(protocol).await {
            screen.line(&format!("the {} bot does not run: {}", protocol.name(), chain(&*error)))?;
        }
    }
    Ok(flows)
}

/// Flows are taken on a free port of loopback: those of real exporters are none of the demo's business.
fn options_of_flows(folder: &Path, interfaces: &InterfaceBoard) -> Options {
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Options {
        folder: Some(folders::of_bot(folder, NetflowBot::NAME)),
        interfaces: interfaces.clone(),
        ..Options::on(Listen::on([free]))
    }
}

/// Returns the port that somebody asked for, else the usual one or the next that is free.
async fn listen(config: &Config) -> anyhow::Result<TcpListener> {
    let usual = config.listen;
    if config.settings.is_explicit(&LISTEN) {
        return hub::listen(usual).await;
    }
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
    agent: SocketAddr,
    folder: &Path,
) -> anyhow::Result<()> {
    let session = hub.setup().session(account::USERNAME).await?;
    let token = session.map(|token| format!("#token={}", token.expose_secret())).unwrap_or_default();
    let (user, password) = (account::USERNAME, filled.password.expose_secret());
    screen.line(&format!("the page:  http://{address}/{token}"))?;
    screen.line(&format!("log in:    {user} / {password}"))?;
    screen.line(&format!("agent:     this machine over SNMP at {agent}, community {}", agent::COMMUNITY))?;
    screen.line("flows:     invented ones, from a generator at 127.0.0.2")?;
    screen.line(&format!("data:      {}", folder.display()))?;
    screen.line("Ctrl-C ends; the same data is taken up again at the next start")?;
    screen.line("")?;
    Ok(())
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
