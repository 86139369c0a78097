//! How settings and arguments are written: spans, moments, sizes, addresses. Each reader says what would be right.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    time::Duration,
};

use grafolean_collector::{
    backend::http::BaseUrl,
    model::{Interval, Sample},
    time::Timestamp,
};
use tracing_subscriber::filter::{LevelFilter, Targets};

/// Reads a span of time: a number of seconds (`0.5`), or with units (`30s`, `5m`, `1h 30m`, `200ms`).
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no span of time: write seconds (0.5), or 200ms, 30s, 5m, 1h 30m");
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| wrong()),
        Err(_) => humantime::parse_duration(text).map_err(|_| wrong()),
    }
}

/// Reads a span of time above zero.
pub(crate) fn positive_span(text: &str) -> Result<Duration, String> {
    span(text).and_then(|span| {
        if span.is_zero() { Err(format!("{text:?}: it has to be longer than nothing")) } else { Ok(span) }
    })
}

/// Reads an interval: a span of whole seconds, at least one.
pub(crate) fn interval(text: &str) -> Result<Interval, String> {
    let span = span(text)?;
    if span.subsec_nanos() != 0 {
        return Err(format!("{text:?}: it has to be whole seconds"));
    }
    let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    Interval::from_seconds(seconds).map_err(|error| error.to_string())
}

/// Reads a moment: seconds since 1970 with at most six decimals, or RFC 3339 in UTC (`2026-11-22T10:00:00Z`).
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    let wrong =
        || format!("{text:?} is no moment: write seconds since 1970 (1700000000.5) or 2026-11-22T10:00:00Z");
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
        return Err(format!("{text:?} lies beyond the year 9999: are these milliseconds?"));
    }
    Ok(time)
}

/// Reads a size in bytes: a number, or with a unit (`500MB`, `2GiB`).
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size: write bytes (1000000), or 500MB, 2GB, 512MiB");
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)
}

/// Reads an address to listen on; `localhost` and a bare port stand for 127.0.0.1.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let port = text.strip_prefix("localhost:").unwrap_or(text);
    port.parse().map(loopback).or_else(|_| text.parse()).map_err(|_| {
        format!("{text:?} is no address to listen on: write 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080")
    })
}

/// Reads a UDP port; 0 is none.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    let port = text.trim().parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| format!("{text:?} is no port: write a number from 1 to 65535, usually 2055"))
}

/// Reads UDP addresses to listen on, one or several with commas between them.
pub(crate) fn udp_addresses(text: &str) -> Result<Vec<SocketAddr>, String> {
    let read = |part: &str| part.trim().parse().ok().filter(|address: &SocketAddr| address.port() > 0);
    let addresses: Option<Vec<_>> = text.split(',').map(read).collect();
    addresses.ok_or_else(|| {
        format!(
            "{text:?} is no list of addresses to listen on: write 0.0.0.0:2055 (IPv4), [::]:2055 (both families), or \
             several with commas between them"
        )
    })
}

/// Reads how many threads receive.
pub(crate) fn threads(text: &str) -> Result<NonZeroUsize, String> {
    /// More than any machine has use for.
    const MOST: usize = 256;
    let threads = text.trim().parse().ok().filter(|threads: &NonZeroUsize| threads.get() <= MOST);
    threads.ok_or_else(|| {
        format!("{text:?} is no number of threads: write a number from 1 to {MOST}, usually 1")
    })
}

/// Reads the base URL of a backend's API; slashes at its end do not count.
pub(crate) fn backend_url(text: &str) -> Result<BaseUrl, String> {
    BaseUrl::parse(text).map_err(|error| error.to_string())
}

/// Reads what is logged: `info`, or levels by target: `warn,grafolean_collector=debug`.
pub(crate) fn targets(text: &str) -> Result<Targets, String> {
    let level = |word: &str| {
        word.trim().parse::<LevelFilter>().map_err(|_| {
            format!("{word:?} is no level: there are off, error, warn, info, debug, trace, and target=level")
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
    fn spans_are_seconds_or_carry_their_units() {
        for (text, millis) in
            [("0.5", 500), ("30s", 30_000), ("5m", 300_000), ("1h 30m", 5_400_000), ("200ms", 200)]
        {
            assert_eq!(span(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for refused in ["", "-1", "soon", "nan", "inf", "1e300", "5 apples"] {
            assert!(span(refused).is_err(), "{refused}");
        }
        assert_eq!(interval("2m").unwrap().seconds(), 120);
        assert!(interval("0").is_err() && interval("1.5").is_err());
    }

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
    fn sizes_have_units_of_a_thousand_or_of_1024() {
        assert_eq!(size("500MB"), Ok(500_000_000));
        assert_eq!(size("2 GiB"), Ok(2 << 30));
        assert_eq!(size("17"), Ok(17));
        for refused in ["", "MB", "1.5GB", "-1", "5 apples", "99999999999GB"] {
            assert!(size(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn addresses_are_loopback_unless_they_say_otherwise() {
        assert_eq!(address("8080").unwrap().to_string(), "127.0.0.1:8080");
        assert_eq!(address("localhost:1").unwrap().to_string(), "127.0.0.1:1");
        assert_eq!(address("[::1]:8080").unwrap().to_string(), "[::1]:8080");
        for refused in ["80800", "example.org:80", "1.2.3.4", ":80"] {
            assert!(address(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_port_is_a_number_that_can_be_bound() {
        assert_eq!(port(" 2055 "), Ok(2055));
        for refused in ["", "0", "65536", "-1", "netflow", "127.0.0.1:2055"] {
            assert!(port(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn flows_may_arrive_at_several_addresses_by_several_threads() {
        let addresses = udp_addresses("0.0.0.0:2055, [::1]:6343").unwrap();
        assert_eq!(
            addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>(),
            ["0.0.0.0:2055", "[::1]:6343"]
        );
        for refused in ["", "2055", "0.0.0.0:0", "0.0.0.0:2055,", "router:2055"] {
            assert!(udp_addresses(refused).is_err(), "{refused}");
        }
        assert_eq!(threads("4").unwrap().get(), 4);
        for refused in ["", "0", "-1", "257", "all"] {
            assert!(threads(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_backend_url_loses_its_slashes_and_may_carry_no_secret() {
        assert_eq!(
            backend_url(" https://example.org/api// ").unwrap().to_string(),
            "https://example.org/api"
        );
        for refused in
            ["example.org/api", "ftp://x/", "http://x/api?b=secret", "http://u:secret@x/", "http://"]
        {
            let error = backend_url(refused).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_level_that_is_none_is_refused_not_taken_for_a_target() {
        assert!(targets("inof").is_err() && targets("grafolean=loud").is_err());
        assert_eq!(targets("warn,a::b=debug").unwrap().default_level(), Some(LevelFilter::WARN));
    }
}
