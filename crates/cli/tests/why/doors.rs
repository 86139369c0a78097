//! The two doors at which it is asked why, and how long each takes to name a cause.

use std::{
    env, fs,
    io::Write,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::scene::{Scene, causes};

/// Some minutes are as good as never.
const NEVER: Duration = Duration::from_secs(240);

/// A file to which each cause is written with the seconds until it was named (`just why-times`).
const TIMES: &str = "GRAFOLEAN_WHY_TIMES";

/// When the last change was made that makes something wrong. Each test has a process of its own.
static INJECTED: Mutex<Option<Instant>> = Mutex::new(None);

/// Notes that something was changed at this moment.
pub(crate) fn injected() {
    *INJECTED.lock().unwrap() = Some(Instant::now());
}

/// What is waited for.
#[derive(Clone, Copy)]
enum Wanted {
    /// It stands first in an answer.
    First,
    /// It stands somewhere in an answer: another one hides its effects.
    Anywhere,
}

impl Scene {
    /// Waits until the cause is the first that is named, on the command line and in the API.
    pub(crate) fn named(&self, about: &str, cause: &str) {
        self.named_as(about, cause, cause);
    }

    /// The same where the API, which sees less of the bot's own machine, can only name another one.
    pub(crate) fn named_as(&self, about: &str, on_command_line: &str, in_api: &str) {
        self.doors(about, [on_command_line, in_api], Wanted::First);
    }

    /// Waits until the cause is among those that are named.
    pub(crate) fn named_among(&self, about: &str, cause: &str) {
        self.doors(about, [cause, cause], Wanted::Anywhere);
    }

    fn doors(&self, about: &str, wanted: [&str; 2], place: Wanted) {
        let began = INJECTED.lock().unwrap().unwrap_or_else(Instant::now);
        let mut took: [Option<Duration>; 2] = [None; 2];
        let waited = Instant::now();
        loop {
            let mut answers = [None, None];
            if took[0].is_none() {
                let (code, answer) = self.command_line(about, &[]);
                answers[0] = (causes(&answer).is_empty() == (code == Some(0))).then_some(answer);
            }
            if took[1].is_none() {
                answers[1] = Some(self.api(about, ""));
            }
            for door in 0..2 {
                if answers[door].as_ref().is_some_and(|answers| names(answers, wanted[door], place)) {
                    took[door] = Some(began.elapsed());
                }
            }
            if let [Some(command_line), Some(api)] = took {
                return note(wanted[0], command_line, api);
            }
            assert!(waited.elapsed() < NEVER, "{wanted:?} is not named, {took:?}: {answers:#?}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Whether answers name a cause, each finding in whole words.
fn names(answers: &Value, cause: &str, place: Wanted) -> bool {
    let findings = |answer: &Value| answer["findings"].as_array().unwrap().clone();
    let all: Vec<Value> = answers.as_array().unwrap().iter().flat_map(findings).collect();
    for finding in &all {
        for field in ["sentence", "evidence", "remedy"] {
            assert!(finding[field].as_str().is_some_and(|words| !words.is_empty()), "{field}: {finding}");
        }
    }
    match place {
        Wanted::First => causes(answers).iter().any(|named| named == cause),
        Wanted::Anywhere => all.iter().any(|finding| finding["cause"] == cause),
    }
}

fn note(cause: &str, command_line: Duration, api: Duration) {
    let line = format!(
        "{cause}\t{:.1}\t{:.1}\t{}\n",
        command_line.as_secs_f64(),
        api.as_secs_f64(),
        thread::current().name().unwrap_or_default()
    );
    eprint!("named: {line}");
    if let Some(file) = env::var_os(TIMES) {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}
