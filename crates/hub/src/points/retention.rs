//! How long values are kept: what the hub is set to, rules of accounts by path, and sizes.

use std::{collections::HashMap, time::Duration};

use grafolean_collector::{model::AccountId, time::Timestamp};
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    PathFilter, Reader,
    error::{Context, PointsError},
};

/// Rules of one account. Each is looked at for each series once an hour.
const MOST_RULES: usize = 100;

/// The least size that may be set: below it not even a day of a few series fits.
const LEAST_BYTES: u64 = 1 << 20;

/// The longest time that may be set, in seconds: a thousand years; what is to be kept for ever is `None`.
const MOST_SECONDS: u64 = 1_000 * 366 * 86_400;

/// How long values are kept where no rule says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Values themselves; None is for ever. Whole blocks go, so that some stay a little longer.
    pub values: Option<Duration>,
    /// What values amounted to in each hour, counted from their time; None is for ever. What is not longer than for
    /// the values themselves is for nothing: none are made.
    pub hours: Option<Duration>,
}

impl Keep {
    /// Keeps all for ever.
    pub const ALL: Self = Self { values: None, hours: None };
}

/// One rule of an account: the first whose filter means a path counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which paths it is for: `?` is one segment, `*` one or more.
    pub filter: String,
    /// How long values are kept; null is for ever.
    #[serde(default)]
    pub values_seconds: Option<u64>,
    /// How long mean, lowest and highest of their hours are kept; null is for ever, 0 makes none.
    #[serde(default)]
    pub hours_seconds: Option<u64>,
    /// How many bytes on disk they may take; beyond it the oldest go.
    #[serde(default)]
    pub max_bytes: Option<u64>,
}

/// What an account keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountRetention {
    /// How many bytes on disk all its values may take; beyond it the oldest go.
    #[serde(default)]
    pub max_bytes: Option<u64>,
    /// By path; what no rule means is kept as the hub is set to.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// Why something cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct RetentionError(String);

impl AccountRetention {
    /// Checks it: filters that can be read, times and sizes within bounds.
    pub fn check(&self) -> Result<(), RetentionError> {
        if self.rules.len() > MOST_RULES {
            return Err(RetentionError(format!(
                "{} rules: at most {MOST_RULES} are allowed",
                self.rules.len()
            )));
        }
        size(self.max_bytes, "max_bytes")?;
        self.rules.iter().enumerate().try_for_each(|(at, rule)| {
            rule.check().map_err(|RetentionError(reason)| RetentionError(format!("rules[{at}]: {reason}")))
        })
    }
}

impl Rule {
    fn check(&self) -> Result<(), RetentionError> {
        self.filter.parse::<PathFilter>().map_err(|error| RetentionError(error.to_string()))?;
        size(self.max_bytes, "max_bytes")?;
        if self.values_seconds == Some(0) {
            return Err(RetentionError("`values_seconds` is 0: expected null or at least 1".to_owned()));
        }
        for (name, seconds) in
            [("values_seconds", self.values_seconds), ("hours_seconds", self.hours_seconds)]
        {
            if let Some(seconds) = seconds.filter(|&seconds| seconds > MOST_SECONDS) {
                let reason = format!("`{name}` is {seconds}: expected null or at most {MOST_SECONDS}");
                return Err(RetentionError(reason));
            }
        }
        Ok(())
    }
}

fn size(bytes: Option<u64>, name: &str) -> Result<(), RetentionError> {
    match bytes {
        Some(bytes) if bytes < LEAST_BYTES => {
            Err(RetentionError(format!("`{name}` is {bytes}: expected null or at least {LEAST_BYTES}")))
        }
        _ => Ok(()),
    }
}

/// What has a size: an account, or what a rule of it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub(super) account: AccountId,
    pub(super) rule: Option<usize>,
}

/// What is in force, ready to be asked for each series.
#[derive(Debug, Default)]
pub(super) struct Policies {
    keep: Keep,
    accounts: HashMap<AccountId, Account>,
}

#[derive(Debug, Default)]
struct Account {
    max_bytes: Option<u64>,
    rules: Vec<(PathFilter, Keep, Option<u64>)>,
}

/// What is to be done about one series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Values before it go.
    pub(super) values_before: Option<Timestamp>,
    /// Hours before it go, and none are made of values before it.
    pub(super) hours_before: Option<Timestamp>,
    /// Whether what values amounted to in each hour is kept when they go.
    pub(super) summarised: bool,
    /// Scopes with a size that the series counts to.
    pub(super) scopes: Vec<Scope>,
}

impl Policies {
    /// Reads what accounts have set.
    pub(super) fn open(connection: &Connection, keep: Keep) -> Result<Self, PointsError> {
        let mut policies = Self { keep, accounts: HashMap::new() };
        for (account, retention) in all(connection)? {
            policies.set(account, &retention);
        }
        Ok(policies)
    }

    /// Sets what an account keeps.
    pub(super) fn set(&mut self, account: AccountId, retention: &AccountRetention) {
        let span = |seconds: Option<u64>| seconds.map(Duration::from_secs);
        let rule = |rule: &Rule| {
            let keep = Keep { values: span(rule.values_seconds), hours: span(rule.hours_seconds) };
            Some((rule.filter.parse().ok()?, keep, rule.max_bytes))
        };
        let rules = retention.rules.iter().filter_map(rule).collect();
        self.accounts.insert(account, Account { max_bytes: retention.max_bytes, rules });
    }

    /// Whether nothing is ever to go.
    pub(super) fn keep_all(&self) -> bool {
        let all = |account: &Account| {
            account.max_bytes.is_none()
                && account.rules.iter().all(|(_, keep, most)| keep.values.is_none() && most.is_none())
        };
        self.keep.values.is_none() && self.accounts.values().all(all)
    }

    /// Returns what a scope may take.
    pub(super) fn max_bytes(&self, scope: Scope) -> Option<u64> {
        let account = self.accounts.get(&scope.account)?;
        match scope.rule {
            None => account.max_bytes,
            Some(rule) => account.rules.get(rule).and_then(|(_, _, most)| *most),
        }
    }

    /// Returns what is to be done about a series at a moment, and before which of its own times because of its size.
    pub(super) fn verdict(
        &self,
        account: AccountId,
        path: &str,
        now: Timestamp,
        cuts: &HashMap<Scope, Timestamp>,
    ) -> Verdict {
        let (mut keep, mut scopes) = (self.keep, Vec::new());
        if let Some(of_account) = self.accounts.get(&account) {
            let found = of_account.rules.iter().enumerate().find(|(_, (filter, ..))| filter.matches(path));
            if let Some((rule, (_, its, most))) = found {
                keep = *its;
                scopes.extend(most.map(|_| Scope { account, rule: Some(rule) }));
            }
            scopes.extend(of_account.max_bytes.map(|_| Scope { account, rule: None }));
        }
        // Where size is what counts, hours go with the values beside them: the oldest first, whatever it is.
        let cut = scopes.iter().filter_map(|scope| cuts.get(scope)).max().copied();
        let summarised = keep.values.is_some_and(|values| keep.hours.is_none_or(|hours| hours > values));
        let before = |span: Option<Duration>| span.map(|span| now - span).max(cut);
        let hours = if keep.values.is_some() && !summarised { keep.values } else { keep.hours };
        Verdict { values_before: before(keep.values), hours_before: before(hours), summarised, scopes }
    }
}

fn all(connection: &Connection) -> Result<Vec<(AccountId, AccountRetention)>, PointsError> {
    const DOING: &str = "reading how long values are kept";
    let mut select = connection.prepare("SELECT account, rules FROM retention").doing(DOING)?;
    let mut rows = select.query(()).doing(DOING)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().doing(DOING)? {
        let account = AccountId::new(row.get(0).doing(DOING)?);
        found.push((account, parsed(&row.get::<_, String>(1).doing(DOING)?)?));
    }
    Ok(found)
}

fn parsed(text: &str) -> Result<AccountRetention, PointsError> {
    serde_json::from_str(text).map_err(|error| PointsError::Retention(error.to_string()))
}

/// Writes what an account keeps.
pub(super) fn store(
    connection: &Connection,
    account: AccountId,
    retention: &AccountRetention,
) -> Result<(), PointsError> {
    let text = serde_json::to_string(retention).map_err(|error| PointsError::Retention(error.to_string()))?;
    connection
        .execute(
            "INSERT OR REPLACE INTO retention (account, rules) VALUES (?1, ?2)",
            (account.number(), text),
        )
        .doing("writing how long values are kept")?;
    Ok(())
}

/// What an account has on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Series.
    pub series: u64,
    /// Bytes of values and of hours in blocks; what just came is not yet among them.
    pub bytes: u64,
}

impl Reader {
    /// Returns what an account keeps.
    pub fn retention(&self, account: AccountId) -> Result<AccountRetention, PointsError> {
        let select = self.connection.prepare_cached("SELECT rules FROM retention WHERE account = ?1");
        let text: Option<String> = select
            .and_then(|mut select| select.query_row([account.number()], |row| row.get(0)).optional())
            .doing("reading how long values are kept")?;
        text.map_or_else(|| Ok(AccountRetention::default()), |text| parsed(&text))
    }

    /// Returns what an account has on disk.
    pub fn usage(&self, account: AccountId) -> Result<Usage, PointsError> {
        self.connection
            .prepare_cached("SELECT count(*), coalesce(sum(bytes), 0) FROM series WHERE account = ?1")
            .and_then(|mut select| {
                select.query_row([account.number()], |row| {
                    Ok(Usage { series: row.get(0)?, bytes: row.get(1)? })
                })
            })
            .doing("reading what an account has on disk")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: AccountId = AccountId::new(1);
    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn rule(filter: &str, values: Option<u64>, hours: Option<u64>, max_bytes: Option<u64>) -> Rule {
        Rule { filter: filter.to_owned(), values_seconds: values, hours_seconds: hours, max_bytes }
    }

    #[test]
    fn the_first_rule_that_means_a_path_counts_and_else_the_hub() {
        let keep = Keep { values: Some(Duration::from_secs(1_000)), hours: Some(Duration::from_secs(9_000)) };
        let mut policies = Policies { keep, ..Policies::default() };
        let rules = vec![
            rule("a.*", Some(50), Some(0), None),
            rule("a.b", Some(70), None, None),
            rule("c.*", None, None, Some(LEAST_BYTES)),
        ];
        policies.set(ACCOUNT, &AccountRetention { max_bytes: None, rules });
        let at = |seconds: i64| Some(Timestamp::from_seconds(1_000_000 - seconds));
        let verdict = |path| policies.verdict(ACCOUNT, path, NOW, &HashMap::new());
        let a = verdict("a.b");
        assert_eq!((a.values_before, a.hours_before, a.summarised), (at(50), at(50), false));
        let x = verdict("x");
        assert_eq!((x.values_before, x.hours_before, x.summarised), (at(1_000), at(9_000), true));
        let c = verdict("c.d");
        assert_eq!((c.values_before, c.hours_before), (None, None));
        assert_eq!(c.scopes, [Scope { account: ACCOUNT, rule: Some(2) }]);
        let other = policies.verdict(AccountId::new(2), "a.b", NOW, &HashMap::new());
        assert_eq!(other.values_before, at(1_000));
    }

    #[test]
    fn a_cut_by_size_takes_values_and_hours() {
        let mut policies = Policies::default();
        policies.set(ACCOUNT, &AccountRetention { max_bytes: Some(LEAST_BYTES), rules: Vec::new() });
        assert!(!policies.keep_all());
        let cut = Timestamp::from_seconds(5);
        let cuts = HashMap::from([(Scope { account: ACCOUNT, rule: None }, cut)]);
        let verdict = policies.verdict(ACCOUNT, "a", NOW, &cuts);
        assert_eq!((verdict.values_before, verdict.hours_before), (Some(cut), Some(cut)));
        assert!(!verdict.summarised);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        let check = |rules, max_bytes| AccountRetention { rules, max_bytes }.check().unwrap_err().to_string();
        assert_eq!(check(vec![], Some(5)), "`max_bytes` is 5: expected null or at least 1048576");
        let error = check(vec![rule("*", None, None, None), rule("a b", None, None, None)], None);
        assert!(error.starts_with("rules[1]: \"a b\" is no path filter"), "{error}");
        let error = check(vec![rule("*", Some(0), None, None)], None);
        assert_eq!(error, "rules[0]: `values_seconds` is 0: expected null or at least 1");
        assert!(check(vec![rule("*", Some(u64::MAX), None, None)], None).contains("at most"));
    }
}
