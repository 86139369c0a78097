//! What could not be delivered, kept for a person to look at.

use std::fmt;

use rusqlite::{Connection, OptionalExtension, Result, Row as SqlRow, params};

use super::{
    codec::{self, CodecError},
    database::has_letters_of_sinks,
    settings::{MAX_DEAD_LETTER_BYTES, MAX_DEAD_LETTERS},
};
use crate::{model::AccountId, report::Report, time::Timestamp};

/// The number of a dead letter, never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeadLetterId(i64);

impl DeadLetterId {
    /// Creates it of the number, as a person types it.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for DeadLetterId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// Why something is a dead letter, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReasonKind {
    /// It broke a rule of the API and was never sent.
    Invalid,
    /// The backend refused it.
    Refused,
    /// The backend failed on it again and again while it took others.
    Failed,
    /// Its bytes on disk are not those that were written.
    Unreadable,
}

impl ReasonKind {
    /// Returns the word under which it is kept and counted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unreadable => "unreadable",
        }
    }

    fn from_text(text: &str) -> Self {
        match text {
            "invalid" => Self::Invalid,
            "refused" => Self::Refused,
            "failed" => Self::Failed,
            _ => Self::Unreadable,
        }
    }
}

/// What is to become a dead letter.
#[derive(Clone, Debug, PartialEq)]
pub struct RejectedEntry {
    pub(super) account: AccountId,
    pub(super) kind: ReasonKind,
    pub(super) reason: String,
    pub(super) checksum: u32,
    pub(super) payload: Vec<u8>,
    /// Empty if the backend is meant.
    pub(super) sink: String,
}

impl RejectedEntry {
    /// One value, as it was handed over, with the reason for a person.
    pub fn of_value(
        account: AccountId,
        time: Timestamp,
        value: (String, f64),
        kind: ReasonKind,
        reason: impl fmt::Display,
    ) -> Self {
        let payload = codec::encode_values(account, time, &[value]);
        let (checksum, sink) = (codec::checksum(&payload), String::new());
        Self { account, kind, reason: reason.to_string(), checksum, payload, sink }
    }

    /// A whole report, with the reason for a person; `None` of one that cannot be written down.
    pub fn of_report(report: &Report, kind: ReasonKind, reason: impl fmt::Display) -> Option<Self> {
        let payload = codec::encode(report).ok()?;
        let (checksum, sink) = (codec::checksum(&payload), String::new());
        Some(Self { account: report.account(), kind, reason: reason.to_string(), checksum, payload, sink })
    }

    /// Returns it as one of a sink, not of the backend.
    #[must_use]
    pub fn of_sink(self, sink: impl Into<String>) -> Self {
        Self { sink: sink.into(), ..self }
    }

    /// Returns why, in a word.
    pub fn kind(&self) -> ReasonKind {
        self.kind
    }

    /// Returns why, for a person.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    pub(super) fn bytes(&self) -> u64 {
        u64::try_from(self.payload.len().saturating_add(self.reason.len())).unwrap_or(u64::MAX)
    }
}

/// Something that could not be delivered.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Its number.
    pub id: DeadLetterId,
    /// Whose it is.
    pub account: AccountId,
    /// When it was given up.
    pub rejected_at: Timestamp,
    /// Why, in a word.
    pub kind: ReasonKind,
    /// Why, for a person; what the backend said.
    pub reason: String,
    /// What it is.
    pub content: Content,
    /// Whether it is marked to be sent again: the bot takes it up at its next look, or when it starts.
    pub again: bool,
    /// Which sink could not be served; None if it was the backend.
    pub sink: Option<String>,
}

/// What a dead letter holds.
#[derive(Debug)]
pub enum Content {
    /// A report, most often of one value.
    Report(Report),
    /// Bytes that are no report (any more), and why.
    Unreadable(Vec<u8>, CodecError),
}

/// How many there are, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DeadLetterQueue {
    pub(super) letters: u64,
    pub(super) bytes: u64,
}

impl DeadLetterQueue {
    /// Counts those of a sink; the backend's have the empty name.
    pub(super) fn count(connection: &Connection, sink: &str) -> Result<Self> {
        connection.query_row(
            "SELECT count(*), coalesce(sum(length(payload) + length(reason)), 0) FROM dead_letter WHERE sink = ?1",
            [sink],
            |row| Ok(Self { letters: row.get(0)?, bytes: row.get(1)? }),
        )
    }

    /// Writes a dead letter; returns how many old ones had to go for it.
    pub(super) fn push(
        &mut self,
        connection: &Connection,
        rejected_entry: &RejectedEntry,
        now: Timestamp,
    ) -> Result<u64> {
        connection
            .prepare_cached(
                "INSERT INTO dead_letter (account, buried, reason_kind, reason, checksum, payload, sink)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                rejected_entry.account.number(),
                now.micros(),
                rejected_entry.kind.as_str(),
                rejected_entry.reason,
                rejected_entry.checksum,
                rejected_entry.payload,
                rejected_entry.sink
            ])?;
        self.letters += 1;
        self.bytes = self.bytes.saturating_add(rejected_entry.bytes());
        let mut dropped = 0;
        while self.letters > MAX_DEAD_LETTERS || (self.bytes > MAX_DEAD_LETTER_BYTES && self.letters > 1) {
            let bytes: Option<u64> = connection
                .prepare_cached(
                    "DELETE FROM dead_letter WHERE id = (SELECT min(id) FROM dead_letter WHERE sink = ?1)
                     RETURNING length(payload) + length(reason)",
                )?
                .query_row([&rejected_entry.sink], |row| row.get(0))
                .optional()?;
            let Some(bytes) = bytes else { break };
            self.letters -= 1;
            self.bytes = self.bytes.saturating_sub(bytes);
            dropped += 1;
        }
        Ok(dropped)
    }
}

/// Counts those of all.
pub(super) fn count(connection: &Connection) -> Result<u64> {
    connection.query_row("SELECT count(*) FROM dead_letter", [], |row| row.get(0))
}

/// Removes and returns the readable ones of a consumer that are marked for another try, at most `limit`, oldest first. Those of a sink
/// that is no more stay.
pub(super) fn take_marked(connection: &Connection, sink: &str, limit: u32) -> Result<Vec<DeadLetter>> {
    connection
        .prepare_cached(
            "DELETE FROM dead_letter
             WHERE id IN (SELECT id FROM dead_letter WHERE again <> 0 AND sink = ?1 ORDER BY id LIMIT ?2)
             RETURNING id, account, buried, reason_kind, reason, checksum, payload, again, sink",
        )?
        .query_map(params![sink, limit], letter)?
        .collect()
}

/// Returns a page, newest first.
pub(super) fn page(
    connection: &Connection,
    of: Letters<'_>,
    before: Option<DeadLetterId>,
    limit: u32,
) -> Result<Vec<DeadLetter>> {
    let column = sink_column(connection)?;
    connection
        .prepare_cached(&format!(
            "SELECT id, account, buried, reason_kind, reason, checksum, payload, again, {column} AS of_sink
             FROM dead_letter WHERE id < ?1 AND (?3 IS NULL OR of_sink = ?3) ORDER BY id DESC LIMIT ?2"
        ))?
        .query_map(params![before.map_or(i64::MAX, DeadLetterId::number), limit, of.sink()], letter)?
        .collect()
}

/// Whose dead letters are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Letters<'a> {
    /// Those of the backend and of all sinks.
    #[default]
    All,
    /// Those of the backend.
    Backend,
    /// Those of one sink.
    Sink(&'a str),
}

impl<'a> Letters<'a> {
    /// Returns the name of the sink; None stands for all, an empty one for the backend.
    pub(super) fn sink(self) -> Option<&'a str> {
        match self {
            Self::All => None,
            Self::Backend => Some(""),
            Self::Sink(name) => Some(name),
        }
    }
}

/// Returns what names the sink of a letter: a file that no bot opened since there are sinks has no column for it.
pub(super) fn sink_column(connection: &Connection) -> Result<&'static str> {
    Ok(if has_letters_of_sinks(connection)? { "sink" } else { "''" })
}

pub(super) fn one(connection: &Connection, id: DeadLetterId) -> Result<Option<DeadLetter>> {
    let column = sink_column(connection)?;
    connection
        .query_row(
            &format!(
                "SELECT id, account, buried, reason_kind, reason, checksum, payload, again, {column}
                 FROM dead_letter WHERE id = ?1"
            ),
            [id.number()],
            letter,
        )
        .optional()
}

fn letter(row: &SqlRow<'_>) -> Result<DeadLetter> {
    let kind: String = row.get(3)?;
    let payload: Vec<u8> = row.get(6)?;
    let content = match codec::decode(&payload, row.get(5)?) {
        Ok(report) => Content::Report(report),
        Err(error) => Content::Unreadable(payload, error),
    };
    Ok(DeadLetter {
        id: DeadLetterId(row.get(0)?),
        account: AccountId::new(row.get(1)?),
        rejected_at: Timestamp::from_micros(row.get(2)?),
        kind: ReasonKind::from_text(&kind),
        reason: row.get(4)?,
        content,
        again: row.get(7)?,
        sink: Some(row.get::<_, String>(8)?).filter(|sink| !sink.is_empty()),
    })
}
