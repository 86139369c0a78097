//! The second step: which bot measures it, and whether that bot runs.

use super::{
    Finding, KnownBot, Told,
    answer::{ago, moment},
    measuring::is_fresh,
    walk::{Broken, SetUp, Walk},
};
use crate::cause::{Cause, Link};

/// A bot that was seen within so many seconds calls; when it was seen is noted each minute.
const CALLS_WITHIN: f64 = 180.0;

/// Finds the bot that measures the entity, and what it says.
pub(super) fn check<'a>(walk: &mut Walk<'a>, set_up: &SetUp<'a>) -> Result<(&'a KnownBot, &'a Told), Broken> {
    let bot = chosen(walk, set_up)?;
    let facts = walk.facts;
    let stop = |walk: &mut Walk<'a>, finding: Finding, at: Option<f64>| {
        walk.broken(Link::Selection, Finding { bot: Some(bot.id), ..finding }, at);
        Err(Broken)
    };
    if let Some(other) =
        bot.protocol.as_deref().filter(|protocol| *protocol != walk.protocol && !protocol.is_empty())
    {
        let evidence = format!("bot {:?} is of {other}, not {}", bot.name, walk.protocol);
        return stop(walk, Finding::of(Cause::BotProtocol, evidence), None);
    }
    if bot.rights.is_some_and(|rights| !rights.read) {
        let evidence = format!("bot {:?} needs GET on accounts/{}/entities", bot.name, walk.account());
        return stop(walk, Finding::of(Cause::NoReadRight, evidence), None);
    }
    let Some(told) = bot.speaking(facts.now) else {
        if bot.told.is_none() && bot.last_seen.is_some_and(|seen| facts.now - seen <= CALLS_WITHIN) {
            return untold(walk, set_up, bot);
        }
        let others = facts.running(walk.protocol).map(|(other, _)| format!("{:?}", other.name));
        let others: Vec<_> = others.collect();
        if !others.is_empty() {
            let evidence =
                format!("{} is given to bot {:?}; {} runs", set_up.entity.name, bot.name, others.join(", "));
            return stop(walk, Finding::of(Cause::OtherBot, evidence), None);
        }
        return stop(walk, silent(bot, facts.now), None);
    };
    let status = &told.status;
    let at = Some(told.received);
    if !status.protocol.is_empty() && status.protocol != walk.protocol {
        let evidence =
            format!("the token of bot {:?} is used by a process that measures {}", bot.name, status.protocol);
        return stop(walk, Finding::of(Cause::BotProtocol, evidence), at);
    }
    if let Some(failure) = &status.configuration.failure {
        let finding = Finding::of(failure.cause, failure.evidence.clone()).since(failure.since);
        return stop(walk, finding, at);
    }
    if let Some(unread) = status.configuration.unread.iter().find(|unread| unread.account == walk.account()) {
        return stop(walk, Finding::of(Cause::NoReadRight, unread.reason.clone()), at);
    }
    let said = format!("{:?} runs since {}", bot.name, moment(status.started));
    walk.passed(Link::Selection, said, at);
    Ok((bot, told))
}

/// Returns the bot that the entity is given to, or one that may take it.
fn chosen<'a>(walk: &mut Walk<'a>, set_up: &SetUp<'a>) -> Result<&'a KnownBot, Broken> {
    let facts = walk.facts;
    let stop = |walk: &mut Walk<'a>, cause: Cause, evidence: String| {
        walk.broken(Link::Selection, Finding::of(cause, evidence), None);
        Err(Broken)
    };
    if let Some(id) = set_up.attachment.bot {
        if let Some(bot) = facts.bots.iter().find(|bot| bot.id == id) {
            return Ok(bot);
        }
        if facts.foreign_bots.contains(&id) {
            let evidence = format!("{} is given to bot {id} of another account", set_up.entity.name);
            return stop(walk, Cause::ForeignBot, evidence);
        }
        if facts.is_partial {
            walk.unknown(
                Link::Selection,
                format!("it is given to bot {id}, of which nothing is known from here"),
            );
            walk.wait(format!("it is given to bot {id}: ask where that bot runs"));
            return Err(Broken);
        }
        return stop(walk, Cause::BotGone, format!("{} is given to bot {id}", set_up.entity.name));
    }
    if let Some((bot, _)) = facts.running(walk.protocol).next() {
        return Ok(bot);
    }
    let of_protocol = facts.bots.iter().filter(|bot| bot.protocol.as_deref() == Some(walk.protocol));
    // A systemwide one that nobody ever started was set up with the backend, and is nobody's plan.
    let is_meant =
        |bot: &&KnownBot| bot.tied_to_account.is_some() || bot.last_seen.is_some() || facts.is_partial;
    let of_protocol = of_protocol.filter(is_meant);
    let latest = of_protocol.max_by(|a, b| a.last_seen.unwrap_or(0.0).total_cmp(&b.last_seen.unwrap_or(0.0)));
    match latest {
        Some(bot) => Ok(bot),
        None => match facts.gone_bots.iter().find(|told| told.status.protocol == walk.protocol) {
            Some(told) => {
                let evidence =
                    format!("it spoke last at {}, {}", moment(told.received), ago(facts.now, told.received));
                stop(walk, Cause::BotGone, evidence)
            }
            None => stop(walk, Cause::NoBot, format!("the account has no bot of {}", walk.protocol)),
        },
    }
}

/// A bot that calls and says nothing of itself, as one of an older version: only what is stored tells of it.
fn untold<'a, T>(walk: &mut Walk<'a>, set_up: &SetUp<'a>, bot: &KnownBot) -> Result<T, Broken> {
    let said = format!("bot {:?} calls, and does not say what it knows, as older versions", bot.name);
    walk.unknown(Link::Selection, said.clone());
    if is_fresh(walk, set_up) {
        walk.passed(Link::Stored, "a new value is stored", walk.newest().map(|value| value.time));
    } else {
        walk.not_known(said);
    }
    Err(Broken)
}

fn silent(bot: &KnownBot, now: f64) -> Finding {
    let last =
        [bot.told.as_ref().map(|told| told.received), bot.last_seen].into_iter().flatten().reduce(f64::max);
    match last {
        None => Finding::of(Cause::BotNeverSeen, format!("bot {:?}", bot.name)),
        Some(last) => {
            let stopped = bot.told.as_ref().is_some_and(|told| told.status.stopped);
            let how = if stopped { "was stopped" } else { "was last heard" };
            let evidence = format!("bot {:?} {how} at {}, {}", bot.name, moment(last), ago(now, last));
            Finding::of(Cause::BotSilent, evidence).since(last)
        }
    }
}
