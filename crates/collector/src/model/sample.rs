//! One measured value of one series.

use serde::{Serialize, Serializer, ser::SerializeStruct};
use thiserror::Error;

use super::{PathError, SeriesPath};
use crate::time::Timestamp;

/// A value that Grafolean takes and can give back: a good path, a good time, a finite number.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Which series.
    pub path: SeriesPath,
    /// When it was due.
    pub time: Timestamp,
    /// The number, finite.
    pub value: f64,
}

/// Why a value can't be sent.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum SampleError {
    /// The path is none.
    #[error(transparent)]
    Path(#[from] PathError),
    /// NaN and infinities are taken by a real backend and then break every reading of their path.
    #[error("{path}: the value {value} is not a finite number")]
    NotFinite {
        /// Which series.
        path: SeriesPath,
        /// What was measured.
        value: f64,
    },
    /// A time the backend cannot store (before 1970, or after the year 9999, as milliseconds by mistake are).
    #[error("{path}: the time {time} lies outside 1970 to 9999")]
    Time {
        /// Which series.
        path: SeriesPath,
        /// When it was due.
        time: Timestamp,
    },
}

impl Sample {
    /// The last moment that is taken, the end of the year 9999.
    pub const LAST_TIME: Timestamp = Timestamp::from_seconds(253_402_300_799);

    /// Checks a value against the rules of the API.
    ///
    /// ```
    /// use grafolean_collector::{model::Sample, time::Timestamp};
    ///
    /// let due = Timestamp::from_seconds(1_700_000_000);
    /// assert!(Sample::checked("entity.7.ping.success", due, 1.0).is_ok());
    /// let error = Sample::checked("entity.7.ping success", due, 1.0).unwrap_err();
    /// assert!(error.to_string().contains("' ' at character 14"));
    /// ```
    pub fn checked(path: &str, time: Timestamp, value: f64) -> Result<Self, SampleError> {
        let path = SeriesPath::parse(path)?;
        if !value.is_finite() {
            return Err(SampleError::NotFinite { path, value });
        }
        if time < Timestamp::default() || time > Self::LAST_TIME {
            return Err(SampleError::Time { path, time });
        }
        Ok(Self { path, time, value })
    }
}

/// As `PUT values` takes it: `{"p":path,"t":seconds,"v":number}`.
impl Serialize for Sample {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Sample", 3)?;
        object.serialize_field("p", &self.path)?;
        object.serialize_field("t", &self.time.as_seconds_f64())?;
        object.serialize_field("v", &self.value)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_written_as_the_api_takes_it() {
        let sample = Sample::checked("a.b", Timestamp::from_micros(1_700_000_000_123_457), 1.5).unwrap();
        assert_eq!(serde_json::to_string(&sample).unwrap(), r#"{"p":"a.b","t":1700000000.123457,"v":1.5}"#);
    }

    #[test]
    fn what_would_break_a_reading_is_refused() {
        let now = Timestamp::from_seconds(1_700_000_000);
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(Sample::checked("a", now, value).is_err());
        }
        assert!(Sample::checked("a", Timestamp::from_seconds(-1), 1.0).is_err());
        assert!(Sample::checked("a", Timestamp::from_seconds(1_700_000_000_000), 1.0).is_err());
    }
}
