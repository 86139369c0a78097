//! `grafolean snmp test`: can this device be measured, and if not, why not?

use std::{
    io::{self, Write},
    time::Duration,
};

use grafolean_bots::snmp::{AskError, Oid, Request, Value, Varbind, engine::Engine, vendor};
use tokio::time::Instant;

use super::{agent, print::Printer};
use crate::{arguments::Agent, failure::Outcome};

/// sysDescr, sysObjectID, sysUpTime, sysName.
const SYSTEM: [u32; 4] = [1, 2, 3, 5];

/// Asks a device who it is, and tells what came of it.
pub(super) async fn run(engine: &Engine, agent: &Agent, oids: Vec<Oid>) -> anyhow::Result<Outcome> {
    let session = agent::open(engine, agent).await?;
    let mut asked = Vec::new();
    for number in SYSTEM {
        asked.push(Oid::new([1, 3, 6, 1, 2, 1, 1, number, 0])?);
    }
    asked.extend(oids);
    let began = Instant::now();
    let (mut varbinds, mut packets) = (Vec::new(), 0);
    let mut out = io::stdout();
    for oids in asked.chunks(SYSTEM.len()) {
        packets += 1;
        let (asking, request) = (session.clone(), Request::Get(oids.to_vec()));
        let answer = engine.on_its_thread(async move { asking.ask(&request).await }).await?;
        match answer {
            Ok((came, _)) => varbinds.extend(came),
            // In v1 one unknown object spoils a packet, but an answer it is.
            Err(error @ AskError::Status { .. }) => writeln!(out, "asked for {oids:?}: {error}")?,
            Err(AskError::Timeout) => {
                let why = agent::silence(engine, &session).await?;
                return refused(&agent.host, &why);
            }
            Err(error) => return refused(&agent.host, &error),
        }
    }
    let took = began.elapsed().as_secs_f64() * 1e3;
    writeln!(out, "{} answers: {packets} packets, {} objects, {took:.1} ms", agent.host, varbinds.len())?;
    tell(&mut out, &varbinds)?;
    Ok(Outcome::Good)
}

fn tell(out: &mut impl Write, varbinds: &[Varbind]) -> io::Result<()> {
    for varbind in varbinds {
        match (varbind.oid.arcs(), &varbind.value) {
            ([1, 3, 6, 1, 2, 1, 1, 2, 0], Ok(Value::Oid(object))) => {
                let maker = vendor(object).unwrap_or("not known here");
                writeln!(out, "vendor: {maker} (sysObjectID {object})")?;
            }
            ([1, 3, 6, 1, 2, 1, 1, 3, 0], Ok(Value::TimeTicks(ticks))) => {
                let up = Duration::from_secs(u64::from(ticks / 100));
                writeln!(out, "up: {}", humantime::format_duration(up))?;
            }
            _ => Printer { as_json: false }.print(out, varbind)?,
        }
    }
    Ok(())
}

fn refused(host: &str, why: &AskError) -> anyhow::Result<Outcome> {
    let advice = match why {
        AskError::Timeout => {
            "the host is gone, a filter drops the packets, or the agent does not like who asks: in v1 and v2c a wrong \
             community is met by silence"
        }
        AskError::Community => "look at the community and at the agent's list of who may ask",
        AskError::PortClosed => "the host is there: is an agent running, and on this port?",
        AskError::UnknownUser => "look at the user's name",
        AskError::WrongDigest => "look at the authentication password, then at the protocol",
        AskError::Decryption => {
            "the user and its authentication are right: look at the privacy password, then at the protocol"
        }
        AskError::UnsupportedLevel => {
            "the agent has this user at another level: noAuthNoPriv, authNoPriv or authPriv"
        }
        AskError::NotInTimeWindow => "the agent's boots or time are not what it said: was it set back?",
        _ => "",
    };
    let mut out = io::stdout();
    writeln!(out, "{host}: {why}")?;
    if !advice.is_empty() {
        writeln!(out, "  {advice}")?;
    }
    Ok(Outcome::Bad)
}
