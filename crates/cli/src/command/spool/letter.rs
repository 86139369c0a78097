//! A dead letter as text and as JSON.

use std::{
    io::Write,
    time::{Duration, UNIX_EPOCH},
};

use grafolean_collector::{
    report::Report,
    spool::{Content, DeadLetter},
    time::Timestamp,
};
use serde_json::{Value, json};

/// Writes a moment as people read it, to the second, in UTC.
pub(super) fn date(time: Timestamp) -> String {
    let since_epoch = Duration::from_secs(u64::try_from(time.seconds()).unwrap_or(0));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since_epoch).to_string()
}

/// One line: number, time, whose, what, why.
pub(super) fn line(letter: &DeadLetter) -> String {
    let DeadLetter { id, account, rejected_at, kind, reason, again, sink, .. } = letter;
    let (date, what, kind) = (date(*rejected_at), what(&letter.content), kind.as_str());
    let again = if *again { " (to be sent again)" } else { "" };
    let sink = sink.as_ref().map(|name| format!("  sink {name}")).unwrap_or_default();
    format!("{id:>6}  {date}{sink}  account {account}  {what}  {kind}: {reason}{again}")
}

/// All of it.
pub(super) fn print(out: &mut impl Write, letter: &DeadLetter) -> anyhow::Result<()> {
    writeln!(out, "dead letter  {}", letter.id)?;
    writeln!(out, "account      {}", letter.account)?;
    if let Some(sink) = &letter.sink {
        writeln!(out, "sink         {sink}")?;
    }
    writeln!(out, "given up     {}", date(letter.rejected_at))?;
    writeln!(out, "reason       {}: {}", letter.kind.as_str(), letter.reason)?;
    writeln!(out, "again        {}", if letter.again { "marked to be sent again" } else { "no" })?;
    match &letter.content {
        Content::Report(Report::Values(values)) => {
            writeln!(out, "measured     {}", date(values.time))?;
            for (path, value) in &values.values {
                // The path may hold anything, control characters included.
                writeln!(out, "value        {path:?} = {value}")?;
            }
        }
        Content::Report(report) => writeln!(out, "report       {}", serde_json::to_string(report)?)?,
        Content::Unreadable(bytes, error) => writeln!(out, "unreadable   {} bytes: {error}", bytes.len())?,
    }
    Ok(())
}

/// As JSON; a number that JSON does not have is written as text.
pub(super) fn object(letter: &DeadLetter) -> Value {
    let content = match &letter.content {
        Content::Report(Report::Values(values)) => {
            let t = values.time.as_seconds_f64();
            let point = |(p, v): &(String, f64)| {
                let v = if v.is_finite() { json!(v) } else { json!(v.to_string()) };
                json!({"p": p, "t": t, "v": v})
            };
            json!({"values": values.values.iter().map(point).collect::<Vec<_>>()})
        }
        Content::Report(report) => json!({"report": report}),
        Content::Unreadable(bytes, error) => json!({"unreadable": error.to_string(), "bytes": bytes.len()}),
    };
    json!({
        "id": letter.id.number(),
        "account": letter.account,
        "buried": letter.rejected_at.as_seconds_f64(),
        "kind": letter.kind.as_str(),
        "reason": letter.reason,
        "again": letter.again,
        "sink": letter.sink,
        "content": content,
    })
}

fn what(content: &Content) -> String {
    match content {
        Content::Report(Report::Values(values)) => match values.values.as_slice() {
            [(path, value)] => format!("{path:?} = {value}"),
            several => format!("{} values", several.len()),
        },
        Content::Report(Report::Children(children)) => format!("children of entity {}", children.parent),
        Content::Report(Report::Suggestions(_)) => "suggestions".to_owned(),
        Content::Report(Report::Events(events)) => format!("{} events", events.events.len()),
        Content::Unreadable(bytes, _) => format!("{} unreadable bytes", bytes.len()),
    }
}
