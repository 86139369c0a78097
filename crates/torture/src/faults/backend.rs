//! A backend, or what stands between it and the bot, that goes wrong in each way.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::{Ground, Trial};
use crate::{backend::Behaviour, clock, table::Row};

const NAME: &str = "backend";
/// How long a backend is unwell.
const ILL: Duration = Duration::from_secs(9);
/// Within this time a bot has read what to measure again.
const REFRESHED: Duration = Duration::from_secs(12);
/// How many are tried side by side.
const AT_ONCE: usize = 8;

/// Each way to go wrong, as people would say it.
fn ways() -> Vec<(String, Behaviour)> {
    let statuses = [400, 401, 403, 404, 405, 408, 409, 413, 418, 422, 429, 451, 500, 501, 502, 503, 504, 507];
    let all = statuses
        .into_iter()
        .map(|status| (format!("answers everything with {status}"), Behaviour::Everything(status)));
    let values = [400, 403, 404, 413, 422, 500, 503];
    let values =
        values.into_iter().map(|status| (format!("answers values with {status}"), Behaviour::Values(status)));
    let others = [
        ("resets each connection", Behaviour::Resets),
        ("answers what is no HTTP", Behaviour::Garbage),
        ("reads and never answers", Behaviour::Silent),
        ("answers after 5 s", Behaviour::Slow(Duration::from_secs(5))),
        ("answers values with 429 and Retry-After: 3", Behaviour::RetryAfter(3)),
        ("answers values over 100 bytes with 413", Behaviour::TooLarge(100)),
        ("stores values and closes before it answers", Behaviour::AnswerLost),
        ("redirects everything to a login (302)", Behaviour::Redirect(302)),
        ("redirects everything to a login (307)", Behaviour::Redirect(307)),
        ("redirects everything to a login (308)", Behaviour::Redirect(308)),
        ("a portal answers everything with 200 and a page", Behaviour::Portal),
        ("a portal answers values with 200 and a page", Behaviour::PortalForValues),
        ("lists end in the middle", Behaviour::CutLists),
        ("the account is gone, and comes back", Behaviour::AccountGone),
        ("the token is revoked, and given back", Behaviour::TokenRevoked),
        ("a proxy changes its mind at each request", Behaviour::Flapping),
    ];
    let others = others.into_iter().map(|(words, behaviour)| (words.to_owned(), behaviour));
    all.chain(values).chain(others).collect()
}

pub(super) async fn rows(ground: &Ground) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let ways = ways();
    let ways: Vec<_> = ways.into_iter().filter(|(words, _)| words.contains(&ground.fault)).collect();
    for (first, some) in (0_usize..).step_by(AT_ONCE).zip(ways.chunks(AT_ONCE)) {
        let mut tasks = Vec::new();
        for (number, (words, behaviour)) in (first..).zip(some.iter().cloned()) {
            let ground = ground.clone();
            tasks.push(tokio::spawn(async move { way(&ground, number, &words, behaviour).await }));
        }
        for task in tasks {
            rows.push(task.await??);
        }
    }
    Ok(rows)
}

/// Has the backend go wrong for a while under a bot that measures every second.
async fn way(ground: &Ground, number: usize, words: &str, behaviour: Behaviour) -> Result<Row> {
    let Some(mut trial) = Trial::prepare(ground, "tcp", &format!("backend-{number}")).await? else {
        return Ok(Row::skipped(NAME, words, "nothing to measure"));
    };
    let (mut process, mut ready) = trial.start().await?;
    sleep(Duration::from_secs(2)).await;
    let gone = behaviour == Behaviour::AccountGone;
    let began = clock::now();
    trial.backend.behave(behaviour);
    sleep(ILL).await;
    let ended = clock::now();
    trial.backend.behave(Behaviour::Sound);
    let back = Instant::now();
    let recovery = loop {
        if trial.backend.newest().is_some_and(|newest| newest > ended) {
            break back.elapsed();
        }
        if back.elapsed() > Duration::from_secs(180) || !process.runs() {
            let said = format!(
                "no value within {:?} after it was sound again: {:?}",
                back.elapsed(),
                process.printed.tail(3)
            );
            return Ok(trial.row(NAME, words, 1).unless(false, said));
        }
        sleep(Duration::from_millis(100)).await;
    };
    if gone {
        // there was nothing to measure for
        trial.pause(&mut ready, began, ended + REFRESHED);
    }
    trial.drain(&mut process).await?;
    let said = process.printed.warned_since(began).unwrap_or_default();
    trial.stop(process, ready).await?;
    let (waiting, dead) = (trial.waiting().await?, trial.spool("/dead_letters").await?);
    Ok(trial
        .row(NAME, words, 1)
        .recovered_in(recovery)
        .said(said)
        .unless(waiting == 0, format!("{waiting} values still wait after a stop in good order"))
        .unless(dead == 0, format!("{dead} values became dead letters")))
}
