//! The first person of a hub may do everything, so not just anyone may become that person.
//!
//! Whoever started the hub is told a secret, which is also in a file that they alone may read. A web page that someone
//! has open must not be able to use it either: what it can send without being asked first is refused.

use std::{
    fs, io,
    io::Write,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use axum::http::{
    HeaderMap, HeaderName,
    header::{CONTENT_TYPE, HOST, ORIGIN},
};
use grafolean_collector::private;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::answer::ApiError;

/// Where the secret stands until the first person was made.
const FILE: &str = "setup-secret";

/// Set by browsers alone, on every request: whether the page that asks is of the same site.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What the first person has to know; none once there is one.
pub(crate) struct SetupSecret {
    secret: Mutex<Option<SecretString>>,
    file: PathBuf,
}

impl SetupSecret {
    /// Creates a new one for a hub without people, and takes an old one away from one with people.
    pub(crate) fn open(folder: &Path, has_people: bool) -> io::Result<Self> {
        let this = Self { secret: Mutex::new(None), file: folder.join(FILE) };
        if has_people {
            this.forget();
            return Ok(this);
        }
        let secret = Uuid::new_v4().simple().to_string();
        private::create_file(&this.file)?;
        fs::File::options().write(true).truncate(true).open(&this.file)?.write_all(secret.as_bytes())?;
        *this.lock() = Some(secret.into());
        Ok(this)
    }

    /// Returns it, while there is nobody.
    pub(crate) fn get(&self) -> Option<SecretString> {
        self.lock().clone()
    }

    /// Whether this is it.
    pub(crate) fn is(&self, given: &str) -> bool {
        let secret = self.lock();
        secret.as_ref().is_some_and(|secret| same(secret.expose_secret().as_bytes(), given.trim().as_bytes()))
    }

    /// There is a first person: it opens nothing any more.
    pub(crate) fn forget(&self) {
        *self.lock() = None;
        if let Err(error) = fs::remove_file(&self.file)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(file = %self.file.display(), %error, "the set-up secret, which opens nothing any more, could not be removed");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<SecretString>> {
        self.secret.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Compares in the same time whatever differs.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// Refuses what a web page of another site may send: a body that is not called JSON, and what a browser says comes from
/// elsewhere.
pub(crate) fn refuse_other_sites(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let kind = text(CONTENT_TYPE).unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(ApiError::NotJson);
    }
    let other_site = ApiError::Never("a page of another site may not ask this");
    if text(FETCH_SITE).is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Err(other_site);
    }
    let host = text(HOST).unwrap_or_default();
    let of_origin = |origin: &str| origin.split_once("://").map(|(_, host)| host.to_owned());
    match text(ORIGIN) {
        Some(origin) if of_origin(origin).as_deref() != Some(host) => Err(other_site),
        _ => Ok(()),
    }
}

/// Refuses a request for a host that is none of the hub's: a name whose address was changed to this machine's after a
/// page was loaded (DNS rebinding). An address is never such a name.
pub(crate) fn refuse_other_hosts(headers: &HeaderMap, names: &[String]) -> Result<(), ApiError> {
    let Some(host) = headers.get(HOST) else { return Ok(()) };
    let host = host.to_str().unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let plain = name.trim_start_matches('[').trim_end_matches(']');
    let known = plain.parse::<IpAddr>().is_ok()
        || plain.eq_ignore_ascii_case("localhost")
        || names.iter().any(|known| known.eq_ignore_ascii_case(plain));
    if known { Ok(()) } else { Err(ApiError::Never("this hub does not have that name")) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|&(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_secret_stands_in_a_private_file_until_there_is_someone() {
        let folder = tempfile::tempdir().unwrap();
        let secret = SetupSecret::open(folder.path(), false).unwrap();
        let file = folder.path().join(FILE);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let written = fs::read_to_string(&file).unwrap();
        assert_eq!((written.len(), secret.is(&written)), (32, true));
        for wrong in ["", "0", &"0".repeat(32), &format!("{written}0")] {
            assert!(!secret.is(wrong));
        }
        let again = SetupSecret::open(folder.path(), false).unwrap();
        assert!(!again.is(&written), "another one at each start");
        again.forget();
        assert!(!file.exists() && again.get().is_none() && !again.is("") && !again.is(&written));
    }

    #[test]
    fn what_a_page_of_another_site_may_send_is_refused() {
        const JSON: (&str, &str) = ("content-type", "application/json");
        let host = ("host", "10.0.0.7:8080");
        let taken = [
            headers(&[JSON, host]),
            headers(&[("content-type", "application/json; charset=utf-8"), host]),
            headers(&[JSON, host, ("origin", "http://10.0.0.7:8080"), ("sec-fetch-site", "same-origin")]),
        ];
        for headers in taken {
            assert_eq!(refuse_other_sites(&headers), Ok(()), "{headers:?}");
        }
        let refused = [
            headers(&[host]),
            headers(&[("content-type", "text/plain"), host]),
            headers(&[("content-type", "application/x-www-form-urlencoded"), host]),
            headers(&[JSON, host, ("origin", "https://evil.example")]),
            headers(&[JSON, host, ("origin", "http://10.0.0.7")]),
            headers(&[JSON, host, ("origin", "null")]),
            headers(&[JSON, host, ("sec-fetch-site", "cross-site")]),
            headers(&[JSON, host, ("sec-fetch-site", "same-site")]),
        ];
        for headers in refused {
            assert!(refuse_other_sites(&headers).is_err(), "{headers:?}");
        }
    }

    #[test]
    fn a_name_that_is_not_the_hubs_is_refused() {
        let names = ["hub.example.org".to_owned()];
        for known in ["127.0.0.1:8080", "10.0.0.7", "[::1]:8080", "localhost:1", "HUB.example.org"] {
            let known = HeaderMap::from_iter([(HOST, known.parse().unwrap())]);
            assert_eq!(refuse_other_hosts(&known, &names), Ok(()), "{known:?}");
        }
        for other in ["evil.example", "evil.example:8080", "localhost.evil.example", ""] {
            let other = HeaderMap::from_iter([(HOST, other.parse().unwrap())]);
            assert!(refuse_other_hosts(&other, &names).is_err(), "{other:?}");
        }
    }
}
