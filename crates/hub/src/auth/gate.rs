//! Who asks: by a session, a cookie or a token.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::Query,
    http::{HeaderMap, HeaderValue, Uri, header::AUTHORIZATION},
};
use grafolean_collector::{
    model::UserId,
    time::{Clock, Timestamp},
};
use tracing::{debug, warn};
use uuid::Uuid;

use super::{
    Caller, CallerKind, Guesses, Session, SigningKeys, cookie,
    session::{LIFETIME, RENEWAL_GRACE},
};
use crate::{
    answer::ApiError,
    rights::{Passwords, Verb},
    store::{
        Cache, Store, StoreError, bot, permission, person,
        session::{self, SessionId},
    },
};

/// Callers remembered until the next commit; more than that, and all are read again.
const CALLERS: usize = 10_000;

/// A bot's last login is noted no finer than this, so that a busy bot costs no write a request.
const LAST_LOGIN_RESOLUTION: Duration = Duration::from_secs(60);

/// What the gate knows callers by.
pub(crate) struct Gate {
    pub(crate) keys: SigningKeys,
    pub(crate) passwords: Passwords,
    pub(crate) guesses: Guesses,
    clock: Arc<dyn Clock>,
    known: Cache<Identity, Known>,
    last_logins: Mutex<HashMap<UserId, Timestamp>>,
}

/// By what a caller is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Identity {
    Token(Uuid),
    Session(SessionId),
    Person(UserId),
    Bot(UserId),
}

#[derive(Clone, Debug)]
struct Known {
    caller: Caller,
    /// How often a session was renewed; 0 for others.
    serial: i64,
}

impl Gate {
    pub(crate) fn new(keys: SigningKeys, clock: Arc<dyn Clock>) -> Self {
        Self {
            keys,
            passwords: Passwords::new(),
            guesses: Guesses::default(),
            clock,
            known: Cache::new(CALLERS),
            last_logins: Mutex::new(HashMap::new()),
        }
    }

    /// A header that is no good is not made up for by a good token, nor that by a good cookie.
    pub(crate) async fn caller(
        &self,
        store: &Store,
        headers: &HeaderMap,
        uri: &Uri,
        verb: Option<Verb>,
    ) -> Result<Caller, ApiError> {
        if let Some(header) = headers.get(AUTHORIZATION) {
            return match bearer_token(header) {
                // Elsewhere a Grafolean refuses it.
                Some(token) if uri.path().ends_with("/prometheus") => self.bot_of(store, token, uri).await,
                _ => self.person(store, header).await,
            };
        }
        match cookie::token(headers) {
            Some(token) if !brings_token(uri) => {
                let caller = self.person_of(store, &token).await?;
                let session = caller.session.ok_or(ApiError::Unauthorized)?;
                cookie::check_csrf(headers, verb.unwrap_or(Verb::Post), &session)?;
                Ok(caller)
            }
            _ => self.bot(store, uri).await,
        }
    }

    async fn person(&self, store: &Store, header: &HeaderValue) -> Result<Caller, ApiError> {
        let header = header.to_str().map_err(|_| ApiError::Unauthorized)?;
        self.person_of(store, header).await
    }

    /// Returns the person whose session a token opens.
    pub(crate) async fn person_of(&self, store: &Store, header: &str) -> Result<Caller, ApiError> {
        let session = self.keys.open(header, self.clock.now()).map_err(|error| {
            debug!(%error, "a session was refused");
            ApiError::Unauthorized
        })?;
        let id = session.id().ok_or(ApiError::Unauthorized)?;
        let known = self.known(store, Identity::Session(id)).await?.ok_or(ApiError::Unauthorized)?;
        if (known.caller.user, known.serial) != (session.user_id, session.serial) {
            return Err(ApiError::Unauthorized);
        }
        Ok(known.caller)
    }

    /// Returns a person with what they may do at this moment; `None` if they are gone.
    pub(crate) async fn person_by_id(
        &self,
        store: &Store,
        user: UserId,
    ) -> Result<Option<Caller>, StoreError> {
        Ok(self.known(store, Identity::Person(user)).await?.map(|known| known.caller))
    }

    /// Returns a caller with what they may do at this moment; `None` if they, or their session, are gone.
    pub(crate) async fn again(&self, store: &Store, caller: &Caller) -> Result<Option<Caller>, StoreError> {
        let identity = match (caller.session, caller.kind) {
            (Some(session), _) => Identity::Session(session),
            (None, CallerKind::Person) => Identity::Person(caller.user),
            (None, CallerKind::Bot) => Identity::Bot(caller.user),
        };
        Ok(self.known(store, identity).await?.map(|known| known.caller))
    }

    /// Begins a session of a person; returns also what belongs into `X-JWT-Token`.
    pub(crate) async fn begin_session(
        &self,
        store: &Store,
        user: UserId,
    ) -> Result<(Session, String), ApiError> {
        let (id, now) = (rand::random::<SessionId>(), self.clock.now());
        self.rotate_keys(store).await?;
        store.write(move |connection| session::insert(connection, &id, user, now, LIFETIME)).await?;
        self.keys.sign(user, &id, 0, now).map_err(|error| ApiError::Failed(error.to_string()))
    }

    /// Renews a session by a token that is valid, or ended not long ago. Tokens from before then open nothing.
    pub(crate) async fn renew_session(
        &self,
        store: &Store,
        header: &str,
    ) -> Result<(Session, String), ApiError> {
        let now = self.clock.now();
        let old = self.keys.renewable(header, now).map_err(|_| ApiError::Unauthorized)?;
        let id = old.id().ok_or(ApiError::Unauthorized)?;
        self.rotate_keys(store).await?;
        let renewed = store
            .write(move |connection| session::renew(connection, &id, old.serial, now, RENEWAL_GRACE))
            .await?
            .filter(|renewed| renewed.user == old.user_id)
            .ok_or(ApiError::Unauthorized)?;
        let signed = self.keys.sign(renewed.user, &id, renewed.serial, now);
        signed.map_err(|error| ApiError::Failed(error.to_string()))
    }

    /// The same by the page's cookie.
    pub(crate) async fn renew_by_cookie(
        &self,
        store: &Store,
        token: &str,
        headers: &HeaderMap,
    ) -> Result<(Session, String), ApiError> {
        let session = self.keys.renewable(token, self.clock.now()).map_err(|_| ApiError::Unauthorized)?;
        let id = session.id().ok_or(ApiError::Unauthorized)?;
        cookie::check_csrf(headers, Verb::Post, &id)?;
        self.renew_session(store, token).await
    }

    /// Returns whose session a token is, which may have ended so lately that it can be renewed.
    pub(crate) async fn session_of(
        &self,
        store: &Store,
        token: &str,
    ) -> Result<Option<(UserId, SessionId)>, ApiError> {
        let Ok(session) = self.keys.renewable(token, self.clock.now()) else { return Ok(None) };
        let Some(id) = session.id() else { return Ok(None) };
        let known = self.known(store, Identity::Session(id)).await?;
        let known = known.filter(|known| known.serial == session.serial);
        Ok(known.map(|known| (known.caller.user, id)))
    }

    async fn rotate_keys(&self, store: &Store) -> Result<(), StoreError> {
        let now = self.clock.now();
        if self.keys.rotation_is_due(now) {
            let keys = store.write(move |connection| session::rotate_key(connection, now)).await?;
            self.keys.replace(&keys);
        }
        Ok(())
    }

    async fn bot(&self, store: &Store, uri: &Uri) -> Result<Caller, ApiError> {
        self.bot_of(store, bot_token(uri).ok_or(ApiError::Unauthorized)?, uri).await
    }

    async fn bot_of(&self, store: &Store, token: Uuid, uri: &Uri) -> Result<Caller, ApiError> {
        let known = self.known(store, Identity::Token(token)).await?.ok_or(ApiError::Unauthorized)?;
        // Whoever asks why by a bot's token is a person who looks for that bot.
        if !asks_why(uri) {
            self.note_login(store, known.caller.user).await;
        }
        Ok(known.caller)
    }

    async fn known(&self, store: &Store, identity: Identity) -> Result<Option<Known>, StoreError> {
        let generation = store.generation();
        if let Some(known) = self.known.get(&identity, generation) {
            return Ok(Some(known));
        }
        let found = store.read(move |connection| find(connection, identity)).await?;
        if let Some(found) = &found {
            self.known.put(identity, generation, found.clone(), 1);
        }
        Ok(found)
    }

    async fn note_login(&self, store: &Store, bot: UserId) {
        let now = self.clock.now();
        {
            let mut last_logins = self.last_logins.lock().unwrap_or_else(PoisonError::into_inner);
            let last = last_logins.get(&bot);
            // A clock that was set back must not silence it for long.
            if last.is_some_and(|&last| last <= now && now.since(last) < LAST_LOGIN_RESOLUTION) {
                return;
            }
            last_logins.insert(bot, now);
        }
        if let Err(error) = store.write(move |connection| bot::seen(connection, bot, now)).await {
            warn!(%bot, %error, "could not note a bot's login");
        }
    }
}

/// Whether it is asked what is wrong.
fn asks_why(uri: &Uri) -> bool {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    uri.path().contains("/hub/") && matches!(last, "why" | "findings")
}

fn brings_token(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "b" || pair.starts_with("b=")))
}

/// The token of a bot in a header, which stands in no log of a proxy: `Bearer 123e4567-e89b-...`. What is signed is a
/// person's.
fn bearer_token(header: &HeaderValue) -> Option<Uuid> {
    let token = header.to_str().ok()?.strip_prefix("Bearer ")?;
    if token.len() == HYPHENATED { Uuid::try_parse(token).ok() } else { None }
}

/// How long a token is, as it is written.
const HYPHENATED: usize = 36;

/// The token of `?b=`, the last one if there are several; none unless it has the form of one.
fn bot_token(uri: &Uri) -> Option<Uuid> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    let (_, token) = pairs.into_iter().rfind(|(name, _)| name == "b")?;
    if token.len() == HYPHENATED { Uuid::try_parse(&token).ok() } else { None }
}

fn find(connection: &rusqlite::Connection, identity: Identity) -> Result<Option<Known>, StoreError> {
    let (user, kind, session, serial) = match identity {
        Identity::Token(token) => match bot::by_token(connection, token)? {
            Some(bot) => (bot, CallerKind::Bot, None, 0),
            None => return Ok(None),
        },
        Identity::Bot(user) => match bot::any(connection, user) {
            Ok(bot) => (bot.id, CallerKind::Bot, None, 0),
            Err(StoreError::Missing(_)) => return Ok(None),
            Err(error) => return Err(error),
        },
        Identity::Session(id) => match session::one(connection, &id)? {
            Some(session) => (session.user, CallerKind::Person, Some(id), session.serial),
            None => return Ok(None),
        },
        Identity::Person(user) => match person::login_of(connection, user)? {
            Some(_) => (user, CallerKind::Person, None, 0),
            None => return Ok(None),
        },
    };
    let permissions = permission::of(connection, user)?.into();
    Ok(Some(Known { caller: Caller { user, kind, session, permissions }, serial }))
}
