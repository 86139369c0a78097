//! Walks the way from what is set up to what is stored.

use super::{
    Answer, ChainLink, Facts, Finding, KnownBot, LinkState, Question, StoredValue, Told, Verdict,
    answer::{ago, moment},
    bots, configuration, flows, measuring,
    question::subject_of,
    storing,
};
use crate::{
    cause::{Cause, Link},
    model::{AccountId, Attachment, Entity, EntityId, Shared},
    status::JobStatus,
};

/// The most findings of one answer; a table of a thousand rows is as broken as a few of them.
const MOST_FINDINGS: usize = 20;

/// Explains what is asked about: one answer for each protocol that it is measured by.
pub fn explain(question: &Question, facts: &Facts) -> Vec<Answer> {
    match question {
        Question::Path(path) => match subject_of(path) {
            Some((id, protocol)) => vec![of_entity(facts, id, Some(protocol), Some(path))],
            None => vec![storing::of_free_path(facts, path)],
        },
        Question::Entity(id) => {
            let protocols: Vec<&str> = facts
                .entity(*id)
                .and_then(|entity| entity.protocols.as_ref())
                .map(|protocols| protocols.keys().map(String::as_str).collect())
                .unwrap_or_default();
            if protocols.is_empty() {
                return vec![of_entity(facts, *id, None, None)];
            }
            protocols.into_iter().map(|protocol| of_entity(facts, *id, Some(protocol), None)).collect()
        }
        Question::Unknown(text) => {
            let finding = Finding::of(
                Cause::NoEntity,
                format!(
                    "no entity of {} is called {text:?}: expected an id, a name or an address",
                    facts.account.entities.len()
                ),
            );
            vec![Answer {
                account: facts.account.account.id,
                entity: None,
                name: text.clone(),
                protocol: None,
                path: None,
                verdict: Verdict::Broken,
                summary: format!("{text}: nothing of this name is known"),
                findings: vec![finding],
                chain: Vec::new(),
                next_due: None,
                last_stored: None,
            }]
        }
    }
}

fn of_entity(facts: &Facts, id: EntityId, protocol: Option<&str>, path: Option<&str>) -> Answer {
    let mut walk = Walk {
        facts,
        id,
        protocol: protocol.unwrap_or(""),
        path,
        chain: Vec::new(),
        findings: Vec::new(),
        waiting: None,
        not_known: None,
        next_due: None,
    };
    // A step that is broken ends the walk: what lies behind it could say nothing else.
    let _ = walk.all();
    walk.answer()
}

/// A walk under way.
pub(super) struct Walk<'a> {
    pub(super) facts: &'a Facts,
    pub(super) id: EntityId,
    pub(super) protocol: &'a str,
    pub(super) path: Option<&'a str>,
    chain: Vec<ChainLink>,
    findings: Vec<Finding>,
    /// Why nothing can be there yet, though nothing is wrong.
    waiting: Option<String>,
    /// Why it cannot be said.
    not_known: Option<String>,
    next_due: Option<f64>,
}

/// A step cannot be passed.
pub(super) struct Broken;

/// The entity as it is set up, once that is known to be right.
pub(super) struct SetUp<'a> {
    pub(super) entity: &'a Shared<Entity>,
    pub(super) attachment: &'a Attachment,
    /// In seconds, ascending.
    pub(super) intervals: Vec<i64>,
}

impl<'a> Walk<'a> {
    fn all(&mut self) -> Result<(), Broken> {
        let set_up = configuration::check(self)?;
        storing::range(self, &set_up);
        let (bot, told) = bots::check(self, &set_up)?;
        let jobs = measuring::plan(self, &set_up, bot, told)?;
        let before = self.findings.len();
        // What is heard is known at once, whenever values of it are due.
        if let Some(heard) = &told.status.heard {
            flows::check(self, &set_up, heard, told);
        }
        measuring::schedule(self, &jobs, told)?;
        measuring::runs(self, &jobs, told);
        measuring::values(self, &set_up, &jobs, told);
        let is_measured = self.findings.len() == before;
        storing::queue(self, told);
        storing::delivery(self, bot, told);
        storing::stored(self, &set_up, &jobs, told, is_measured);
        Ok(())
    }

    pub(super) fn account(&self) -> AccountId {
        self.facts.account.account.id
    }

    /// Notes that a step is as it should be.
    pub(super) fn passed(&mut self, link: Link, said: impl Into<String>, at: Option<f64>) {
        self.note(link, LinkState::Ok, said.into(), at);
    }

    /// Notes that nothing can be said of a step.
    pub(super) fn unknown(&mut self, link: Link, said: impl Into<String>) {
        self.note(link, LinkState::Unknown, said.into(), None);
    }

    /// Notes that a step is broken; the walk may go on.
    pub(super) fn broken(&mut self, link: Link, finding: Finding, at: Option<f64>) {
        self.note(link, LinkState::Broken, format!("{} {}", finding.sentence, finding.evidence), at);
        self.found(finding);
    }

    /// Notes a finding.
    pub(super) fn found(&mut self, finding: Finding) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(finding);
        }
    }

    /// Notes that a value is only yet to come.
    pub(super) fn wait(&mut self, why: impl Into<String>) {
        self.waiting.get_or_insert_with(|| why.into());
    }

    /// Notes why it cannot be said what is wrong, if anything is.
    pub(super) fn not_known(&mut self, why: impl Into<String>) {
        self.not_known.get_or_insert_with(|| why.into());
    }

    /// Notes when the next value is due.
    pub(super) fn due(&mut self, next: Option<f64>) {
        self.next_due = next;
    }

    fn note(&mut self, link: Link, state: LinkState, said: String, at: Option<f64>) {
        match self.chain.iter_mut().find(|known| known.link == link) {
            // The first that is broken is the one that is told.
            Some(known) if known.state == LinkState::Broken => {}
            Some(known) => (known.state, known.said, known.at) = (state, said, at),
            None => self.chain.push(ChainLink { link, title: link.title().to_owned(), state, said, at }),
        }
    }

    /// Returns the newest value of what is asked about: at the path, or at any of the entity's by this protocol.
    pub(super) fn newest(&self) -> Option<&'a StoredValue> {
        let stored = self.facts.stored.as_ref()?;
        let is_asked = |value: &&StoredValue| match self.path {
            Some(path) => value.path == path,
            None => subject_of(&value.path) == Some((self.id, self.protocol)),
        };
        stored.iter().filter(is_asked).max_by(|a, b| a.time.total_cmp(&b.time))
    }

    fn answer(mut self) -> Answer {
        let facts = self.facts;
        let is_broken = !self.findings.is_empty();
        for link in Link::ALL {
            if !self.chain.iter().any(|known| known.link == link) {
                let state = if is_broken { LinkState::NotReached } else { LinkState::Unknown };
                self.chain.push(ChainLink {
                    link,
                    title: link.title().to_owned(),
                    state,
                    said: String::new(),
                    at: None,
                });
            }
        }
        self.chain.sort_by_key(|link| link.link);
        // A queue fills since it is not emptied: that is told first.
        let rank = |cause: Cause| if cause == Cause::QueueFull { Link::Delivery } else { cause.link() };
        self.findings.sort_by_key(|finding| (rank(finding.cause), finding.cause == Cause::QueueFull));
        let verdict = match (is_broken, &self.waiting) {
            (true, _) => Verdict::Broken,
            (false, _) if self.not_known.is_some() => Verdict::Unknown,
            (false, Some(_)) => Verdict::Waiting,
            (false, None) => Verdict::Sound,
        };
        let last_stored = self.newest().map(|value| value.time);
        let name =
            facts.entity(self.id).map_or_else(|| format!("entity {}", self.id), |entity| entity.name.clone());
        let what = match (self.path, self.protocol) {
            (Some(path), _) => format!("{path} of {name}"),
            (None, "") => name.clone(),
            (None, protocol) => format!("{name} by {protocol}"),
        };
        let summary = format!("{what}: {}", self.summary(verdict, last_stored));
        Answer {
            account: facts.account.account.id,
            entity: Some(self.id),
            name,
            protocol: Some(self.protocol.to_owned()).filter(|protocol| !protocol.is_empty()),
            path: self.path.map(str::to_owned),
            verdict,
            summary,
            findings: self.findings,
            chain: self.chain,
            next_due: self.next_due,
            last_stored,
        }
    }

    fn summary(&self, verdict: Verdict, last_stored: Option<f64>) -> String {
        let now = self.facts.now;
        let last = last_stored.map(|last| format!("{}, {}", moment(last), ago(now, last)));
        let next = self.next_due.map(|next| format!("the next value is due at {}", moment(next)));
        match verdict {
            Verdict::Broken => {
                let since = self.findings.iter().find_map(|finding| finding.since);
                let since = since.map(|since| format!("wrong since {}, {}", moment(since), ago(now, since)));
                let last = match (last, &self.facts.stored) {
                    (Some(last), _) => Some(format!("the last value is of {last}")),
                    (None, Some(_)) => Some("no value is stored".to_owned()),
                    (None, None) => None,
                };
                let said: Vec<_> = since.into_iter().chain(last).collect();
                if said.is_empty() { "something is wrong".to_owned() } else { said.join("; ") }
            }
            Verdict::Waiting => {
                let why = self.waiting.as_deref().unwrap_or_default();
                [Some(why.to_owned()), next].into_iter().flatten().collect::<Vec<_>>().join("; ")
            }
            Verdict::Unknown => {
                let why = self.not_known.clone().unwrap_or_default();
                let last = last.map(|last| format!("the last value is of {last}"));
                ["the cause is not known".to_owned(), why]
                    .into_iter()
                    .chain(last)
                    .collect::<Vec<_>>()
                    .join("; ")
            }
            Verdict::Sound => {
                let last = last.map(|last| format!("the last value is of {last}"));
                let said = ["nothing is wrong".to_owned()].into_iter().chain(last).chain(next);
                said.collect::<Vec<_>>().join("; ")
            }
        }
    }
}

impl Facts {
    pub(super) fn entity(&self, id: EntityId) -> Option<&Shared<Entity>> {
        self.account.entities.iter().find(|entity| entity.id == id)
    }

    pub(super) fn running<'a>(&'a self, protocol: &'a str) -> impl Iterator<Item = (&'a KnownBot, &'a Told)> {
        let of = self.bots.iter().filter(move |bot| bot.protocol.as_deref() == Some(protocol));
        of.filter_map(|bot| Some((bot, bot.speaking(self.now)?)))
    }
}

/// Returns the jobs of an entity, or those of the account where a protocol has none by entities.
pub(super) fn jobs_of(told: &Told, account: AccountId, entity: EntityId) -> Vec<&JobStatus> {
    let jobs = &told.status.jobs;
    let own: Vec<_> = jobs
        .iter()
        .filter(|job| job.entity == Some(entity) && job.account.is_none_or(|of| of == account))
        .collect();
    if !own.is_empty() || jobs.iter().any(|job| job.entity.is_some()) {
        return own;
    }
    jobs.iter().filter(|job| job.account == Some(account) && !job.id.ends_with(".suggest")).collect()
}
