//! `grafolean snmp profile`: what a device has of all profiles, and what it would be asked.

use std::io::{self, Write};

use grafolean_bots::snmp::{
    Oid,
    engine::Engine,
    plan::{PollResult, Wanted},
    profile::{self, Application, Library, Metric, Profile},
    settings::{Fetch, ProfileChoice},
};
use serde_json::{Value, json};

use super::{agent, print::Printer};
use crate::{arguments::ProfileArguments, failure::Outcome};

/// Objects of a metric that are printed.
const SHOWN_ROWS: usize = 2;

/// Asks a device what it has, asks for that once, and prints what came of it.
pub(super) async fn run(
    engine: &Engine,
    library: &Library,
    arguments: &ProfileArguments,
    printer: Printer<'_>,
) -> anyhow::Result<Outcome> {
    let choice = arguments.profile.as_deref().filter(|name| *name != "auto");
    let choice = choice.map(|name| ProfileChoice::Named(name.to_owned()));
    if let Some(name) = choice.as_ref().and_then(ProfileChoice::name)
        && library.named(name).is_none()
    {
        anyhow::bail!("no profile is called {name:?}: `grafolean snmp profiles` lists them");
    }
    let session = agent::open(engine, &arguments.agent).await?;
    let (asked, with) = (session.clone(), library.clone());
    let chosen = choice.as_ref().and_then(ProfileChoice::name).map(str::to_owned);
    let policy = agent::policy(&arguments.agent);
    let applied = async move { profile::apply(&asked, &with, chosen.as_deref(), &policy).await };
    let application = engine.on_its_thread(applied).await?;
    let application = application.map_err(|why| anyhow::anyhow!("{}: {why}", arguments.agent.host))?;
    let mut wanted = Wanted::default();
    let fetches = application.metrics().flat_map(|(_, metric)| &metric.sensor.fetches);
    fetches.for_each(|fetch| wanted.add(fetch));
    let polled = agent::poll(engine, &session, &arguments.agent, &wanted, policy).await?;
    let result = polled.map_err(|why| anyhow::anyhow!("{}: {why}", arguments.agent.host))?.result;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let measured: Vec<_> = application
        .metrics()
        .map(|(profile, metric)| (profile, metric, rows(metric, &result)))
        .filter(|(.., rows)| !rows.is_empty())
        .collect();
    if arguments.sensors {
        let is_measured = |metric: &Metric| measured.iter().any(|(_, it, _)| std::ptr::eq(*it, metric));
        for sensor in application.sensors_of(is_measured) {
            writeln!(out, "{sensor}")?;
        }
    } else if printer.as_json {
        writeln!(out, "{}", object(&application, &measured, &result))?;
    } else {
        tell(&mut out, &application, &measured, &result, printer)?;
    }
    out.flush()?;
    Ok(if measured.is_empty() { Outcome::Bad } else { Outcome::Good })
}

/// Prints the profiles that there are.
pub(super) fn list(library: &Library, as_json: bool) -> anyhow::Result<Outcome> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for profile in library.profiles() {
        let parts = profile.measures();
        if as_json {
            let metrics: Vec<_> = profile.metrics.iter().map(metric_object).collect();
            let (name, title, vendor) = (&profile.name, &profile.title, &profile.vendor);
            let object = json!({
                "name": name, "title": title, "vendor": vendor, "parts": parts, "metrics": metrics,
            });
            writeln!(out, "{object}")?;
        } else {
            writeln!(out, "{:22} {:28} {}", profile.name, profile.title, parts.join(", "))?;
        }
    }
    out.flush()?;
    Ok(Outcome::Good)
}

type Measured<'a> = (&'a Profile, &'a Metric, Vec<String>);

/// The rows of a metric whose objects all came; one without a name where there is no table.
fn rows(metric: &Metric, result: &PollResult) -> Vec<String> {
    let sensor = &metric.sensor;
    let text = |fetch: &Fetch, index: &[u32]| match fetch {
        Fetch::Get(oid) => Some(result.value(oid).ok()?.0.text_of(oid).into_owned()),
        Fetch::Walk(root) => Some(result.column(root)?.row(index)?.value.text_of(root).into_owned()),
    };
    let number = |fetch: &Fetch, index: &[u32]| match fetch {
        Fetch::Get(oid) => result.value(oid).ok()?.0.number(),
        Fetch::Walk(root) => result.column(root)?.row(index)?.value.number(),
    };
    let first = sensor.fetches.iter().find_map(|fetch| match fetch {
        Fetch::Walk(root) => result.column(root),
        Fetch::Get(_) => None,
    });
    let indices: Vec<&[u32]> = match first {
        Some(column) => column.rows.iter().map(|row| &*row.index).collect(),
        None => vec![&[]],
    };
    let row = |index: &[u32]| {
        let operands: Vec<f64> =
            sensor.fetches.iter().map(|fetch| number(fetch, index).unwrap_or(f64::NAN)).collect();
        let filled = sensor
            .output_path
            .fill(index, |place| text(sensor.fetches.get(place.checked_sub(1)?)?, index))?;
        let value = sensor.expression.evaluate(&operands)?;
        let is_rate = metric.is_rate(|oid| match result.value(oid) {
            Ok((value, _)) => Some(value),
            Err(_) => Some(&result.column(oid)?.rows.first()?.value),
        });
        // What a counter stands at is no rate yet.
        Some(if is_rate { filled.path } else { format!("{} = {value}", filled.path) })
    };
    indices.into_iter().filter_map(row).collect()
}

fn tell(
    out: &mut impl Write,
    application: &Application,
    measured: &[Measured<'_>],
    result: &PollResult,
    printer: Printer<'_>,
) -> io::Result<()> {
    let system = &application.system;
    if let Some(object) = &system.object {
        writeln!(out, "sysObjectID  {} ({object})", printer.name(object))?;
    }
    writeln!(out, "sysDescr     {}", system.descr.lines().next().unwrap_or_default())?;
    for matched in &application.matched {
        let count = measured.iter().filter(|(profile, ..)| profile.name == matched.profile.name).count();
        if count > 0 || !matched.profile.is_standard() {
            writeln!(out, "profile      {}: {}; {count} of its metrics", matched.profile.name, matched.why)?;
        }
    }
    let mut parts: Vec<&str> = measured.iter().map(|(_, metric, _)| metric.part.as_str()).collect();
    parts.sort_unstable();
    parts.dedup();
    for part in parts {
        writeln!(out, "\n{part}")?;
        for (profile, metric, rows) in measured.iter().filter(|(_, metric, _)| metric.part == part) {
            let path = metric.sensor.output_path.as_str();
            let (unit, every) = (&metric.unit, metric.every.seconds());
            writeln!(out, "  {path:40} {unit:10} each {every} s, {} series, {}", rows.len(), profile.name)?;
            for row in rows.iter().take(SHOWN_ROWS) {
                writeln!(out, "      {row}")?;
            }
        }
    }
    let series: usize = measured.iter().map(|(.., rows)| rows.len()).sum();
    writeln!(
        out,
        "\n{} metrics, {series} series; {} packets to find out, {} packets of {} objects to ask for all at once",
        measured.len(),
        application.requests,
        result.requests,
        result.varbinds
    )
}

fn metric_object(metric: &Metric) -> Value {
    json!({
        "path": metric.sensor.output_path.as_str(),
        "title": metric.title,
        "unit": metric.unit,
        "part": metric.part,
        "every_s": metric.every.seconds(),
    })
}

fn object(application: &Application, measured: &[Measured<'_>], result: &PollResult) -> Value {
    let system = &application.system;
    let matched: Vec<_> = application
        .matched
        .iter()
        .map(|it| json!({"profile": it.profile.name, "title": it.profile.title, "why": it.why.to_string()}))
        .collect();
    let metrics: Vec<_> = measured
        .iter()
        .map(|(profile, metric, rows)| {
            let mut object = metric_object(metric);
            if let Value::Object(fields) = &mut object {
                fields.insert("profile".to_owned(), json!(profile.name));
                fields.insert("series".to_owned(), json!(rows.len()));
                fields.insert("rows".to_owned(), json!(rows));
            }
            object
        })
        .collect();
    json!({
        "sys_object_id": system.object.as_ref().map(Oid::to_string),
        "sys_descr": system.descr,
        "sys_name": system.name,
        "matched": matched,
        "metrics": metrics,
        "packets_to_find_out": application.requests,
        "packets": result.requests,
        "objects": result.varbinds,
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fmt::Write as _};

    use super::*;
    use crate::generated_page::hold_equal;

    const HEADING: &str = "## Built in\n\n";

    fn table() -> String {
        let mut table = "| profile | for | parts |\n| --- | --- | --- |\n".to_owned();
        for profile in Library::builtin().profiles() {
            let parts = profile.measures().join(", ");
            let title = if profile.is_standard() {
                format!("{}, on any device", profile.title)
            } else {
                profile.title.clone()
            };
            writeln!(table, "| `{}` | {title} | {parts} |", profile.name).unwrap();
        }
        table
    }

    #[test]
    fn the_page_lists_the_profiles_that_are_built_in() {
        let page = include_str!("../../../../../docs/profiles.md");
        let (text, _) = page.split_once(HEADING).unwrap();
        hold_equal("profiles.md", &format!("{text}{HEADING}{}", table()));
        let vendors: BTreeSet<_> =
            Library::builtin().profiles().iter().filter_map(|it| it.vendor.as_deref()).collect();
        assert!(vendors.len() >= 25, "{vendors:?}");
    }
}
