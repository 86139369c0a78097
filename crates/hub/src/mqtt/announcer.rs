//! Changes, told to whoever subscribed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::body::Bytes;
use grafolean_collector::model::{AccountId, Sample, UserId};
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    events::{Feed, Kind},
    points::SeriesRow,
    store::session::SessionId,
};

/// Messages that wait for one subscriber, some 10 MB: what the largest request of values may bring to someone who wants
/// all of them. At it the subscriber is too slow: the connection is closed, counted and logged.
const QUEUE: usize = 64 * 1024;

/// Topics that one connection may subscribe to; beyond it a subscription is refused.
pub(super) const MOST_FILTERS: usize = 1_000;

/// A message for subscribers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Bytes,
}

/// Passes on what changed.
#[derive(Debug, Default)]
pub(crate) struct Announcer {
    subscribers: Mutex<Subscribers>,
    connected: Gauge,
    slow_readers: Counter,
    feed: Arc<Feed>,
    /// Counts changes of what bots measure by.
    configured: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Subscribers {
    next: u64,
    all: HashMap<u64, Subscriber>,
}

#[derive(Debug)]
struct Subscriber {
    user: UserId,
    session: Option<SessionId>,
    filters: Vec<String>,
    queue: mpsc::Sender<Message>,
    end: CancellationToken,
}

/// One subscriber's side; dropping it ends the subscription.
#[derive(Debug)]
pub(super) struct Subscription {
    announcer: Arc<Announcer>,
    number: u64,
    pub(super) messages: mpsc::Receiver<Message>,
    /// Cancelled when the connection is to be closed.
    pub(super) end: CancellationToken,
}

impl Announcer {
    /// Registers its counters.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.feed.register(registry);
        let registry = registry.sub_registry_with_prefix("grafolean_hub_mqtt");
        registry.register("connections", "Clients that are connected over MQTT", self.connected.clone());
        let help = "Clients that were disconnected because they read too slowly";
        registry.register("slow_readers", help, self.slow_readers.clone());
    }

    /// Adds a subscriber, as yet without topics.
    pub(super) fn subscribe(self: &Arc<Self>, user: UserId, session: Option<SessionId>) -> Subscription {
        let (queue, messages) = mpsc::channel(QUEUE);
        let end = CancellationToken::new();
        let mut subscribers = self.lock();
        let number = subscribers.next;
        subscribers.next += 1;
        let subscriber = Subscriber { user, session, filters: Vec::new(), queue, end: end.clone() };
        subscribers.all.insert(number, subscriber);
        self.connected.inc();
        Subscription { announcer: Arc::clone(self), number, messages, end }
    }

    /// Returns what pages are told by.
    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// Whether there is anybody to tell.
    pub(crate) fn has_subscribers(&self) -> bool {
        !self.lock().all.is_empty() || self.feed.is_read()
    }

    /// Values were stored of which nobody is told.
    pub(crate) fn missed(&self) {
        self.feed.miss();
    }

    /// Returns what changes with each change of what bots measure by.
    pub(crate) fn configured(&self) -> watch::Receiver<u64> {
        self.configured.subscribe()
    }

    /// A resource changed, and with it the lists above it.
    pub(crate) fn changed(&self, resource: &str) {
        if is_configuration(resource) {
            self.configured.send_modify(|count| *count = count.wrapping_add(1));
        }
        self.feed.tell(Kind::Changed, resource, json!({}));
        self.tell(|| topics(resource).into_iter().map(|topic| (topic, Bytes::from_static(b"\"1\""))));
    }

    /// Values were stored.
    pub(crate) fn stored(&self, account: AccountId, samples: Vec<Sample>, created: &[SeriesRow]) {
        if !created.is_empty() {
            let rows: Vec<_> = created.iter().map(|row| json!({"p": row.path, "id": row.id})).collect();
            let told = json!({"account": account, "list": rows});
            self.feed.tell(Kind::Paths, &format!("accounts/{account}/paths"), told);
            let payload = Bytes::from(json!(rows).to_string());
            self.tell(|| [(format!("changed/accounts/{account}/paths"), payload.clone())]);
        }
        let folder = format!("changed/accounts/{account}/values/");
        if self.lock().all.values().any(|subscriber| subscriber.wants_below(&folder)) {
            self.tell(|| {
                samples.iter().map(|sample| {
                    let value = json!({"v": sample.value, "t": sample.time.as_seconds_f64()});
                    (format!("{folder}{}", sample.path.as_str()), Bytes::from(value.to_string()))
                })
            });
        }
        self.feed.stored(account, samples);
    }

    /// A session was ended: its connections are closed.
    pub(crate) fn end_session(&self, session: SessionId) {
        self.feed.end_where(|_, its| its == Some(session));
        self.end_where(|subscriber| subscriber.session == Some(session));
    }

    /// The sessions of a user were ended but one.
    pub(crate) fn end_sessions_of(&self, user: UserId, but: Option<SessionId>) {
        self.feed.end_where(|its_user, its| its_user == user && its != but);
        self.end_where(|subscriber| subscriber.user == user && subscriber.session != but);
    }

    /// Closes all connections.
    pub(crate) fn end_all(&self) {
        self.feed.end_where(|_, _| true);
        self.end_where(|_| true);
    }

    fn end_where(&self, ended: impl Fn(&Subscriber) -> bool) {
        self.lock().all.values().filter(|subscriber| ended(subscriber)).for_each(|one| one.end.cancel());
    }

    /// Puts messages into the queues of those who want them. They are made only if there is anybody.
    fn tell<I: IntoIterator<Item = (String, Bytes)>>(&self, messages: impl FnOnce() -> I) {
        let subscribers = self.lock();
        if subscribers.all.is_empty() {
            return;
        }
        for (topic, payload) in messages() {
            let message = Message { topic, payload };
            for subscriber in subscribers.all.values().filter(|one| one.wants(&message.topic)) {
                if subscriber.queue.try_send(message.clone()).is_err() && !subscriber.end.is_cancelled() {
                    self.slow_readers.inc();
                    warn!(user = %subscriber.user, "a client that reads too slowly over MQTT is disconnected");
                    subscriber.end.cancel();
                }
            }
        }
    }

    /// Counts a client that took too long to take a message.
    pub(super) fn count_slow_reader(&self) {
        self.slow_readers.inc();
    }

    fn lock(&self) -> MutexGuard<'_, Subscribers> {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber {
    fn wants(&self, topic: &str) -> bool {
        !self.end.is_cancelled() && self.filters.iter().any(|filter| mqttbytes::matches(topic, filter))
    }

    /// Whether any topic in a folder could be wanted.
    fn wants_below(&self, folder: &str) -> bool {
        let levels = || folder.trim_end_matches('/').split('/');
        self.filters.iter().any(|filter| {
            let mut wanted = filter.split('/');
            levels().all(|level| wanted.next().is_some_and(|wanted| wanted == level || wanted == "+"))
                || filter.split('/').zip(levels()).any(|(wanted, _)| wanted == "#")
        })
    }
}

impl Subscription {
    /// Adds a topic, or a filter of several; `false` if there are too many.
    pub(super) fn add(&self, filter: &str) -> bool {
        let mut subscribers = self.announcer.lock();
        let Some(subscriber) = subscribers.all.get_mut(&self.number) else { return false };
        if subscriber.filters.iter().any(|known| known == filter) {
            return true;
        }
        if subscriber.filters.len() >= MOST_FILTERS {
            return false;
        }
        subscriber.filters.push(filter.to_owned());
        true
    }

    /// Removes a topic.
    pub(super) fn remove(&self, filter: &str) {
        if let Some(subscriber) = self.announcer.lock().all.get_mut(&self.number) {
            subscriber.filters.retain(|known| known != filter);
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.announcer.lock().all.remove(&self.number);
        self.announcer.connected.dec();
    }
}

/// Whether bots measure by it: accounts and what stands in them but dashboards, rights, and whether there is anybody.
fn is_configuration(resource: &str) -> bool {
    let mut segments = resource.split('/');
    match (segments.next(), segments.nth(1)) {
        (Some("accounts"), part) => !matches!(part, Some("dashboards" | "paths" | "values")),
        (Some("bots" | "persons" | "users"), _) => true,
        _ => false,
    }
}

/// The topics of a resource and of the lists it stands in: of `accounts/1/entities/5` that of the entity and that of the
/// list. An account is no list of all that it holds.
fn topics(resource: &str) -> Vec<String> {
    // `accounts/1/entities` has two slashes: what is cut at an earlier one is the account.
    let first_list =
        if resource.matches('/').count() > 1 && resource.starts_with("accounts/") { 2 } else { 0 };
    let slashes = resource.match_indices('/').skip(first_list).map(|(at, _)| at);
    let mut resources: Vec<&str> = slashes.filter_map(|at| resource.get(..at)).collect();
    resources.push(resource);
    resources.iter().rev().map(|resource| format!("changed/{resource}")).collect()
}

#[cfg(test)]
mod tests {
    use grafolean_collector::{model::SeriesPath, time::Timestamp};

    use super::*;
    use crate::points::SeriesId;

    fn subscriber(announcer: &Arc<Announcer>, filters: &[&str]) -> Subscription {
        let subscription = announcer.subscribe(UserId::new(1), Some([1; 32]));
        for filter in filters {
            assert!(subscription.add(filter));
        }
        subscription
    }

    fn told(subscription: &mut Subscription) -> Vec<(String, String)> {
        let message = |m: Message| (m.topic, String::from_utf8(m.payload.to_vec()).unwrap());
        std::iter::from_fn(|| subscription.messages.try_recv().ok()).map(message).collect()
    }

    fn sample(path: &str) -> Sample {
        let path = SeriesPath::parse(path).unwrap();
        Sample { path, time: Timestamp::from_seconds(5), value: 1.5 }
    }

    #[test]
    fn a_change_is_told_for_the_resource_and_the_lists_above_it() {
        assert_eq!(
            topics("accounts/1/dashboards/main/widgets/7"),
            [
                "changed/accounts/1/dashboards/main/widgets/7",
                "changed/accounts/1/dashboards/main/widgets",
                "changed/accounts/1/dashboards/main",
                "changed/accounts/1/dashboards"
            ]
        );
        assert_eq!(topics("accounts/1/entities"), ["changed/accounts/1/entities"]);
        assert_eq!(topics("accounts/1"), ["changed/accounts/1", "changed/accounts"]);
        assert_eq!(topics("persons/5"), ["changed/persons/5", "changed/persons"]);
    }

    #[test]
    fn what_bots_measure_by_is_told_from_what_people_look_at() {
        let yes =
            ["accounts", "accounts/1", "accounts/1/entities/5", "accounts/1/bots/5/permissions", "persons"];
        assert!(yes.iter().all(|resource| is_configuration(resource)));
        let no = ["accounts/1/dashboards/main", "accounts/1/paths/5", "hub/protocols/x", "auth/login"];
        assert!(!no.iter().any(|resource| is_configuration(resource)));
    }

    #[test]
    fn values_are_told_to_those_who_subscribed_to_them_alone() {
        let announcer = Arc::new(Announcer::default());
        let mut all = subscriber(&announcer, &["changed/accounts/1/values/+"]);
        let mut one = subscriber(&announcer, &["changed/accounts/1/values/a.b", "changed/accounts/1/paths"]);
        let mut others =
            subscriber(&announcer, &["changed/accounts/2/values/+", "changed/accounts/1/entities"]);
        let created = [SeriesRow { id: SeriesId::new(9), path: "a.b".to_owned() }];
        announcer.stored(AccountId::new(1), vec![sample("a.b"), sample("c")], &created);
        let value = r#"{"v":1.5,"t":5.0}"#;
        let topic = |path: &str| format!("changed/accounts/1/values/{path}");
        assert_eq!(told(&mut all), [(topic("a.b"), value.into()), (topic("c"), value.into())]);
        let paths = ("changed/accounts/1/paths".to_owned(), r#"[{"p":"a.b","id":9}]"#.to_owned());
        assert_eq!(told(&mut one), [paths, (topic("a.b"), value.into())]);
        assert_eq!(told(&mut others), []);
    }

    #[test]
    fn who_reads_too_slowly_is_dropped_and_counted_and_the_others_are_not() {
        let announcer = Arc::new(Announcer::default());
        let slow = subscriber(&announcer, &["#"]);
        let mut quick = subscriber(&announcer, &["changed/accounts/1/entities"]);
        for _ in 0..=QUEUE {
            announcer.changed("accounts/2/entities");
        }
        assert!(slow.end.is_cancelled());
        assert!(!quick.end.is_cancelled());
        assert_eq!(announcer.slow_readers.get(), 1);
        announcer.changed("accounts/1/entities");
        assert_eq!(told(&mut quick).len(), 1);
    }

    #[test]
    fn an_ended_session_ends_its_connections() {
        let announcer = Arc::new(Announcer::default());
        let mine = announcer.subscribe(UserId::new(1), Some([1; 32]));
        let my_other = announcer.subscribe(UserId::new(1), Some([2; 32]));
        let another = announcer.subscribe(UserId::new(2), Some([3; 32]));
        announcer.end_sessions_of(UserId::new(1), Some([1; 32]));
        let ended = || [&mine, &my_other, &another].map(|one| one.end.is_cancelled());
        assert_eq!(ended(), [false, true, false]);
        announcer.end_session([3; 32]);
        assert_eq!(ended(), [false, true, true]);
    }
}
