//! One page that is open.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::body::Bytes;
use bytes::{BufMut, BytesMut};
use grafolean_collector::model::{AccountId, EntityId, Sample};
use serde_json::json;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::feed::{Content, Event, EventId, Feed, Kind, Values};
use crate::{auth::Caller, points::PathFilter, rights::Verb};

/// What comes within this time is told together: an eye sees no more, and a hundred small requests are one write.
const GATHERED: Duration = Duration::from_millis(250);

/// How often something is written even where nothing happens, so that both ends and what stands between know that the
/// connection lives.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// What a reader wants to be told.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Of which account; `None` is all that the caller may read of.
    pub(crate) account: Option<AccountId>,
    /// What of it.
    pub(crate) kinds: Vec<Kind>,
    /// Of which series values; empty is all.
    pub(crate) filters: Vec<PathFilter>,
}

/// A place among the events.
#[derive(Debug)]
pub(crate) struct Reader {
    feed: Arc<Feed>,
    number: u64,
    end: CancellationToken,
    newest: watch::Receiver<u64>,
    wanted: Wanted,
    caller: Caller,
    place: Place,
    not_before: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// What comes after this one is to be told.
    After(u64),
    /// It is to be told that it has to look at everything anew.
    Lost,
}

impl Reader {
    /// Adds a reader, which goes on after an event that it was told last; without one it begins now. One that was told
    /// by another hub, or at an earlier start, looks at everything anew. `None` if there are too many readers.
    pub(crate) fn enter(
        feed: &Arc<Feed>,
        caller: Caller,
        wanted: Wanted,
        told: Option<Result<EventId, ()>>,
    ) -> Option<Self> {
        let (number, end) = feed.enter(caller.user, caller.kind, caller.session)?;
        let place = match told {
            Some(Ok(id)) if feed.id(id.number) == id => Place::After(id.number),
            Some(_) => Place::Lost,
            None => Place::After(feed.last()),
        };
        let (newest, not_before) = (feed.subscribe(), Instant::now());
        Some(Self { feed: Arc::clone(feed), number, end, newest, wanted, caller, place, not_before })
    }

    /// Takes what the caller may do as of now.
    pub(crate) fn set_caller(&mut self, caller: Caller) {
        self.caller = caller;
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Waits for what is to be written next; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        let end = self.end.clone();
        tokio::select! {
            biased;
            () = end.cancelled() => None,
            written = self.written() => Some(written),
        }
    }

    async fn written(&mut self) -> Bytes {
        loop {
            sleep_until(self.not_before).await;
            self.newest.mark_unchanged();
            let written = self.gathered();
            if !written.is_empty() {
                self.not_before = Instant::now() + GATHERED;
                return written;
            }
            // The sender lives as long as the feed.
            if timeout(SIGN_OF_LIFE, self.newest.changed()).await.is_err() {
                return Bytes::from_static(b": \n\n");
            }
            self.not_before = Instant::now() + GATHERED;
        }
    }

    /// Writes all that happened since.
    fn gathered(&mut self) -> Bytes {
        let mut out = BytesMut::new();
        let events = match self.place {
            Place::After(number) => self.feed.after(number),
            Place::Lost => None,
        };
        let Some(events) = events else {
            self.feed.behind.inc();
            let last = self.feed.last();
            self.place = Place::After(last);
            frame(&mut out, self.feed.id(last), "reset", b"{}");
            return out.freeze();
        };
        let (mut stored, mut last) = (BTreeSet::new(), 0);
        for (number, event) in events {
            self.place = Place::After(number);
            last = number;
            if !self.concerns(&event) {
                continue;
            }
            if event.kind == Kind::Values {
                stored.insert(event.account);
            }
            if self.wants(event.kind)
                && let Some(told) = self.told(&event)
            {
                frame(&mut out, self.feed.id(number), event.kind.as_str(), &told);
            }
        }
        for account in stored.into_iter().filter(|_| self.wants(Kind::Stored)) {
            let told = json!({"account": account}).to_string();
            frame(&mut out, self.feed.id(last), Kind::Stored.as_str(), told.as_bytes());
        }
        out.freeze()
    }

    /// Whether an event is about what the reader looks at, and may read.
    fn concerns(&self, event: &Event) -> bool {
        let of_account = match (event.account, self.wanted.account) {
            (Some(account), Some(wanted)) => account == wanted,
            _ => true,
        };
        of_account && self.caller.may(Verb::Get, &event.resource)
    }

    fn wants(&self, kind: Kind) -> bool {
        self.wanted.kinds.contains(&kind)
    }

    /// Returns what of an event is to be told, if anything.
    fn told(&self, event: &Event) -> Option<Bytes> {
        let filters = &self.wanted.filters;
        match &event.content {
            Content::Values(values) if !filters.is_empty() => {
                let wanted = wanted_of(values, filters);
                (!wanted.is_empty()).then(|| Bytes::from(event.of_samples(wanted.into_iter())))
            }
            _ => Some(event.whole()),
        }
    }
}

/// Returns the values that filters mean. Of one that names an entity only the entity's are looked at, so that 200 pages of
/// a device each cost next to nothing.
fn wanted_of<'a>(values: &'a Values, filters: &[PathFilter]) -> Vec<&'a Sample> {
    let matches = |filter: &PathFilter, sample: &&Sample| filter.matches(sample.path.as_str());
    let entities: Option<BTreeSet<EntityId>> = filters.iter().map(PathFilter::entity).collect();
    match entities {
        Some(entities) => {
            let of_them = entities.into_iter().flat_map(|entity| values.of(entity));
            of_them.filter(|sample| filters.iter().any(|filter| matches(filter, sample))).collect()
        }
        None => values.all().filter(|sample| filters.iter().any(|filter| matches(filter, sample))).collect(),
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.feed.leave(self.number);
    }
}

/// Writes an event (HTML, section 9.2.6); JSON has no line ends outside of its strings, and none in them.
fn frame(out: &mut BytesMut, id: EventId, kind: &str, json: &[u8]) {
    out.put_slice(format!("id: {id}\nevent: {kind}\ndata: ").as_bytes());
    out.put_slice(json);
    out.put_slice(b"\n\n");
}
