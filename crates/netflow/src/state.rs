//! What survives a restart: open bins, templates, samplings, names, the ledger, and the totals that people are shown.
//!
//! Every few seconds a [`CheckpointWriter`] writes what changed as small files that are whole or not there:
//! ```text
//!  0        4        8
//! | "GFK1" | crc32  | the value as postcard          the checksum is little-endian, of all that follows it
//! ```
//! A file is written beside its place, synced and renamed, so that a crash leaves the old one or the new one.
//! [`StoredState`] is what others read of them, while the bot runs or after it.

use std::{
    collections::{HashMap, VecDeque},
    fs::{self, File},
    io::{self, Write},
    net::{IpAddr, SocketAddr},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use grafolean_collector::{
    private,
    time::{Clock, SystemClock},
};
use grafolean_time::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;
use tracing::{error, info, warn};

use super::{
    aggregate::Span,
    decoder::Decoder,
    flow_state::FlowState,
    heartbeat::ThreadHeartbeat,
    ledger::{Account, Counted, Coverage, Ledger, NumberedOver},
    reconcile::Verdict,
    record::{Factor, Protocol, Stream},
    snapshot::Snapshot,
};

/// How long between two times that state is written. With the time that writing takes, a crash loses less than 5 s.
const PAUSE: Duration = Duration::from_secs(3);
const MAGIC: &[u8; 4] = b"GFK1";
const MINUTES: &str = "flows-open.bin";
const EXPORTERS: &str = "exporters.bin";
const SUGGESTED: &str = "suggested.bin";
const NAMED: &str = "named.bin";
const LEDGER: &str = "sequences.bin";
const COVERAGE: &str = "coverage.bin";
const TOTALS: &str = "ledger.bin";
/// JSON, for whoever carries it on.
const VERDICTS: &str = "verdicts.json";

/// Writes the flow_state's state every few seconds, and once more when it is dropped.
#[derive(Debug)]
pub(super) struct CheckpointWriter {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    heartbeat: ThreadHeartbeat,
}

struct Files {
    flow_state: Arc<FlowState>,
    folder: PathBuf,
    /// Checksums of what stands in the files: what is the same is not written again.
    written: HashMap<PathBuf, u32>,
}

impl CheckpointWriter {
    /// Reads what was kept, then keeps it up to date. What is damaged is told and left aside.
    pub(super) fn start(flow_state: Arc<FlowState>, folder: &Path, now: Timestamp) -> io::Result<Self> {
        private::create_folder(folder)?;
        let mut files = Files { flow_state, folder: folder.to_owned(), written: HashMap::new() };
        files.restore(now);
        let (stop, stopped) = channel::<()>();
        let heartbeat = ThreadHeartbeat::new("netflow-state", now);
        let own = heartbeat.clone();
        let write = move || {
            let mut save = || {
                if own.round(|| files.save(), || SystemClock.now()).is_none() {
                    error!("the thread that keeps state on disk panicked: it tries again");
                }
            };
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                save();
            }
            save();
        };
        let thread = thread::Builder::new().name(heartbeat.name().to_owned()).spawn(write)?;
        Ok(Self { stop: Some(stop), thread: Some(thread), heartbeat })
    }

    /// Returns the heartbeat of its thread.
    pub(super) fn heartbeat(&self) -> &ThreadHeartbeat {
        &self.heartbeat
    }
}

impl Drop for CheckpointWriter {
    fn drop(&mut self) {
        self.stop.take();
        // a thread that panicked has told so
        self.thread.take().map(JoinHandle::join);
    }
}

impl Files {
    fn restore(&mut self, now: Timestamp) {
        let mut closed_bins = self.flow_state.closed_bins();
        let mut floor = 0;
        for span in Span::ALL.into_iter().rev().filter(|span| *span != Span::Minute) {
            if let Some(level) = told(read(&self.level(span))) {
                floor = closed_bins.rollup.restore(span, level);
            }
        }
        closed_bins.suggested = told(read(&self.folder.join(SUGGESTED))).unwrap_or_default();
        closed_bins.coverage = told(read(&self.folder.join(COVERAGE))).unwrap_or_default();
        drop(closed_bins);
        if let Some(ledger) = told(read(&self.folder.join(LEDGER))) {
            self.flow_state.restore_ledger(ledger);
        }
        self.flow_state.restore(told(read(&self.folder.join(MINUTES))).unwrap_or_default(), floor);
        // whose flows count is known before the backend has told it again
        self.flow_state.name(told(read(&self.folder.join(NAMED))).unwrap_or_default());
        if let Some(snapshot) = told(read(&self.folder.join(EXPORTERS))) {
            let mut decoder = self.flow_state.decoder();
            decoder.restore(snapshot, now);
            info!(templates = decoder.templates().len(), "templates are known from before");
        }
    }

    fn save(&mut self) {
        if let Err(error) = self.try_save() {
            self.flow_state.metrics.keep_errors.inc();
            warn!(%error, source = ?std::error::Error::source(&error), "state is not kept: a restart would lose open bins");
        }
    }

    /// Longest interval first, minutes last: see [`super::aggregate::Rollup::checkpoint`]. All are of one moment, else a
    /// minute that is added up between two of them would be in none. The ledger comes after the minutes: a crash between the two
    /// has flows counted that it tells as lost, and none lost that it does not tell.
    fn try_save(&mut self) -> Result<(), StateError> {
        let ledger_path = self.folder.join(LEDGER);
        let (mut levels, coverage, (minutes, ledger)) = {
            let mut closed_bins = self.flow_state.closed_bins();
            let spans = Span::ALL.into_iter().rev().filter(|span| *span != Span::Minute);
            let levels = spans.filter_map(|span| {
                let path = self.level(span);
                let level = closed_bins.rollup.checkpoint(span)?;
                Some((span, encode(&path, &level).map(|bytes| (path, bytes))))
            });
            let levels = VecDeque::from_iter(levels);
            let ledger = |ledger: &Ledger| encode(&ledger_path, ledger);
            (levels, closed_bins.coverage.clone(), self.flow_state.checkpoint(ledger))
        };
        while let Some((span, level)) = levels.pop_front() {
            if let Err(error) = level.and_then(|(path, bytes)| self.put(path, &bytes)) {
                let mut closed_bins = self.flow_state.closed_bins();
                closed_bins.rollup.checkpoint_failed(span);
                levels.iter().for_each(|(span, _)| closed_bins.rollup.checkpoint_failed(*span));
                return Err(error);
            }
        }
        self.write(self.folder.join(MINUTES), &minutes)?;
        drop(minutes);
        self.put(ledger_path, &ledger?)?;
        self.write(self.folder.join(COVERAGE), &coverage)?;
        let suggested = self.flow_state.closed_bins().suggested.clone();
        self.write(self.folder.join(SUGGESTED), &suggested)?;
        self.write(self.folder.join(NAMED), &*self.flow_state.named())?;
        let verdicts =
            serde_json::to_vec(&self.flow_state.closed_bins().reconciling.verdicts()).unwrap_or_default();
        self.put(self.folder.join(VERDICTS), &verdicts)?;
        let decoder = self.flow_state.decoder();
        self.write(self.folder.join(EXPORTERS), &decoder.snapshot())?;
        self.write(self.folder.join(TOTALS), &ExporterTotals::of(&decoder))
    }

    fn write(&mut self, path: PathBuf, value: &impl Serialize) -> Result<(), StateError> {
        let bytes = encode(&path, value)?;
        self.put(path, &bytes)
    }

    fn put(&mut self, path: PathBuf, bytes: &[u8]) -> Result<(), StateError> {
        let checksum = crc32fast::hash(bytes);
        if self.written.get(&path) == Some(&checksum) {
            return Ok(());
        }
        replace(&path, bytes)?;
        self.written.insert(path, checksum);
        Ok(())
    }

    fn level(&self, span: Span) -> PathBuf {
        self.folder.join(format!("flows-{}.bin", span.label()))
    }
}

/// Logs why something that was kept cannot be read, and goes on without it.
fn told<T>(read: Result<Option<T>, StateError>) -> Option<T> {
    read.inspect_err(|error| warn!(%error, "starting without it")).ok().flatten()
}

/// The sums of all streams, since each was first heard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExporterTotals {
    /// Every stream, in order.
    pub streams: Vec<StreamTotals>,
    /// Datagrams of no known protocol.
    pub foreign_datagrams: u64,
    /// Datagrams that the kernel dropped before anybody saw whose they were.
    pub kernel_drops: u64,
    /// Samplings that operators set, by the exporter's address.
    pub set_by_hand: Vec<(IpAddr, Factor)>,
}

/// The sums of one stream; see [`Account`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "they are the account's, by the same names")]
#[non_exhaustive]
pub struct StreamTotals {
    /// Where it comes from.
    pub exporter: SocketAddr,
    pub protocol: Protocol,
    pub domain: u32,
    pub agent: Option<IpAddr>,
    pub last_seen: Timestamp,
    pub datagrams: u64,
    pub octets: u64,
    pub flows: u64,
    pub options: u64,
    pub templates: u64,
    pub counter_samples: u64,
    pub samples_lost: u64,
    pub samples_dropped: u64,
    pub seen: u64,
    pub lost: u64,
    pub unscaled: u64,
    pub disbelieved: u64,
    /// What its numbers count, and over what they run.
    pub counting: String,
    pub recovered: u64,
    pub late: u64,
    pub repeated: u64,
    pub restarts: u64,
    pub undecodable: u64,
    pub deferred: u64,
    pub resumed: u64,
    pub expired: u64,
}

/// All that a bot's folder says of its exporters.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct StoredState {
    /// Sums since each stream was first heard.
    pub totals: ExporterTotals,
    /// Templates and samplings.
    pub snapshot: Snapshot,
    /// What is to be said of each exporter that an entity names.
    pub verdicts: Vec<Verdict>,
}

impl ExporterTotals {
    /// Creates the totals of what a decoder has counted.
    pub(super) fn of(decoder: &Decoder) -> Self {
        let ledger = decoder.ledger();
        let mut streams: Vec<_> = ledger
            .accounts()
            .map(|(stream, account)| StreamTotals::of(stream, account, ledger.numbered_over(stream)))
            .collect();
        streams.sort_by_key(|stream| (stream.exporter, stream.protocol, stream.domain, stream.agent));
        let mut set_by_hand: Vec<_> = decoder.samplings().all_set_by_hand().collect();
        set_by_hand.sort_by_key(|(address, _)| *address);
        Self {
            streams,
            foreign_datagrams: ledger.foreign_datagrams(),
            kernel_drops: ledger.kernel_drops(),
            set_by_hand,
        }
    }
}

impl StreamTotals {
    fn of(stream: &Stream, account: &Account, over: NumberedOver) -> Self {
        Self {
            exporter: stream.exporter,
            protocol: stream.protocol,
            domain: stream.domain,
            agent: stream.agent,
            last_seen: account.last_seen,
            datagrams: account.datagrams,
            octets: account.octets,
            flows: account.flows,
            options: account.options,
            templates: account.templates,
            counter_samples: account.counter_samples,
            samples_lost: account.samples_lost,
            samples_dropped: account.samples_dropped,
            unscaled: account.coverage.unscaled,
            disbelieved: account.disbelieved,
            counting: counting(stream.protocol, account.counted(), over),
            seen: account.coverage.seen,
            lost: account.coverage.lost,
            recovered: account.recovered,
            late: account.late,
            repeated: account.repeated,
            restarts: account.restarts,
            undecodable: account.undecodable,
            deferred: account.deferred,
            resumed: account.resumed,
            expired: account.expired,
        }
    }

    /// Returns how much of what was sent was seen, with what is known of its scale; see [`Coverage::ratio`].
    pub fn coverage(&self) -> Option<f64> {
        self.completeness().ratio()
    }

    /// Returns what its coverage is made of.
    pub fn completeness(&self) -> Coverage {
        Coverage {
            seen: self.seen,
            lost: self.lost,
            flows: self.flows,
            unscaled: self.unscaled,
            dropped: self.samples_dropped,
        }
    }
}

/// Returns in words what a stream's numbers count, and over what they run.
fn counting(protocol: Protocol, counted: Counted, over: NumberedOver) -> String {
    let units =
        match (protocol, counted) {
            (Protocol::Netflow1, _) => return "nothing".to_owned(),
            (Protocol::Netflow5 | Protocol::Netflow7, _) => "flows",
            (_, Counted::WithTemplates) => "records and templates",
            (Protocol::Netflow9 | Protocol::Sflow5, Counted::ByRule)
            | (Protocol::Ipfix, Counted::Otherwise) => "datagrams",
            (Protocol::Netflow9 | Protocol::Sflow5, Counted::Otherwise)
            | (Protocol::Ipfix, Counted::ByRule) => "records",
        };
    match over {
        NumberedOver::Domain => format!("{units} per domain"),
        NumberedOver::Exporter => format!("{units} per exporter"),
    }
}

impl StoredState {
    /// Reads what a bot keeps in its folder; what was never written is empty.
    ///
    /// # Errors
    /// Fails when a file is damaged, of another version, or cannot be read.
    pub fn read(folder: &Path) -> Result<Self, StateError> {
        Ok(Self {
            totals: read(&folder.join(TOTALS))?.unwrap_or_default(),
            snapshot: read(&folder.join(EXPORTERS))?.unwrap_or_default(),
            verdicts: read_verdicts(&folder.join(VERDICTS))?,
        })
    }
}

/// Why something could not be kept, or not be read again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// The disk refuses.
    #[error("could not {what} {}", path.display())]
    File {
        /// What was being done.
        what: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The file is not what was written.
    #[error("{} is damaged or of another version ({length} bytes): it is left aside", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// How long it is.
        length: usize,
    },
    /// The value has no such form; ours all have.
    #[error("could not write down what belongs into {}", path.display())]
    Encoding {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: postcard::Error,
    },
}

/// Returns the bytes of a file that keeps a value.
fn encode(path: &Path, value: &impl Serialize) -> Result<Vec<u8>, StateError> {
    let head = [MAGIC.as_slice(), &[0; 4]].concat();
    let mut bytes = postcard::to_extend(value, head)
        .map_err(|source| StateError::Encoding { path: path.to_owned(), source })?;
    let checksum = crc32fast::hash(bytes.get(8..).unwrap_or_default());
    if let Some(place) = bytes.get_mut(4..8) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
    Ok(bytes)
}

/// Puts bytes into a file's place, whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    let beside = path.with_extension("new");
    let fault = |what| {
        let path = path.to_owned();
        move |source| StateError::File { what, path, source }
    };
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .map_err(fault("create"))?;
    file.write_all(bytes).map_err(fault("write"))?;
    file.sync_all().map_err(fault("sync"))?;
    fs::rename(&beside, path).map_err(fault("replace"))?;
    let folder = path.parent().map(File::open).transpose().map_err(fault("open the folder of"))?;
    folder.map_or(Ok(()), |folder| folder.sync_all()).map_err(fault("sync the folder of"))
}

/// Reads a value again, if there is one.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StateError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StateError::File { what: "read", path: path.to_owned(), source }),
    };
    let damaged = || StateError::Damaged { path: path.to_owned(), length: bytes.len() };
    let (head, body) = bytes.split_at_checked(8).ok_or_else(damaged)?;
    let expected = [MAGIC.as_slice(), &crc32fast::hash(body).to_le_bytes()].concat();
    if head != expected {
        return Err(damaged());
    }
    postcard::from_bytes(body).map(Some).map_err(|_| damaged())
}

fn read_verdicts(path: &Path) -> Result<Vec<Verdict>, StateError> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .map_err(|_| StateError::Damaged { path: path.to_owned(), length: text.len() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(StateError::File { what: "read", path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_cut_or_changed_anywhere_is_told_from_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value.bin");
        assert_eq!(read::<Vec<u32>>(&path).unwrap(), None);
        let bytes = encode(&path, &vec![1_u32, 2, 300]).unwrap();
        replace(&path, &bytes).unwrap();
        assert_eq!(read(&path).unwrap(), Some(vec![1_u32, 2, 300]));
        for place in 0..bytes.len() {
            fs::write(&path, &bytes[..place]).unwrap();
            assert!(matches!(read::<Vec<u32>>(&path), Err(StateError::Damaged { .. })), "cut at {place}");
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert!(matches!(read::<Vec<u32>>(&path), Err(StateError::Damaged { .. })), "changed at {place}");
        }
    }
}
