//! What only the command line reads: moments, and levels of the log. All else is read by
//! [`grafolean_collector::settings::value`].

use std::{
    net::{Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use grafolean_collector::{
    collector::Registered,
    model::Sample,
    remote_write::{RemoteWriteSettings, read_sinks},
    settings::value as read,
    spool::Limits,
    time::Timestamp,
};
use grafolean_hub::{Proxies, ProxiesError};
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::protocols;
pub(crate) use grafolean_collector::settings::value::{address, positive_span, span};

/// Reads a moment: seconds since 1970 with at most six decimals, or RFC 3339 in UTC (`2026-11-22T10:00:00Z`).
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    let wrong =
        || format!("expected seconds since 1970 (1700000000.5) or 2026-11-22T10:00:00Z, found {text:?}");
    let time = match text.split_once('.').unwrap_or((text, "")) {
        (seconds, fraction) if !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit()) => {
            if fraction.len() > 6 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(wrong());
            }
            let micros = format!("{seconds}{fraction:0<6}");
            Timestamp::from_micros(micros.parse().map_err(|_| wrong())?)
        }
        _ => {
            let time = humantime::parse_rfc3339_weak(text).map_err(|_| wrong())?;
            let since_epoch = time.duration_since(std::time::UNIX_EPOCH).map_err(|_| wrong())?;
            Timestamp::default() + since_epoch
        }
    };
    if time > Sample::LAST_TIME {
        return Err(format!(
            "expected a moment before the year 10000, found {text:?}: are these milliseconds?"
        ));
    }
    Ok(time)
}

/// Reads a span of time above zero, or `off`, which is none.
pub(crate) fn span_or_off(text: &str) -> Result<Duration, String> {
    if text.trim() == "off" {
        return Ok(Duration::ZERO);
    }
    positive_span(text).map_err(|reason| format!("{reason}, or off"))
}

/// Reads where values are sent: the address of a receiver, or a file of sinks.
pub(crate) fn receivers(text: &str) -> Result<Vec<RemoteWriteSettings>, String> {
    /// The name of a receiver that is given by its address alone.
    const NAME: &str = "forward";
    if text.contains("://") {
        return Ok(vec![RemoteWriteSettings::new(NAME, read::receiver_url(text)?)]);
    }
    read_sinks(&read::existing_file(text)?, Limits::default())
}

/// Reads names of hosts with commas between them.
pub(crate) fn host_names(text: &str) -> Result<Vec<String>, String> {
    let name = |part: &str| {
        let fits = !part.is_empty()
            && part
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || matches!(character, '.' | '-'));
        let wrong =
            || format!("expected names such as hub.example.org, with commas between them, found {part:?}");
        if fits { Ok(part.to_owned()) } else { Err(wrong()) }
    };
    text.split(',').map(|part| name(part.trim())).collect()
}

/// Reads which bots run: `on` for all, `off` for none, or their names with commas between them.
pub(crate) fn bots(text: &str) -> Result<Vec<&'static Registered>, String> {
    let names = || protocols::ALL.iter().map(Registered::name).collect::<Vec<_>>().join(", ");
    match read::switch(text) {
        Ok(true) => Ok(protocols::ALL.iter().collect()),
        Ok(false) => Ok(Vec::new()),
        Err(_) => text
            .split(',')
            .map(|name| {
                let wrong = || {
                    format!(
                        "expected on, off, or some of {} with commas between them, found {name:?}",
                        names()
                    )
                };
                protocols::named(name.trim()).ok_or_else(wrong)
            })
            .collect(),
    }
}

/// Reads an address to listen on; a port alone is on all addresses of both families.
pub(crate) fn any_address(text: &str) -> Result<SocketAddr, String> {
    let everywhere = |port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let wrong =
        || format!("expected a port (162), or an address and a port like 127.0.0.1:162, found {text:?}");
    let text = text.trim();
    text.parse().map(everywhere).or_else(|_| text.parse()).map_err(|_| wrong())
}

/// Reads paths of files that exist, with commas between them.
pub(crate) fn files(text: &str) -> Result<Vec<PathBuf>, String> {
    text.split(',').map(|path| read::existing_file(path.trim())).collect()
}

/// Reads addresses and networks of proxies.
pub(crate) fn proxies(text: &str) -> Result<Proxies, String> {
    text.parse().map_err(|error: ProxiesError| error.to_string())
}

/// Reads what is logged: `info`, or levels by target: `warn,grafolean_collector=debug`.
pub(crate) fn targets(text: &str) -> Result<Targets, String> {
    let level = |word: &str| {
        word.trim().parse::<LevelFilter>().map_err(|_| {
            format!("expected off, error, warn, info, debug, trace, or target=level, found {word:?}")
        })
    };
    text.split(',').try_fold(Targets::new(), |targets, part| match part.split_once('=') {
        Some((target, word)) => Ok(targets.with_target(target.trim(), level(word)?)),
        None => Ok(targets.with_default(level(part)?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_exact_to_the_microsecond() {
        assert_eq!(moment("1700000000.123457"), Ok(Timestamp::from_micros(1_700_000_000_123_457)));
        assert_eq!(moment("1700000000"), Ok(Timestamp::from_seconds(1_700_000_000)));
        assert_eq!(moment("2023-11-14T22:13:20Z"), Ok(Timestamp::from_seconds(1_700_000_000)));
        assert!(moment("1700000000000").unwrap_err().contains("milliseconds"));
        for refused in ["", ".5", "-1", "1.1234567", "1e9", "yesterday", "99999999999999999999"] {
            assert!(moment(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn bots_are_all_none_or_those_that_are_named() {
        let names = |text| bots(text).map(|bots| bots.iter().map(|bot| bot.name()).collect::<Vec<_>>());
        assert_eq!(names("on").unwrap().len(), protocols::ALL.len());
        assert_eq!(names("off"), Ok(vec![]));
        assert_eq!(names("snmp, ping"), Ok(vec!["snmp", "ping"]));
        assert!(names("pinng").unwrap_err().contains("ping, snmp"));
    }

    #[test]
    fn a_level_that_is_none_is_refused_not_taken_for_a_target() {
        assert!(targets("inof").is_err() && targets("grafolean=loud").is_err());
        assert_eq!(targets("warn,a::b=debug").unwrap().default_level(), Some(LevelFilter::WARN));
    }
}
