//! Explains by what the bot that runs here says.

use std::sync::Arc;

use grafolean_collector::{
    backend::{Backend, BackendError},
    cause::Cause,
    model::UserId,
    status::BotStatus,
    time::{Clock, SystemClock},
    why::{Answer, Facts, Finding, KnownBot, Question, Range, Told, Verdict, explain as explained},
};

use super::{sources::Sources, unasked};
use crate::arguments::Why;

/// A hub that hears nothing of a bot cannot know why. Where that bot runs here, it says so itself.
pub(super) fn corrected(answers: Vec<Answer>, sources: &Sources) -> Vec<Answer> {
    answers.into_iter().map(|answer| corrected_one(answer, sources)).collect()
}

fn corrected_one(mut answer: Answer, sources: &Sources) -> Answer {
    let of_protocol = |status: &&BotStatus| Some(&status.protocol) == answer.protocol.as_ref();
    let own = sources.local.iter().find(of_protocol).and_then(|status| said_of_backend(status, sources));
    let Some(own) = own else { return answer };
    if answer.verdict == Verdict::Unknown {
        answer.verdict = Verdict::Broken;
        answer.findings = vec![own];
        return answer;
    }
    let is_unheard = |cause| {
        let of_bot = [Cause::BotSilent, Cause::BotNeverSeen, Cause::OtherBot, Cause::BotGone, Cause::NoBot];
        of_bot.contains(&cause)
    };
    if let Some(first) = answer.findings.first_mut().filter(|first| is_unheard(first.cause)) {
        *first = own;
    }
    answer
}

/// What keeps a bot from speaking to the backend that is asked.
fn said_of_backend(status: &BotStatus, sources: &Sources) -> Option<Finding> {
    let asked = sources.backend.url().to_string();
    if status.backend.trim_end_matches('/') != asked {
        return Some(Finding::of(
            Cause::OtherBackend,
            format!("it is set to {}, not {asked}", status.backend),
        ));
    }
    let failure = status.configuration.failure.as_ref()?;
    Some(Finding { since: Some(failure.since), ..Finding::of(failure.cause, failure.evidence.clone()) })
}

/// Explains beside a Grafolean, or where the hub is of an older version: by the configuration, and by what the bot says.
pub(super) async fn explain(asked: &Why, sources: &Sources) -> Vec<Answer> {
    match facts(sources).await {
        Ok(all) => {
            let range = asked.from.zip(asked.to).map(|(from, to)| Range { from, to });
            let mut answers = Vec::new();
            for facts in all {
                let question = Question::parse(&asked.about, &facts.account);
                let is_known =
                    question.entity().is_some_and(|id| facts.account.entities.iter().any(|it| it.id == id));
                let found = explained(&question, &Facts { range, ..facts });
                answers.push((is_known, found));
            }
            let (known, unknown): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(is_known, _)| *is_known);
            let shown = if known.is_empty() { unknown.into_iter().take(1).collect() } else { known };
            corrected(shown.into_iter().flat_map(|(_, answers)| answers).collect(), sources)
        }
        Err(error) => {
            let cause = match &error {
                BackendError::Forbidden { .. } => Cause::NoReadRight,
                error => error.cause(),
            };
            vec![unasked(&asked.about, Finding::of(cause, error.with_causes()))]
        }
    }
}

/// Returns what is known of each account that the token sees.
pub(super) async fn facts(sources: &Sources) -> Result<Vec<Facts>, BackendError> {
    let inventory = sources.backend.inventory().await?;
    let now = SystemClock.now().as_seconds_f64();
    let (own, protocol) = (inventory.user, inventory.protocol.clone());
    let mut bots: Vec<_> =
        sources.local.iter().filter_map(|status| known_bot(status, sources, now)).collect();
    // The token's own bot is known, also where it is observed nowhere.
    if let Some(id) = own.filter(|id| !bots.iter().any(|bot| bot.id == *id)) {
        bots.push(KnownBot {
            id,
            name: format!("bot {id}"),
            protocol,
            tied_to_account: None,
            last_seen: None,
            rights: None,
            told: None,
        });
    }
    let facts = |account| Facts {
        now,
        account,
        bots: bots.clone(),
        is_partial: true,
        foreign_bots: Vec::new(),
        gone_bots: Vec::new(),
        stored: None,
        retention: None,
        range: None,
    };
    Ok(inventory.accounts.into_iter().map(facts).collect())
}

/// A bot that is set to another backend measures nothing of this one.
fn known_bot(status: &BotStatus, sources: &Sources, now: f64) -> Option<KnownBot> {
    let id: UserId = status.user?;
    if status.backend.trim_end_matches('/') != sources.backend.url().to_string() {
        return None;
    }
    Some(KnownBot {
        id,
        name: format!("bot {id}"),
        protocol: Some(status.protocol.clone()),
        tied_to_account: None,
        last_seen: Some(now),
        rights: None,
        told: Some(Told { status: Arc::new(status.clone()), received: now }),
    })
}
