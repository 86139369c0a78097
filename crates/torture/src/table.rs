//! The rows of the result, and how they look on a page.

use std::{fmt::Write, time::Duration};

use crate::account::Cost;

/// What one kind of fault cost.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The scenario that it belongs to, by which it is run again.
    pub(crate) scenario: &'static str,
    /// What was done.
    pub(crate) fault: String,
    /// How often.
    pub(crate) times: u64,
    /// What it cost.
    pub(crate) cost: Cost,
    /// The longest that it took until all was as before.
    pub(crate) recovery: Option<Duration>,
    /// What was said of it.
    pub(crate) said: String,
    /// Whether it cost no more than what is promised, and why not.
    pub(crate) verdict: Verdict,
}

/// Whether a row keeps what is promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It does.
    Kept,
    /// It does not.
    Broken(String),
    /// It could not be tried on this machine.
    Skipped(String),
}

/// One run in so many that were due may be missed, on a machine that is late, and while a write hangs.
const MISSED_OF: u64 = 10;

impl Row {
    /// Makes a row of a cost, which is to be no loss and no second value.
    pub(crate) fn of(scenario: &'static str, fault: impl Into<String>, times: u64, cost: Cost) -> Self {
        let verdict = match cost {
            Cost { due: 0, .. } => Verdict::Broken("no value was due: the fault was not tried".to_owned()),
            Cost { due, lost: 0, doubled: 0, missed } if missed * MISSED_OF <= due => Verdict::Kept,
            Cost { lost: 0, doubled: 0, missed, .. } => {
                Verdict::Broken(format!("{missed} runs were not made"))
            }
            Cost { lost, doubled: 0, .. } => Verdict::Broken(format!("{lost} values were lost")),
            Cost { doubled, .. } => {
                Verdict::Broken(format!("{doubled} values came again with another number"))
            }
        };
        Self { scenario, fault: fault.into(), times, cost, recovery: None, said: String::new(), verdict }
    }

    /// Makes a row of a fault that may cost values, as long as none comes with another number.
    pub(crate) fn that_may_lose(
        scenario: &'static str,
        fault: impl Into<String>,
        times: u64,
        cost: Cost,
    ) -> Self {
        let mut row = Self::of(scenario, fault, times, Cost { lost: 0, ..cost });
        row.cost = cost;
        row
    }

    /// Makes a row of a fault that cannot be tried here.
    pub(crate) fn skipped(scenario: &'static str, fault: impl Into<String>, why: impl Into<String>) -> Self {
        let mut row = Self::of(scenario, fault, 0, Cost::default());
        row.verdict = Verdict::Skipped(why.into());
        row
    }

    /// With what was said.
    pub(crate) fn said(mut self, said: impl Into<String>) -> Self {
        self.said = said.into();
        self
    }

    /// With the time to recover.
    pub(crate) fn recovered_in(mut self, recovery: Duration) -> Self {
        self.recovery = Some(recovery);
        self
    }

    /// Broken for a reason beyond its numbers, unless it is already.
    pub(crate) fn unless(mut self, sound: bool, why: impl Into<String>) -> Self {
        if !sound && self.verdict == Verdict::Kept {
            self.verdict = Verdict::Broken(why.into());
        }
        self
    }

    /// Returns it as a line for a terminal.
    pub(crate) fn line(&self) -> String {
        let Cost { due, lost, doubled, missed } = self.cost;
        let outcome = match &self.verdict {
            Verdict::Kept => format!(
                "{} times, {due} due, {lost} lost, {doubled} doubled, {missed} not measured",
                self.times
            ),
            Verdict::Broken(why) => format!("BROKEN: {why} ({} times, {due} due)", self.times),
            Verdict::Skipped(why) => format!("skipped: {why}"),
        };
        format!("{:<9} {:<56} {outcome}", self.scenario, self.fault)
    }
}

/// Returns rows as a table of a page.
pub(crate) fn page(rows: &[Row], seed: u64) -> String {
    let mut page = String::from(
        "| fault | times | values due | lost | doubled | not measured | recovery | said | command |\n",
    );
    page.push_str("| --- | --: | --: | --: | --: | --: | --- | --- | --- |\n");
    for row in rows {
        let Cost { due, lost, doubled, missed } = row.cost;
        let recovery = row.recovery.map_or_else(String::new, |time| format!("{:.1} s", time.as_secs_f64()));
        let said = match &row.verdict {
            Verdict::Kept => short(&row.said),
            Verdict::Broken(why) => format!("**{}**", short(why)),
            Verdict::Skipped(why) => format!("not tried: {}", short(why)),
        };
        let command = format!("`just torture --only {} --seed {seed}`", row.scenario);
        // writing to a string cannot fail
        let _ = writeln!(
            page,
            "| {} | {} | {due} | {lost} | {doubled} | {missed} | {recovery} | {said} | {command} |",
            short(&row.fault),
            row.times
        );
    }
    page
}

/// The most of a text that stands in a cell.
const CELL: usize = 160;

fn short(text: &str) -> String {
    let one_line = text.replace('|', "\\|").replace('\n', " ");
    if one_line.chars().count() <= CELL {
        return one_line;
    }
    one_line.chars().take(CELL - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_kept_only_if_something_was_due_and_nothing_was_lost() {
        let verdict =
            |due, lost, doubled| Row::of("kill", "x", 1, Cost { due, lost, doubled, missed: 0 }).verdict;
        assert_eq!(verdict(5, 0, 0), Verdict::Kept);
        for broken in [verdict(0, 0, 0), verdict(5, 1, 0), verdict(5, 0, 1)] {
            assert!(matches!(broken, Verdict::Broken(_)), "{broken:?}");
        }
    }

    #[test]
    fn a_cell_is_one_short_line() {
        let row = Row::of("disk", "a|b", 2, Cost { due: 90, lost: 0, doubled: 0, missed: 1 })
            .said("x\ny".repeat(200));
        let page = page(&[row], 7);
        assert_eq!(page.lines().count(), 3);
        assert!(page.contains(r"| a\|b | 2 | 90 | 0 | 0 | 1 |  | x y"), "{page}");
        assert!(page.contains("`just torture --only disk --seed 7`"));
    }
}
