//! The first step: what people set up.

use super::{
    Finding,
    walk::{Broken, SetUp, Walk},
};
use crate::cause::{Cause, Link};

/// The interval of what does not say one, in seconds.
const USUAL: i64 = 60;

/// Looks at the entity, its credential and its sensors. A sensor at fault costs itself; the walk ends where none is left.
pub(super) fn check<'a>(walk: &mut Walk<'a>) -> Result<SetUp<'a>, Broken> {
    let facts = walk.facts;
    let stop = |walk: &mut Walk<'a>, cause: Cause, evidence: String| {
        walk.broken(Link::Configuration, Finding::of(cause, evidence), None);
        Err(Broken)
    };
    let Some(entity) = facts.entity(walk.id) else {
        return stop(
            walk,
            Cause::NoEntity,
            format!("entity {} is not in account {}", walk.id, walk.account()),
        );
    };
    if entity.entity_type != "device" {
        let evidence = format!("{} is of type {}", entity.name, entity.entity_type);
        return stop(walk, Cause::NotADevice, evidence);
    }
    let attachment = entity.protocols.as_ref().and_then(|protocols| protocols.get(walk.protocol));
    let Some(attachment) = attachment else {
        let has: Vec<_> = entity.protocols.iter().flatten().map(|(name, _)| name.as_str()).collect();
        let has = if has.is_empty() { "no protocol".to_owned() } else { has.join(", ") };
        let asked = if walk.protocol.is_empty() { "a protocol" } else { walk.protocol };
        return stop(walk, Cause::ProtocolOff, format!("{} has {has}, not {asked}", entity.name));
    };
    let Some(id) = attachment.credential else {
        return stop(walk, Cause::NoCredential, format!("{} has none for {}", entity.name, walk.protocol));
    };
    let credential = facts.account.credentials.iter().find(|it| it.id == id);
    let Some(credential) = credential else {
        return stop(walk, Cause::CredentialGone, format!("credential {id} is not in the account"));
    };
    if credential.protocol != walk.protocol {
        let evidence =
            format!("credential {:?} is of {}, not {}", credential.name, credential.protocol, walk.protocol);
        return stop(walk, Cause::CredentialProtocol, evidence);
    }
    // A profile brings sensors of its own.
    let has_profile = entity.details.keys().any(|key| key.ends_with("_profile"));
    if attachment.sensors.is_empty() && !has_profile {
        return stop(walk, Cause::NoSensor, format!("{} has none for {}", entity.name, walk.protocol));
    }
    let (mut intervals, mut names) = (Vec::new(), Vec::new());
    for used in &attachment.sensors {
        let sensor = facts.account.sensors.iter().find(|it| it.id == used.sensor);
        let fault = match sensor {
            None => Some((Cause::SensorGone, format!("sensor {} is not in the account", used.sensor))),
            Some(sensor) if sensor.protocol != walk.protocol => Some((
                Cause::SensorProtocol,
                format!("sensor {:?} is of {}, not {}", sensor.name, sensor.protocol, walk.protocol),
            )),
            Some(sensor) => match used.interval.or(sensor.default_interval) {
                None if needs_interval(walk) => Some((
                    Cause::NoInterval,
                    format!("sensor {:?} has none, nor has {}", sensor.name, entity.name),
                )),
                None => {
                    intervals.push(USUAL);
                    names.push(format!("{:?}", sensor.name));
                    None
                }
                Some(interval) => {
                    intervals.push(interval);
                    names.push(format!("{:?}", sensor.name));
                    None
                }
            },
        };
        if let Some((cause, evidence)) = fault {
            walk.broken(Link::Configuration, Finding::of(cause, evidence), None);
        }
    }
    if intervals.is_empty() && has_profile {
        intervals.push(USUAL);
    }
    if intervals.is_empty() {
        return Err(Broken);
    }
    intervals.sort_unstable();
    intervals.dedup();
    let every: Vec<_> = intervals.iter().map(|interval| format!("{interval} s")).collect();
    let said = format!(
        "credential {:?}, sensors {}, every {}",
        credential.name,
        names.join(", "),
        every.join(" and ")
    );
    walk.passed(Link::Configuration, said, None);
    Ok(SetUp { entity, attachment, intervals })
}

/// Whether sensors of the protocol are of no use without an interval: not so where a bot listens, and sends what comes. As long
/// as none has spoken nobody knows, and that it has not is what is wrong.
fn needs_interval(walk: &Walk<'_>) -> bool {
    let of_protocol = walk.facts.bots.iter().filter(|bot| bot.protocol.as_deref() == Some(walk.protocol));
    let mut told = of_protocol.filter_map(|bot| bot.told.as_ref()).peekable();
    told.peek().is_some() && told.all(|told| told.status.heard.is_none())
}
