//! Where what devices tell waits for a run of its device.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use grafolean_collector::{
    bot::{JobId, Prompted, Prompts, RunId},
    model::{AccountId, EntityId},
    throttle::LogThrottle,
    time::Timestamp,
};
use prometheus_client::metrics::counter::Counter;
use tracing::warn;

use super::super::SnmpTask;
use crate::snmp::{
    Oid,
    engine::traps::{Acknowledgement, BURST, By, Received, TrapFault, TrapFaults},
    notification::{Kind, Notification},
};

/// How soon after one another a device is polled since it told something: ports that flap are no reason to walk it without
/// a pause. The last state is always polled.
const POLL_GAP: Duration = Duration::from_secs(5);

/// How soon after one another what a device told is reported.
const REPORT_GAP: Duration = Duration::from_secs(1);

/// Events of one device that wait: twice what comes at once before it is a flood. Beyond it the newest are dropped and
/// counted.
const MOST_OF_DEVICE: usize = 2 * BURST as usize;

/// Events of all devices that wait, some 500 octets each.
const MOST_WAITING: usize = 200_000;

/// Informs of one device that are remembered, so that one that is told again is the same.
const REMEMBERED_INFORMS: usize = 64;

/// Runs whose informs wait for their acknowledgement; at it all go, and their senders ask again.
const MOST_RUNS: usize = 10_000;

/// A device.
pub(in crate::snmp::bot) type Key = (AccountId, EntityId);

/// Where what devices tell waits for a run of its device.
pub(super) struct Desk {
    pub(super) prompts: Prompts,
    state: Mutex<State>,
    faults: TrapFaults,
    unknown: Counter,
    log: LogThrottle,
}

#[derive(Default)]
struct State {
    /// The jobs of devices, and where they are as far as that is set up.
    devices: HashMap<Key, (JobId, Option<IpAddr>)>,
    /// Where devices are that are set up by their names.
    learned: HashMap<Key, IpAddr>,
    by_address: HashMap<IpAddr, Vec<Key>>,
    told: HashMap<Key, Told>,
    /// Of all devices.
    waiting: usize,
    /// Of devices, what of theirs does not count.
    faults: HashMap<Key, BTreeMap<TrapFault, u64>>,
    /// Informs that a run reports, until it is accepted.
    acknowledgements: HashMap<RunId, Vec<Acknowledgement>>,
}

/// What a device told since it was last asked for.
#[derive(Default)]
pub(super) struct Told {
    pub(super) events: Vec<Heard>,
    /// How many notifications, by what they are; empty where they are not wanted.
    pub(super) counts: BTreeMap<Oid, u64>,
    /// Of them, those for which there was no room.
    pub(super) dropped: u64,
    /// Whether counts are reported.
    pub(super) is_counted: bool,
    acknowledgements: Vec<Acknowledgement>,
    /// Numbers of informs that came, the newest last.
    informs: VecDeque<i32>,
}

/// A notification, and when it came.
pub(super) struct Heard {
    pub(super) time: Timestamp,
    pub(super) source: IpAddr,
    pub(super) user: Option<String>,
    pub(super) notification: Notification,
}

impl Desk {
    pub(super) fn new(unknown: Counter, faults: TrapFaults) -> Self {
        Self {
            prompts: Prompts::default(),
            state: Mutex::default(),
            faults,
            unknown,
            log: LogThrottle::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts notifications of these devices from now on, and of no others.
    pub(super) fn in_force<'a>(&self, jobs: impl Iterator<Item = (JobId, &'a SnmpTask)>) {
        let mut state = self.state();
        state.devices = jobs
            .map(|(job, task)| {
                let address = task.host.address().map(|address| address.ip().to_canonical());
                ((task.account, task.entity), (job, address))
            })
            .collect();
        let State { devices, learned, told, waiting, .. } = &mut *state;
        learned.retain(|key, _| devices.get(key).is_some_and(|(_, address)| address.is_none()));
        told.retain(|key, _| devices.contains_key(key));
        *waiting = told.values().map(|told| told.events.len()).sum();
        state.index();
    }

    pub(super) fn learn(&self, key: Key, address: IpAddr) {
        let mut state = self.state();
        if state.learned.insert(key, address.to_canonical()) != Some(address.to_canonical()) {
            state.index();
        }
    }

    /// Records a notification for the devices whose it is, and asks for their runs.
    pub(super) fn take(&self, received: Received, now: Timestamp) {
        let Received { source, by, notification, acknowledgement } = received;
        let source = source.ip().to_canonical();
        let mut state = self.state();
        let agent = || notification.agent.map(IpAddr::V4).and_then(|agent| state.by_address.get(&agent));
        // Of a trap that somebody passes on, v1 tells whose it is (RFC 1157, section 4.1.6).
        let Some(keys) = state.by_address.get(&source).or_else(agent).cloned() else {
            drop(state);
            self.unknown.inc();
            if let Some(suppressed) = self.log.admit("unknown") {
                warn!(%source, suppressed, "a trap comes from an address that no device has: it is not kept");
            }
            return;
        };
        let user = match by {
            By::User(user) => Some(user),
            By::Community => None,
        };
        let concerns_polling = notification.concerns_polling();
        for key in keys {
            let Some((job, _)) = state.devices.get(&key) else { continue };
            let job = job.clone();
            let heard = Heard { time: now, source, user: user.clone(), notification: notification.clone() };
            state.put(key, heard, acknowledgement.clone());
            self.prompts.ask(job.clone(), Prompted::Nothing, REPORT_GAP);
            if concerns_polling {
                self.prompts.ask(job, Prompted::All, POLL_GAP);
            }
        }
    }

    /// Removes and returns what a device told; its informs are acknowledged once the run is accepted. Counts are those since
    /// they were last wanted. Nothing of a device that never told anything.
    pub(super) fn told(&self, key: Key, run: &RunId, wants_counts: bool) -> Option<Told> {
        let mut state = self.state();
        let State { told, waiting, acknowledgements, .. } = &mut *state;
        let told = told.get_mut(&key)?;
        let events = std::mem::take(&mut told.events);
        *waiting = waiting.saturating_sub(events.len());
        let due = std::mem::take(&mut told.acknowledgements);
        if !due.is_empty() {
            if acknowledgements.len() >= MOST_RUNS {
                acknowledgements.clear();
            }
            acknowledgements.entry(run.clone()).or_default().extend(due);
        }
        let (counts, dropped) = match wants_counts {
            true => (std::mem::take(&mut told.counts), std::mem::take(&mut told.dropped)),
            false => (BTreeMap::new(), 0),
        };
        let is_empty = events.is_empty() && !wants_counts;
        (!is_empty).then(|| Told { events, counts, dropped, is_counted: wants_counts, ..Told::default() })
    }

    pub(super) fn acknowledge(&self, run: &RunId) {
        let due = self.state().acknowledgements.remove(run);
        due.iter().flatten().for_each(Acknowledgement::send);
    }

    /// Removes and returns what of a device does not count.
    pub(super) fn faults(&self, key: Key) -> BTreeMap<TrapFault, u64> {
        let mut state = self.state();
        let mut unknown = Vec::new();
        for (source, faults) in self.faults.take() {
            let keys = state.by_address.get(&source).cloned().unwrap_or_default();
            if keys.is_empty() {
                unknown.push((source, faults.clone()));
            }
            for key in keys {
                let known = state.faults.entry(key).or_default();
                faults.iter().for_each(|(fault, number)| *known.entry(*fault).or_default() += number);
            }
        }
        let faults = state.faults.remove(&key).unwrap_or_default();
        drop(state);
        if let Some((source, faults)) = unknown.first()
            && let Some(suppressed) = self.log.admit("unknown faults")
        {
            let what: Vec<_> =
                faults.iter().map(|(fault, number)| format!("{number} {}", fault.words())).collect();
            let (what, others) = (what.join(", "), unknown.len() - 1);
            warn!(%source, what, others, suppressed, "notifications do not count, and no device has their address");
        }
        faults
    }
}

impl State {
    fn index(&mut self) {
        self.by_address.clear();
        for (key, (_, address)) in &self.devices {
            if let Some(address) = address.or_else(|| self.learned.get(key).copied()) {
                self.by_address.entry(address).or_default().push(*key);
            }
        }
        let devices = &self.devices;
        self.faults.retain(|key, _| devices.contains_key(key));
    }

    /// Keeps a notification for the runs of its device.
    fn put(&mut self, key: Key, heard: Heard, acknowledgement: Option<Acknowledgement>) {
        let told = self.told.entry(key).or_default();
        if let Kind::Inform(number) = heard.notification.kind {
            if told.informs.contains(&number) {
                // The sender did not get our answer: it waits for one again, and has told nothing new.
                told.acknowledgements.extend(acknowledgement);
                return;
            }
            if told.informs.len() >= REMEMBERED_INFORMS {
                told.informs.pop_front();
            }
            told.informs.push_back(number);
        }
        *told.counts.entry(heard.notification.trap.clone()).or_default() += 1;
        if told.events.len() >= MOST_OF_DEVICE || self.waiting >= MOST_WAITING {
            told.dropped += 1;
            return;
        }
        told.acknowledgements.extend(acknowledgement);
        told.events.push(heard);
        self.waiting += 1;
    }
}
