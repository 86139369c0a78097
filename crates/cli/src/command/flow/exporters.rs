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
    decode::{Definition, SamplingScope, Space},
    ledger::Coverage,
    reconcile::Verdict,
    record::Factor,
    sampling::{DomainSampling, SessionDomain},
    state::{ExporterTotals, StoredState, StreamTotals},
    template::Scope,
};
use serde_json::{Value, json};

use super::verdicts;
use crate::{
    arguments::FlowExporters,
    command::folders,
    config::Config,
    failure::{Hint, Outcome},
};

/// What is known of one exporter.
#[derive(Default)]
struct Exporter<'a> {
    streams: Vec<&'a StreamTotals>,
    templates: Vec<(Scope, &'a Definition, Timestamp)>,
    samplings: Vec<(SessionDomain, &'a DomainSampling, Timestamp)>,
    set_by_hand: Option<Factor>,
    /// One for each entity that names it.
    verdicts: Vec<&'a Verdict>,
}

/// Prints them.
pub(super) fn run(wanted: &FlowExporters, config: &Config) -> anyhow::Result<Outcome> {
    let folder = folders::of_bot(&folders::data(config)?, "netflow");
    if !folder.is_dir() {
        return Err(anyhow::anyhow!("no NetFlow bot has kept anything in {}", folder.display()))
            .hint("run `grafolean bot netflow` first, or name its folder by --data");
    }
    let known = StoredState::read(&folder).context("what the bot keeps can't be read")?;
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
            writeln!(out, "{}", exporter.object(*address, &known.totals))?;
        }
        return Ok(Outcome::Good);
    }
    if exporters.is_empty() {
        writeln!(out, "no exporter has been heard")?;
    } else {
        writeln!(out, "{}", table(&exporters, SystemClock.now()))?;
    }
    for (address, exporter) in &exporters {
        verdicts::print(&mut out, *address, &exporter.verdicts)?;
    }
    if wanted.exporter.is_some() {
        for exporter in exporters.values() {
            exporter.details(&mut out)?;
        }
    }
    let totals = &known.totals;
    if totals.kernel_drops > 0 {
        let drops = totals.kernel_drops;
        writeln!(
            out,
            "\nthe kernel dropped {drops} datagrams before they were read: coverage has them where an exporter's \
             numbers show the gap; raise net.core.rmem_max"
        )?;
    }
    if totals.foreign_datagrams > 0 {
        writeln!(out, "\n{} datagrams were of no known protocol", totals.foreign_datagrams)?;
    }
    Ok(Outcome::Good)
}

fn by_exporter(known: &StoredState) -> BTreeMap<IpAddr, Exporter<'_>> {
    let mut exporters = BTreeMap::<IpAddr, Exporter<'_>>::new();
    for stream in &known.totals.streams {
        exporters.entry(stream.exporter.ip()).or_default().streams.push(stream);
    }
    for template in known.snapshot.templates() {
        exporters.entry(template.0.exporter.ip()).or_default().templates.push(template);
    }
    for sampling in known.snapshot.samplings() {
        exporters.entry(sampling.0.exporter.ip()).or_default().samplings.push(sampling);
    }
    for (address, factor) in &known.totals.set_by_hand {
        exporters.entry(*address).or_default().set_by_hand = Some(*factor);
    }
    for verdict in &known.verdicts {
        for address in verdict.addresses.iter().filter_map(|address| address.parse().ok()) {
            exporters.entry(address).or_default().verdicts.push(verdict);
        }
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
        "unscaled",
        "undecodable",
        "waiting",
        "expired",
        "templates",
        "sampling",
    ]);
    for (address, exporter) in exporters {
        let sum =
            |of: fn(&StreamTotals) -> u64| exporter.streams.iter().map(|stream| of(stream)).sum::<u64>();
        let formats: BTreeSet<_> = exporter.streams.iter().map(|stream| stream.protocol.name()).collect();
        let seen = exporter.streams.iter().map(|stream| stream.last_seen).max();
        let waiting = sum(|stream| stream.deferred.saturating_sub(stream.resumed + stream.expired));
        table.add_row([
            address.to_string(),
            formats.into_iter().collect::<Vec<_>>().join(" "),
            seen.map_or_else(|| "-".to_owned(), |seen| age(seen, now)),
            exporter.streams.len().to_string(),
            sum(|stream| stream.datagrams).to_string(),
            sum(|stream| stream.flows).to_string(),
            exporter.coverage().map_or_else(|| "-".to_owned(), |ratio| format!("{:.2} %", ratio * 100.0)),
            sum(|stream| stream.lost).to_string(),
            sum(|stream| stream.unscaled).to_string(),
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
        let mut sum = Coverage::default();
        self.streams.iter().for_each(|stream| sum.add(stream.completeness()));
        sum.ratio()
    }

    /// Describes what holds, in few words.
    fn sampling(&self) -> String {
        if let Some(factor) = self.set_by_hand {
            return format!("{} by hand", factor.as_f64());
        }
        let factors: BTreeSet<_> = self
            .samplings
            .iter()
            .flat_map(|(_, told, _)| told.narrowed().map(|(_, factor)| factor).chain(told.whole()))
            .map(|factor| factor.as_f64().to_string())
            .collect();
        let told = match factors.len() {
            0 => "-".to_owned(),
            1..=3 => factors.into_iter().collect::<Vec<_>>().join(" "),
            many => format!("{many} factors"),
        };
        let sum = |of: fn(&StreamTotals) -> u64| self.streams.iter().map(|stream| of(stream)).sum::<u64>();
        let (flows, unscaled) = (sum(|stream| stream.flows), sum(|stream| stream.unscaled));
        let mut words = match unscaled {
            0 => told,
            // a factor that was told is not shown as if it held
            _ if unscaled == flows => format!("unknown (told: {told})"),
            _ => format!("{told}, partly unknown"),
        };
        if self.samplings.iter().any(|(_, told, _)| told.disbelieved().is_some())
            || sum(|stream| stream.disbelieved) > 0
        {
            words += ", one not believed";
        }
        words
    }

    fn details(&self, out: &mut impl Write) -> io::Result<()> {
        for verdict in &self.verdicts {
            verdicts::interfaces(out, verdict)?;
        }
        for (scope, definition, used) in &self.templates {
            let kind = if definition.scopes.is_some() { "options template" } else { "template" };
            let (port, domain, id) = (scope.exporter.port(), scope.domain, definition.id);
            writeln!(out, "\n{kind} {id} of port {port}, domain {domain}, last used {}:", written(*used))?;
            writeln!(out, "  {}", fields(definition).join(" "))?;
        }
        for (of, sampling, told) in &self.samplings {
            let (port, domain) = (of.exporter.port(), of.domain);
            writeln!(out, "\nsampling of port {port}, domain {domain}, last told {}:", written(*told))?;
            if let Some(factor) = sampling.whole() {
                writeln!(out, "  all: {}", factor.as_f64())?;
            }
            for (scope, factor) in sampling.narrowed() {
                writeln!(out, "  {scope}: {}", factor.as_f64())?;
            }
            for (sequence, selectors) in sampling.sequences() {
                let selectors: Vec<_> = selectors.iter().map(u64::to_string).collect();
                writeln!(out, "  selection sequence {sequence}: selectors {}", selectors.join(", then "))?;
            }
            if let Some(not) = sampling.disbelieved() {
                let (algorithm, factor) = (not.algorithm, not.factor.as_f64());
                writeln!(out, "  not believed: {factor} by algorithm {algorithm}, which IANA does not know")?;
            }
        }
        for stream in &self.streams {
            let (port, domain) = (stream.exporter.port(), stream.domain);
            writeln!(
                out,
                "\n{} of port {port}, domain {domain}, numbers {}",
                stream.protocol.name(),
                stream.counting
            )?;
        }
        Ok(())
    }

    /// Returns all that is known of it. What the collector's sockets lost cannot be divided by exporter: an exporter's gaps
    /// hold its part of it.
    fn object(&self, address: IpAddr, totals: &ExporterTotals) -> Value {
        let template = |(scope, definition, used): &(Scope, &Definition, Timestamp)| {
            json!({
                "port": scope.exporter.port(), "format": scope.protocol.name(), "domain": scope.domain,
                "id": definition.id, "options": definition.scopes.is_some(), "used": used.as_seconds_f64(),
                "fields": fields(definition),
            })
        };
        json!({
            "exporter": address,
            "coverage": self.coverage(),
            "verdicts": self.verdicts,
            "streams": self.streams.iter().map(|stream| stream_object(stream)).collect::<Vec<_>>(),
            "templates": self.templates.iter().map(template).collect::<Vec<_>>(),
            "sampling": {
                "set_by_hand": self.set_by_hand.map(Factor::as_f64),
                "told": self.samplings.iter().map(sampling_object).collect::<Vec<_>>(),
            },
            "collector": {
                "kernel_drops": totals.kernel_drops, "foreign_datagrams": totals.foreign_datagrams,
            },
        })
    }
}

fn sampling_object((of, sampling, told): &(SessionDomain, &DomainSampling, Timestamp)) -> Value {
    let by = |name: fn(&SamplingScope) -> Option<String>| -> Value {
        let named = |(scope, factor): (&SamplingScope, Factor)| Some((name(scope)?, json!(factor.as_f64())));
        Value::Object(sampling.narrowed().filter_map(named).collect())
    };
    let sequences: serde_json::Map<_, _> =
        sampling.sequences().map(|(id, selectors)| (id.to_string(), json!(selectors))).collect();
    json!({
        "port": of.exporter.port(), "domain": of.domain, "told": told.as_seconds_f64(),
        "all": sampling.whole().map(Factor::as_f64),
        "samplers": by(|scope| scope.sampler.map(|id| id.to_string())),
        "interfaces": by(|scope| scope.interface.map(|id| id.to_string())),
        "scopes": by(|scope| Some(scope.to_string())),
        "selection_sequences": sequences,
        "not_believed": sampling.disbelieved().map(|not| {
            json!({"algorithm": not.algorithm, "factor": not.factor.as_f64()})
        }),
    })
}

fn stream_object(stream: &StreamTotals) -> Value {
    json!({
        "port": stream.exporter.port(), "format": stream.protocol.name(), "domain": stream.domain,
        "agent": stream.agent, "last_seen": stream.last_seen.as_seconds_f64(), "coverage": stream.coverage(),
        "seen": stream.seen, "lost": stream.lost, "datagrams": stream.datagrams, "octets": stream.octets,
        "flows": stream.flows, "options": stream.options, "templates": stream.templates,
        "counter_samples": stream.counter_samples, "samples_lost": stream.samples_lost,
        "samples_dropped": stream.samples_dropped, "unscaled": stream.unscaled,
        "samplings_not_believed": stream.disbelieved, "counting": stream.counting,
        "recovered": stream.recovered, "late": stream.late, "repeated": stream.repeated,
        "restarts": stream.restarts, "undecodable": stream.undecodable, "parked": stream.deferred,
        "unparked": stream.resumed, "expired": stream.expired,
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
