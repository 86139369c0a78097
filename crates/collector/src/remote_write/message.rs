//! The messages of both versions of the protocol, as Protocol Buffers.
//!
//! Version 1.0: <https://prometheus.io/docs/specs/prw/remote_write_spec/>; version 2.0:
//! <https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/>.

/// Messages of version 1.0, `prometheus.WriteRequest`.
pub mod v1 {
    use prost::Message;

    /// A request.
    #[derive(Clone, PartialEq, Message)]
    pub struct WriteRequest {
        /// What was measured.
        #[prost(message, repeated, tag = "1")]
        pub timeseries: Vec<TimeSeries>,
        /// What the metrics are.
        #[prost(message, repeated, tag = "3")]
        pub metadata: Vec<MetricMetadata>,
    }

    /// Samples of a series.
    #[derive(Clone, PartialEq, Message)]
    pub struct TimeSeries {
        /// Its labels, by name, ascending.
        #[prost(message, repeated, tag = "1")]
        pub labels: Vec<Label>,
        /// By time, ascending.
        #[prost(message, repeated, tag = "2")]
        pub samples: Vec<Sample>,
    }

    /// A label.
    #[derive(Clone, PartialEq, Message)]
    pub struct Label {
        /// Its name.
        #[prost(string, tag = "1")]
        pub name: String,
        /// Its value.
        #[prost(string, tag = "2")]
        pub value: String,
    }

    /// A value at a time.
    #[derive(Clone, Copy, PartialEq, Message)]
    pub struct Sample {
        /// The value.
        #[prost(double, tag = "1")]
        pub value: f64,
        /// Milliseconds since 1970.
        #[prost(int64, tag = "2")]
        pub timestamp: i64,
    }

    /// What a metric is.
    #[derive(Clone, PartialEq, Message)]
    pub struct MetricMetadata {
        /// The number of its type: 1 is a counter, 2 a gauge.
        #[prost(int32, tag = "1")]
        pub kind: i32,
        /// Its name.
        #[prost(string, tag = "2")]
        pub metric_family_name: String,
        /// What it means.
        #[prost(string, tag = "4")]
        pub help: String,
        /// Its unit.
        #[prost(string, tag = "5")]
        pub unit: String,
    }
}

/// Messages of version 2.0, `io.prometheus.write.v2.Request`: texts stand once in a table.
pub mod v2 {
    use prost::Message;

    /// A request.
    #[derive(Clone, PartialEq, Message)]
    pub struct Request {
        /// All texts; the first one is empty.
        #[prost(string, repeated, tag = "4")]
        pub symbols: Vec<String>,
        /// What was measured.
        #[prost(message, repeated, tag = "5")]
        pub timeseries: Vec<TimeSeries>,
    }

    /// Samples of a series.
    #[derive(Clone, PartialEq, Message)]
    pub struct TimeSeries {
        /// Pairs of places in the table: name and value of each label, by name, ascending.
        #[prost(uint32, repeated, tag = "1")]
        pub labels_refs: Vec<u32>,
        /// By time, ascending.
        #[prost(message, repeated, tag = "2")]
        pub samples: Vec<super::v1::Sample>,
        /// What the metric is.
        #[prost(message, optional, tag = "5")]
        pub metadata: Option<Metadata>,
    }

    /// What a metric is.
    #[derive(Clone, Copy, PartialEq, Message)]
    pub struct Metadata {
        /// The number of its type: 1 is a counter, 2 a gauge.
        #[prost(int32, tag = "1")]
        pub kind: i32,
        /// The place of its explanation in the table.
        #[prost(uint32, tag = "3")]
        pub help_ref: u32,
        /// The place of its unit in the table.
        #[prost(uint32, tag = "4")]
        pub unit_ref: u32,
    }
}
