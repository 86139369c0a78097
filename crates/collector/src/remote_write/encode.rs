//! Points as the body of a request: messages, compressed by Snappy's block format.

use std::{collections::HashMap, sync::Arc};

use prost::Message;

use super::{
    message::{v1, v2},
    point::Point,
    series::Series,
};
use crate::protocol::prometheus::Metric;

/// The number of the type `gauge`, in both versions.
const GAUGE: i32 = 2;

/// Which version of the protocol a request is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// `prometheus.WriteRequest`, which every receiver takes.
    V1,
    /// `io.prometheus.write.v2.Request`.
    V2,
}

/// Points of one request, by series, each in the order of time, no time twice.
#[derive(Debug)]
pub(super) struct Grouped<'a>(Vec<(&'a Arc<Series>, Vec<v1::Sample>)>);

impl<'a> Grouped<'a> {
    /// Groups points that stand in the order of their acceptance: of two at one time the later one counts.
    pub(super) fn of(points: &'a [Point]) -> Self {
        let mut places: HashMap<*const Series, usize> = HashMap::with_capacity(points.len());
        let mut series: Vec<(&Arc<Series>, Vec<v1::Sample>)> = Vec::new();
        for point in points {
            let place = *places.entry(Arc::as_ptr(&point.series)).or_insert_with(|| {
                series.push((&point.series, Vec::new()));
                series.len() - 1
            });
            if let Some((_, samples)) = series.get_mut(place) {
                samples.push(v1::Sample { value: point.value, timestamp: point.time });
            }
        }
        for (_, samples) in &mut series {
            samples.sort_by_key(|sample| sample.timestamp);
            samples.dedup_by(|next, kept| {
                let is_same = next.timestamp == kept.timestamp;
                if is_same {
                    kept.value = next.value;
                }
                is_same
            });
        }
        Self(series)
    }

    /// Returns how many samples there are.
    pub(super) fn samples(&self) -> usize {
        self.0.iter().map(|(_, samples)| samples.len()).sum()
    }

    /// Returns the body of a request, compressed.
    pub(super) fn body(&self, version: Version, describe: &[Arc<Metric>]) -> Result<Vec<u8>, snap::Error> {
        let message = match version {
            Version::V1 => self.v1(describe).encode_to_vec(),
            Version::V2 => self.v2().encode_to_vec(),
        };
        snap::raw::Encoder::new().compress_vec(&message)
    }

    fn v1(&self, describe: &[Arc<Metric>]) -> v1::WriteRequest {
        let label = |(name, value): &(String, String)| v1::Label { name: name.clone(), value: value.clone() };
        let one = |(series, samples): &(&Arc<Series>, Vec<v1::Sample>)| v1::TimeSeries {
            labels: series.labels().iter().map(label).collect(),
            samples: samples.clone(),
        };
        let metadata = describe.iter().map(|metric| v1::MetricMetadata {
            kind: GAUGE,
            metric_family_name: metric.name.clone(),
            help: metric.help.clone(),
            unit: metric.unit.clone(),
        });
        v1::WriteRequest { timeseries: self.0.iter().map(one).collect(), metadata: metadata.collect() }
    }

    fn v2(&self) -> v2::Request {
        let mut symbols = Symbols::default();
        let mut timeseries = Vec::with_capacity(self.0.len());
        for (series, samples) in &self.0 {
            let texts = series.labels().iter().flat_map(|(name, value)| [name, value]);
            let metadata = v2::Metadata {
                kind: GAUGE,
                help_ref: symbols.place(&series.metric.help),
                unit_ref: symbols.place(&series.metric.unit),
            };
            timeseries.push(v2::TimeSeries {
                labels_refs: texts.map(|text| symbols.place(text)).collect(),
                samples: samples.clone(),
                metadata: Some(metadata),
            });
        }
        v2::Request { symbols: symbols.texts, timeseries }
    }
}

/// The table of texts; the first one is empty, as the specification demands.
struct Symbols<'a> {
    texts: Vec<String>,
    places: HashMap<&'a str, u32>,
}

impl Default for Symbols<'_> {
    fn default() -> Self {
        Self { texts: vec![String::new()], places: HashMap::from([("", 0)]) }
    }
}

impl<'a> Symbols<'a> {
    fn place(&mut self, text: &'a str) -> u32 {
        let texts = &mut self.texts;
        *self.places.entry(text).or_insert_with(|| {
            texts.push(text.to_owned());
            // A request has some thousand series of some labels.
            u32::try_from(texts.len() - 1).unwrap_or(0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::AccountId,
        protocol::{
            Output,
            prometheus::{Mappings, Owner},
        },
        remote_write::point::Named,
        remote_write::series::{Labelled, Naming},
        report::{Report, Values},
        spool::{Entry, EntryId},
        time::Timestamp,
    };

    struct ByUnit(Mappings);

    impl Naming for ByUnit {
        fn series(&self, account: AccountId, path: &str) -> Labelled {
            let found = self.0.get(path);
            let series = Series::new(Arc::clone(found.metric), found.labels(account, Owner::default()));
            Labelled { series, scale: found.scale }
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The bytes are those of `protoc --encode` (3.21.12) by the messages as they are specified.
    #[test]
    fn requests_are_the_bytes_that_protoc_makes_of_the_specified_messages() {
        const OUTPUTS: [Output; 1] = [Output::new("x.rtt", "ms", "RTT", "How long")];
        let mappings = Mappings::of([("x", &OUTPUTS[..])], "{name}_{unit}");
        let entry = |id, millis: i64, value| {
            let time = Timestamp::from_micros(millis * 1_000);
            let values =
                Values { account: AccountId::new(1), time, values: vec![("x.rtt".to_owned(), value)] };
            Entry { id: EntryId::numbered(id), accepted: time, report: Report::Values(values) }
        };
        let entries = vec![entry(1, 1_700_000_000_123, 250.0), entry(2, 1_700_000_001_123, -8_500.0)];
        let (points, rejected) = Named::new(ByUnit(mappings)).points("a", entries, EntryId::numbered(0));
        assert!(rejected.is_empty());
        let grouped = Grouped::of(&points);
        let describe = [Arc::clone(&points[0].series.metric)];
        let plain = |version| {
            let body = grouped.body(version, &describe).unwrap();
            hex(&snap::raw::Decoder::new().decompress_vec(&body).unwrap())
        };
        assert_eq!(
            plain(Version::V1),
            "0a4e0a170a085f5f6e616d655f5f120b7274745f7365636f6e64730a0f0a0a6163636f756e745f6964120131\
             121009000000000000d03f10fbd095ffbc3112100900000000000021c010e3d895ffbc31\
             1a220802120b7274745f7365636f6e64732208486f77206c6f6e672a077365636f6e6473"
        );
        assert_eq!(
            plain(Version::V2),
            "22002208486f77206c6f6e6722077365636f6e647322085f5f6e616d655f5f220b7274745f7365636f6e6473\
             220a6163636f756e745f69642201312a320a0403040506121009000000000000d03f10fbd095ffbc31\
             12100900000000000021c010e3d895ffbc312a06080218012002"
        );
    }
}
