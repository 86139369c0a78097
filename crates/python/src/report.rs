//! Reports of what a run, or a call beside any run, sent.

use std::collections::BTreeMap;

use grafolean_collector::{
    model::AccountId,
    report::{Report, Values},
    time::Timestamp,
};

/// Values of one account as Python gives them: path, number, and seconds since 1970 where they have a time of their own.
pub(crate) type Sent = (i64, Vec<(String, f64, Option<f64>)>);

/// Creates reports: one for each account and time. What has no time of its own has `due`.
pub(crate) fn of(sent: Vec<Sent>, due: Timestamp) -> Vec<Report> {
    let mut values = BTreeMap::<(AccountId, Timestamp), Vec<(String, f64)>>::new();
    for (account, of_account) in sent {
        for (path, value, seconds) in of_account {
            let time = seconds.map_or(due, moment);
            values.entry((AccountId::new(account), time)).or_default().push((path, value));
        }
    }
    values
        .into_iter()
        .map(|((account, time), values)| Report::Values(Values { account, time, values }))
        .collect()
}

/// Reads seconds since 1970. What is no time is a time that delivery refuses, so that it is told.
fn moment(seconds: f64) -> Timestamp {
    #[allow(clippy::cast_possible_truncation, reason = "the cast saturates, and not a number becomes 1970")]
    Timestamp::from_micros((seconds * 1e6).round() as i64)
}
