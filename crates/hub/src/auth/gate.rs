//! The gate before every route of the API.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Query, Request, State},
    http::{HeaderValue, Method, Uri, header::AUTHORIZATION},
    middleware::Next,
    response::Response,
};
use grafolean_collector::{
    model::UserId,
    time::{Clock, Timestamp},
};
use tracing::{debug, warn};
use uuid::Uuid;

use super::{Caller, CallerKind, Passwords, SigningKey, Verb};
use crate::{
    Hub,
    routes::{ApiError, Resource},
    store::{Cache, Store, StoreError, bot, permission, person},
};

/// Callers remembered until the next commit; more than that, and all are read again.
const CALLERS: usize = 10_000;

/// A bot's last login is noted no finer than this, so that a busy bot costs no write a request.
const LAST_LOGIN_RESOLUTION: Duration = Duration::from_secs(60);

/// What needs no caller.
const OPEN_TO_ALL: [(&str, Verb); 5] = [
    ("status/info", Verb::Get),
    ("admin/migratedb", Verb::Post),
    ("admin/first", Verb::Post),
    ("auth/login", Verb::Post),
    ("auth/refresh", Verb::Post),
];

/// What the gate knows callers by.
pub(crate) struct Gate {
    pub(crate) key: SigningKey,
    pub(crate) passwords: Passwords,
    clock: Arc<dyn Clock>,
    known: Cache<Identity, Known>,
    last_logins: Mutex<HashMap<UserId, Timestamp>>,
}

/// By what a caller is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Identity {
    Token(Uuid),
    Person(UserId),
}

#[derive(Clone, Debug)]
struct Known {
    caller: Caller,
    /// A person's count of password changes; 0 for a bot.
    sessions_since: i64,
}

/// Lets a request through that its caller may make, with the [`Caller`] as an extension.
pub(crate) async fn guard(
    State(hub): State<Arc<Hub>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let verb = Verb::of(request.method());
    let Some(resource) = request.extensions().get::<Resource>().cloned() else {
        return Err(ApiError::Forbidden);
    };
    if !is_open(&resource, verb) {
        let header = request.headers().get(AUTHORIZATION);
        let caller = hub.gate.caller(&hub.store, header, request.uri()).await?;
        let verb = verb.ok_or(ApiError::MethodNotAllowed)?;
        if !caller.may(verb, &resource.path) {
            debug!(user = %caller.user, verb = verb.as_str(), resource = resource.path, "access denied");
            return Err(ApiError::Forbidden);
        }
        request.extensions_mut().insert(caller);
    }
    // axum would answer it as a GET, Grafolean refuses it.
    if request.method() == Method::HEAD {
        return Err(ApiError::MethodNotAllowed);
    }
    Ok(next.run(request).await)
}

/// `status/info/` is not open: the one place where Grafolean minds a slash at the end.
fn is_open(resource: &Resource, verb: Option<Verb>) -> bool {
    let minded = resource.ended_in_slash && resource.path == "status/info";
    !minded && verb.is_some_and(|verb| OPEN_TO_ALL.contains(&(&*resource.path, verb)))
}

impl Gate {
    pub(crate) fn new(key: SigningKey, clock: Arc<dyn Clock>) -> Self {
        Self {
            key,
            passwords: Passwords::new(),
            clock,
            known: Cache::new(CALLERS),
            last_logins: Mutex::new(HashMap::new()),
        }
    }

    /// A header that is no good is not made up for by a good token.
    async fn caller(
        &self,
        store: &Store,
        header: Option<&HeaderValue>,
        uri: &Uri,
    ) -> Result<Caller, ApiError> {
        match header {
            Some(header) => self.person(store, header).await,
            None => self.bot(store, uri).await,
        }
    }

    async fn person(&self, store: &Store, header: &HeaderValue) -> Result<Caller, ApiError> {
        let header = header.to_str().map_err(|_| ApiError::Unauthorized)?;
        let session = self.key.open(header, self.clock.now()).map_err(|error| {
            debug!(%error, "a session was refused");
            ApiError::Unauthorized
        })?;
        let identity = Identity::Person(session.user_id);
        let known = self.known(store, identity).await?.ok_or(ApiError::Unauthorized)?;
        if known.sessions_since != session.since {
            return Err(ApiError::Unauthorized);
        }
        Ok(known.caller)
    }

    async fn bot(&self, store: &Store, uri: &Uri) -> Result<Caller, ApiError> {
        let token = bot_token(uri).ok_or(ApiError::Unauthorized)?;
        let known = self.known(store, Identity::Token(token)).await?.ok_or(ApiError::Unauthorized)?;
        self.note_login(store, known.caller.user).await;
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

/// The token of `?b=`, the last one if there are several; none unless it has the form of one.
fn bot_token(uri: &Uri) -> Option<Uuid> {
    const HYPHENATED: usize = 36;
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    let (_, token) = pairs.into_iter().rfind(|(name, _)| name == "b")?;
    if token.len() == HYPHENATED { Uuid::try_parse(&token).ok() } else { None }
}

fn find(connection: &rusqlite::Connection, identity: Identity) -> Result<Option<Known>, StoreError> {
    let (user, kind, sessions_since) = match identity {
        Identity::Token(token) => match bot::by_token(connection, token)? {
            Some(bot) => (bot, CallerKind::Bot, 0),
            None => return Ok(None),
        },
        Identity::Person(user) => match person::login_of(connection, user)? {
            Some(login) => (user, CallerKind::Person, login.sessions_since),
            None => return Ok(None),
        },
    };
    let permissions = permission::of(connection, user)?.into();
    Ok(Some(Known { caller: Caller { user, kind, permissions }, sessions_since }))
}
