//! What a device has of all profiles: pure arithmetic over what it answers.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use super::{
    Application, Library, Profile, Why,
    application::{Candidate, apply},
};
use crate::snmp::{AskError, Oid, Request, Value, Varbind, settings::Fetch};

/// Objects of one GETNEXT: they fit into an Ethernet's packet with room for text.
const AT_ONCE: usize = 24;

/// So often a device may be silent to a probe's question; then the rest is taken as not there.
const MOST_SILENCES: usize = 6;

const SYS_DESCR: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 1, 0];
const SYS_OBJECT_ID: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 2, 0];
const SYS_NAME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 5, 0];

/// What a device says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct System {
    /// sysObjectID.
    pub object: Option<Oid>,
    /// sysDescr.
    pub descr: String,
    /// sysName.
    pub name: String,
}

/// Objects that are asked for in one packet: they themselves, or the first below each.
#[derive(Clone, Debug, Default)]
struct Question {
    oids: Vec<Oid>,
    is_exact: bool,
}

/// A device being asked what it has.
pub struct Probe {
    library: Vec<Arc<Profile>>,
    chosen: Option<String>,
    stage: Stage,
    system: System,
    candidates: Vec<Candidate>,
    waiting: VecDeque<Question>,
    asked: Question,
    /// The first value at or below each object that was asked for.
    found: BTreeMap<Oid, Value>,
    at_once: usize,
    silences: usize,
    requests: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    System,
    Roots,
    Metrics,
    Done,
}

impl Probe {
    /// Begins with a device; with a chosen profile only that one and those of standards are tried.
    pub fn new(library: &Library, chosen: Option<&str>) -> Self {
        let system = [SYS_DESCR, SYS_OBJECT_ID, SYS_NAME];
        Self {
            library: library.profiles().to_vec(),
            chosen: chosen.map(str::to_owned),
            stage: Stage::System,
            system: System::default(),
            candidates: Vec::new(),
            waiting: VecDeque::from([Question {
                oids: system.into_iter().flat_map(Oid::new).collect(),
                is_exact: true,
            }]),
            asked: Question::default(),
            found: BTreeMap::new(),
            at_once: AT_ONCE,
            silences: 0,
            requests: 0,
        }
    }

    /// Asks for so many objects in one packet at most.
    #[must_use]
    pub fn with_objects_at_once(self, most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(AT_ONCE);
        Self { at_once: most.clamp(1, AT_ONCE), ..self }
    }

    /// Returns what is to be asked next; None when all is known.
    pub fn next_request(&mut self) -> Option<Request> {
        loop {
            if let Some(question) = self.waiting.pop_front() {
                self.asked = question.clone();
                self.requests += 1;
                let Question { oids, is_exact } = question;
                return Some(if is_exact { Request::Get(oids) } else { Request::Next(oids) });
            }
            match self.stage {
                Stage::System => self.begin_roots(),
                Stage::Roots => self.begin_metrics(),
                Stage::Metrics => self.stage = Stage::Done,
                Stage::Done => return None,
            }
        }
    }

    /// Adds the answer to the last request.
    ///
    /// # Errors
    /// Why the device does not say who it is; any later failure costs only what it was about.
    pub fn take(&mut self, answer: Result<Vec<Varbind>, AskError>) -> Result<(), AskError> {
        let Question { oids: asked, is_exact } = std::mem::take(&mut self.asked);
        let varbinds = match answer {
            Ok(varbinds) => varbinds,
            Err(error) if self.stage == Stage::System && !matches!(error, AskError::Status { .. }) => {
                return Err(error);
            }
            Err(error) => {
                self.silences += usize::from(!matches!(error, AskError::Status { .. }));
                if self.silences >= MOST_SILENCES {
                    self.waiting.clear();
                } else {
                    self.ask_in_halves(&asked, is_exact);
                }
                return Ok(());
            }
        };
        let came = varbinds.len();
        for (root, Varbind { oid, value }) in asked.iter().zip(varbinds) {
            if let (Ok(value), Some(_)) = (value, oid.below(root)) {
                self.found.insert(root.clone(), value);
            }
        }
        // What did not fit is asked for again, by itself.
        if let Some(rest) = asked.get(came..).filter(|rest| !rest.is_empty() && came > 0) {
            self.waiting.push_front(Question { oids: rest.to_vec(), is_exact });
        }
        Ok(())
    }

    fn ask_in_halves(&mut self, oids: &[Oid], is_exact: bool) {
        if oids.len() > 1 {
            let (one, other) = oids.split_at(oids.len() / 2);
            for half in [other, one] {
                self.waiting.push_front(Question { oids: half.to_vec(), is_exact });
            }
        }
    }

    fn begin_roots(&mut self) {
        self.stage = Stage::Roots;
        let value = |arcs: [u32; 9]| Oid::new(arcs).ok().and_then(|oid| self.found.get(&oid));
        let text = |arcs| value(arcs).map(|value| value.text().into_owned()).unwrap_or_default();
        let object = match value(SYS_OBJECT_ID) {
            Some(Value::Oid(object)) => Some(object.clone()),
            _ => None,
        };
        self.system = System { object, descr: text(SYS_DESCR), name: text(SYS_NAME) };
        let roots: BTreeSet<Oid> =
            self.library.iter().filter(|it| !it.is_standard()).flat_map(|it| it.roots()).collect();
        if self.chosen.is_none() {
            self.ask(roots, false);
        }
    }

    fn begin_metrics(&mut self) {
        self.stage = Stage::Metrics;
        let (system, found) = (&self.system, &self.found);
        let candidate = |profile: &Arc<Profile>| {
            let weight = profile.of_system(system.object.as_ref(), &system.descr);
            let why = match (&self.chosen, weight) {
                (Some(chosen), _) if *chosen == profile.name => Why::Chosen,
                _ if profile.is_standard() => Why::Standard,
                (Some(_), _) => return None,
                (None, Some(_)) => Why::System,
                (None, None) => {
                    Why::Answers(profile.roots().into_iter().find(|root| found.contains_key(root))?)
                }
            };
            Some(Candidate { profile: Arc::clone(profile), why, weight: weight.unwrap_or(0) })
        };
        let mut candidates: Vec<_> = self.library.iter().filter_map(candidate).collect();
        candidates.sort_by_key(|it| (it.why.order(), std::cmp::Reverse(it.weight)));
        let needs = candidates.iter().flat_map(|it| it.profile.metrics.iter().flat_map(super::Metric::needs));
        let (mut exact, mut below) = (BTreeSet::new(), BTreeSet::new());
        for fetch in needs {
            match asked_as(fetch) {
                Asked::Exactly(oid) => _ = exact.insert(oid),
                Asked::Below(oid) => _ = below.insert(oid),
            }
        }
        self.candidates = candidates;
        self.ask(below, false);
        self.ask(exact, true);
    }

    fn ask(&mut self, oids: BTreeSet<Oid>, is_exact: bool) {
        let oids: Vec<Oid> = oids.into_iter().filter(|oid| !self.found.contains_key(oid)).collect();
        let question = |oids: &[Oid]| Question { oids: oids.to_vec(), is_exact };
        self.waiting.extend(oids.chunks(self.at_once).map(question));
    }

    /// Returns what the device has.
    pub fn into_application(self) -> Application {
        let is_complete = self.silences == 0;
        Application { is_complete, ..apply(self.system, self.candidates, &self.found, self.requests) }
    }
}

/// How it is found out whether a device has an object.
pub(super) enum Asked {
    /// By asking for it.
    Exactly(Oid),
    /// By asking for the first below: a column's first row, a scalar's value, which no agent of SNMPv1 takes amiss.
    Below(Oid),
}

impl Asked {
    pub(super) const fn oid(&self) -> &Oid {
        match self {
            Self::Exactly(oid) | Self::Below(oid) => oid,
        }
    }
}

/// Returns how it is found out whether a device has what is read.
pub(super) fn asked_as(fetch: &Fetch) -> Asked {
    match fetch {
        Fetch::Walk(root) => Asked::Below(root.clone()),
        Fetch::Get(oid) => match oid.arcs().split_last() {
            Some((0, above)) => Oid::new(above).map_or_else(|_| Asked::Exactly(oid.clone()), Asked::Below),
            _ => Asked::Exactly(oid.clone()),
        },
    }
}
