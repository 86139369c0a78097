//! What devices tell by themselves, from its arrival to its report.
//!
//! [`Traps`] is the receiver and a thread that takes what it receives to the [`Desk`]: there it waits, by its device, for a
//! run of the device, which is asked for at once. A trap that concerns what is polled asks for a whole run too. `told`
//! makes events of it, with names.

mod desk;
mod told;

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use grafolean_collector::{
    bot::{BotError, Plan, Prompts, Run, RunId},
    cause::{Cause, Scope},
    protocol::{OpenError, Opening, Protocol, Purpose},
    report::Report,
    time::{Clock, SystemClock},
};
use tokio::{sync::mpsc, task::spawn_blocking};
use tracing::info;

use super::{SnmpTask, plan::Reads};
use crate::snmp::{
    engine::traps::{BURST, Callers, RATE, TrapFault, TrapMetrics, TrapReceiver, TrapSettings},
    mib::Names,
    settings::{self, Access, Community},
};
use desk::{Desk, Key};

/// Notifications that wait for the thread: more than a second of a storm. Beyond it they are counted as overrun.
const QUEUE: usize = 65_536;

/// Begins to receive what devices tell by themselves, where that is wanted. Whoever only asks for plans receives nothing.
pub(super) fn open(opening: &mut Opening<'_>, names: &Arc<Names>) -> Result<Option<Traps>, OpenError> {
    let listen = settings::traps(opening.settings)?;
    if listen.is_empty() || opening.purpose == Purpose::Check {
        return Ok(None);
    }
    let metrics = TrapMetrics::default();
    metrics.register(opening.health.registry_of(super::SnmpBot::NAME));
    // A start is later than those before it.
    let boots = u32::try_from(SystemClock.now().seconds() & i64::from(i32::MAX)).unwrap_or(1);
    let (addresses, callers) =
        (format!("{listen:?}"), Callers { communities: Some(Vec::new()), users: Vec::new() });
    let started = Traps::start(&TrapSettings { listen, callers, boots }, Arc::clone(names), &metrics);
    started.map(Some).map_err(|error| format!("cannot listen for traps on {addresses}: {error}").into())
}

/// Receives what devices tell by themselves.
pub(super) struct Traps {
    desk: Arc<Desk>,
    names: Arc<Names>,
    /// Ends when the receiver does.
    thread: Option<JoinHandle<()>>,
    receiver: Mutex<Option<TrapReceiver>>,
}

impl Traps {
    /// Opens the sockets and begins; what comes before a plan is in force is of nobody.
    ///
    /// # Errors
    /// If an address cannot be bound.
    pub(super) fn start(
        settings: &TrapSettings,
        names: Arc<Names>,
        metrics: &TrapMetrics,
    ) -> std::io::Result<Self> {
        let (sender, mut receiver) = mpsc::channel(QUEUE);
        let listening = TrapReceiver::start(settings, &sender, metrics)?;
        for address in listening.addresses() {
            info!(%address, "listening for traps");
        }
        let desk = Arc::new(Desk::new(metrics.unknown.clone(), listening.faults()));
        let taking = Arc::clone(&desk);
        let thread = thread::Builder::new().name("snmp-trap-desk".to_owned()).spawn(move || {
            while let Some(received) = receiver.blocking_recv() {
                taking.take(received, SystemClock.now());
            }
        })?;
        Ok(Self { desk, names, thread: Some(thread), receiver: Mutex::new(Some(listening)) })
    }

    /// Returns where runs are asked for.
    pub(super) fn prompts(&self) -> Prompts {
        self.desk.prompts.clone()
    }

    /// Accepts notifications of the devices of a plan from now on, by the communities and users by which they are asked.
    pub(super) fn in_force(&self, plan: &Plan<SnmpTask>) {
        let (mut communities, mut users) = (Vec::new(), Vec::new());
        for job in &plan.jobs {
            match &job.task.access {
                Access::Community(Community::V1(community) | Community::V2c(community)) => {
                    if !communities.contains(community) {
                        communities.push(community.clone());
                    }
                }
                Access::User(user) => {
                    if !users.contains(&**user) {
                        users.push((**user).clone());
                    }
                }
            }
        }
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(receiver) = receiver.as_ref() {
            receiver.set_callers(Callers { communities: Some(communities), users });
        }
        let polled = plan.jobs.iter().filter(|job| job.task.reads == Reads::Sensors);
        self.desk.in_force(polled.map(|job| (job.id.clone(), &job.task)));
    }

    /// Learns at which address a device is that is set up by its name.
    pub(super) fn learn(&self, key: Key, address: std::net::IpAddr) {
        self.desk.learn(key, address);
    }

    /// Returns what a run reports of what its device told since the last one; notes what of it does not count.
    ///
    /// # Errors
    /// If events cannot be put into words.
    pub(super) async fn reports(&self, run: &Run<SnmpTask>) -> Result<Vec<Report>, BotError> {
        let key = (run.task.account, run.task.entity);
        if !run.intervals.is_empty() {
            self.note_faults(run);
        }
        let told = self.desk.told(key, &run.run_id(), !run.intervals.is_empty());
        let Some(told) = told else { return Ok(Vec::new()) };
        let (names, due) = (Arc::clone(&self.names), run.due);
        // A name that is not built in may have all MIB files read.
        let reports = spawn_blocking(move || told::reports(key, told, due, &names)).await;
        reports.map_err(|error| BotError::caused_by("events", "putting what was told into words", error))
    }

    fn note_faults(&self, run: &Run<SnmpTask>) {
        let SnmpTask { account, entity, .. } = *run.task;
        let scope = Scope { account, entity, sensor: None };
        for (fault, number) in self.desk.faults((account, entity)) {
            let cause = if fault == TrapFault::Flood { Cause::TrapFlood } else { Cause::TrapRefused };
            run.troubles.note(cause, scope, None, || match fault {
                TrapFault::Flood => {
                    format!("{number} {}: {RATE} a second, {BURST} at once", fault.words())
                }
                _ => format!("{number} {}", fault.words()),
            });
        }
    }

    /// Acknowledges the informs that a run reported.
    pub(super) fn accepted(&self, run: &RunId) {
        self.desk.acknowledge(run);
    }
}

impl Drop for Traps {
    fn drop(&mut self) {
        drop(self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}
