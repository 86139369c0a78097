//! The session of the page: in a cookie that no script can read, and that no other site makes a browser send.
//!
//! Whoever changes something by the cookie has to send a token as well, which the page is told and other sites are not.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};
use sha2::{Digest, Sha256};

use super::session::LIFETIME;
use crate::{answer::ApiError, rights::Verb, store::session::SessionId};

const NAME: &str = "grafolean_session";

/// Where the page sends the token.
const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");

/// Whether the connection is one that nobody can listen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Plain,
    Tls,
}

/// Returns the session's token as `Authorization` would bring it, if there is a cookie.
pub(crate) fn token(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, value)| format!("Bearer {value}"))
}

/// Sets the cookie to what `X-JWT-Token` would be.
pub(crate) fn set(token: &str, transport: Transport) -> Result<(HeaderName, HeaderValue), ApiError> {
    with(token.trim_start_matches("Bearer "), LIFETIME.as_secs(), transport)
}

/// Removes the cookie.
pub(crate) fn clear(transport: Transport) -> Result<(HeaderName, HeaderValue), ApiError> {
    with("", 0, transport)
}

fn with(value: &str, seconds: u64, transport: Transport) -> Result<(HeaderName, HeaderValue), ApiError> {
    let secure = if transport == Transport::Tls { "; Secure" } else { "" };
    let cookie = format!("{NAME}={value}; Path=/api; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    let cookie = HeaderValue::try_from(cookie).map_err(|error| ApiError::Failed(error.to_string()))?;
    Ok((SET_COOKIE, cookie))
}

/// Returns the token that goes with a session. Who does not know the session's id cannot make it.
pub(crate) fn csrf_token(session: &SessionId) -> String {
    let digest = Sha256::new().chain_update(b"csrf").chain_update(session).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Refuses a change that does not bring the token of its session.
pub(crate) fn check_csrf(headers: &HeaderMap, verb: Verb, session: &SessionId) -> Result<(), ApiError> {
    let brought = headers.get(CSRF).map(HeaderValue::as_bytes);
    if verb == Verb::Get || brought == Some(csrf_token(session).as_bytes()) {
        return Ok(());
    }
    Err(ApiError::Never("the header X-CSRF-Token is missing or wrong: load the page again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let (_, cookie) = set("Bearer 5:a.b.c", Transport::Tls).unwrap();
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.starts_with("grafolean_session=5:a.b.c; Path=/api;"), "{cookie}");
        for attribute in ["; HttpOnly", "; SameSite=Strict", "; Max-Age=1200", "; Secure"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        let (_, plain) = set("Bearer 5:a.b.c", Transport::Plain).unwrap();
        assert!(!plain.to_str().unwrap().contains("Secure"));
    }

    #[test]
    fn it_is_found_among_others() {
        let headers = |cookies: &str| HeaderMap::from_iter([(COOKIE, cookies.parse().unwrap())]);
        assert_eq!(token(&headers("a=b; grafolean_session=5:x.y.z; c=d")).unwrap(), "Bearer 5:x.y.z");
        assert_eq!(token(&headers("xgrafolean_session=1; a")), None);
        assert_eq!(token(&HeaderMap::new()), None);
    }

    #[test]
    fn a_change_needs_the_token_of_its_own_session() {
        let headers = |token: &str| HeaderMap::from_iter([(CSRF, token.parse().unwrap())]);
        let mine = csrf_token(&[1; 32]);
        assert_eq!(check_csrf(&headers(&mine), Verb::Post, &[1; 32]), Ok(()));
        assert_eq!(check_csrf(&HeaderMap::new(), Verb::Get, &[1; 32]), Ok(()));
        for verb in [Verb::Post, Verb::Put, Verb::Delete] {
            assert!(check_csrf(&headers(&mine), verb, &[2; 32]).is_err());
            assert!(check_csrf(&HeaderMap::new(), verb, &[1; 32]).is_err());
        }
    }
}
