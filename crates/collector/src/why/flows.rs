//! Why flows of an exporter are missing, of what the bot heard.

use std::net::IpAddr;

use super::{
    Finding, Told,
    measuring::age,
    walk::{SetUp, Walk},
};
use crate::{
    cause::{Cause, Link},
    model::{AccountId, EntityId},
    status::{ExporterVerdict, Heard, HeardExporter},
};

/// Seconds for which a template is awaited before it is said to be missing: exporters send theirs every few minutes, some
/// every half an hour.
const TEMPLATE_PATIENCE: f64 = 1_900.0;

/// Datagrams to other ports, or that a firewall drops, from which on they are the likely reason; a few are stray ones.
const TELLING: u64 = 3;

/// Looks at what was heard of the entity's addresses.
pub(super) fn check(walk: &mut Walk<'_>, set_up: &SetUp<'_>, heard: &Heard, told: &Told) {
    let addresses: Vec<IpAddr> = ["ipv4", "ipv6"]
        .iter()
        .filter_map(|key| set_up.entity.details.get(*key)?.as_str()?.trim().parse().ok())
        .collect();
    let own: Vec<_> = heard.exporters.iter().filter(|it| addresses.contains(&it.address)).collect();
    let at = Some(told.received);
    if own.is_empty() {
        // Nothing is due of an exporter as long as the bot has just begun to listen.
        let finding = unheard(heard, &addresses);
        if finding.cause == Cause::NothingSent && told.status.at - told.status.started < 120.0 {
            walk.wait("the bot listens only for a short time, and nothing has come yet");
            return;
        }
        walk.broken(Link::Values, finding.since(told.status.started), at);
        return;
    }
    let now = told.status.at;
    for exporter in own {
        for finding in of_exporter(exporter, now) {
            walk.broken(Link::Values, finding, at);
        }
    }
    if let Some(finding) = differing(walk.account(), walk.id, heard) {
        walk.broken(Link::Values, finding, at);
    }
    if heard.kernel_drops > 0 {
        let evidence = format!("{} datagrams in the last minutes", heard.kernel_drops);
        walk.broken(Link::Values, Finding::of(Cause::KernelDrops, evidence), at);
    }
}

/// What makes the entity's flows differ from its interface counters, unless its own numbers said so already.
fn differing(account: AccountId, entity: EntityId, heard: &Heard) -> Option<Finding> {
    const IN_ITS_NUMBERS: [&str; 3] = ["lost-on-the-way", "nothing-decoded", "sampling-unknown"];
    let its = |verdict: &&ExporterVerdict| verdict.account == account && verdict.entity == entity;
    let verdict = heard.verdicts.iter().find(its)?;
    let findings = verdict.findings.iter().filter(|it| !IN_ITS_NUMBERS.contains(&it.kind.as_str()));
    let since = findings.clone().map(|finding| finding.since).min_by(f64::total_cmp)?;
    let said: Vec<_> = findings.map(|finding| format!("{}: {}", finding.sentence, finding.advice)).collect();
    Some(Finding::of(Cause::FlowsDiffer, said.join("; ")).since(since))
}

/// Why nothing was heard of an exporter.
fn unheard(heard: &Heard, addresses: &[IpAddr]) -> Finding {
    let list = |addresses: &mut dyn Iterator<Item = String>| addresses.collect::<Vec<_>>().join(", ");
    let own = list(&mut addresses.iter().map(ToString::to_string));
    let listening = list(&mut heard.listening.iter().map(ToString::to_string));
    let others = heard.exporters.iter().filter(|it| !it.named).take(5).map(|it| it.address.to_string());
    let others: Vec<_> = others.collect();
    if !others.is_empty() {
        return Finding::of(
            Cause::OtherExporter,
            format!("they come from {}; the entity has {own}", others.join(", ")),
        );
    }
    if heard.foreign >= TELLING {
        return Finding::of(
            Cause::NotFlows,
            format!("{} datagrams to {listening} are of no known protocol", heard.foreign),
        );
    }
    if heard.host.udp_no_ports >= TELLING {
        let evidence = format!(
            "the kernel counted {} datagrams to closed ports; the bot listens on {listening}",
            heard.host.udp_no_ports
        );
        return Finding::of(Cause::OtherPort, evidence);
    }
    if heard.host.ip_undelivered >= TELLING {
        let evidence = format!(
            "the kernel counted {} packets that came in and that nobody got",
            heard.host.ip_undelivered
        );
        return Finding::of(Cause::HostFirewall, evidence);
    }
    Finding::of(Cause::NothingSent, format!("nothing came from {own} to {listening}"))
}

/// What is wrong with an exporter that was heard.
fn of_exporter(exporter: &HeardExporter, now: f64) -> Vec<Finding> {
    let HeardExporter { address, datagrams, .. } = exporter;
    let of =
        |cause, evidence: String| Finding::of(cause, format!("{address}: {evidence}")).since(exporter.first);
    let mut findings = Vec::new();
    if exporter.flows == 0 {
        findings.extend(if exporter.waiting + exporter.expired > 0 {
            let is_overdue = exporter.expired > 0 || now - exporter.first > TEMPLATE_PATIENCE;
            let cause = if is_overdue { Cause::TemplateMissing } else { Cause::TemplateAwaited };
            let sets = exporter.waiting + exporter.expired;
            Some(of(
                cause,
                format!("{sets} sets of {datagrams} datagrams wait, {} templates came", exporter.templates),
            ))
        } else if exporter.options > 0 {
            Some(of(
                Cause::OptionsOnly,
                format!("{} records of options in {datagrams} datagrams", exporter.options),
            ))
        } else if exporter.counter_samples > 0 {
            let samples = exporter.counter_samples;
            Some(of(Cause::CountersOnly, format!("{samples} counter samples in {datagrams} datagrams")))
        } else if exporter.undecodable > 0 {
            Some(of(
                Cause::NotFlows,
                format!("{} of {datagrams} datagrams could not be read", exporter.undecodable),
            ))
        } else {
            None
        });
    }
    if exporter.flows > 0 && exporter.unscaled * 2 >= exporter.flows {
        let evidence = format!("{} of {} flows", exporter.unscaled, exporter.flows);
        findings.push(of(Cause::SamplerUnknown, evidence));
    }
    if exporter.lost > 0 {
        let evidence = format!(
            "{} are missing in its numbers, last heard at {}",
            exporter.lost,
            age(now, exporter.last)
        );
        findings.push(of(Cause::SequenceGaps, evidence));
    }
    if let Some(ahead) = exporter.clock_ahead {
        let way = if ahead > 0.0 { "ahead" } else { "behind" };
        findings.push(of(Cause::ExporterClock, format!("it is {:.0} s {way} of the bot's", ahead.abs())));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::VerdictFinding;

    fn heard(kinds: &[&str]) -> Heard {
        let finding = |kind: &&str| VerdictFinding {
            kind: (*kind).to_owned(),
            since: 60.0,
            sentence: format!("it is {kind}"),
            advice: format!("mend {kind}"),
            interfaces: [3].into(),
        };
        let verdict = ExporterVerdict {
            account: AccountId::new(1),
            entity: EntityId::new(7),
            at: 120.0,
            sentence: String::new(),
            missing: Vec::new(),
            complete: None,
            reconciled: None,
            findings: kinds.iter().map(finding).collect(),
            interfaces: Vec::new(),
        };
        Heard { verdicts: vec![verdict], ..Heard::default() }
    }

    #[test]
    fn flows_that_differ_from_counters_are_said_of_their_own_entity_unless_its_numbers_say_it_already() {
        let said = |kinds: &[&str], account: i64, entity: i64| {
            differing(AccountId::new(account), EntityId::new(entity), &heard(kinds))
        };
        let finding = said(&["sampling-wrong", "lost-on-the-way", "spread"], 1, 7).unwrap();
        assert_eq!((finding.cause, finding.since), (Cause::FlowsDiffer, Some(60.0)));
        assert_eq!(finding.evidence, "it is sampling-wrong: mend sampling-wrong; it is spread: mend spread");
        for (kinds, account, entity) in
            [(&["lost-on-the-way"][..], 1, 7), (&[], 1, 7), (&["spread"], 2, 7), (&["spread"], 1, 8)]
        {
            assert!(said(kinds, account, entity).is_none(), "{kinds:?}");
        }
    }
}
