//! A session of the flags.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, anyhow};
use grafolean_bots::snmp::{
    Oid, drive,
    engine::{Engine, Session},
    plan::{Dialect, Harvest, Limits, Poll, Wanted},
    settings::{Access, Manners},
};
use serde_json::{Map, Value};
use tokio::{net::lookup_host, time::Instant};

use crate::arguments::{Agent, Version};

/// sysUpTime.0, by which a silent device is told from one that cannot answer much.
pub(super) const UPTIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];

/// The longest that is asked; a walk of a whole device over a slow line fits.
const LONGEST: Duration = Duration::from_secs(86_400);

/// What came of asking.
pub(super) struct Asked {
    /// As it was typed.
    pub(super) host: String,
    pub(super) harvest: Harvest,
}

/// Asks for all that is wanted.
pub(super) async fn ask(engine: &Engine, agent: &Agent, wanted: &Wanted) -> anyhow::Result<Asked> {
    let session = open(engine, agent).await?;
    let manners = manners(agent);
    let dialect = if agent.version == Version::V1 { Dialect::Next } else { Dialect::Bulk };
    let poll = Poll::new(wanted, Oid::new(UPTIME)?, dialect, Limits::default(), manners);
    let driven = drive(session.clone(), poll, manners, Instant::now() + LONGEST);
    let harvest = engine.on_its_thread(driven).await?;
    if !harvest.heard {
        let failed = harvest.missing().next().map(|(_, why)| why.to_string()).unwrap_or_default();
        let why = if harvest.timeouts > 0 { silence(engine, &session).await?.to_string() } else { failed };
        return Err(anyhow!("{}: {why}", agent.host));
    }
    Ok(Asked { host: agent.host.clone(), harvest })
}

/// Asks what a device's silence means.
pub(super) async fn silence(
    engine: &Engine,
    session: &Session,
) -> anyhow::Result<grafolean_bots::snmp::AskError> {
    let session = session.clone();
    Ok(engine.on_its_thread(async move { session.explain_silence().await }).await?)
}

/// Opens a session.
pub(super) async fn open(engine: &Engine, agent: &Agent) -> anyhow::Result<Session> {
    let address = resolve(&agent.host).await?;
    let access = access(agent)?;
    engine.session(address, &access, manners(agent)).await.with_context(|| agent.host.clone())
}

fn manners(agent: &Agent) -> Manners {
    Manners {
        timeout: agent.timeout,
        retries: agent.retries,
        max_rows: *Manners::ROWS.end(),
        ..Manners::default()
    }
}

/// The flags as a credential has them, so that both are checked alike.
fn access(agent: &Agent) -> anyhow::Result<Access> {
    let level = agent.level.clone().unwrap_or_else(|| {
        let keys = (agent.auth_key.is_some(), agent.priv_key.is_some());
        let level = match keys {
            (_, true) => "authPriv",
            (true, false) => "authNoPriv",
            (false, false) => "noAuthNoPriv",
        };
        level.to_owned()
    });
    let version = match agent.version {
        Version::V1 => "snmpv1",
        Version::V2c => "snmpv2c",
        Version::V3 => "snmpv3",
    };
    let keys = [
        ("version", Some(version)),
        ("snmpv12_community", Some(agent.community.as_str())),
        ("snmpv3_securityName", agent.user.as_deref()),
        ("snmpv3_securityLevel", Some(level.as_str())),
        ("snmpv3_authProtocol", Some(agent.auth_protocol.as_str())),
        ("snmpv3_authKey", agent.auth_key.as_deref()),
        ("snmpv3_privProtocol", Some(agent.priv_protocol.as_str())),
        ("snmpv3_privKey", agent.priv_key.as_deref()),
        ("snmpv3_contextName", agent.context.as_deref()),
    ];
    let details: Map<String, Value> =
        keys.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?.into()))).collect();
    Ok(Access::read(&details)?)
}

/// `HOST`, `HOST:PORT`, `[ADDRESS]:PORT`, or an address of either family alone.
async fn resolve(host: &str) -> anyhow::Result<SocketAddr> {
    const PORT: u16 = 161;
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok((address, PORT).into());
    }
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) => (name, port.parse().with_context(|| format!("{host}: {port:?} is no port"))?),
        None => (host, PORT),
    };
    let name = name.trim_matches(['[', ']']);
    let mut found = lookup_host((name, port)).await.with_context(|| format!("cannot resolve {name}"))?;
    found.next().ok_or_else(|| anyhow!("{name} has no address"))
}
