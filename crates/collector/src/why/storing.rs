//! The last steps: what waits, what the backend takes, what is stored.

use super::{
    Answer, ChainLink, Facts, Finding, KnownBot, LinkState, Range, StoredValue, Told, Verdict,
    answer::{moment, span},
    measuring::{STORE_SLACK, age, is_fresh},
    question::subject_of,
    walk::{SetUp, Walk},
};
use crate::{
    cause::{Cause, Link},
    status::JobStatus,
};

/// A clock that is off by so many seconds is wrong.
const WRONG_CLOCK: f64 = 20.0;

/// Looks at what waits on the bot's disk.
pub(super) fn queue(walk: &mut Walk<'_>, told: &Told) {
    let queue = &told.status.queue;
    let at = Some(told.received);
    if let Some(trouble) = &queue.trouble {
        walk.broken(Link::Queue, Finding::of(Cause::DiskFull, trouble.clone()), at);
    }
    let is_near_limit = queue.limit_bytes > 0 && queue.bytes >= queue.limit_bytes / 10 * 9;
    if queue.dropped > 0 && queue.values > 0 || is_near_limit {
        let evidence = format!(
            "{} values, {} of {} bytes; {} values were dropped",
            queue.values, queue.bytes, queue.limit_bytes, queue.dropped
        );
        walk.broken(Link::Queue, Finding::of(Cause::QueueFull, evidence), at);
    }
    let oldest = queue.oldest.map(|oldest| format!(", the oldest of {}", moment(oldest))).unwrap_or_default();
    walk.passed(Link::Queue, format!("{} values wait{oldest}", queue.values), at);
}

/// Looks at what the backend takes.
pub(super) fn delivery(walk: &mut Walk<'_>, bot: &KnownBot, told: &Told) {
    let (status, at) = (&told.status, Some(told.received));
    let account = walk.account();
    if bot.rights.is_some_and(|rights| !rights.write) {
        let evidence = format!("bot {:?} needs PUT on accounts/{account}/values", bot.name);
        walk.broken(Link::Delivery, Finding::of(Cause::NoWriteRight, evidence), at);
    }
    let known = status.delivery.iter().find(|delivery| delivery.account == account);
    if let Some(failure) = known.and_then(|delivery| delivery.failure.as_ref()) {
        let finding = Finding::of(failure.cause, failure.evidence.clone()).since(failure.since);
        walk.broken(Link::Delivery, finding, at);
    }
    let (asked, id, protocol) = (walk.path, walk.id, walk.protocol);
    let is_asked = |path: &str| match asked {
        Some(asked) => path == asked,
        None => subject_of(path) == Some((id, protocol)),
    };
    let letters: Vec<_> = status
        .dead_letters
        .newest
        .iter()
        .filter(|letter| {
            letter.account == account && !letter.again && letter.path.as_deref().is_some_and(is_asked)
        })
        .collect();
    if let Some(newest) = letters.first() {
        let path = newest.path.clone().unwrap_or_default();
        let evidence = format!("{path}: {}; {} dead letters", newest.reason, letters.len());
        let finding = Finding::of(Cause::PathRefused, evidence).since(newest.rejected_at);
        walk.broken(Link::Delivery, Finding { path: Some(path), ..finding }, at);
    }
    let stored = known.and_then(|delivery| delivery.last_stored);
    let said = match stored {
        Some(last) => format!("values of the account were last taken at {}", age(walk.facts.now, last)),
        None => "no value of the account was taken since the bot began".to_owned(),
    };
    walk.passed(Link::Delivery, said, at);
}

/// Looks at what is stored.
pub(super) fn stored(
    walk: &mut Walk<'_>,
    set_up: &SetUp<'_>,
    jobs: &[&JobStatus],
    told: &Told,
    is_measured: bool,
) {
    let (facts, at) = (walk.facts, Some(told.received));
    let ahead = told.status.at - told.received;
    if ahead.abs() > WRONG_CLOCK {
        let way = if ahead > 0.0 { "ahead" } else { "behind" };
        let evidence = format!("it is {} {way}", span(ahead.abs()));
        walk.broken(Link::Stored, Finding::of(Cause::BotClock, evidence), at);
    }
    let newest = walk.newest();
    let Some(all) = &facts.stored else {
        return walk.unknown(Link::Stored, "what is stored cannot be seen from here");
    };
    match newest {
        Some(value) if is_fresh(walk, set_up) => {
            let said = format!("{} at {}", value.value, age(facts.now, value.time));
            walk.passed(Link::Stored, said, Some(value.time));
        }
        _ if !is_measured => walk.unknown(Link::Stored, "no newer value than the last one"),
        _ if jobs.iter().all(|job| job.runs.iter().all(|run| run.values == 0)) => {
            walk.wait("no run has made a value yet");
        }
        newest => match walk.path {
            Some(path) => not_at_this_path(walk, set_up, path, newest, all),
            None => walk.wait("values were measured, and none is stored yet"),
        },
    }
}

/// The bot measures and delivers, but nothing comes to this path.
fn not_at_this_path(
    walk: &mut Walk<'_>,
    set_up: &SetUp<'_>,
    path: &str,
    newest: Option<&StoredValue>,
    all: &[StoredValue],
) {
    let (id, protocol, now) = (walk.id, walk.protocol, walk.facts.now);
    #[expect(clippy::cast_precision_loss, reason = "intervals are at most some days")]
    let longest = set_up.intervals.last().copied().unwrap_or(60) as f64;
    let is_fresh = |value: &&StoredValue| now - value.time <= longest * 2.0 + STORE_SLACK;
    let fresh: Vec<_> =
        all.iter().filter(|value| subject_of(&value.path) == Some((id, protocol))).filter(is_fresh).collect();
    if fresh.is_empty() {
        return walk.wait("values were measured, and none is stored yet");
    }
    let since = newest.map(|value| value.time);
    let like = fresh.iter().filter(|value| differs_in_one(&value.path, path)).count();
    let finding = match (newest, fresh.iter().find(|value| is_renamed(&value.path, path))) {
        (Some(_), Some(other)) => Finding::of(Cause::Renamed, format!("values come to {}", other.path)),
        (Some(_), None) => Finding::of(
            Cause::IndexGone,
            format!("{} paths of the entity have new values, {like} of the same table", fresh.len()),
        ),
        (None, _) => {
            Finding::of(Cause::NotStored, format!("{} paths of the entity have new values", fresh.len()))
        }
    };
    walk.broken(Link::Stored, finding.since(since), since);
}

/// Whether two paths are alike but for one part.
fn differs_in_one(one: &str, other: &str) -> bool {
    let (one, other): (Vec<_>, Vec<_>) = (one.split('.').collect(), other.split('.').collect());
    one.len() == other.len() && one.iter().zip(&other).filter(|(a, b)| a != b).count() == 1
}

/// Whether two paths with a name and an index are of the same row, under another name or index.
fn is_renamed(one: &str, other: &str) -> bool {
    let parts: Vec<_> = other.split('.').collect();
    // With one free part alone nothing says that the row is the same.
    let has_name_and_index = parts.iter().skip(3).filter(|part| part.parse::<u64>().is_ok()).count() > 0
        && parts.iter().skip(3).any(|part| part.parse::<u64>().is_err())
        && parts.len() > 5;
    has_name_and_index && differs_in_one(one, other)
}

/// Looks at the range that shows nothing, whatever else is wrong.
pub(super) fn range(walk: &mut Walk<'_>, set_up: &SetUp<'_>) {
    if let (Some(range), Some(value)) = (walk.facts.range, walk.newest()) {
        of_range(walk, set_up, range, value);
    }
}

/// What is wrong with a range.
fn of_range(walk: &mut Walk<'_>, set_up: &SetUp<'_>, range: Range, newest: &StoredValue) {
    #[expect(clippy::cast_precision_loss, reason = "intervals are at most some days")]
    let shortest = set_up.intervals.first().copied().unwrap_or(60) as f64;
    let kept_from = walk.facts.retention.map(|retention| walk.facts.now - retention);
    if let Some(kept_from) = kept_from.filter(|kept_from| range.to < *kept_from) {
        let evidence =
            format!("the range ends at {}, values are kept since {}", moment(range.to), moment(kept_from));
        walk.broken(Link::Stored, Finding::of(Cause::RetentionPassed, evidence), None);
    } else if range.to - range.from < shortest && !(range.from..=range.to).contains(&newest.time) {
        let evidence =
            format!("the range is {}, the interval {}", span(range.to - range.from), span(shortest));
        walk.broken(Link::Stored, Finding::of(Cause::RangeTooShort, evidence), None);
    }
}

/// Explains a path that is of no entity: nobody but those who send to it knows more than what is stored.
pub(super) fn of_free_path(facts: &Facts, path: &str) -> Answer {
    let newest = facts.stored.iter().flatten().find(|value| value.path == path);
    let (verdict, summary, findings) = match newest {
        Some(value) => (
            Verdict::Unknown,
            format!("{path}: no bot measures it; the last value is of {}", age(facts.now, value.time)),
            vec![Finding::of(Cause::Unknown, "it is of no entity, so that whoever sends to it knows more")],
        ),
        None => (
            Verdict::Broken,
            format!("{path}: no value is stored"),
            vec![Finding::of(
                Cause::NoEntity,
                format!("{path} is of no entity, and nothing was ever stored there"),
            )],
        ),
    };
    let said = newest.map_or_else(|| "nothing".to_owned(), |value| value.value.to_string());
    let state = if newest.is_some() { LinkState::Ok } else { LinkState::Broken };
    let link = Link::Stored;
    Answer {
        account: facts.account.account.id,
        entity: None,
        name: path.to_owned(),
        protocol: None,
        path: Some(path.to_owned()),
        verdict,
        summary,
        findings,
        chain: vec![ChainLink {
            link,
            title: link.title().to_owned(),
            state,
            said,
            at: newest.map(|value| value.time),
        }],
        next_due: None,
        last_stored: newest.map(|value| value.time),
    }
}
