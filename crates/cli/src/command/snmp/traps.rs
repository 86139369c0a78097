//! `grafolean snmp traps`: shows what agents tell by themselves, as it comes.

use std::{
    io::{self, BufWriter, Write},
    time::Duration,
};

use anyhow::Context;
use grafolean_bots::snmp::{
    engine::traps::{Acknowledgement, By, Callers, Received, TrapMetrics, TrapReceiver, TrapSettings},
    notification::{Kind, Notification},
    settings::{Access, Secret, User},
};
use grafolean_collector::{
    collector::stop_on_signal,
    time::{Clock, SystemClock},
};
use serde_json::{Map, Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::print::Printer;
use crate::{arguments::Traps, failure::Outcome};

/// Notifications that wait to be printed: a second of a storm. Beyond it they are counted as lost, and the end says so.
const QUEUE: usize = 65_536;

/// Notifications that are printed by one write.
const MAX_AT_ONCE: usize = 1_024;

/// Shows notifications until it is stopped, the time is over or so many came.
pub(super) async fn run(arguments: &Traps, printer: Printer<'_>) -> anyhow::Result<Outcome> {
    let stop = stop_on_signal()?;
    let settings = TrapSettings {
        listen: arguments.listen.clone(),
        callers: Callers {
            communities: (!arguments.communities.is_empty())
                .then(|| arguments.communities.iter().map(|text| Secret::from(text.as_str())).collect()),
            users: user(arguments)?.into_iter().collect(),
        },
        boots: u32::try_from(SystemClock.now().seconds() & i64::from(i32::MAX)).unwrap_or(1),
    };
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    let metrics = TrapMetrics::default();
    let listening = TrapReceiver::start(&settings, &sender, &metrics);
    let listening = listening.with_context(|| format!("cannot listen on {:?}", arguments.listen))?;
    drop(sender);
    for address in listening.addresses() {
        writeln!(io::stderr(), "listening for traps on {address}")?;
    }
    let end = arguments.span.map(|span| Instant::now() + span);
    let (mut out, mut came, mut shown) = (BufWriter::new(io::stdout()), Vec::new(), 0_u64);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => break,
            count = receiver.recv_many(&mut came, MAX_AT_ONCE) => if count == 0 { break },
        }
        for received in came.drain(..) {
            print(&mut out, &received, printer)?;
            received.acknowledgement.iter().for_each(Acknowledgement::send);
            shown += 1;
            if arguments.count.is_some_and(|most| shown >= most) {
                break;
            }
        }
        out.flush()?;
        if arguments.count.is_some_and(|most| shown >= most) {
            break;
        }
    }
    out.flush()?;
    let TrapMetrics { acknowledged, floods, refused, malformed, overrun, .. } = &metrics;
    writeln!(
        io::stderr(),
        "{shown} shown, {} informs acknowledged; refused {}, floods {}, malformed {}, lost {}",
        acknowledged.get(),
        refused.get(),
        floods.get(),
        malformed.get(),
        overrun.get()
    )?;
    Ok(if overrun.get() == 0 { Outcome::Good } else { Outcome::Bad })
}

/// Returns the user of the flags, as a credential has it.
fn user(arguments: &Traps) -> anyhow::Result<Option<User>> {
    if arguments.user.user.is_none() {
        return Ok(None);
    }
    let fields = [("version", Some("snmpv3")), ("snmpv3_securityLevel", Some(arguments.user.level()))];
    let fields = fields.into_iter().chain(arguments.user.fields());
    let details: Map<String, Value> =
        fields.filter_map(|(key, text)| Some((key.to_owned(), text?.into()))).collect();
    Ok(match Access::read(&details)? {
        Access::User(user) => Some(*user),
        Access::Community(_) => None,
    })
}

fn print(out: &mut impl Write, received: &Received, printer: Printer<'_>) -> io::Result<()> {
    let Received { source, by, notification, .. } = received;
    let Notification { version, kind, trap, uptime, agent, varbinds } = notification;
    let kind = if matches!(kind, Kind::Trap) { "trap" } else { "inform" };
    let name = printer.name(trap);
    if printer.as_json {
        let mut objects = Vec::new();
        for varbind in varbinds {
            printer.print(&mut objects, varbind)?;
        }
        let objects = String::from_utf8_lossy(&objects);
        let objects: Vec<Value> =
            objects.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let user = match by {
            By::User(user) => Some(user),
            By::Community => None,
        };
        let line = json!({
            "time": SystemClock.now().as_seconds_f64(), "source": source.ip().to_canonical(), "agent": agent,
            "version": format!("{version:?}").to_ascii_lowercase(), "kind": kind, "user": user,
            "oid": trap.to_string(), "name": name, "uptime": f64::from(*uptime) / 100.0, "objects": objects,
        });
        return writeln!(out, "{line}");
    }
    let up = humantime::format_duration(Duration::from_secs(u64::from(uptime / 100)));
    writeln!(
        out,
        "{} {kind} of {} ({version:?}): {name}, up {up}",
        SystemClock.now(),
        source.ip().to_canonical()
    )?;
    for varbind in varbinds {
        write!(out, "  ")?;
        printer.print(out, varbind)?;
    }
    Ok(())
}
