//! The steps within a bot: what it plans, when it is due, what its runs met.

use super::{
    Finding, KnownBot, Told,
    answer::{ago, moment, span},
    walk::{Broken, SetUp, Walk, jobs_of},
};
use crate::{
    cause::{Cause, Link},
    status::{JobStatus, RunRecord, StandingTrouble},
};

/// How long a value may take from its due time to the hub, in seconds, beside an interval that was missed.
pub(super) const STORE_SLACK: f64 = 10.0;

/// A run that begins so many seconds after it was due waited for a place.
const LATE: f32 = 1.0;

/// How long after it was due a configuration is waited for.
const READ_SLACK: f64 = 30.0;

/// Finds the jobs that the bot made of the entity.
pub(super) fn plan<'a>(
    walk: &mut Walk<'a>,
    set_up: &SetUp<'a>,
    bot: &KnownBot,
    told: &'a Told,
) -> Result<Vec<&'a JobStatus>, Broken> {
    let status = &told.status;
    let read_at = status.configuration.read_at;
    let read = read_at.map_or_else(|| "not yet".to_owned(), moment);
    let of_entity = |account, entity| account == walk.facts.account.account.id && entity == walk.id;
    let refused: Vec<_> = status.refused.iter().filter(|it| of_entity(it.account, it.entity)).collect();
    for refusal in &refused {
        let finding = Finding::of(refusal.cause, refusal.reason.clone());
        walk.broken(Link::Plan, Finding { bot: Some(bot.id), ..finding }, read_at);
    }
    let jobs = jobs_of(told, walk.account(), walk.id);
    if !jobs.is_empty() {
        let ids: Vec<_> = jobs.iter().map(|job| job.id.as_str()).collect();
        walk.passed(
            Link::Plan,
            format!("job {}, of the configuration read at {read}", ids.join(", ")),
            read_at,
        );
        return Ok(jobs);
    }
    if refused.is_empty() && status.jobs_more == 0 {
        let every = status.configuration.every;
        #[expect(clippy::cast_precision_loss, reason = "seconds between two reads are few")]
        let due = read_at.map(|at| at + every as f64);
        let is_overdue = due.is_some_and(|due| walk.facts.now > due + READ_SLACK);
        let evidence = format!(
            "it reads every {every} s, last at {read}; {} is not among its devices",
            set_up.entity.name
        );
        if is_overdue {
            walk.broken(Link::Plan, Finding::of(Cause::NotReadYet, evidence), read_at);
        } else {
            walk.due(due);
            walk.unknown(Link::Plan, evidence.clone());
            walk.wait(format!("the bot has not read this configuration yet: {evidence}"));
        }
    }
    Err(Broken)
}

/// Looks at when the jobs are due, and whether runs come in time.
pub(super) fn schedule(walk: &mut Walk<'_>, jobs: &[&JobStatus], told: &Told) -> Result<(), Broken> {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
    let next = jobs.iter().filter_map(|job| job.next_due).min().map(|next| next as f64);
    walk.due(next);
    let newest: Vec<_> = jobs.iter().filter_map(|job| Some((*job, job.runs.last()?))).collect();
    for (job, run) in &newest {
        let shortest = job.intervals.first().copied().unwrap_or(60);
        let skipped = job.runs.iter().filter(|run| run.outcome == "skipped").count();
        let finding = if skipped * 2 >= job.runs.len() && skipped > 0 {
            let evidence = format!(
                "{skipped} of the last {} runs of {} were left out, every {shortest} s",
                job.runs.len(),
                job.id
            );
            Finding::of(Cause::RunSkipped, evidence)
        } else if run.outcome == "deadline" {
            let error = run.error.as_deref().unwrap_or_default();
            Finding::of(Cause::RunOverran, format!("{}, run of {}: {error}", job.id, at(run)))
        } else if let Some(missed) = missed_intervals(job, shortest).filter(|_| run.late > LATE) {
            let evidence = format!(
                "{missed} of the last {} runs of {} came more than an interval after the one before, the last began {} late",
                job.runs.len(),
                job.id,
                span(run.late.into())
            );
            Finding::of(Cause::Overload, evidence)
        } else {
            continue;
        };
        walk.broken(Link::Schedule, finding.since(last_good(job)), Some(told.received));
    }
    let due = next.map_or_else(|| "never due".to_owned(), |next| format!("next due at {}", moment(next)));
    walk.passed(Link::Schedule, due, Some(told.received));
    if newest.is_empty() {
        walk.unknown(Link::Runs, "none has been yet");
        walk.wait("no run has been yet");
        return Err(Broken);
    }
    Ok(())
}

/// Returns how many of the last runs came later than an interval after the one before, if these are most. What is due and not
/// begun before it is due again is one run, so that no run is later than an interval.
fn missed_intervals(job: &JobStatus, shortest: u32) -> Option<usize> {
    let is_missed = |pair: &[RunRecord]| match pair {
        [before, after] => (after.due - before.due) * 2 > i64::from(shortest) * 3,
        _ => false,
    };
    let missed = job.runs.windows(2).filter(|pair| is_missed(pair)).count();
    (missed >= 2 && missed * 2 >= job.runs.len()).then_some(missed)
}

/// Looks at how the last runs ended.
pub(super) fn runs(walk: &mut Walk<'_>, jobs: &[&JobStatus], told: &Told) {
    for job in jobs {
        let Some(run) = job.runs.last() else { continue };
        // What the queue does not take is told by the queue.
        if !matches!(run.outcome.as_str(), "ok" | "skipped" | "deadline" | "sink") {
            let error = run.error.as_deref().unwrap_or_default();
            let evidence = format!("{}, run of {}: {error}", job.id, at(run));
            let finding = Finding::of(Cause::RunFailed, evidence).since(last_good(job));
            walk.broken(Link::Runs, finding, Some(told.received));
        }
    }
    for trouble in troubles(walk, told).filter(|it| it.trouble.scope.sensor.is_none() && is_of_a_run(it)) {
        walk.broken(Link::Runs, finding_of(trouble), Some(told.received));
    }
    let newest = jobs.iter().filter_map(|job| job.runs.last()).max_by_key(|run| run.due);
    if let Some(run) = newest {
        let said =
            format!("the last was due at {} and took {:.3} s, {} values", at(run), run.took, run.values);
        walk.passed(Link::Runs, said, Some(told.received));
    }
}

/// Looks at what runs measured.
pub(super) fn values(walk: &mut Walk<'_>, set_up: &SetUp<'_>, jobs: &[&JobStatus], told: &Told) {
    let path = walk.path;
    let mut of_sensors: Vec<_> = troubles(walk, told)
        .filter(|it| it.trouble.scope.sensor.is_some() || !is_of_a_run(it))
        .filter(|it| match (path, &it.trouble.path) {
            (Some(asked), Some(of)) => asked == of,
            // One without a path may be of the path that is asked for; it is if nothing newer is stored there.
            (Some(_), None) => !is_fresh(walk, set_up),
            (None, _) => true,
        })
        .collect();
    of_sensors.sort_by_key(|it| (it.trouble.path.is_none(), it.since));
    for trouble in of_sensors {
        walk.broken(Link::Values, finding_of(trouble), Some(told.received));
    }
    let newest = jobs.iter().filter_map(|job| job.runs.last()).max_by_key(|run| run.due);
    if let Some(run) = newest {
        walk.passed(Link::Values, format!("{} values, due at {}", run.values, at(run)), Some(told.received));
    }
}

/// Whether what is asked for was measured within two of its longest intervals.
pub(super) fn is_fresh(walk: &Walk<'_>, set_up: &SetUp<'_>) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "intervals are at most some days")]
    let longest = set_up.intervals.last().copied().unwrap_or(60) as f64;
    walk.newest().is_some_and(|value| walk.facts.now - value.time <= longest * 2.0 + STORE_SLACK)
}

fn troubles<'t>(walk: &Walk<'_>, told: &'t Told) -> impl Iterator<Item = &'t StandingTrouble> + use<'t> {
    let (account, entity) = (walk.account(), walk.id);
    told.status
        .troubles
        .iter()
        .filter(move |it| it.trouble.scope.account == account && it.trouble.scope.entity == entity)
}

/// Whether a trouble kept the run from coming about, rather than one of its values.
fn is_of_a_run(trouble: &StandingTrouble) -> bool {
    trouble.trouble.cause.link() <= Link::Runs
}

fn finding_of(standing: &StandingTrouble) -> Finding {
    let trouble = &standing.trouble;
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
    let (since, last) = (standing.since as f64, standing.last as f64);
    let path = trouble.path.as_ref().map(|path| format!(", {path}")).unwrap_or_default();
    let evidence = format!("{}{path}, last met at {}", trouble.evidence, moment(last));
    Finding { path: trouble.path.clone(), ..Finding::of(trouble.cause, evidence).since(since) }
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
fn last_good(job: &JobStatus) -> Option<f64> {
    job.last_good.map(|due| due as f64)
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
fn at(run: &RunRecord) -> String {
    moment(run.due as f64)
}

/// Writes how old something is, for evidence.
pub(super) fn age(now: f64, then: f64) -> String {
    format!("{}, {}", moment(then), ago(now, then))
}
