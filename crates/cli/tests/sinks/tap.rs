//! A receiver of remote write that keeps what it is sent.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use grafolean_collector::remote_write::{
    Version,
    message::{v1, v2},
};
use prost::Message;

/// Labels of a series, the name of the metric among them.
pub(crate) type Labels = BTreeMap<String, String>;

/// What was sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    /// The newest value of each series, with its time in milliseconds.
    pub(crate) newest: BTreeMap<Labels, (i64, f64)>,
    /// Type, help and unit of each metric.
    pub(crate) metrics: BTreeMap<String, (i32, String, String)>,
}

/// A receiver of one version of the protocol; clones are the same.
#[derive(Clone)]
pub(crate) struct Tap {
    address: String,
    kept: Arc<Mutex<Kept>>,
}

impl Tap {
    pub(crate) fn start(speaks: Version) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tap = Self { address: listener.local_addr().unwrap().to_string(), kept: Arc::default() };
        let kept = Arc::clone(&tap.kept);
        thread::spawn(move || {
            for connection in listener.incoming() {
                // Who hangs up comes again.
                let _ = serve(&connection.unwrap(), speaks, &kept);
            }
        });
        tap
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/write", self.address)
    }

    pub(crate) fn kept(&self) -> Kept {
        self.kept.lock().unwrap().clone()
    }
}

/// Answers one request.
fn serve(connection: &TcpStream, speaks: Version, kept: &Mutex<Kept>) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let (mut length, mut version) = (0, Version::V1);
    for line in reader.by_ref().lines() {
        let line = line?.to_ascii_lowercase();
        match line.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(("x-prometheus-remote-write-version", value)) if value.starts_with('2') => {
                version = Version::V2;
            }
            _ if line.is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut connection = connection;
    if version != speaks {
        return connection.write_all(b"HTTP/1.1 415 no\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    let plain = snap::raw::Decoder::new().decompress_vec(&body).unwrap();
    let mut kept = kept.lock().unwrap();
    let samples = if version == Version::V2 { kept.take_v2(&plain) } else { kept.take_v1(&plain) };
    let head = format!("x-prometheus-remote-write-samples-written: {samples}\r\nconnection: close");
    write!(connection, "HTTP/1.1 204 good\r\n{head}\r\n\r\n")
}

impl Kept {
    fn take(&mut self, labels: Labels, samples: &[v1::Sample]) -> usize {
        for sample in samples {
            self.newest.insert(labels.clone(), (sample.timestamp, sample.value));
        }
        samples.len()
    }

    fn take_v1(&mut self, plain: &[u8]) -> usize {
        let request = v1::WriteRequest::decode(plain).unwrap();
        for metric in request.metadata {
            self.metrics.insert(metric.metric_family_name, (metric.kind, metric.help, metric.unit));
        }
        let taken = request.timeseries.into_iter().map(|series| {
            let labels = series.labels.into_iter().map(|label| (label.name, label.value)).collect();
            self.take(labels, &series.samples)
        });
        taken.sum()
    }

    fn take_v2(&mut self, plain: &[u8]) -> usize {
        let request = v2::Request::decode(plain).unwrap();
        let text = |place: u32| request.symbols[place as usize].clone();
        let mut taken = 0;
        for series in &request.timeseries {
            let labels: Labels =
                series.labels_refs.chunks_exact(2).map(|pair| (text(pair[0]), text(pair[1]))).collect();
            let metadata = series.metadata.unwrap();
            let what = (metadata.kind, text(metadata.help_ref), text(metadata.unit_ref));
            self.metrics.insert(labels["__name__"].clone(), what);
            taken += self.take(labels, &series.samples);
        }
        taken
    }
}
