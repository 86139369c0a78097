//! The free-form details of entities, credentials and sensors, read into the type that a protocol declares.
//!
//! Grafolean's forms store strings, scripts store numbers, and both leave empty what is to have its default. So a
//! number may stand in a string, and null or blank text counts as absent. [`Whole`] and [`Seconds`] are numbers with
//! bounds, [`Host`] is an address or a name, [`Secret`] text that is never shown; their JSON Schemas have the same bounds.
//!
//! ```
//! use grafolean_collector::details::{self, Seconds, Whole};
//! use serde_json::json;
//!
//! #[derive(serde::Deserialize)]
//! struct Credential {
//!     port: Whole<1, 65_535>,
//!     timeout: Option<Seconds<100, 60_000>>,
//! }
//!
//! let Some(details) = json!({"port": "443", "timeout": ""}).as_object().cloned() else { return };
//! let read: Credential = details::read(&details).expect("numbers may stand in strings");
//! assert_eq!((read.port.get(), read.timeout.is_none()), (443, true));
//!
//! let Some(details) = json!({"port": "http"}).as_object().cloned() else { return };
//! let error = details::read::<Credential>(&details).err().expect("it is no number");
//! assert_eq!(error.to_string(), "`port` is invalid: found \"http\", expected a whole number from 1 to 65535");
//! ```

mod error;
mod field;
mod host;
mod lenient;

use serde::de::DeserializeOwned;

use crate::model::{Details, Device, DeviceSensor};

pub use error::DetailsError;
pub use field::{NoFields, Seconds, Secret, Whole};
pub use host::Host;

/// Reads details into a type.
///
/// # Errors
/// Names the first field that is absent or invalid, what was found there, and what is expected.
pub fn read<T: DeserializeOwned>(details: &Details) -> Result<T, DetailsError> {
    lenient::read(details)
}

/// Reads one field alone, whatever else the details hold; `None` where it is absent or left empty.
///
/// # Errors
/// Names the field, what was found there, and what is expected.
pub fn field<T: DeserializeOwned>(details: &Details, key: &str) -> Result<Option<T>, DetailsError> {
    lenient::field(details, key)
}

impl Device {
    /// Reads the entity's details into a type, see [`read`].
    ///
    /// # Errors
    /// Names the field, what was found there and what is expected; a `Refusal` names the entity.
    pub fn details<T: DeserializeOwned>(&self) -> Result<T, DetailsError> {
        read(&self.entity.details)
    }

    /// Reads the credential's details into a type, see [`read`].
    ///
    /// # Errors
    /// Names the credential, the field, what was found there and what is expected.
    pub fn credential_details<T: DeserializeOwned>(&self) -> Result<T, DetailsError> {
        let credential = &self.credential;
        let of = || format!("credential {} ({})", credential.id, credential.name);
        read(&credential.details).map_err(|error: DetailsError| error.of(of()))
    }
}

impl DeviceSensor {
    /// Reads the sensor's details into a type, see [`read`].
    ///
    /// # Errors
    /// Names the sensor, the field, what was found there and what is expected.
    pub fn details<T: DeserializeOwned>(&self) -> Result<T, DetailsError> {
        let sensor = &self.sensor;
        let of = || format!("sensor {} ({})", sensor.id, sensor.name);
        read(&sensor.details).map_err(|error: DetailsError| error.of(of()))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Method {
        #[default]
        Get,
        Walk,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Everything {
        whole: u16,
        bounded: Option<Whole<1, 100>>,
        share: f64,
        span: Option<Seconds<500, 60_000>>,
        text: String,
        flag: bool,
        method: Method,
        list: Vec<Inner>,
        secret: Option<Secret>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Inner {
        oid: String,
        index: Option<i32>,
    }

    fn parsed(details: Value) -> Result<Everything, String> {
        let Value::Object(details) = details else { panic!("{details} is no object") };
        read(&details).map_err(|error| error.to_string())
    }

    #[test]
    fn strings_and_numbers_read_the_same() {
        let numbers = json!({"whole": 7, "bounded": 5.0, "share": 1, "span": 0.5, "text": 12, "flag": true,
            "method": "walk", "list": [{"oid": "1.3", "index": -4}]});
        let strings = json!({"whole": " 7 ", "bounded": "5", "share": "1.0", "span": ".5", "text": " 12 ",
            "flag": "true", "method": " walk ", "list": [{"oid": "1.3", "index": "-4"}], "unknown": [1]});
        let read = parsed(numbers).unwrap();
        assert_eq!(read.bounded.map(Whole::get), Some(5));
        assert_eq!(read.list, [Inner { oid: "1.3".to_owned(), index: Some(-4) }]);
        assert_eq!(parsed(strings), Ok(read));
    }

    #[test]
    fn what_is_absent_null_or_blank_has_its_default() {
        for details in [
            json!({}),
            json!({"whole": null, "bounded": "", "share": " ", "span": null, "text": "", "flag": "",
                   "method": "", "list": null, "secret": ""}),
        ] {
            assert_eq!(parsed(details), Ok(Everything::default()));
        }
    }

    #[test]
    fn an_error_names_the_field_what_was_found_and_what_is_expected() {
        for (details, said) in [
            (json!({"whole": "many"}), "`whole` is invalid: found \"many\", expected u16"),
            (json!({"whole": 70_000}), "`whole` is invalid: found 70000, expected u16"),
            (json!({"whole": 1.5}), "`whole` is invalid: found 1.5, expected u16"),
            (
                json!({"bounded": "101"}),
                "`bounded` is invalid: found \"101\", expected a whole number from 1 to 100",
            ),
            (
                json!({"bounded": [1]}),
                "`bounded` is invalid: found a list, expected a whole number from 1 to 100",
            ),
            (json!({"bounded": -1}), "`bounded` is invalid: found -1, expected a whole number from 1 to 100"),
            (
                json!({"bounded": 2.5}),
                "`bounded` is invalid: found 2.5, expected a whole number from 1 to 100",
            ),
            (
                json!({"span": "NaN"}),
                "`span` is invalid: found \"NaN\", expected a number of seconds from 0.5 to 60",
            ),
            (
                json!({"span": 1e99}),
                "`span` is invalid: found 1e99, expected a number of seconds from 0.5 to 60",
            ),
            (json!({"text": {}}), "`text` is invalid: found an object, expected a string"),
            (json!({"flag": "maybe"}), "`flag` is invalid: found \"maybe\", expected a boolean"),
            (json!({"method": "set"}), "`method` is invalid: found \"set\", expected `get` or `walk`"),
            (json!({"list": [{"oid": "1"}, {}]}), "`list[1].oid` is missing"),
            (
                json!({"list": [{"oid": "1", "index": "x"}]}),
                "`list[0].index` is invalid: found \"x\", expected i32",
            ),
            (json!({"list": "1.3"}), "`list` is invalid: found \"1.3\", expected a sequence"),
        ] {
            assert_eq!(parsed(details.clone()), Err(said.to_owned()), "{details}");
        }
    }

    #[test]
    fn what_was_found_is_cut_and_a_secret_is_not_shown() {
        let error = parsed(json!({"whole": "x".repeat(1_000)})).unwrap_err();
        assert!(error.len() < 120, "{error}");
        let error = parsed(json!({"secret": ["hunter2"]})).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        let read = parsed(json!({"secret": " spaces count "})).unwrap();
        assert!(!format!("{read:?}").contains("spaces"));
        assert_eq!(read.secret.as_ref().map(Secret::expose), Some(" spaces count "));
        assert_eq!(
            parsed(json!({"secret": 1234})).unwrap().secret.as_ref().map(Secret::expose),
            Some("1234")
        );
    }
}
