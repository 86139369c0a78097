//! Recorded exchanges with a Grafolean backend, as they were written down.

use std::{fs, path::PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

/// One request and its answer.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Exchange {
    #[serde(default)]
    pub(crate) label: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    #[serde(rename = "req_headers")]
    pub(crate) asked_headers: Map<String, Value>,
    #[serde(rename = "req_body")]
    pub(crate) asked: Option<String>,
    /// None where no answer came in time.
    pub(crate) status: Option<u16>,
    #[serde(rename = "resp_headers")]
    pub(crate) answered_headers: Map<String, Value>,
    #[serde(rename = "resp_body")]
    pub(crate) answered: Option<String>,
}

impl Exchange {
    /// Whether only the start of the request's body was written down.
    pub(crate) fn asked_is_cut(&self) -> bool {
        let length = self.asked_headers.get("Content-Length").and_then(length);
        length.is_some_and(|length| length > self.asked.as_ref().map_or(0, |body| body.chars().count()))
    }

    /// Whether only the start of the answer was written down.
    pub(crate) fn answered_is_cut(&self) -> bool {
        const TOKEN: &str = "BOT_TOKEN";
        let body = self.answered.as_deref().unwrap_or_default();
        let length = self.answered_headers.get("content-length").and_then(length);
        self.method != "HEAD"
            && !body.contains(TOKEN)
            && length.is_some_and(|length| length > body.chars().count())
    }

    /// The answer's text. It was written down byte by byte, as if each were a character.
    pub(crate) fn answer(&self) -> String {
        let written = self.answered.clone().unwrap_or_default();
        bytes(&written).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or(written)
    }
}

/// The bytes that a text stands for whose characters are bytes.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|byte| u8::try_from(u32::from(byte)).ok()).collect()
}

fn length(header: &Value) -> Option<usize> {
    header.as_str()?.parse().ok()
}

/// Reads a recording; none where there are no recordings.
pub(crate) fn read(name: &str) -> Option<Vec<Exchange>> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../../shared/contract/transcripts"].iter().collect();
    let lines = fs::read_to_string(path.join(format!("{name}.jsonl"))).ok()?;
    Some(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}
