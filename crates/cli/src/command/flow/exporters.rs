//! The exporters that a NetFlow bot hears, from what it keeps on disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    net::IpAddr,
    time::{Duration, UNIX_EPOCH},
};

use anyhow::Context;
use comfy_table::{CellAlignment, Table, presets};
use grafolean_collector::time::{Clock, SystemClock, Timestamp};
use grafolean_netflow::{
    decode::{Definition, Space},
    record::Factor,
    sampling::Book,
    standing::{Known, Standing, StreamStanding},
    template::Scope,
};
use serde_json::{Value, json};

use crate::{
    arguments::FlowExporters,
    command::folders,
    config::Config,
    failure::{Hint, Outcome},
};

/// What is known of one exporter.
#[derive(Default)]
struct Exporter<'a> {
    streams: Vec<&'a StreamStanding>,
    templates: Vec<(Scope, &'a Definition, Timestamp)>,
    samplings: Vec<(u32, &'a Book, Timestamp)>,
    set_by_hand: Option<Factor>,
}

/// Prints them.
pub(super) fn run(wanted: &FlowExporters, config: &Config) -> anyhow::Result<Outcome> {
    let folder = folders::of_bot(&folders::data(config)?, "netflow");
    if !folder.is_dir() {
        return Err(anyhow::anyhow!("no NetFlow bot has kept anything in {}", folder.display()))
            .hint("run `grafolean bot netflow` first, or name its folder by --data");
    }
    let known = Known::read(&folder).context("what the bot keeps can't be read")?;
    let mut exporters = by_exporter(&known);
    if let Some(one) = wanted.exporter {
        exporters.retain(|exporter, _| *exporter == one);
        if exporters.is_empty() {
            return Err(anyhow::anyhow!("nothing is known of an exporter {one}"))
                .hint("`grafolean flow exporters` lists those that are known");
        }
    }
    let mut out = io::stdout().lock();
    if wanted.json {
        for (address, exporter) in &exporters {
            writeln!(out, "{}", exporter.object(*address, &known.standing))?;
        }
        return Ok(Outcome::Good);
    }
    if exporters.is_empty() {
        writeln!(out, "no exporter has been heard")?;
    } else {
        writeln!(out, "{}", table(&exporters, SystemClock.now()))?;
    }
    if wanted.exporter.is_some() {
        for exporter in exporters.values() {
            exporter.details(&mut out)?;
        }
    }
    let standing = &known.standing;
    if standing.kernel_drops > 0 {
        let drops = standing.kernel_drops;
        writeln!(
            out,
            "\nthe kernel dropped {drops} datagrams before they were read: coverage has them where an exporter's \
             numbers show the gap; raise net.core.rmem_max"
        )?;
    }
    if standing.foreign_datagrams > 0 {
        writeln!(out, "\n{} datagrams were of no known protocol", standing.foreign_datagrams)?;
    }
    Ok(Outcome::Good)
}

fn by_exporter(known: &Known) -> BTreeMap<IpAddr, Exporter<'_>> {
    let mut exporters = BTreeMap::<IpAddr, Exporter<'_>>::new();
    for stream in &known.standing.streams {
        exporters.entry(stream.exporter.ip()).or_default().streams.push(stream);
    }
    for template in known.snapshot.templates() {
        exporters.entry(template.0.exporter.ip()).or_default().templates.push(template);
    }
    for (domain, book, told) in known.snapshot.samplings() {
        exporters.entry(domain.address).or_default().samplings.push((domain.domain, book, told));
    }
    for (address, factor) in &known.standing.set_by_hand {
        exporters.entry(*address).or_default().set_by_hand = Some(*factor);
    }
    exporters
}

fn table(exporters: &BTreeMap<IpAddr, Exporter<'_>>, now: Timestamp) -> Table {
    const NUMBERS_FROM: usize = 3;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "exporter",
        "format",
        "last seen",
        "domains",
        "datagrams",
        "flows",
        "coverage",
        "lost",
        "undecodable",
        "waiting",
        "expired",
        "templates",
        "sampling",
    ]);
    for (address, exporter) in exporters {
        let sum =
            |of: fn(&StreamStanding) -> u64| exporter.streams.iter().map(|stream| of(stream)).sum::<u64>();
        let formats: BTreeSet<_> = exporter.streams.iter().map(|stream| stream.protocol.name()).collect();
        let seen = exporter.streams.iter().map(|stream| stream.last_seen).max();
        let waiting = sum(|stream| stream.parked.saturating_sub(stream.unparked + stream.expired));
        table.add_row([
            address.to_string(),
            formats.into_iter().collect::<Vec<_>>().join(" "),
            seen.map_or_else(|| "-".to_owned(), |seen| age(seen, now)),
            exporter.streams.len().to_string(),
            sum(|stream| stream.datagrams).to_string(),
            sum(|stream| stream.flows).to_string(),
            exporter.coverage().map_or_else(|| "-".to_owned(), |ratio| format!("{:.2} %", ratio * 100.0)),
            sum(|stream| stream.lost).to_string(),
            sum(|stream| stream.undecodable).to_string(),
            waiting.to_string(),
            sum(|stream| stream.expired).to_string(),
            exporter.templates.len().to_string(),
            exporter.sampling(),
        ]);
    }
    for column in table.column_iter_mut().skip(NUMBERS_FROM) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

impl Exporter<'_> {
    fn coverage(&self) -> Option<f64> {
        let sum = |of: fn(&StreamStanding) -> u64| self.streams.iter().map(|stream| of(stream)).sum::<u64>();
        let (seen, lost) = (sum(|stream| stream.seen), sum(|stream| stream.lost));
        (seen + lost > 0).then(|| seen as f64 / (seen + lost) as f64)
    }

    /// Says what holds, in few words.
    fn sampling(&self) -> String {
        if let Some(factor) = self.set_by_hand {
            return format!("{} by hand", factor.as_f64());
        }
        let factors: BTreeSet<_> = self
            .samplings
            .iter()
            .flat_map(|(_, book, _)| {
                book.samplers().values().chain(book.interfaces().values()).copied().chain(book.whole())
            })
            .map(|factor| factor.as_f64().to_string())
            .collect();
        match factors.len() {
            0 => "-".to_owned(),
            1..=3 => factors.into_iter().collect::<Vec<_>>().join(" "),
            many => format!("{many} factors"),
        }
    }

    fn details(&self, out: &mut impl Write) -> io::Result<()> {
        for (scope, definition, used) in &self.templates {
            let kind = if definition.scopes.is_some() { "options template" } else { "template" };
            let (port, domain, id) = (scope.exporter.port(), scope.domain, definition.id);
            writeln!(out, "\n{kind} {id} of port {port}, domain {domain}, last used {}:", written(*used))?;
            writeln!(out, "  {}", fields(definition).join(" "))?;
        }
        for (domain, book, told) in &self.samplings {
            writeln!(out, "\nsampling of domain {domain}, last told {}:", written(*told))?;
            if let Some(factor) = book.whole() {
                writeln!(out, "  all: {}", factor.as_f64())?;
            }
            for (sampler, factor) in book.samplers() {
                writeln!(out, "  sampler {sampler}: {}", factor.as_f64())?;
            }
            for (interface, factor) in book.interfaces() {
                writeln!(out, "  interface {interface}: {}", factor.as_f64())?;
            }
        }
        Ok(())
    }

    /// Gives all that is known of it. What the collector's sockets lost can't be told apart by exporter: an exporter's gaps
    /// hold its part of it.
    fn object(&self, address: IpAddr, standing: &Standing) -> Value {
        let template = |(scope, definition, used): &(Scope, &Definition, Timestamp)| {
            json!({
                "port": scope.exporter.port(), "format": scope.protocol.name(), "domain": scope.domain,
                "id": definition.id, "options": definition.scopes.is_some(), "used": used.as_seconds_f64(),
                "fields": fields(definition),
            })
        };
        let sampling = |(domain, book, told): &(u32, &Book, Timestamp)| {
            let of = |factor: &Factor| json!(factor.as_f64());
            let by = |map: Vec<(String, Value)>| Value::Object(map.into_iter().collect());
            json!({
                "domain": domain, "told": told.as_seconds_f64(), "all": book.whole().map(Factor::as_f64),
                "samplers": by(book.samplers().iter().map(|(id, factor)| (id.to_string(), of(factor))).collect()),
                "interfaces": by(book.interfaces().iter().map(|(id, factor)| (id.to_string(), of(factor))).collect()),
            })
        };
        json!({
            "exporter": address,
            "coverage": self.coverage(),
            "streams": self.streams.iter().map(|stream| stream_object(stream)).collect::<Vec<_>>(),
            "templates": self.templates.iter().map(template).collect::<Vec<_>>(),
            "sampling": {
                "set_by_hand": self.set_by_hand.map(Factor::as_f64),
                "told": self.samplings.iter().map(sampling).collect::<Vec<_>>(),
            },
            "collector": {
                "kernel_drops": standing.kernel_drops, "foreign_datagrams": standing.foreign_datagrams,
            },
        })
    }
}

fn stream_object(stream: &StreamStanding) -> Value {
    json!({
        "port": stream.exporter.port(), "format": stream.protocol.name(), "domain": stream.domain,
        "agent": stream.agent, "last_seen": stream.last_seen.as_seconds_f64(), "coverage": stream.coverage(),
        "seen": stream.seen, "lost": stream.lost, "datagrams": stream.datagrams, "octets": stream.octets,
        "flows": stream.flows, "options": stream.options, "templates": stream.templates,
        "counter_samples": stream.counter_samples, "samples_lost": stream.samples_lost,
        "recovered": stream.recovered, "late": stream.late, "repeated": stream.repeated,
        "restarts": stream.restarts, "undecodable": stream.undecodable, "parked": stream.parked,
        "unparked": stream.unparked, "expired": stream.expired,
    })
}

/// Fields as element and length: `8:4`, of a vendor `9.12235:v`, of a scope `scope1:4`.
fn fields(definition: &Definition) -> Vec<String> {
    let length = |length: u16| if length == u16::MAX { "v".to_owned() } else { length.to_string() };
    let name = |field: &grafolean_netflow::decode::Field| match field.space {
        Space::Iana => field.element.to_string(),
        Space::Enterprise(vendor) => format!("{vendor}.{}", field.element),
        Space::Scope => format!("scope{}", field.element),
    };
    definition.fields.iter().map(|field| format!("{}:{}", name(field), length(field.length))).collect()
}

fn age(seen: Timestamp, now: Timestamp) -> String {
    let seconds = Duration::from_secs(now.since(seen).as_secs());
    format!("{} ago", humantime::format_duration(seconds))
}

fn written(time: Timestamp) -> String {
    let since = Duration::from_secs(u64::try_from(time.seconds()).unwrap_or(0));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}
