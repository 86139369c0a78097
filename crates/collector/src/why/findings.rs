//! What is wrong with all of an account, each cause once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Facts, Finding, Question, Verdict, explain};
use crate::{
    cause::{Cause, Link},
    model::{AccountId, EntityId, UserId},
};

/// Entities that a finding names; of more there is the number.
const NAMED: usize = 20;

/// One cause, with all that it is met at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupedFinding {
    /// Whose.
    pub account: AccountId,
    /// What is wrong.
    pub cause: Cause,
    /// It in a sentence.
    pub sentence: String,
    /// What to do, in a sentence.
    pub remedy: String,
    /// What was found at the first of them.
    pub evidence: String,
    /// Since when, in seconds since 1970.
    pub since: Option<f64>,
    /// By which protocol.
    pub protocol: Option<String>,
    /// How many entities are concerned.
    pub devices: usize,
    /// The first of them.
    pub entities: Vec<NamedEntity>,
}

/// An entity by its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedEntity {
    /// Its id.
    pub id: EntityId,
    /// What people call it.
    pub name: String,
}

/// What makes two findings one: the cause, the protocol, and where a whole bot is concerned, the bot.
type Key = (Link, Cause, Option<String>, Option<UserId>);

/// Returns what is wrong with an account, what concerns most entities first.
pub fn findings(facts: &Facts) -> Vec<GroupedFinding> {
    let mut grouped = BTreeMap::<Key, GroupedFinding>::new();
    let mut devices: Vec<_> = facts.account.entities.iter().filter(|it| it.entity_type == "device").collect();
    devices.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
    for entity in devices {
        // One that nobody wants to be measured is not wrong.
        if entity.protocols.as_ref().is_none_or(BTreeMap::is_empty) {
            continue;
        }
        for answer in explain(&Question::Entity(entity.id), facts) {
            if answer.verdict != Verdict::Broken {
                continue;
            }
            let first = answer.findings.first().map(|finding| finding.cause.link());
            // What lies behind the first broken step follows from it.
            let of_first = answer.findings.iter().filter(|finding| Some(finding.cause.link()) == first);
            let mut causes: Vec<&Finding> = of_first.collect();
            causes.dedup_by_key(|finding| finding.cause);
            for finding in causes {
                let bot = finding.bot.filter(|_| finding.cause.link() == Link::Selection);
                let key = (finding.cause.link(), finding.cause, answer.protocol.clone(), bot);
                let entry = grouped.entry(key).or_insert_with(|| GroupedFinding {
                    account: answer.account,
                    cause: finding.cause,
                    sentence: finding.sentence.clone(),
                    remedy: finding.remedy.clone(),
                    evidence: finding.evidence.clone(),
                    since: finding.since,
                    protocol: answer.protocol.clone(),
                    devices: 0,
                    entities: Vec::new(),
                });
                entry.devices += 1;
                entry.since = match (entry.since, finding.since) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
                if entry.entities.len() < NAMED {
                    entry.entities.push(NamedEntity { id: entity.id, name: entity.name.clone() });
                }
            }
        }
    }
    let mut all: Vec<_> = grouped.into_values().collect();
    all.sort_by_key(|finding| std::cmp::Reverse(finding.devices));
    all
}
