//! `grafolean why` and `grafolean findings`: asked of a hub, or, beside a Grafolean, of the bot itself.
//!
//! `sources` finds out who can be asked and what the bot that runs here says; `local` explains without a hub; `findings` is
//! the list of what is wrong; `page` is `docs/troubleshooting.md`.

pub(super) mod findings;
mod local;
#[cfg(test)]
mod page;
mod sources;

use std::io::{self, Write};

use anyhow::Context;
use grafolean_collector::{
    cause::Link,
    why::{Answer, Finding, Verdict},
};

use crate::{arguments::Why, config::Config, failure::Outcome};
use sources::{Asked, Sources};

/// Explains, prints the answers and says whether something is wrong.
pub(crate) async fn run(asked: Why, config: &Config) -> anyhow::Result<Outcome> {
    let sources = Sources::find(config, protocol_of(&asked.about)).await?;
    let mut query = vec![("about", asked.about.clone())];
    if let (Some(from), Some(to)) = (asked.from, asked.to) {
        query.extend([("from", from.to_string()), ("to", to.to_string())]);
    }
    let answers: Vec<Answer> = match sources.ask("why", query).await {
        Asked::Hub(answer) => {
            let answers = answer.get("list").cloned().unwrap_or_default();
            let answers = serde_json::from_value(answers).context("the hub's answer makes no sense")?;
            local::corrected(answers, &sources)
        }
        Asked::NoHub => local::explain(&asked, &sources).await,
        Asked::Failed(finding) => vec![unasked(&asked.about, finding)],
    };
    let mut out = io::stdout().lock();
    if asked.json {
        serde_json::to_writer_pretty(&mut out, &answers)?;
        writeln!(out)?;
    } else {
        for answer in &answers {
            writeln!(out, "{answer}")?;
        }
    }
    let is_broken = answers.iter().any(|answer| answer.verdict == Verdict::Broken);
    Ok(if is_broken { Outcome::Bad } else { Outcome::Good })
}

/// The protocol whose token is asked with, of a path such as `entity.7.snmp.up`.
fn protocol_of(about: &str) -> Option<&str> {
    about.strip_prefix("entity.")?.split('.').nth(1)
}

/// The answer where nobody could be asked: that is what is wrong.
fn unasked(about: &str, finding: Finding) -> Answer {
    let link = finding.cause.link();
    Answer {
        account: grafolean_collector::model::AccountId::new(0),
        entity: None,
        name: about.to_owned(),
        protocol: None,
        path: None,
        verdict: Verdict::Broken,
        summary: format!("{about}: nobody can be asked"),
        chain: vec![grafolean_collector::why::ChainLink {
            link,
            title: Link::title(link).to_owned(),
            state: grafolean_collector::why::LinkState::Broken,
            said: finding.evidence.clone(),
            at: None,
        }],
        findings: vec![finding],
        next_due: None,
        last_stored: None,
    }
}
