//! `grafolean snmp test`: can this device be measured, and if not, why not?

use std::{
    io::{self, Write},
    time::Duration,
};

use grafolean_bots::snmp::{
    AskError, Exception, Oid, Request, Status, Value, Varbind, diagnosis,
    engine::{Engine, Session},
    plan::{Missing, Wanted},
    vendor,
};
use tokio::time::Instant;

use super::{
    agent::{self, Asked},
    print::Printer,
};
use crate::{
    arguments::{Agent, Version},
    failure::Outcome,
};

/// sysDescr, sysObjectID, sysUpTime, sysName.
const SYSTEM: [u32; 4] = [1, 2, 3, 5];

/// Asks a device who it is, and tells what came of it.
pub(super) async fn run(
    engine: &Engine,
    agent: &Agent,
    oids: Vec<Oid>,
    printer: Printer<'_>,
) -> anyhow::Result<Outcome> {
    let mut wanted = Wanted::default();
    let mut objects = Vec::new();
    for number in SYSTEM {
        objects.push(Oid::new([1, 3, 6, 1, 2, 1, 1, number, 0])?);
    }
    objects.extend(oids);
    objects.iter().for_each(|oid| wanted.get(oid.clone()));
    let session = agent::open(engine, agent).await?;
    let began = Instant::now();
    let asked = match agent::poll(engine, &session, agent, &wanted, agent::policy(agent)).await? {
        Ok(asked) => asked,
        Err(why) => {
            let answers_v1 = agent.version == Version::V2c
                && diagnosis::may_be_silence(&why)
                && answers_v1(engine, agent).await?;
            return refused(&agent.host, &why, answers_v1);
        }
    };
    answered(agent, &asked, &objects, began.elapsed(), printer)
}

/// Prints what came of an agent that answers: no good, if it may not be read.
fn answered(
    agent: &Agent,
    asked: &Asked,
    objects: &[Oid],
    took: Duration,
    printer: Printer<'_>,
) -> anyhow::Result<Outcome> {
    let mut out = io::stdout();
    let (mut varbinds, mut denied) = (Vec::new(), None);
    for oid in objects {
        match asked.result.value(oid) {
            Ok((value, _)) => varbinds.push(Varbind { oid: oid.clone(), value: Ok(value.clone()) }),
            Err(Missing::Exception(exception)) => {
                varbinds.push(Varbind { oid: oid.clone(), value: Err(exception) });
            }
            Err(why) => {
                writeln!(out, "asked for {}: {why}", printer.name(oid))?;
                if let Missing::Failed(AskError::Status { status, .. }) = why
                    && matches!(status, Status::Authorization | Status::NoAccess)
                {
                    denied = Some(status);
                }
            }
        }
    }
    let came = varbinds.iter().filter(|varbind| varbind.value.is_ok()).count();
    let (packets, took) = (asked.result.requests, took.as_secs_f64() * 1e3);
    writeln!(out, "{} answers: {packets} packets, {came} objects, {took:.1} ms", agent.host)?;
    tell(&mut out, &varbinds, printer)?;
    if let Some(status) = denied {
        writeln!(out, "{}: {status}", agent.host)?;
        writeln!(out, "  {}", diagnosis::DENIED)?;
        return Ok(Outcome::Bad);
    }
    if came == 0 {
        let is_unknown =
            |it: &Varbind| matches!(it.value, Err(Exception::NoSuchObject | Exception::NoSuchInstance));
        if !varbinds.is_empty() && varbinds.iter().all(is_unknown) {
            writeln!(out, "  {}", diagnosis::NO_VIEW)?;
        }
        return Ok(Outcome::Bad);
    }
    Ok(Outcome::Good)
}

/// Asks once by SNMPv1, which some devices speak alone.
async fn answers_v1(engine: &Engine, agent: &Agent) -> anyhow::Result<bool> {
    let agent = Agent { version: Version::V1, retries: 0, ..agent.clone() };
    let session: Session = agent::open(engine, &agent).await?;
    let request = Request::Get(vec![Oid::new(agent::UPTIME)?]);
    let answer = engine.on_its_thread(async move { session.ask(&request).await }).await?;
    Ok(matches!(answer, Ok(_) | Err(AskError::Status { .. })))
}

fn tell(out: &mut impl Write, varbinds: &[Varbind], printer: Printer<'_>) -> io::Result<()> {
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
            _ => printer.print(out, varbind)?,
        }
    }
    Ok(())
}

fn refused(host: &str, why: &AskError, answers_v1: bool) -> anyhow::Result<Outcome> {
    let advice = if answers_v1 { Some(diagnosis::OLDER_VERSION) } else { diagnosis::remedy(why) };
    let mut out = io::stdout();
    writeln!(out, "{host}: {why}")?;
    if let Some(advice) = advice {
        writeln!(out, "  {advice}")?;
    }
    Ok(Outcome::Bad)
}
