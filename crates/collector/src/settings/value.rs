//! How settings and arguments are written: spans, sizes, addresses. Each reader says what it expected and what it found.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    time::Duration,
};

use reqwest::Url;

use crate::{backend::http::BaseUrl, model::Interval};

/// Accepts every text.
pub fn anything(_: &str) -> Result<(), String> {
    Ok(())
}

/// Reads a span of time: a number of seconds (`0.5`), or with units (`30s`, `5m`, `1h 30m`, `200ms`).
pub fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("expected seconds (0.5) or a span like 200ms, 30s, 5m, 1h 30m, found {text:?}");
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| wrong()),
        Err(_) => humantime::parse_duration(text).map_err(|_| wrong()),
    }
}

/// Reads a span of time above zero.
pub fn positive_span(text: &str) -> Result<Duration, String> {
    let span = span(text)?;
    if span.is_zero() { Err(format!("expected a span above 0, found {text:?}")) } else { Ok(span) }
}

/// Reads an interval: a span of whole seconds, at least one.
pub fn interval(text: &str) -> Result<Interval, String> {
    let span = span(text)?;
    let wrong = || format!("expected a span of whole seconds, at least 1 s, found {text:?}");
    let seconds = i64::try_from(span.as_secs()).map_err(|_| wrong())?;
    if span.subsec_nanos() != 0 || seconds == 0 {
        return Err(wrong());
    }
    Interval::from_seconds(seconds).map_err(|error| error.to_string())
}

/// Reads a size in bytes: a number, or with a unit (`500MB`, `2GiB`).
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("expected bytes (1000000) or a size like 500MB, 2GB, 512MiB, found {text:?}");
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
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let port = text.strip_prefix("localhost:").unwrap_or(text);
    port.parse().map(loopback).or_else(|_| text.parse()).map_err(|_| {
        format!(
            "expected an address and a port like 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080, found {text:?}"
        )
    })
}

/// Reads a port that can be bound.
pub fn port(text: &str) -> Result<u16, String> {
    let port = text.trim().parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| format!("expected a whole number from 1 to 65535, found {text:?}"))
}

/// Reads UDP addresses to listen on, one or several with commas between them.
pub fn udp_addresses(text: &str) -> Result<Vec<SocketAddr>, String> {
    let read = |part: &str| part.trim().parse().ok().filter(|address: &SocketAddr| address.port() > 0);
    let addresses: Option<Vec<_>> = text.split(',').map(read).collect();
    addresses.ok_or_else(|| {
        format!(
            "expected 0.0.0.0:2055 (IPv4), [::]:2055 (both families), or several with commas between them, found \
             {text:?}"
        )
    })
}

/// Reads how many threads do something.
pub fn threads(text: &str) -> Result<NonZeroUsize, String> {
    /// More than any machine has use for.
    const MOST: usize = 256;
    let threads = text.trim().parse().ok().filter(|threads: &NonZeroUsize| threads.get() <= MOST);
    threads.ok_or_else(|| format!("expected a whole number from 1 to {MOST}, found {text:?}"))
}

/// Reads the base URL of a backend's API; slashes at its end do not count.
pub fn backend_url(text: &str) -> Result<BaseUrl, String> {
    BaseUrl::parse(text).map_err(|error| error.to_string())
}

/// Reads the address to which values are sent by Prometheus remote write.
pub fn receiver_url(text: &str) -> Result<Url, String> {
    let text = text.trim();
    let shown = match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => text.to_owned(),
    };
    let wrong = |reason: &str| {
        format!(
            "{shown:?} is invalid as the address of a receiver: {reason}; expected one like http://127.0.0.1:9090/api/v1/write"
        )
    };
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it does not begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it holds a user or a password, which have settings of their own"));
    }
    Ok(url)
}

/// Reads a path of a file or folder, which need not exist.
pub fn path(text: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(text))
}

/// Reads paths with `:` between them.
pub fn paths(text: &str) -> Result<Vec<PathBuf>, String> {
    Ok(std::env::split_paths(text).filter(|path| !path.as_os_str().is_empty()).collect())
}

/// Reads the path of a file that exists.
pub fn existing_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_file() { Ok(path) } else { Err(format!("expected a file, found none at {text}")) }
}

/// Reads whether something is on.
pub fn switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Ok(true),
        "off" | "false" | "no" | "0" => Ok(false),
        _ => Err(format!("expected on or off, found {text:?}")),
    }
}

/// Reads one of a few words.
pub fn one_of<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let word = text.trim().to_ascii_lowercase();
    let found = choices.iter().find(|(choice, _)| *choice == word).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let words: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
        format!("expected one of {}, found {text:?}", words.join(", "))
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
}
