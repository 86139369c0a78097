//! Interface counters of devices that also export flows, read at each full minute for the flow bot.

use std::{collections::BTreeMap, time::Duration};

use grafolean_collector::{
    interfaces::{InterfaceReading, InterfaceState, Octets},
    model::Entity,
    time::{Clock, SystemClock, Timestamp},
};
use tokio::time::Instant;
use tracing::debug;

use super::{SnmpBot, SnmpTask, device::Device, drive::drive, perform::UPTIME};
use crate::snmp::{
    Column, Moment, Oid, Value, engine,
    interfaces::DISCONTINUITY,
    plan::{Poll, PollResult, Row, Wanted},
    settings::Host,
    text,
};

/// The protocol whose exporters are read.
const FLOWS: &str = "netflow";

const IN_OCTETS: [u32; 10] = [1, 3, 6, 1, 2, 1, 2, 2, 1, 10];
const OUT_OCTETS: [u32; 10] = [1, 3, 6, 1, 2, 1, 2, 2, 1, 16];
const HC_IN_OCTETS: [u32; 11] = [1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6];
const HC_OUT_OCTETS: [u32; 11] = [1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 10];

/// The columns that name an interface.
const NAMES: [Column; 4] = [Column::Description, Column::Name, Column::Alias, Column::Type];

/// How long the counters of a flow exporter are waited for: what comes later is of the next minute.
const COUNTERS_PATIENCE: Duration = Duration::from_secs(20);

impl SnmpBot {
    /// Reads the interface counters of a flow exporter. Nothing is told of one that does not answer: the run of its sensors
    /// does so.
    pub(super) async fn read_counters(&self, device: &mut Device, task: &SnmpTask) {
        let (key, until) = ((task.account, task.entity), Instant::now() + COUNTERS_PATIENCE);
        let known = self.board.readings(key, &[]);
        let wanted = wanted(known.last().is_some_and(|latest| has_wide(latest)));
        let (Ok(session), Ok(small)) = (device.session(&self.engine, task).await, Oid::new(UPTIME)) else {
            return;
        };
        let limits = device.memory.limits.clone();
        let mut poll = Poll::new(&wanted, small.clone(), task.dialect(), limits, task.policy);
        if device.silent_since().is_some() {
            poll = poll.after_a_probe();
        }
        let Ok(result) = self.engine.on_its_thread(drive(session, poll, task.policy, until)).await else {
            return;
        };
        let uptime = match result.value(&small) {
            Ok((Value::TimeTicks(ticks), _)) => Some(*ticks),
            _ => None,
        };
        let (now, clock) = (engine::now(), SystemClock.now());
        let time_of = |moment| now.since(moment).map(|ago| clock - ago);
        let Some(reading) = reading(&result, &task.host, uptime, time_of) else { return };
        if let Some(folder) = &self.readings
            && let Err(error) = folder.write(key, &reading)
        {
            debug!(%error, "interface counters are not told to other processes");
        }
        self.board.put(key, reading);
    }
}

/// Whether a device is a flow exporter as well.
pub(super) fn is_exporter(entity: &Entity) -> bool {
    entity.protocols.as_ref().is_some_and(|protocols| protocols.contains_key(FLOWS))
}

/// Returns what is asked: counters of 32 bits too, unless the device is known to have those of 64.
pub(super) fn wanted(has_wide: bool) -> Wanted {
    let narrow: &[&[u32]] = if has_wide { &[] } else { &[&IN_OCTETS, &OUT_OCTETS] };
    let wide: [&[u32]; 3] = [&HC_IN_OCTETS, &HC_OUT_OCTETS, &DISCONTINUITY];
    let names = NAMES.map(Column::arcs);
    let mut wanted = Wanted::default();
    let roots = wide.iter().chain(&names).chain(narrow);
    roots.filter_map(|root| Oid::new(*root).ok()).for_each(|root| wanted.walk(root));
    wanted
}

/// Whether a device told counters of 64 bits of all interfaces of which it told any.
pub(super) fn has_wide(reading: &InterfaceReading) -> bool {
    let mut octets = reading.interfaces.values().filter_map(|state| state.octets).peekable();
    octets.peek().is_some() && octets.all(|octets| octets.is_wide)
}

/// Returns a reading of what came; `None` where no counter did. `clock` is the time of day at a moment.
pub(super) fn reading(
    result: &PollResult,
    host: &Host,
    uptime: Option<u32>,
    clock: impl Fn(Moment) -> Option<Timestamp>,
) -> Option<InterfaceReading> {
    let column = |root: &[u32]| Oid::new(root).ok().and_then(|root| result.column(&root));
    let rows = |root: &[u32]| column(root).map_or(&[][..], |column| &column.rows);
    let [wide_in, wide_out, narrow_in, narrow_out] =
        [rows(&HC_IN_OCTETS), rows(&HC_OUT_OCTETS), rows(&IN_OCTETS), rows(&OUT_OCTETS)];
    let first = wide_in.first().or_else(|| narrow_in.first())?;
    let at = clock(first.at)?;
    let mut interfaces = BTreeMap::<u32, InterfaceState>::new();
    let pairs = [(narrow_in, narrow_out, false), (wide_in, wide_out, true)];
    for (ingress, egress, is_wide) in pairs {
        let egress: BTreeMap<u32, u64> = egress.iter().filter_map(number).collect();
        for (index, ingress) in ingress.iter().filter_map(number) {
            let Some(egress) = egress.get(&index).copied() else { continue };
            // an agent that fills its 64 bits with nothing has counters of 32 bits
            let known = interfaces.entry(index).or_default();
            if ingress > 0 || egress > 0 || known.octets.is_none() {
                known.octets = Some(Octets { ingress, egress, is_wide });
            }
        }
    }
    for (index, ticks) in rows(&DISCONTINUITY).iter().filter_map(number) {
        if let Some(state) = interfaces.get_mut(&index) {
            state.discontinuity = u32::try_from(ticks).unwrap_or(u32::MAX);
        }
    }
    for column in NAMES {
        for row in rows(column.arcs()) {
            let &[index] = &*row.index else { continue };
            let Some(state) = interfaces.get_mut(&index) else { continue };
            match (column, &row.value) {
                (Column::Type, value) => state.kind = value.whole_number().and_then(|it| it.try_into().ok()),
                (Column::Alias, Value::Octets(octets)) => state.alias = told(octets),
                // ifName comes after ifDescr and is what people type
                (_, Value::Octets(octets)) => state.name = told(octets).or(state.name.take()),
                _ => {}
            }
        }
    }
    let address = host.address().map(|address| address.ip().to_canonical());
    Some(InterfaceReading { at, address, uptime, interfaces })
}

fn number(row: &Row) -> Option<(u32, u64)> {
    let &[index] = &*row.index else { return None };
    Some((index, row.value.whole_number()?))
}

fn told(octets: &[u8]) -> Option<String> {
    Some(text::of_name(octets)).filter(|name| !name.is_empty())
}
