//! An exporter in a sentence, for people and for whoever carries it on.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Finding, Profile, Ratios, Window, diagnose, side::TOLERANCE, window::RECENT_MINUTES};
use crate::record::Protocol;

/// What is to be said of one exporter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The account, and the entity that names it.
    pub account: i64,
    /// See [`account`](Self::account).
    pub entity: i64,
    /// The addresses that it sends from.
    pub addresses: Vec<String>,
    /// The end of the minute that was looked at last, in seconds since 1970.
    pub at: i64,
    /// All of it in a sentence.
    pub sentence: String,
    /// What it sends.
    pub sends: String,
    /// What it leaves out.
    pub missing: Vec<String>,
    /// How complete the last minutes are, from 0 to 1.
    pub complete: Option<f64>,
    /// Flows by counters, over all interfaces that were counted; 1 is the same.
    pub reconciled: Option<f64>,
    /// What to change in its configuration.
    pub change: Vec<String>,
    /// What is wrong.
    pub findings: Vec<FindingText>,
    /// Each interface that was told or counted in the last minutes.
    pub interfaces: Vec<InterfaceVerdict>,
}

/// Something that is wrong, in words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FindingText {
    /// A short word from a small fixed set.
    pub kind: String,
    /// When it was first found, in seconds since 1970.
    pub since: i64,
    /// What is wrong.
    pub sentence: String,
    /// What to do.
    pub advice: String,
    /// SNMP indexes; empty where it is the whole exporter.
    pub interfaces: BTreeSet<u32>,
}

/// What is to be said of one interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InterfaceVerdict {
    /// Its SNMP index.
    pub index: u32,
    /// What people call it.
    pub name: Option<String>,
    /// Flows by counters over the last minutes; `None` where it was idle or not counted.
    pub reconciled: Option<f64>,
    /// The same of what came in, where flows tell directions.
    pub ingress: Option<f64>,
    /// The same of what went out.
    pub egress: Option<f64>,
    /// Minutes that were compared.
    pub minutes: usize,
}

impl Verdict {
    /// Looks at an exporter. `since` remembers by kind when something was first found; `names` are its interfaces'.
    pub fn of(
        window: &Window,
        profile: &Profile,
        names: &BTreeMap<u32, String>,
        since: &mut BTreeMap<&'static str, i64>,
    ) -> Self {
        let at = window.latest().unwrap_or(0);
        let findings = diagnose(window, profile);
        since.retain(|kind, _| findings.iter().any(|finding| finding.cause.kind() == *kind));
        let text = |finding: &Finding| FindingText {
            kind: finding.cause.kind().to_owned(),
            since: *since.entry(finding.cause.kind()).or_insert(at),
            sentence: format!("{}{}", places(&finding.interfaces, names), finding.cause.sentence()),
            advice: finding.cause.advice(),
            interfaces: finding.interfaces.clone(),
        };
        let findings: Vec<_> = findings.iter().map(text).collect();
        let interfaces = interfaces(window, names);
        let mut verdict = Self {
            at,
            sends: sends(window, profile),
            missing: missing(window, profile),
            complete: window.coverage().ratio(),
            reconciled: over_all(window),
            change: findings.iter().map(|finding| finding.advice.clone()).collect(),
            findings,
            interfaces,
            ..Self::default()
        };
        verdict.sentence = verdict.put_together();
        verdict
    }

    fn put_together(&self) -> String {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let complete = match self.complete {
            Some(share) if share >= 0.9995 => "complete".to_owned(),
            Some(share) => format!("{} complete", percent(share)),
            None => "nothing came in the last minutes".to_owned(),
        };
        let compared = self.interfaces.iter().filter(|its| its.reconciled.is_some()).count();
        let agrees = match (self.reconciled, compared) {
            (Some(ratio), 1..) if self.findings.is_empty() && (ratio - 1.0).abs() <= 2.0 * TOLERANCE => {
                let ports = if compared == 1 { "interface" } else { "interfaces" };
                format!("its flows are {} of what {compared} {ports} counted", percent(ratio))
            }
            (Some(ratio), 1..) if ratio > 20.0 => {
                "its flows are not of what its interfaces counted".to_owned()
            }
            (Some(ratio), 1..) => format!("its flows are {} of what its interfaces counted", percent(ratio)),
            _ => "not held against interface counters".to_owned(),
        };
        let mut sentence = format!("{}; {complete}; {agrees}", self.sends);
        for finding in &self.findings {
            sentence.push_str("; ");
            sentence.push_str(&finding.sentence);
        }
        sentence
    }
}

fn places(interfaces: &BTreeSet<u32>, names: &BTreeMap<u32, String>) -> String {
    const MOST: usize = 3;
    if interfaces.is_empty() {
        return String::new();
    }
    let name = |index: &u32| names.get(index).map_or_else(|| format!("interface {index}"), Clone::clone);
    let mut named: Vec<_> = interfaces.iter().take(MOST).map(name).collect();
    if interfaces.len() > MOST {
        named.push(format!("{} more", interfaces.len() - MOST));
    }
    format!("at {}: ", named.join(", "))
}

fn interfaces(window: &Window, names: &BTreeMap<u32, String>) -> Vec<InterfaceVerdict> {
    let of = |index: u32| {
        let (sums, minutes) = window.sums(index, RECENT_MINUTES);
        let ratios = Ratios::of(&sums, minutes);
        InterfaceVerdict {
            index,
            name: names.get(&index).cloned(),
            reconciled: ratios.map(|ratios| ratios.both),
            ingress: ratios.and_then(|ratios| ratios.ingress),
            egress: ratios.and_then(|ratios| ratios.egress),
            minutes,
        }
    };
    window.interfaces().into_iter().filter(|index| *index != 0).map(of).collect()
}

fn over_all(window: &Window) -> Option<f64> {
    let (mut frames, mut octets) = (0.0, 0.0);
    for side in window.sides(RECENT_MINUTES) {
        frames += side.frames();
        octets += side.octets as f64;
    }
    (octets > 0.0).then(|| frames / octets)
}

/// What it sends, as "NetFlow v9 with 2 templates, one packet of 100, flows of up to 60 s".
fn sends(window: &Window, profile: &Profile) -> String {
    let spoken: Vec<_> = profile.protocols.iter().map(|protocol| spoken(*protocol)).collect();
    let mut words = if spoken.is_empty() { "nothing".to_owned() } else { spoken.join(" and ") };
    if profile.templates > 0 {
        let noun = if profile.templates == 1 { "template" } else { "templates" };
        words += &format!(" with {} {noun}", profile.templates);
    }
    if profile.flows > 0 {
        words += &match (profile.factor.is_none(), profile.is_set_by_hand) {
            (true, false) => ", every packet".to_owned(),
            (_, true) => format!(", one packet of {} as set by hand", profile.factor.as_f64()),
            (false, false) => format!(", one packet of {}", profile.factor.as_f64()),
        };
    }
    let all = window.minutes().flat_map(|(_, minute)| minute.interfaces.values());
    let longest = all.map(|its| its.told().longest_millis).max().unwrap_or(0);
    if longest >= 1_000 {
        words += &format!(", flows of up to {} s", longest / 1_000);
    }
    words
}

const fn spoken(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Netflow1 => "NetFlow v1",
        Protocol::Netflow5 => "NetFlow v5",
        Protocol::Netflow7 => "NetFlow v7",
        Protocol::Netflow9 => "NetFlow v9",
        Protocol::Ipfix => "IPFIX",
        Protocol::Sflow5 => "sFlow v5",
    }
}

fn missing(window: &Window, profile: &Profile) -> Vec<String> {
    let mut missing = Vec::new();
    if profile.flows == 0 {
        missing.push("flows".to_owned());
    } else {
        let tells = [
            (profile.tells_input, "the interface of arrival (element 10)"),
            (profile.tells_output, "the interface of departure (element 14)"),
            (profile.tells_direction || profile.templates == 0, "the direction (element 61)"),
            (profile.tells_times || profile.templates == 0, "when flows began (elements 22, 152)"),
        ];
        missing.extend(tells.into_iter().filter(|(tells, _)| !tells).map(|(_, what)| what.to_owned()));
    }
    if profile.waiting > 0 {
        missing.push("templates of data that came".to_owned());
    }
    if window.counted() == 0 {
        missing.push("interface counters: give the entity the protocol snmp too".to_owned());
    }
    missing
}
