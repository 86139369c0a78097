//! A protocol: declared once, planned, measured, and told what became of its plans and reports.
//!
//! ```text
//!  devices ─ plan ─▶ Plan ─ confirmed, sent ─▶ in_force      due ─ perform ─▶ reports ─ on disk ─▶ accepted
//! ```
//! [`Protocol`] is the full form. A [`Bot`] is the small form of it: a name, jobs, and how one is performed.

use std::future::Future;

use crate::{
    bot::{Bot, BotError, Plan, Run, RunId},
    model::{AccountId, Device},
    report::Report,
};

/// One measurement protocol: how it plans and how it measures.
///
/// Every [`Bot`] is a `Protocol` whose last two hooks do nothing.
pub trait Protocol: Send + Sync + Sized + 'static {
    /// The name under which backends and tokens know it, e.g. `snmp`. Empty for a [`Bot`], which has its name only at
    /// run time: what runs a protocol asks [`Protocol::name`].
    const NAME: &'static str;

    /// All that one job needs to know, as plain data. A refreshed job that is equal keeps its rhythm.
    type Task: Clone + PartialEq + Send + Sync + 'static;

    /// Returns the name as the backend knows it.
    fn name(&self) -> &str {
        Self::NAME
    }

    /// Returns its version, as `--version` and `/metrics` show it.
    fn version(&self) -> &str {
        "unknown"
    }

    /// Plans the jobs for the accounts that the token sees and the devices in them that belong to this bot.
    ///
    /// Pure: equal devices give equal plans, and nothing changes by asking. It is called any number of times, also for
    /// configurations that never take effect: a half-written one, one that `check` looks at.
    fn plan(&self, accounts: &[AccountId], devices: &[Device]) -> Plan<Self::Task>;

    /// Called once a plan was confirmed and took effect, each time it changed: the place for state that follows from a
    /// plan, such as whose data counts.
    fn in_force(&self, plan: &Plan<Self::Task>) {
        let _ = plan;
    }

    /// Measures once. Dropped at the run's deadline, so it must be safe to cancel.
    fn perform(&self, run: Run<Self::Task>) -> impl Future<Output = Result<Vec<Report>, BotError>> + Send;

    /// Called once the reports of a run are durable, also where there were none: only from here on may state say that
    /// something was reported. Not called for a run that failed, was dropped, or whose reports could not be kept.
    fn accepted(&self, run: &RunId) {
        let _ = run;
    }
}

impl<B: Bot> Protocol for B {
    const NAME: &'static str = "";
    type Task = B::Task;

    fn name(&self) -> &str {
        self.protocol()
    }

    fn version(&self) -> &str {
        B::VERSION
    }

    fn plan(&self, _: &[AccountId], devices: &[Device]) -> Plan<Self::Task> {
        self.jobs(devices)
    }

    fn perform(&self, run: Run<Self::Task>) -> impl Future<Output = Result<Vec<Report>, BotError>> + Send {
        Bot::perform(self, run)
    }
}
