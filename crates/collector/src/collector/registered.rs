//! Protocols of a list: what is done with any of them without knowing its types.
//!
//! ```text
//!  const LIST: [Registered; N] ── open ─▶ Arc<dyn AnyProtocol> ── pipeline ─▶ Box<dyn AnyPipeline> ─▶ Collector
//! ```

use std::{fmt, path::PathBuf, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{Boxed, Collector, CollectorError, CollectorSettings, Once, Pipeline};
use crate::{
    backend::{BackendError, http::HttpBackend},
    bot::{Job, Plan},
    health::Health,
    model::{AccountId, Device},
    protocol::{Declaration, OpenError, OpenTester, Opening, Protocol},
    refresh::{RefreshError, Reload},
    run::Summary,
    settings::{Resolved, Setting},
    sink::JsonLines,
};

/// A protocol that is opened, or why it cannot be.
type Opened<'a> = Boxed<'a, Result<Arc<dyn AnyProtocol>, OpenError>>;

/// A protocol of a list: a line of it is `Registered::of::<PingBot>()`.
#[derive(Clone, Copy)]
pub struct Registered {
    name: &'static str,
    about: &'static str,
    notes: &'static str,
    never_once: Option<&'static str>,
    keeps_entities: bool,
    tester: Option<OpenTester>,
    settings: &'static [Setting],
    declaration: fn() -> Declaration,
    reads: fn(&Resolved) -> Vec<PathBuf>,
    writes: fn(&Resolved) -> Vec<PathBuf>,
    open: for<'a> fn(Opening<'a>) -> Opened<'a>,
}

impl Registered {
    /// Returns the line of a protocol.
    pub const fn of<P: Protocol>() -> Self {
        Self {
            name: P::NAME,
            about: P::ABOUT,
            notes: P::NOTES,
            never_once: P::NEVER_ONCE,
            keeps_entities: P::KEEPS_ENTITIES,
            tester: if P::TESTABLE { Some(P::tester) } else { None },
            settings: P::SETTINGS,
            declaration: Declaration::of::<P>,
            reads: P::reads,
            writes: P::writes,
            open: open::<P>,
        }
    }

    /// Returns the name under which backends and tokens know it.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns what it measures, in a sentence without a full stop.
    pub const fn about(&self) -> &'static str {
        self.about
    }

    /// Returns what a person has to know to run it.
    pub const fn notes(&self) -> &'static str {
        self.notes
    }

    /// Returns why there is no point in performing every job once, where there is none.
    pub const fn never_once(&self) -> Option<&'static str> {
        self.never_once
    }

    /// Whether its bot creates and changes entities, for which it needs the right.
    pub const fn keeps_entities(&self) -> bool {
        self.keeps_entities
    }

    /// Returns what opens a test of devices before they are set up, where there is one.
    pub fn tester(&self) -> Option<OpenTester> {
        self.tester
    }

    /// Returns the settings of its process.
    pub const fn settings(&self) -> &'static [Setting] {
        self.settings
    }

    /// Returns all that it declares.
    pub fn declaration(&self) -> Declaration {
        (self.declaration)()
    }

    /// Returns files and folders that it reads while it runs, see [`Protocol::reads`].
    pub fn reads(&self, settings: &Resolved) -> Vec<PathBuf> {
        (self.reads)(settings)
    }

    /// Returns folders in which it writes while it runs, see [`Protocol::writes`].
    pub fn writes(&self, settings: &Resolved) -> Vec<PathBuf> {
        (self.writes)(settings)
    }

    /// Opens it with what it needs of this machine.
    ///
    /// # Errors
    /// Fails with the protocol's own error.
    pub async fn open(&self, opening: Opening<'_>) -> Result<Arc<dyn AnyProtocol>, OpenError> {
        (self.open)(opening).await
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Registered").field(&self.name).finish()
    }
}

fn open<P: Protocol>(opening: Opening<'_>) -> Boxed<'_, Result<Arc<dyn AnyProtocol>, OpenError>> {
    Box::pin(async move {
        let opened: Arc<dyn AnyProtocol> = Arc::new(P::open(opening).await?);
        Ok(opened)
    })
}

/// An open protocol of whatever type.
pub trait AnyProtocol: Send + Sync {
    /// Returns the name as the backend knows it.
    fn name(&self) -> &str;

    /// Plans as [`Protocol::plan`] does, without the tasks.
    fn plan(&self, accounts: &[AccountId], devices: &[Device]) -> Plan<()>;

    /// Wires it to a backend.
    fn pipeline(
        self: Arc<Self>,
        backend: Arc<HttpBackend>,
        settings: CollectorSettings,
    ) -> Box<dyn AnyPipeline>;
}

impl<P: Protocol> AnyProtocol for P {
    fn name(&self) -> &str {
        Protocol::name(self)
    }

    fn plan(&self, accounts: &[AccountId], devices: &[Device]) -> Plan<()> {
        let Plan { jobs, refused } = Protocol::plan(self, accounts, devices);
        let without_task = |Job { id, intervals, start, overlap, deadline, .. }| Job {
            id,
            intervals,
            start,
            overlap,
            deadline,
            task: (),
        };
        Plan { jobs: jobs.into_iter().map(without_task).collect(), refused }
    }

    fn pipeline(
        self: Arc<Self>,
        backend: Arc<HttpBackend>,
        settings: CollectorSettings,
    ) -> Box<dyn AnyPipeline> {
        Box::new(Pipeline::new(self, backend, settings))
    }
}

/// A [`Pipeline`] of whatever protocol.
pub trait AnyPipeline: Send {
    /// See [`Pipeline::with_reload`].
    fn with_reload(self: Box<Self>, reload: Reload) -> Box<dyn AnyPipeline>;

    /// See [`Pipeline::open`].
    fn open(self: Box<Self>, health: &mut Health) -> Boxed<'_, Result<Collector, CollectorError>>;

    /// See [`Pipeline::run_once`].
    fn run_once(self: Box<Self>, stop: &CancellationToken) -> Boxed<'_, Result<Once, CollectorError>>;

    /// See [`Pipeline::dry_run`].
    fn dry_run(
        self: Box<Self>,
        lines: JsonLines,
        stop: &CancellationToken,
    ) -> Boxed<'_, Result<(), RefreshError>>;

    /// See [`Pipeline::dry_run_once`].
    fn dry_run_once(
        self: Box<Self>,
        lines: JsonLines,
        stop: &CancellationToken,
    ) -> Boxed<'_, Result<Summary, BackendError>>;
}

impl<P: Protocol> AnyPipeline for Pipeline<P, HttpBackend> {
    fn with_reload(self: Box<Self>, reload: Reload) -> Box<dyn AnyPipeline> {
        Box::new((*self).with_reload(reload))
    }

    fn open(self: Box<Self>, health: &mut Health) -> Boxed<'_, Result<Collector, CollectorError>> {
        Box::pin((*self).open(health))
    }

    fn run_once(self: Box<Self>, stop: &CancellationToken) -> Boxed<'_, Result<Once, CollectorError>> {
        Box::pin((*self).run_once(stop))
    }

    fn dry_run(
        self: Box<Self>,
        lines: JsonLines,
        stop: &CancellationToken,
    ) -> Boxed<'_, Result<(), RefreshError>> {
        Box::pin((*self).dry_run(lines, stop))
    }

    fn dry_run_once(
        self: Box<Self>,
        lines: JsonLines,
        stop: &CancellationToken,
    ) -> Boxed<'_, Result<Summary, BackendError>> {
        Box::pin((*self).dry_run_once(lines, stop))
    }
}
