//! The last events.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use axum::body::Bytes;
use grafolean_collector::model::{AccountId, EntityId, Sample, UserId};
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{auth::CallerKind, overview::entity_of, store::session::SessionId};

/// What the events that are kept may take in memory: some ten seconds of 20,000 values a second. The oldest go; a reader
/// that has not read them looks at everything anew.
const KEPT_BYTES: usize = 16 << 20;

/// How long events are kept after the last reader left: a connection that broke is back within seconds. After it nothing
/// is kept while nobody reads, and who comes back looks at everything anew.
const KEPT_UNREAD: Duration = Duration::from_secs(60);

/// Readers at a time: half of all connections. Beyond it further ones are refused.
pub(super) const READERS: usize = 512;

/// Readers of one user at a time: windows that somebody has open.
pub(super) const READERS_OF_USER: usize = 64;

/// Bots among the readers, which leave the other half to pages. A bot that is refused reads its configuration every two
/// minutes all the same.
const BOTS: usize = 256;

/// The last events, and who reads them.
#[derive(Debug)]
pub(crate) struct Feed {
    kept: Mutex<Kept>,
    newest: watch::Sender<u64>,
    /// Told apart from those of another start of the hub.
    start: u32,
    readers: Mutex<Readers>,
    connected: Gauge,
    pub(super) behind: Counter,
}

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<(u64, Arc<Event>)>,
    bytes: usize,
    last: u64,
}

#[derive(Debug, Default)]
struct Readers {
    all: HashMap<u64, Known>,
    last_left: Option<Instant>,
}

/// Who reads, and how that is ended.
#[derive(Debug)]
struct Known {
    user: UserId,
    kind: CallerKind,
    session: Option<SessionId>,
    end: CancellationToken,
}

/// Something that happened.
#[derive(Debug)]
pub(crate) struct Event {
    pub(super) kind: Kind,
    /// Whose it is; `None` for what is not an account's.
    pub(super) account: Option<AccountId>,
    /// The path of the resource below `/api/`: whoever may read it is told.
    pub(super) resource: String,
    pub(super) content: Content,
}

/// What kind of thing happened: the name of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Values were stored, these.
    Values,
    /// Values were stored, whichever: told once for all that came together.
    Stored,
    /// Series came that did not exist before.
    Paths,
    /// A resource changed.
    Changed,
    /// A bot told something of itself.
    Status,
    /// Something else is wrong with an account than before.
    Findings,
}

#[derive(Debug)]
pub(super) enum Content {
    Json(Value),
    Values(Values),
}

/// Values that were stored, as readers take them; what is worked out of them is worked out once for all readers.
#[derive(Debug)]
pub(super) struct Values {
    samples: Vec<Sample>,
    whole: OnceLock<Bytes>,
    by_entity: OnceLock<HashMap<EntityId, Vec<usize>>>,
}

/// Names an event over restarts of the hub, for `Last-Event-ID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    pub(super) start: u32,
    pub(super) number: u64,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Values, Self::Stored, Self::Paths, Self::Changed, Self::Status, Self::Findings];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Values => "values",
            Self::Stored => "stored",
            Self::Paths => "paths",
            Self::Changed => "changed",
            Self::Status => "status",
            Self::Findings => "findings",
        }
    }
}

impl Values {
    /// Returns those of an entity, in order.
    pub(super) fn of(&self, entity: EntityId) -> impl Iterator<Item = &Sample> {
        let by_entity = self.by_entity.get_or_init(|| {
            let mut found: HashMap<EntityId, Vec<usize>> = HashMap::new();
            for (place, sample) in self.samples.iter().enumerate() {
                if let Some(entity) = entity_of(sample.path.as_str()) {
                    found.entry(entity).or_default().push(place);
                }
            }
            found
        });
        by_entity.get(&entity).into_iter().flatten().filter_map(|place| self.samples.get(*place))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:08x}-{}", self.start, self.number)
    }
}

impl FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (start, number) = text.split_once('-').ok_or(())?;
        let start = u32::from_str_radix(start, 16).map_err(|_| ())?;
        Ok(Self { start, number: number.parse().map_err(|_| ())? })
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            kept: Mutex::default(),
            newest: watch::Sender::new(0),
            start: rand::random(),
            readers: Mutex::default(),
            connected: Gauge::default(),
            behind: Counter::default(),
        }
    }
}

impl Feed {
    /// Registers its counters.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("grafolean_hub_events");
        registry.register("readers", "Pages that are told of events", self.connected.clone());
        let help =
            "Times that a reader fell behind the events that are kept, and had to look at everything anew";
        registry.register("behind", help, self.behind.clone());
    }

    /// Tells that values were stored.
    pub(crate) fn stored(&self, account: AccountId, samples: Vec<Sample>) {
        if samples.is_empty() {
            return;
        }
        let content = Content::Values(Values { samples, whole: OnceLock::new(), by_entity: OnceLock::new() });
        let resource = format!("accounts/{account}/values");
        self.add(Event { kind: Kind::Values, account: Some(account), resource, content });
    }

    /// Tells of anything else; whoever may read the resource hears it.
    pub(crate) fn tell(&self, kind: Kind, resource: &str, mut told: Value) {
        if let Value::Object(fields) = &mut told {
            fields.entry("resource").or_insert_with(|| resource.into());
        }
        let account = account_of(resource);
        self.add(Event { kind, account, resource: resource.to_owned(), content: Content::Json(told) });
    }

    /// Whether anybody reads, or did a moment ago.
    pub(crate) fn is_read(&self) -> bool {
        let readers = self.readers();
        !readers.all.is_empty() || readers.last_left.is_some_and(|left| left.elapsed() < KEPT_UNREAD)
    }

    /// Notes that something happened that nobody is told of.
    pub(crate) fn miss(&self) {
        let mut kept = self.kept();
        *kept = Kept { last: kept.last + 1, ..Kept::default() };
    }

    fn add(&self, event: Event) {
        if !self.is_read() {
            return self.miss();
        }
        let size = event.size();
        let mut kept = self.kept();
        kept.last += 1;
        let number = kept.last;
        kept.events.push_back((number, Arc::new(event)));
        kept.bytes += size;
        while kept.bytes > KEPT_BYTES
            && let Some((_, oldest)) = kept.events.pop_front()
        {
            kept.bytes = kept.bytes.saturating_sub(oldest.size());
        }
        drop(kept);
        self.newest.send_replace(number);
    }

    /// Returns the events after one, oldest first; `None` if some of them are not kept any more.
    pub(super) fn after(&self, number: u64) -> Option<Vec<(u64, Arc<Event>)>> {
        let kept = self.kept();
        let first = kept.last + 1 - u64::try_from(kept.events.len()).unwrap_or(u64::MAX).min(kept.last);
        if number > kept.last || number + 1 < first {
            return None;
        }
        let skipped = usize::try_from(number + 1 - first).unwrap_or(usize::MAX);
        Some(kept.events.iter().skip(skipped).cloned().collect())
    }

    /// Returns the newest event there is.
    pub(super) fn last(&self) -> u64 {
        self.kept().last
    }

    pub(super) fn id(&self, number: u64) -> EventId {
        EventId { start: self.start, number }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Adds a reader; `None` if there are too many, of all or of this user.
    pub(super) fn enter(
        &self,
        user: UserId,
        kind: CallerKind,
        session: Option<SessionId>,
    ) -> Option<(u64, CancellationToken)> {
        let mut readers = self.readers();
        let readers = &mut readers.all;
        let own = readers.values().filter(|known| known.user == user).count();
        let bots = readers.values().filter(|known| known.kind == CallerKind::Bot).count();
        if readers.len() >= READERS || own >= READERS_OF_USER || (kind == CallerKind::Bot && bots >= BOTS) {
            return None;
        }
        let number = (0..).find(|number| !readers.contains_key(number))?;
        let end = CancellationToken::new();
        readers.insert(number, Known { user, kind, session, end: end.clone() });
        self.connected.inc();
        Some((number, end))
    }

    pub(super) fn leave(&self, reader: u64) {
        let mut readers = self.readers();
        readers.all.remove(&reader);
        readers.last_left = Some(Instant::now());
        self.connected.dec();
    }

    /// Ends the readers of sessions that ended.
    pub(crate) fn end_where(&self, ended: impl Fn(UserId, Option<SessionId>) -> bool) {
        self.readers()
            .all
            .values()
            .filter(|known| ended(known.user, known.session))
            .for_each(|known| known.end.cancel());
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Event {
    /// About what it takes in memory, its JSON included.
    fn size(&self) -> usize {
        const EACH: usize = 200;
        const SAMPLE: usize = 160;
        EACH + match &self.content {
            Content::Json(value) => 2 * value.to_string().len(),
            Content::Values(values) => values.samples.len() * SAMPLE,
        }
    }

    /// Writes all of it as JSON; that of values once for all readers.
    pub(super) fn whole(&self) -> Bytes {
        match &self.content {
            Content::Json(value) => Bytes::from(value.to_string()),
            Content::Values(values) => {
                values.whole.get_or_init(|| Bytes::from(self.of_samples(values.all()))).clone()
            }
        }
    }

    /// Writes values of it as JSON.
    pub(super) fn of_samples<'a>(&self, samples: impl Iterator<Item = &'a Sample>) -> String {
        let rows: Vec<Value> = samples
            .map(|sample| json!({"p": sample.path.as_str(), "t": sample.time.as_seconds_f64(), "v": sample.value}))
            .collect();
        json!({"account": self.account, "list": rows}).to_string()
    }
}

fn account_of(resource: &str) -> Option<AccountId> {
    let resource = resource.strip_prefix("hub/").unwrap_or(resource);
    resource.strip_prefix("accounts/")?.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use grafolean_collector::{model::SeriesPath, time::Timestamp};

    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_who_is_behind_is_told() {
        let feed = Feed::default();
        feed.enter(UserId::new(1), CallerKind::Person, None).unwrap();
        let sample = |n: i64| Sample {
            path: SeriesPath::parse("entity.1.ping.success").unwrap(),
            time: Timestamp::from_seconds(n),
            value: 1.0,
        };
        assert_eq!(feed.after(0).unwrap().len(), 0);
        for number in 0..200 {
            feed.stored(AccountId::new(1), (0..1_000).map(|_| sample(number)).collect());
        }
        assert!(feed.after(0).is_none() && feed.after(201).is_none());
        assert_eq!(feed.after(200).unwrap().len(), 0);
        let kept = feed.kept().events.len();
        assert!((50..200).contains(&kept), "{kept}");
        let first = 200 - u64::try_from(kept).unwrap();
        assert_eq!(feed.after(first).unwrap().first().unwrap().0, first + 1);
        assert!(feed.after(first - 1).is_none());
    }

    #[test]
    fn what_nobody_read_is_a_gap_for_who_comes_back() {
        let feed = Feed::default();
        feed.tell(Kind::Changed, "accounts/1/entities", json!({}));
        assert!(feed.after(0).is_none());
        assert_eq!(feed.after(1).unwrap().len(), 0);
        let (reader, _) = feed.enter(UserId::new(1), CallerKind::Person, None).unwrap();
        feed.leave(reader);
        feed.tell(Kind::Changed, "accounts/1/entities", json!({}));
        assert_eq!(feed.after(1).unwrap().len(), 1, "it was read a moment ago");
    }

    #[test]
    fn bots_leave_room_for_pages() {
        let feed = Feed::default();
        let bots =
            (0..).take_while(|number| feed.enter(UserId::new(*number), CallerKind::Bot, None).is_some());
        assert_eq!(bots.count(), BOTS);
        assert!(feed.enter(UserId::new(-1), CallerKind::Person, None).is_some());
    }

    #[test]
    fn an_id_survives_the_way_to_a_page_and_back() {
        let id = Feed::default().id(77);
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "7", "x-7", "7-x", "ffffffffff-1"] {
            assert_eq!(wrong.parse::<EventId>(), Err(()), "{wrong}");
        }
    }
}
