//! What Python holds.

use std::{
    collections::HashMap,
    future::Future,
    path::PathBuf,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use grafolean_collector::{
    backend::http::{HttpBackend, HttpSettings},
    bot::{Job, Plan},
    collector::{CollectorSettings, Pipeline, Pushed},
    error_chain,
    health::Health,
    model::{Interval, Intervals},
    refresh::KnownInventory,
    report::Report,
    selection::{Selection, select},
    settings::bot,
    sink::{Sink, SinkError},
    spool::{Limits, Spool},
    time::{Clock, SystemClock, Timestamp},
};
use pyo3::{
    exceptions::{PyRuntimeError, PyValueError},
    prelude::*,
};
use secrecy::SecretString;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    bot::{Call, PythonBot, Workers},
    configuration, failure,
    queue::RunQueue,
    report,
    report::Sent,
    settings,
    spools::{Known, Spools},
};

/// How often a wait looks whether somebody pressed Ctrl-C.
const SIGNALS: Duration = Duration::from_millis(50);
/// How long threads of the runtime are waited for at the end.
const LAST_GRACE: Duration = Duration::from_secs(1);
/// Python's workers keep the deadlines, counted from a run's true beginning: they alone can end what hangs. Only a run
/// that they lost ends here.
const LAST_DEADLINE: Duration = Duration::from_hours(24 * 365);
/// Threads that send and receive; measuring is done by the workers.
const IO_THREADS: usize = 2;

/// A backend, a spool for what goes there, and the jobs of a bot.
#[pyclass(frozen)]
pub(crate) struct Engine {
    runtime: Mutex<Option<Runtime>>,
    handle: Handle,
    backend: Arc<HttpBackend>,
    folder: PathBuf,
    limits: Limits,
    health: Mutex<Health>,
    /// What is known of its runs and its configuration, for whoever asks why.
    status: Known,
    /// By protocol, what was there at the last look.
    known: Mutex<HashMap<String, KnownInventory>>,
    spools: tokio::sync::Mutex<Option<Spools>>,
    queues: Mutex<Option<Queues>>,
    running: Mutex<Option<Running>>,
}

/// Jobs at work.
struct Running {
    pushed: Pushed<PythonBot>,
    task: JoinHandle<()>,
}

/// Runs on their way to Python: for its processes, and for its threads.
#[derive(Clone)]
struct Queues {
    processes: Arc<Py<RunQueue>>,
    threads: Arc<Py<RunQueue>>,
}

/// A job as Python gives it: id, intervals, start, version, what is called, and whether in a process.
type Given = (String, Vec<i64>, Option<i64>, u64, Py<PyAny>, bool);

#[pymethods]
impl Engine {
    /// Checks the settings; nothing is asked or opened yet.
    #[new]
    fn new(url: String, token: String, folder: PathBuf, ca_file: Option<PathBuf>) -> PyResult<Self> {
        let token = SecretString::from(token);
        let given =
            vec![(bot::BACKEND_URL, SecretString::from(url.as_str())), (bot::BOT_TOKEN, token.clone())];
        let limits = settings::limits(&settings::in_force(given)?)?;
        let settings = HttpSettings { ca_file, ..HttpSettings::new(url, token) };
        let backend = HttpBackend::new(settings);
        let backend = backend.map_err(|error| PyValueError::new_err(error_chain(&error)))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(IO_THREADS)
            .thread_name("grafolean-engine")
            .enable_all()
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
            backend: Arc::new(backend.keeping_rows()),
            folder,
            limits,
            health: Mutex::new(Health::new(env!("CARGO_PKG_VERSION"), SystemClock.now())),
            status: Known::default(),
            known: Mutex::default(),
            spools: tokio::sync::Mutex::default(),
            queues: Mutex::default(),
            running: Mutex::default(),
        })
    }

    /// Asks whose token this is.
    fn user_id(&self, py: Python<'_>) -> PyResult<i64> {
        let profile = self.wait(py, self.backend.profile())?;
        profile.map(|profile| profile.user_id.number()).map_err(|error| failure::of_backend(&error))
    }

    /// Declares a protocol to a hub, as JSON; false where that is no hub.
    fn declare(&self, py: Python<'_>, name: &str, declaration: &str) -> PyResult<bool> {
        let read = serde_json::from_str(declaration);
        let declaration = read.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let declared = self.wait(py, self.backend.declare(name, &declaration))?;
        declared.map_err(|error| failure::of_backend(&error))
    }

    /// Reads the configuration; returns what a bot of the protocol is told of each device, as JSON, and what is wrong.
    fn job_configs(&self, py: Python<'_>, protocol: String) -> PyResult<(String, Vec<String>)> {
        let mut known = locked(&self.known).remove(&protocol).unwrap_or_default();
        let read = self.wait(py, known.look(&*self.backend, &protocol));
        locked(&self.known).insert(protocol.clone(), known);
        let inventory = read?.map_err(|error| failure::of_backend(&error))?;
        py.detach(|| {
            let Selection { devices, refused, .. } = select(&inventory, &protocol);
            let broken = inventory.accounts.iter().flat_map(|it| {
                it.broken.iter().map(|row| format!("account {} ({}): {row}", it.account.id, it.account.name))
            });
            let faults = broken.chain(refused.iter().map(ToString::to_string)).collect();
            let reading = &self.status.reading;
            reading.of_protocol(&protocol);
            reading.planned(&inventory, &refused, devices.len(), devices.len());
            reading.read_at(SystemClock.now());
            let configs: Vec<_> =
                devices.iter().map(|device| configuration::of(device, &self.backend)).collect();
            let configs = serde_json::to_string(&configs);
            configs.map(|configs| (configs, faults)).map_err(|error| failure::of(&error))
        })
    }

    /// Keeps values on disk and has them delivered; what has no time of its own is of this moment.
    fn send(&self, py: Python<'_>, sent: Vec<Sent>) -> PyResult<()> {
        let reports = report::of(sent, SystemClock.now());
        self.wait(py, async {
            let spool = self.spool().await?;
            spool.accept(&reports).await.map_err(|error| failure::of(&error))
        })?
    }

    /// Returns the queues from which workers take what is due: for processes, and for threads.
    fn queues(&self, py: Python<'_>) -> PyResult<(Py<RunQueue>, Py<RunQueue>)> {
        let mut kept = locked(&self.queues);
        let queues = match &*kept {
            Some(queues) => queues.clone(),
            None => kept.insert(Queues::new(py)?).clone(),
        };
        Ok((queues.processes.clone_ref(py), queues.threads.clone_ref(py)))
    }

    /// Begins to run jobs, by workers that take from the queues of [`Engine::queues`].
    fn start(&self, py: Python<'_>) -> PyResult<()> {
        let spool = self.wait(py, self.spool())??;
        let queues = locked(&self.queues).clone();
        let queues = queues.ok_or_else(|| PyRuntimeError::new_err("there are no queues to put runs into"))?;
        let mut running = locked(&self.running);
        if running.is_some() {
            return Err(PyRuntimeError::new_err("the engine runs already"));
        }
        let pipeline = self.pipeline(&queues);
        let (pushed, run_loop) = pipeline.pushed(spool, self.status.runs.clone(), &mut locked(&self.health));
        let task = self.handle.spawn(run_loop);
        *running = Some(Running { pushed, task });
        Ok(())
    }

    /// Puts these jobs in force, all that there are. Returns those that cannot be, with the reason.
    fn replace(&self, py: Python<'_>, jobs: Vec<Given>) -> PyResult<Vec<(String, String)>> {
        let mut refused = Vec::new();
        let jobs = jobs.into_iter().filter_map(|given| {
            let id = given.0.clone();
            job(given).map_err(|reason| refused.push((id, reason))).ok()
        });
        let plan = Plan { jobs: jobs.collect(), refused: Vec::new() };
        let pushed = locked(&self.running).as_ref().map(|running| running.pushed.clone());
        let pushed = pushed.ok_or_else(|| PyRuntimeError::new_err("the engine does not run"))?;
        let taken = self.wait(py, pushed.put_in_force(plan))?;
        taken.map_err(|error| failure::of(&error))?;
        Ok(refused)
    }

    /// Does every job once, as if all its intervals were due, by workers that take from the queues of [`Engine::queues`].
    /// Values that runs return are kept, or left to Python in a dry run. Returns how many runs there were and how many of
    /// them failed.
    fn run_once(&self, py: Python<'_>, jobs: Vec<Given>, dry_run: bool) -> PyResult<(usize, usize)> {
        let queues = locked(&self.queues).clone();
        let queues =
            queues.ok_or_else(|| PyRuntimeError::new_err("there are no queues to take runs from"))?;
        let jobs: Result<Vec<_>, _> = jobs.into_iter().map(job).collect();
        let plan = Plan { jobs: jobs.map_err(PyValueError::new_err)?, refused: Vec::new() };
        let (pipeline, stop) = (self.pipeline(&queues), CancellationToken::new());
        let done = if dry_run {
            self.wait(py, pipeline.run_plan_once(plan, LeftToPython, &stop))?
        } else {
            let spool = self.wait(py, self.spool())??;
            self.wait(py, pipeline.run_plan_once(plan, spool, &stop))?
        };
        Ok((done.runs, done.failed))
    }

    /// Starts no more runs and lets those that go on end within their grace; values are taken as before.
    fn stop_runs(&self, py: Python<'_>) -> PyResult<()> {
        let running = locked(&self.running).take();
        let ended = match running {
            None => Ok(()),
            Some(Running { pushed, task }) => {
                pushed.stop().cancel();
                self.wait(py, task)?
            }
        };
        if let Some(queues) = locked(&self.queues).take() {
            queues.close();
        }
        ended.map_err(|error| failure::of(&error))
    }

    /// Delivers what can be delivered at once, and closes all.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.stop_runs(py)?;
        self.wait(py, async {
            if let Some(spools) = self.spools.lock().await.take() {
                spools.close().await;
            }
        })?;
        let runtime = locked(&self.runtime).take();
        py.detach(|| runtime.map(|runtime| runtime.shutdown_timeout(LAST_GRACE)));
        Ok(())
    }

    /// Returns all metrics as OpenMetrics text.
    fn metrics(&self, py: Python<'_>) -> String {
        py.detach(|| locked(&self.health).render())
    }

    /// Returns what the bot knows of itself, as JSON.
    fn statuses(&self, py: Python<'_>) -> String {
        py.detach(|| serde_json::json!({ "bots": locked(&self.health).statuses() }).to_string())
    }

    /// Returns what is wrong, a sentence each; nothing if all is well.
    fn faults(&self, py: Python<'_>) -> Vec<String> {
        py.detach(|| locked(&self.health).healthy().err().unwrap_or_default())
    }

    /// Returns how many values wait for delivery.
    fn waiting(&self, py: Python<'_>) -> PyResult<u64> {
        self.wait(py, async {
            self.spools.lock().await.as_ref().map_or(0, |spools| spools.own().statistics().queue.values)
        })
    }
}

impl Engine {
    /// Returns what wires runs that go to these queues.
    fn pipeline(&self, queues: &Queues) -> Pipeline<PythonBot, HttpBackend> {
        let settings = CollectorSettings {
            spool: self.limits,
            ..CollectorSettings::new(self.backend.url(), &self.folder)
        };
        Pipeline::new(queues.bot(), Arc::clone(&self.backend), settings)
    }

    /// Opens the spool where nobody has yet.
    async fn spool(&self) -> PyResult<Spool> {
        let mut spools = self.spools.lock().await;
        if let Some(open) = &*spools {
            return Ok(open.own());
        }
        let mut health = Health::new(env!("CARGO_PKG_VERSION"), SystemClock.now());
        let opened =
            Spools::open(&self.folder, self.limits, &self.backend, self.status.clone(), &mut health).await;
        let opened = opened.map_err(|error| failure::of(&error))?;
        *locked(&self.health) = health;
        let spool = opened.own();
        *spools = Some(opened);
        Ok(spool)
    }

    /// Waits without the interpreter's lock; Ctrl-C ends the wait as Python's own.
    fn wait<T: Send>(&self, py: Python<'_>, work: impl Future<Output = T> + Send) -> PyResult<T> {
        if locked(&self.runtime).is_none() {
            return Err(PyRuntimeError::new_err("the engine has been stopped"));
        }
        let mut work = pin!(work);
        loop {
            let step = async { timeout(SIGNALS, &mut work).await };
            match py.detach(|| self.handle.block_on(step)) {
                Ok(done) => return Ok(done),
                Err(_) => py.check_signals()?,
            }
        }
    }
}

/// Where reports of a dry run go: Python has printed what they hold.
struct LeftToPython;

impl Sink for LeftToPython {
    async fn accept(&self, _: Vec<Report>) -> Result<(), SinkError> {
        Ok(())
    }
}

impl Queues {
    fn new(py: Python<'_>) -> PyResult<Self> {
        let queue = || Py::new(py, RunQueue::new()?).map(Arc::new);
        Ok(Self { processes: queue()?, threads: queue()? })
    }

    fn bot(&self) -> Arc<PythonBot> {
        let Self { processes, threads } = self.clone();
        Arc::new(PythonBot { processes, threads })
    }

    fn close(&self) {
        self.processes.get().close();
        self.threads.get().close();
    }
}

fn job((id, intervals, start, version, what, in_process): Given) -> Result<Job<Call>, String> {
    let intervals = intervals.into_iter().map(Interval::from_seconds).collect::<Result<Vec<_>, _>>();
    let intervals = intervals.and_then(Intervals::new).map_err(|error| error.to_string())?;
    let workers = if in_process { Workers::Processes } else { Workers::Threads };
    let call = Call { version, what: Arc::new(what), workers };
    let start = start.map(Timestamp::from_seconds);
    Ok(Job { start, deadline: Some(LAST_DEADLINE), ..Job::new(id, intervals, call) })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
