//! A session of the flags.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, anyhow};
use grafolean_bots::net::Resolver;
use grafolean_bots::snmp::{
    AskError, Oid, drive,
    engine::{Engine, Session},
    plan::{Dialect, Limits, Missing, Poll, PollResult, Wanted},
    settings::{Access, PollPolicy, ReplySource, WalkOrder},
};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::arguments::{Agent, Version};

/// sysUpTime.0, by which a silent device is told from one that cannot answer much.
pub(super) const UPTIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];

/// How long a name is looked up.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest that is asked; a walk of a whole device over a slow line fits.
const LONGEST: Duration = Duration::from_secs(86_400);

/// What came of asking.
pub(super) struct Asked {
    /// As it was typed.
    pub(super) host: String,
    pub(super) result: PollResult,
}

/// Asks for all that is wanted.
pub(super) async fn ask(
    engine: &Engine,
    agent: &Agent,
    wanted: &Wanted,
    order: WalkOrder,
) -> anyhow::Result<Asked> {
    let session = open(engine, agent).await?;
    let policy = PollPolicy { walk_order: order, ..policy(agent) };
    let asked = poll(engine, &session, agent, wanted, policy).await?;
    asked.map_err(|why| anyhow!("{}: {why}", agent.host))
}

/// Asks for all that is wanted over a session; the inner error is why the agent gave nothing at all.
pub(super) async fn poll(
    engine: &Engine,
    session: &Session,
    agent: &Agent,
    wanted: &Wanted,
    policy: PollPolicy,
) -> anyhow::Result<Result<Asked, AskError>> {
    let dialect = if agent.version == Version::V1 { Dialect::Next } else { Dialect::Bulk };
    let poll = Poll::new(wanted, Oid::new(UPTIME)?, dialect, Limits::default(), policy);
    let driven = drive(session.clone(), poll, policy, Instant::now() + LONGEST);
    let result = engine.on_its_thread(driven).await?;
    if result.heard {
        return Ok(Ok(Asked { host: agent.host.clone(), result }));
    }
    let told = result.missing().find_map(|(_, missing)| match missing {
        Missing::Failed(error) => Some(error.clone()),
        _ => None,
    });
    Ok(Err(match told {
        Some(AskError::Timeout) | None => silence(engine, session).await?,
        Some(why) => why,
    }))
}

/// Asks what a device's silence means.
async fn silence(engine: &Engine, session: &Session) -> anyhow::Result<AskError> {
    let session = session.clone();
    Ok(engine.on_its_thread(async move { session.explain_silence().await }).await?)
}

/// Opens a session.
pub(super) async fn open(engine: &Engine, agent: &Agent) -> anyhow::Result<Session> {
    let address = resolve(&agent.host).await?;
    let access = access(agent)?;
    engine.session(address, &access, policy(agent)).await.with_context(|| agent.host.clone())
}

pub(super) fn policy(agent: &Agent) -> PollPolicy {
    PollPolicy {
        reply_source: if agent.any_source { ReplySource::Any } else { ReplySource::Asked },
        timeout: agent.timeout,
        retries: agent.retries,
        max_rows: PollPolicy::MOST_ROWS,
        ..PollPolicy::default()
    }
}

/// The flags as a credential has them, so that both are checked alike.
fn access(agent: &Agent) -> anyhow::Result<Access> {
    let version = match agent.version {
        Version::V1 => "snmpv1",
        Version::V2c => "snmpv2c",
        Version::V3 => "snmpv3",
    };
    let fields = [
        ("version", Some(version)),
        ("snmpv12_community", Some(agent.community.as_str())),
        ("snmpv3_securityLevel", Some(agent.level.as_deref().unwrap_or_else(|| agent.user.level()))),
        ("snmpv3_contextName", agent.context.as_deref()),
    ];
    let fields = fields.into_iter().chain(agent.user.fields());
    let details: Map<String, Value> =
        fields.filter_map(|(key, text)| Some((key.to_owned(), text?.into()))).collect();
    Ok(Access::read(&details)?)
}

/// `HOST`, `HOST:PORT`, `[ADDRESS]:PORT`, or an address of either family alone, a link-local one with its interface.
async fn resolve(host: &str) -> anyhow::Result<SocketAddr> {
    let (name, port) = split(host)?;
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok((address, port).into());
    }
    let found = Resolver::default().resolve(name, None, LOOKUP_TIMEOUT).await;
    let mut address = found.with_context(|| format!("cannot resolve {name}"))?.address;
    address.set_port(port);
    Ok(address)
}

fn split(host: &str) -> anyhow::Result<(&str, u16)> {
    const PORT: u16 = 161;
    let is_address = |text: &str| text.split('%').next().is_some_and(|it| it.parse::<IpAddr>().is_ok());
    let bare = host.trim_matches(['[', ']']);
    if is_address(bare) && !host.contains("]:") {
        return Ok((bare, PORT));
    }
    match host.rsplit_once(':') {
        Some((name, port)) => {
            let port = port.parse().with_context(|| format!("{host}: {port:?} is no port"))?;
            Ok((name.trim_matches(['[', ']']), port))
        }
        None => Ok((host, PORT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_stands_with_or_without_its_port_and_interface() {
        for (host, expected) in [
            ("192.0.2.1", ("192.0.2.1", 161)),
            ("192.0.2.1:1161", ("192.0.2.1", 1161)),
            ("2001:db8::1", ("2001:db8::1", 161)),
            ("[2001:db8::1]", ("2001:db8::1", 161)),
            ("[2001:db8::1]:1161", ("2001:db8::1", 1161)),
            ("fe80::5%lo", ("fe80::5%lo", 161)),
            ("[fe80::5%lo]", ("fe80::5%lo", 161)),
            ("[fe80::5%eth0.7]:1161", ("fe80::5%eth0.7", 1161)),
            ("switch-1.example.org:1161", ("switch-1.example.org", 1161)),
            ("switch-1", ("switch-1", 161)),
        ] {
            assert_eq!(split(host).unwrap(), expected, "{host}");
        }
        assert!(split("switch:snmp").is_err());
    }

    #[tokio::test]
    async fn a_link_local_address_needs_no_name_service() {
        let address = resolve("fe80::5%lo").await.unwrap();
        let SocketAddr::V6(address) = address else { panic!("{address}") };
        assert_eq!((address.port(), address.scope_id()), (161, 1), "the loopback interface is the first");
    }
}
