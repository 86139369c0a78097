//! A receiver in memory that keeps Prometheus' rules: a request is stored as a whole or not at all, and a series grows
//! only forward.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use grafolean_collector::remote_write::{
    Answer, Receiver, STALE, Version,
    message::{v1, v2},
};
use prost::Message;
use rand::{RngExt, SeedableRng, rngs::StdRng};

pub type Labels = Vec<(String, String)>;

/// A handle; clones are the same receiver.
#[derive(Clone)]
pub struct SimReceiver(Arc<Mutex<State>>);

pub struct State {
    pub stored: HashMap<Labels, BTreeMap<i64, u64>>,
    pub mood: Mood,
    pub requests: usize,
    pub speaks: Version,
    tries: Version,
    pub units: HashMap<String, String>,
    pub max_samples: usize,
    /// Labels that are never taken.
    pub poison: Option<String>,
    dice: StdRng,
    /// How long an answer takes.
    pub latency: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Good,
    Dead,
    TooMany,
    RefusesAll,
    /// Some answers are lost, before or after the samples were stored; some are 500 or 429.
    Flaky,
}

impl SimReceiver {
    pub fn new(speaks: Version, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            stored: HashMap::new(),
            mood: Mood::Good,
            requests: 0,
            speaks,
            tries: Version::V2,
            units: HashMap::new(),
            max_samples: usize::MAX,
            poison: None,
            dice: StdRng::seed_from_u64(seed),
            latency: Duration::from_millis(1),
        })))
    }

    pub fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap())
    }

    pub fn set(&self, mood: Mood) {
        self.with(|state| state.mood = mood);
    }

    /// Values, without markers.
    pub fn values(&self) -> usize {
        let is_value = |bits: &&u64| **bits != STALE.to_bits();
        self.with(|state| state.stored.values().map(|series| series.values().filter(is_value).count()).sum())
    }

    /// Times at which a series is marked as ended.
    pub fn markers(&self) -> Vec<i64> {
        self.with(|state| {
            let all = state.stored.values().flatten();
            all.filter(|(_, bits)| **bits == STALE.to_bits()).map(|(time, _)| *time).collect()
        })
    }
}

impl Receiver for SimReceiver {
    async fn write(&self, version: Version, body: Vec<u8>, samples: usize) -> Answer {
        let latency = self.with(|state| state.latency);
        tokio::time::sleep(latency).await;
        self.with(|state| state.answer(version, &body, samples))
    }

    fn version(&self) -> Version {
        self.with(|state| state.tries)
    }

    fn fall_back(&self, from: Version) -> bool {
        self.with(|state| state.tries = Version::V1);
        from == Version::V2
    }
}

impl State {
    fn answer(&mut self, version: Version, body: &[u8], samples: usize) -> Answer {
        self.requests += 1;
        let later = |text: &str| Answer::Later { retry_after: None, text: text.to_owned() };
        let refused = |text: &str| Answer::Refused { status: 400, text: text.to_owned(), is_partial: false };
        let chance = match self.mood {
            Mood::Dead => return later("no answer"),
            Mood::TooMany => {
                return Answer::Later { retry_after: Some(Duration::from_mins(5)), text: "429".to_owned() };
            }
            Mood::RefusesAll => return refused("who are you"),
            Mood::Flaky => self.dice.random_range(0..8),
            Mood::Good => 8,
        };
        if chance == 0 {
            return later("500");
        }
        if version == Version::V2 && self.speaks == Version::V1 {
            return Answer::OtherVersion;
        }
        let series = self.decoded(version, body);
        assert_eq!(series.iter().map(|(_, samples)| samples.len()).sum::<usize>(), samples);
        if samples > self.max_samples {
            return Answer::TooLarge;
        }
        for (labels, samples) in &series {
            assert!(labels.is_sorted() && labels.iter().any(|(name, _)| name == "__name__"), "{labels:?}");
            assert!(samples.is_sorted_by(|a, b| a.timestamp < b.timestamp), "{samples:?}");
            if self
                .poison
                .as_ref()
                .is_some_and(|poison| labels.iter().any(|(_, value)| value.contains(poison)))
            {
                return refused("this label is not to be");
            }
            if let Some(error) = self.stored.get(labels).and_then(|known| out_of_order(known, samples)) {
                return refused(error);
            }
        }
        for (labels, samples) in series {
            let known = self.stored.entry(labels).or_default();
            known.extend(samples.iter().map(|sample| (sample.timestamp, sample.value.to_bits())));
        }
        if chance == 1 { later("the connection broke after all was stored") } else { Answer::Stored }
    }

    fn decoded(&mut self, version: Version, body: &[u8]) -> Vec<(Labels, Vec<v1::Sample>)> {
        let plain = snap::raw::Decoder::new().decompress_vec(body).unwrap();
        match version {
            Version::V1 => {
                let request = v1::WriteRequest::decode(&*plain).unwrap();
                for metric in request.metadata {
                    assert_eq!(metric.kind, 2);
                    self.units.insert(metric.metric_family_name, metric.unit);
                }
                let labels = |series: &v1::TimeSeries| {
                    series.labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect()
                };
                request.timeseries.into_iter().map(|series| (labels(&series), series.samples)).collect()
            }
            Version::V2 => {
                let request = v2::Request::decode(&*plain).unwrap();
                assert_eq!(request.symbols[0], "");
                let text = |place: &u32| request.symbols[*place as usize].clone();
                let one = |series: &v2::TimeSeries| {
                    let pairs = series.labels_refs.chunks_exact(2);
                    let labels: Labels = pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
                    (labels, series.samples.clone())
                };
                for series in &request.timeseries {
                    let metadata = series.metadata.unwrap();
                    let name = one(series).0.into_iter().find(|(name, _)| name == "__name__").unwrap().1;
                    self.units.insert(name, text(&metadata.unit_ref));
                }
                request.timeseries.iter().map(one).collect()
            }
        }
    }
}

/// What Prometheus says of samples that do not fit behind those that it has.
fn out_of_order(known: &BTreeMap<i64, u64>, samples: &[v1::Sample]) -> Option<&'static str> {
    let (newest, bits) = known.last_key_value()?;
    samples.iter().find_map(|sample| match sample.timestamp.cmp(newest) {
        std::cmp::Ordering::Less => Some("out of order sample"),
        std::cmp::Ordering::Equal if sample.value.to_bits() != *bits => {
            Some("duplicate sample for timestamp")
        }
        _ => None,
    })
}
