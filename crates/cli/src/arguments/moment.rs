//! Moments as people name them, in UTC.

use std::time::Duration;

use grafolean_collector::time::Timestamp;

use crate::config::value;

const DAY: Duration = Duration::from_secs(86_400);

/// A moment that may depend on when it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Itself.
    At(Timestamp),
    /// So long ago.
    Ago(Duration),
    /// So long after the midnight that began today, or one so many days earlier.
    OfDay {
        /// Days before today.
        earlier: u32,
        /// Time since its midnight.
        time: Duration,
    },
}

impl Moment {
    /// Parses `2026-11-01`, `2026-11-01 17:30`, `2026-11-01T17:30:00Z`, `17:30`, `-2h`, `yesterday`, `today`, `now`, or seconds
    /// since 1970. A day stands for the midnight that begins it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let midnight = |earlier| Self::OfDay { earlier, time: Duration::ZERO };
        match text.to_ascii_lowercase().as_str() {
            "now" => return Ok(Self::Ago(Duration::ZERO)),
            "today" => return Ok(midnight(0)),
            "yesterday" => return Ok(midnight(1)),
            _ => {}
        }
        if let Some(span) = text.strip_prefix('-') {
            let span = humantime::parse_duration(span);
            return span.map(Self::Ago).map_err(|_| {
                format!("{text:?} is invalid as a time before now: expected one as -90s, -15m, -2h or -3d")
            });
        }
        let (day, time) = text.split_once([' ', 'T', 't']).unwrap_or((text, ""));
        let moment = match (is_day(day), time_of_day(time)) {
            (true, Some(time)) => value::moment(&format!("{day}T00:00:00Z")).map(|day| Self::At(day + time)),
            (false, None) if time.is_empty() && time_of_day(day).is_some() => {
                Ok(Self::OfDay { earlier: 0, time: time_of_day(day).unwrap_or_default() })
            }
            (true, None) if time.is_empty() => value::moment(&format!("{day}T00:00:00Z")).map(Self::At),
            _ => value::moment(text).map(Self::At),
        };
        moment.map_err(|error| if error.contains("9999") { error } else { refusal(text) })
    }

    /// Returns the moment meant, if it is asked for now.
    pub(crate) fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::Ago(span) => now - span,
            Self::OfDay { earlier, time } => {
                let day = i64::try_from(DAY.as_micros()).unwrap_or(i64::MAX);
                let midnight = Timestamp::from_micros(now.micros() - now.micros().rem_euclid(day));
                midnight - DAY * earlier + time
            }
        }
    }
}

fn refusal(text: &str) -> String {
    format!(
        "{text:?} is invalid as a moment: expected one as 2026-11-01, '2026-11-01 17:30', 2026-11-01T17:30:00Z, 17:30, -2h, \
         yesterday, today, now, or seconds since 1970; all are of UTC"
    )
}

fn is_day(text: &str) -> bool {
    let mut parts = text.split('-').map(|part| (part.len(), part.bytes().all(|byte| byte.is_ascii_digit())));
    [4, 2, 2].into_iter().all(|length| parts.next() == Some((length, true))) && parts.next().is_none()
}

/// Parses `17:30`, or `17:30:05`.
fn time_of_day(text: &str) -> Option<Duration> {
    let mut parts = text.split(':').map(|part| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u64>().ok()).flatten()
    });
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().map_or(Some(0), |second| second)?;
    let within = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
    within.then(|| Duration::from_secs(hour * 3_600 + minute * 60 + second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_named_in_many_ways() {
        // 2026-11-27 13:00:00 UTC
        let now = Timestamp::from_seconds(1_795_784_400);
        let midnight = 1_795_737_600;
        for (text, seconds) in [
            ("2026-11-27", midnight),
            ("2026-11-26", midnight - 86_400),
            ("2026-11-27 10:00", midnight + 36_000),
            ("2026-11-27T10:00:05", midnight + 36_005),
            ("2026-11-27T10:00:05Z", midnight + 36_005),
            ("10:00", midnight + 36_000),
            ("today", midnight),
            ("Yesterday", midnight - 86_400),
            ("now", 1_795_784_400),
            ("-2h", 1_795_784_400 - 7_200),
            ("-1d", 1_795_784_400 - 86_400),
            ("1700000000", 1_700_000_000),
            ("0", 0),
        ] {
            assert_eq!(
                Moment::parse(text).map(|it| it.resolve(now)),
                Ok(Timestamp::from_seconds(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_names_no_moment_is_refused_with_what_would() {
        for text in
            ["", "2026-13-01", "2026-11-31", "2026-11-01 25:00", "tomorrow", "10", "-", "-2x", "26-11-01"]
        {
            let parsed = Moment::parse(text);
            // a small number is seconds since 1970
            if text == "10" {
                assert_eq!(parsed, Ok(Moment::At(Timestamp::from_seconds(10))));
                continue;
            }
            let refused = parsed.unwrap_err();
            assert!(refused.contains("is invalid as a") && refused.contains("-2h"), "{text}: {refused}");
        }
    }
}
