//! A protocol: declared once, planned, measured, and told what became of its plans and reports.
//!
//! ```text
//!  devices ─ plan ─▶ Plan ─ confirmed, sent ─▶ in_force      due ─ perform ─▶ reports ─ on disk ─▶ accepted
//! ```
//! [`Protocol`] is the full form: it also declares its fields, settings and series, from which forms, pages and docs
//! are made ([`Declaration`]). A [`Bot`] is the small form: a name, jobs, and how one is performed.

mod declaration;
pub mod prometheus;
mod test;

use std::{
    error::Error,
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    bot::{Bot, BotError, Plan, Prompts, Run, RunId},
    health::Health,
    model::{AccountId, Device, Entity, Shared},
    report::Report,
    settings::{Resolved, Setting},
    status::Heard,
};

pub use declaration::{
    Declaration, DeclaredSetting, DefaultCredential, DefaultSensor, Defaults, Limits, Output, Role,
};
pub use test::{DeviceTester, Fact, OpenTester, TestResult, TestSubject, Testing};

/// Why a protocol could not be opened, in its own words.
pub type OpenError = Box<dyn Error + Send + Sync>;

/// What a protocol is opened with.
#[non_exhaustive]
pub struct Opening<'a> {
    /// What is in force of [`Protocol::SETTINGS`] and of what every bot has.
    pub settings: &'a Resolved,
    /// Where it may keep what a restart is to survive; `None` keeps nothing. The folder may not be there yet.
    pub folder: Option<&'a Path>,
    /// What it is opened for.
    pub purpose: Purpose,
    /// Where it registers its metrics and what is to be watched.
    pub health: &'a mut Health,
}

/// What a protocol is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To measure.
    Measure,
    /// To be asked for plans alone, maybe beside a process that measures: what only one process can have, such as a
    /// port that is taken, is no reason to fail.
    Check,
}

impl<'a> Opening<'a> {
    /// Returns what it takes to measure and keep nothing.
    pub const fn new(settings: &'a Resolved, health: &'a mut Health) -> Self {
        Self { settings, folder: None, purpose: Purpose::Measure, health }
    }

    /// Lets it keep what a restart is to survive.
    #[must_use]
    pub const fn with_folder(self, folder: Option<&'a Path>) -> Self {
        Self { folder, ..self }
    }

    /// Opens it for another purpose.
    #[must_use]
    pub const fn with_purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }
}

/// One measurement protocol: what it needs to know, how it plans, how it measures, what its values mean.
///
/// Every [`Bot`] is a `Protocol` that declares nothing and whose last two hooks do nothing.
pub trait Protocol: Send + Sync + Sized + 'static {
    /// The name under which backends and tokens know it, e.g. `snmp`. Empty for a [`Bot`], which has its name only at
    /// run time: what runs a protocol asks [`Protocol::name`].
    const NAME: &'static str;

    /// What it measures, in a sentence without a full stop.
    const ABOUT: &'static str = "";

    /// What a person has to know to run it, for `--help`: what it takes from the machine and from entities.
    const NOTES: &'static str = "";

    /// Why there is no point in performing every job once, where there is none.
    const NEVER_ONCE: Option<&'static str> = None;

    /// Whether it creates and changes entities: the interfaces of devices, or devices that nobody named. Its bot needs the
    /// right to.
    const KEEPS_ENTITIES: bool = false;

    /// Whether devices can be tested before they are set up, by [`Protocol::tester`].
    const TESTABLE: bool = false;

    /// The settings of its process, beside those that every bot has.
    const SETTINGS: &'static [Setting] = &[];

    /// The series that it measures.
    const OUTPUTS: &'static [Output] = &[];

    /// What it reads of a credential's details.
    type Credential: DeserializeOwned + JsonSchema;

    /// What it reads of a sensor's details.
    type Sensor: DeserializeOwned + JsonSchema;

    /// What it reads of an entity's details.
    type Entity: DeserializeOwned + JsonSchema;

    /// All that one job needs to know, as plain data. A refreshed job that is equal keeps its cadence.
    type Task: Clone + PartialEq + Send + Sync + 'static;

    /// Returns what a new account has from the start.
    fn defaults() -> Defaults {
        Defaults::none()
    }

    /// Returns files and folders that it reads while it runs, beside its own folder and what every program reads of a
    /// system: whoever runs it may take all others from it.
    fn reads(settings: &Resolved) -> Vec<PathBuf> {
        let _ = settings;
        Vec::new()
    }

    /// Returns folders in which it writes while it runs, beside its own.
    fn writes(settings: &Resolved) -> Vec<PathBuf> {
        let _ = settings;
        Vec::new()
    }

    /// Opens it with what it needs of this machine: sockets, files, threads. One that its program creates by itself
    /// need not be able to.
    ///
    /// # Errors
    /// Fails with what the machine refuses.
    fn open(opening: Opening<'_>) -> impl Future<Output = Result<Self, OpenError>> + Send {
        let _ = opening;
        async { Err(format!("the {} protocol is created by its program", Self::NAME).into()) }
    }

    /// Opens what tests devices before they are set up. It needs no bot that runs.
    ///
    /// # Errors
    /// Fails with what the machine refuses, or if the protocol has no such test.
    fn tester() -> Result<Arc<dyn DeviceTester>, OpenError> {
        Err(format!("devices of the {} protocol cannot be tested", Self::NAME).into())
    }

    /// Returns the name as the backend knows it.
    fn name(&self) -> &str {
        Self::NAME
    }

    /// Returns its version, as `--version` and `/metrics` show it.
    fn version(&self) -> &str {
        "unknown"
    }

    /// Returns what it declares to a hub whose binary does not know it, by `serve`; `None` declares nothing.
    fn declaration(&self) -> Option<Value> {
        serde_json::to_value(Declaration::of::<Self>()).ok()
    }

    /// Plans the jobs for the accounts that the token sees and the devices in them that belong to this bot.
    ///
    /// Pure: equal devices give equal plans, and nothing changes by asking. It is called any number of times, also for
    /// configurations that never take effect: a half-written one, one that `check` looks at.
    fn plan(&self, accounts: &[AccountId], devices: &[Device]) -> Plan<Self::Task>;

    /// Takes in all entities of an account, each time that its configuration was read: what others keep there, such as the
    /// names of interfaces.
    fn entities_read(&self, account: AccountId, entities: &[Shared<Entity>]) {
        let _ = (account, entities);
    }

    /// Called once a plan was confirmed and took effect, each time it changed: the place for state that follows from a
    /// plan, such as whose data counts.
    fn in_force(&self, plan: &Plan<Self::Task>) {
        let _ = plan;
    }

    /// Measures once. Dropped at the run's deadline, so it must be safe to cancel.
    fn perform(&self, run: Run<Self::Task>) -> impl Future<Output = Result<Vec<Report>, BotError>> + Send;

    /// Returns where it asks for runs ahead of their time, by a protocol that listens.
    fn prompts(&self) -> Option<Prompts> {
        None
    }

    /// Returns what was heard of those who send to it, by a protocol that listens.
    fn heard(&self) -> Option<Heard> {
        None
    }

    /// Called once the reports of a run are durable, also where there were none: only from here on may state say that
    /// something was reported. Not called for a run that failed, was dropped, or whose reports could not be kept.
    fn accepted(&self, run: &RunId) {
        let _ = run;
    }
}

impl<B: Bot> Protocol for B {
    const NAME: &'static str = "";
    type Credential = Value;
    type Sensor = Value;
    type Entity = Value;
    type Task = B::Task;

    fn name(&self) -> &str {
        self.protocol()
    }

    fn version(&self) -> &str {
        B::VERSION
    }

    fn declaration(&self) -> Option<Value> {
        Bot::declaration(self)
    }

    fn plan(&self, _: &[AccountId], devices: &[Device]) -> Plan<Self::Task> {
        self.jobs(devices)
    }

    fn perform(&self, run: Run<Self::Task>) -> impl Future<Output = Result<Vec<Report>, BotError>> + Send {
        Bot::perform(self, run)
    }
}
