//! What is wrong with a device, and what of that was told already.

use std::{collections::HashMap, time::Duration};

use grafolean_collector::model::SensorId;
use tokio::time::Instant;

/// How often a trouble that stays is told.
const TOLD_AGAIN: Duration = Duration::from_secs(600);

/// Different troubles of one subject that are told in that time; more of them, as of a table whose rows come and go, are
/// only counted.
const MOST_TOLD: usize = 8;

/// What has a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// The device does not answer.
    Device,
    /// Its interfaces are not brought in step, or not with all that they have.
    Interfaces,
    /// A sensor lacks something.
    Sensor(SensorId),
}

/// What ended with a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nothing: there was none.
    Nothing,
    /// That one, and there are others.
    One,
    /// The last one.
    Last,
}

/// The troubles of a device.
#[derive(Debug, Default)]
pub(super) struct Troubles(HashMap<Subject, Logged>);

#[derive(Debug)]
struct Logged {
    texts: Vec<String>,
    since: Instant,
}

impl Troubles {
    /// Whether a trouble is news: another one than those that were told of the subject, or told long ago.
    pub(super) fn is_news(&mut self, subject: Subject, trouble: &str, now: Instant) -> bool {
        let told = self.0.entry(subject).or_insert_with(|| Logged { texts: Vec::new(), since: now });
        if now.saturating_duration_since(told.since) >= TOLD_AGAIN {
            *told = Logged { texts: Vec::new(), since: now };
        }
        let is_news = told.texts.len() < MOST_TOLD && !told.texts.iter().any(|text| text == trouble);
        if is_news {
            told.texts.push(trouble.to_owned());
        }
        is_news
    }

    /// Notes that nothing is wrong with a subject. Returns whether something was, and whether anything else is.
    pub(super) fn end(&mut self, subject: Subject) -> Ended {
        match (self.0.remove(&subject), self.0.is_empty()) {
            (None, _) => Ended::Nothing,
            (Some(_), false) => Ended::One,
            (Some(_), true) => Ended::Last,
        }
    }

    /// Forgets sensors that the device has no more.
    pub(super) fn keep_only(&mut self, is_kept: impl Fn(SensorId) -> bool) {
        self.0.retain(|subject, _| !matches!(subject, Subject::Sensor(id) if !is_kept(*id)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_once_and_again_when_it_stays_for_long() {
        let (mut troubles, start) = (Troubles::default(), Instant::now());
        let mut at = |trouble: &str, second| {
            troubles.is_news(Subject::Device, trouble, start + Duration::from_secs(second))
        };
        assert!(at("no answer", 0) && !at("no answer", 300) && at("wrong key", 310) && !at("no answer", 599));
        assert!(at("no answer", 600) && !at("no answer", 601));
        let told = (0..100).filter(|row| at(&format!("row {row}"), 602)).count();
        assert_eq!(told, MOST_TOLD - 1);
    }

    #[test]
    fn all_is_well_only_when_nothing_is_wrong_with_any_sensor() {
        let (mut troubles, now) = (Troubles::default(), Instant::now());
        let [one, two] = [1, 2].map(|id| Subject::Sensor(SensorId::new(id)));
        assert!(troubles.is_news(one, "gone", now) && troubles.is_news(two, "gone", now));
        // The first one has another interval, and comes each second run only.
        for _ in 0..3 {
            assert_eq!(troubles.end(one), Ended::One);
            assert!(troubles.is_news(one, "gone", now));
        }
        assert_eq!([one, two, two].map(|it| troubles.end(it)), [Ended::One, Ended::Last, Ended::Nothing]);
        assert!(troubles.is_news(two, "gone", now));
        troubles.keep_only(|id| id != SensorId::new(2));
        assert!(troubles.0.is_empty());
    }
}
