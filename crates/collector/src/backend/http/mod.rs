//! A Grafolean backend over HTTP.
//!
//! [`HttpBackend`] is made from [`HttpSettings`] and asks what [`Backend`] says. `settings` checks what a person
//! typed, `exchange` sends one request and says what its answer means, `rows` reads lists row by row, `inventory`
//! puts a refresh together, `changes` hears of what people change, `kept` holds rows as they came, `token` is read again where it lies in a file, `access` is what a token may do and whether the backend is ready. A
//! [`Caller`] makes any other request, for people and scripts.

mod access;
mod caller;
mod changes;
mod exchange;
mod inventory;
mod kept;
mod rows;
mod settings;
mod token;

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, json};

use super::{AccountInventory, Backend, BackendError, EntityChange, Inventory, Stamp, UsedRow};
use crate::{
    model::{Account, AccountId, Attachment, Entity, EntityId, Sample, SeriesPath, UserId},
    report::Event,
    throttle::LogThrottle,
};
use changes::Changes;
use exchange::Request;
use inventory::LastEntities;
use kept::KeptRows;
use token::Token;

pub use access::{BackendStatus, BotRecord, Permission, Profile};
pub use caller::{CallError, Caller, Login};
pub(crate) use exchange::retry_after;
pub(crate) use settings::Transport;
pub use settings::{BaseUrl, HttpSettings, HttpSettingsError, Proxies, choose_cryptography};
pub(crate) use token::{NoToken, token_of_file};

/// Whose token it is: the bot, and its protocol where it has one.
type Identity = (UserId, Option<String>);

/// A Grafolean backend, reached over kept-alive connections with a bot's token.
pub struct HttpBackend {
    url: BaseUrl,
    token: Token,
    client: reqwest::Client,
    /// Who the token belongs to, once that is known.
    user: Mutex<Option<Identity>>,
    kept: Option<KeptRows>,
    last_entities: LastEntities,
    log: LogThrottle,
    /// Whether it answered as a hub does: then what it forbids is forbidden, and not unknown.
    is_hub: AtomicBool,
    request_timeout: Duration,
    changes: Changes,
    is_told: bool,
}

impl HttpBackend {
    /// Checks the settings and prepares the connections; nothing is asked yet.
    pub fn new(settings: HttpSettings) -> Result<Self, HttpSettingsError> {
        let (url, token) = (settings.base_url()?, settings.trimmed_token()?);
        let token = Token::new(token, settings.token_file.clone());
        let client = settings.client(&url)?;
        Ok(Self {
            url,
            token,
            client,
            user: Mutex::new(None),
            kept: None,
            last_entities: LastEntities::default(),
            log: LogThrottle::default(),
            is_hub: AtomicBool::new(false),
            request_timeout: settings.request_timeout,
            changes: Changes::default(),
            is_told: settings.is_told_of_changes,
        })
    }

    /// Returns the address of the API, without a slash at its end.
    pub fn url(&self) -> &BaseUrl {
        &self.url
    }

    /// Asks a hub for what only a hub has, below `/hub/`; returns `None` where there is no such thing, as with Grafolean.
    pub async fn ask_hub(
        &self,
        resource: &str,
        query: Vec<(&'static str, String)>,
    ) -> Result<Option<Value>, BackendError> {
        match self.read(&Request::get(format!("/hub/{resource}")).query(query)).await {
            Err(BackendError::Refused { status: 404 | 405, .. }) => Ok(None),
            answer => self.as_hub(answer?),
        }
    }

    /// Returns what only a hub answers, and remembers that this is one.
    fn as_hub(&self, answer: Value) -> Result<Option<Value>, BackendError> {
        self.is_hub.store(true, Ordering::Relaxed);
        Ok(Some(answer))
    }

    /// Declares a protocol to a hub, as JSON, whose page then has its forms; `false` where that is no hub.
    ///
    /// # Errors
    /// If the hub cannot be asked, or finds the declaration invalid.
    pub async fn declare(&self, name: &str, declaration: &Value) -> Result<bool, BackendError> {
        let path = format!("/hub/protocols/{name}");
        match self.done(&Request::new(Method::PUT, path).json(declaration)?).await {
            Err(BackendError::Refused { status: 404 | 405, .. }) => Ok(false),
            outcome => outcome.map(|()| true),
        }
    }

    fn known_user(&self) -> MutexGuard<'_, Option<Identity>> {
        self.user.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn own_identity(&self) -> Result<Identity, BackendError> {
        match self.profile().await {
            Ok(profile) => Ok(profile.identity()),
            // A backend that nobody set up knows no token yet: that is "later", not "never".
            Err(BackendError::Unauthorized { request }) => match self.status().await?.reason_to_wait() {
                Some(reason) => {
                    let answer = reason.to_owned();
                    Err(BackendError::Failed { request, status: 401, answer, retry_after: None })
                }
                None => Err(BackendError::Unauthorized { request }),
            },
            Err(error) => Err(error),
        }
    }

    /// An answer that is no entity at all, as of a proxy, says nothing about the entity: it may pass.
    fn unusable(&self, error: BackendError) -> BackendError {
        match error {
            BackendError::Nonsense { ref request, .. } => {
                let (url, request) = (self.url.to_string(), request.clone());
                BackendError::Unreachable { url, request, source: error.into() }
            }
            error => error,
        }
    }

    async fn create(&self, account: AccountId, body: &impl Serialize) -> Result<EntityId, BackendError> {
        #[derive(Deserialize)]
        struct Created {
            id: EntityId,
        }
        let request = Request::new(Method::POST, format!("/accounts/{account}/entities/")).json(body)?;
        Ok(self.read::<Created>(&request).await?.id)
    }

    async fn update(&self, account: AccountId, entity: Entity) -> Result<EntityId, BackendError> {
        let path = format!("/accounts/{account}/entities/{}", entity.id);
        let Entity { id, name, entity_type, details, protocols, .. } = entity;
        let protocols = match protocols {
            Some(protocols) => protocols,
            None => self.entity(account, id).await?.and_then(|entity| entity.protocols).unwrap_or_default(),
        };
        let without_bot = protocols.iter().find(|(_, Attachment { bot, .. })| bot.is_none());
        let body =
            json!({"name": name, "entity_type": entity_type, "details": details, "protocols": protocols});
        let outcome = self.done(&Request::new(Method::PUT, path).json(&body)?).await;
        match (outcome, without_bot) {
            // Grafolean itself writes null when a bot is deleted, and then takes no null back.
            (Err(BackendError::Refused { request, status: 400, answer }), Some((protocol, _))) => {
                let answer = format!("{answer}; its `{protocol}` has no bot: choose one for the entity");
                Err(BackendError::Refused { request, status: 400, answer })
            }
            (outcome, _) => outcome.map(|()| id),
        }
    }

    async fn delete(&self, account: AccountId, entity: EntityId) -> Result<EntityId, BackendError> {
        let path = format!("/accounts/{account}/entities/{entity}");
        match self.done(&Request::new(Method::DELETE, path)).await {
            // Gone already, by someone else or by a first attempt whose answer was lost.
            Ok(()) | Err(BackendError::Refused { status: 404, .. }) => Ok(entity),
            Err(error) => Err(error),
        }
    }
}

impl Backend for HttpBackend {
    async fn inventory(&self) -> Result<Inventory, BackendError> {
        self.renew_token().await;
        let known = self.known_user().clone();
        let (user, protocol) = match known {
            Some(known) => known,
            None => self.own_identity().await?,
        };
        Ok(Inventory { user: Some(user), protocol, accounts: self.account_inventories().await? })
    }

    async fn entity(&self, account: AccountId, entity: EntityId) -> Result<Option<Entity>, BackendError> {
        match self.entity_row(account, entity).await.map_err(|error| self.unusable(error))? {
            None => Ok(None),
            Some(Ok((entity, _))) => Ok(Some(entity)),
            Some(Err(broken)) => Err(BackendError::Nonsense {
                request: format!("GET /accounts/{account}/entities/{entity}"),
                reason: broken.reason,
            }),
        }
    }

    async fn account(&self, account: &Account) -> Result<Option<AccountInventory>, BackendError> {
        self.account_alone(account).await
    }

    async fn has_row(&self, account: AccountId, row: UsedRow) -> Result<bool, BackendError> {
        let path = format!("/accounts/{account}/{}/{}", row.list(), row.number());
        match self.read::<IgnoredAny>(&Request::get(path)).await {
            Ok(IgnoredAny) => Ok(true),
            Err(BackendError::Refused { status: 404, .. }) => Ok(false),
            Err(error) => Err(self.unusable(error)),
        }
    }

    async fn put_values(
        &self,
        account: AccountId,
        samples: &[Sample],
        stamp: Stamp,
    ) -> Result<(), BackendError> {
        #[derive(Serialize)]
        struct Unstamped<'a> {
            p: &'a SeriesPath,
            v: f64,
        }
        let path = format!("/accounts/{account}/values/");
        let request = match stamp {
            Stamp::Due => Request::new(Method::PUT, path).json(&samples)?,
            Stamp::Arrival => {
                let unstamped =
                    samples.iter().map(|Sample { path, value, .. }| Unstamped { p: path, v: *value });
                Request::new(Method::POST, path).json(&unstamped.collect::<Vec<_>>())?
            }
        };
        self.done(&request).await
    }

    async fn put_events(&self, account: AccountId, events: &[Event]) -> Result<bool, BackendError> {
        let request = Request::new(Method::PUT, format!("/hub/accounts/{account}/device-events"));
        let answer = self.read::<Value>(&request.json(&json!({"events": events}))?).await;
        match answer {
            Ok(_) => Ok(true),
            Err(BackendError::Refused { status: 404 | 405, .. }) => Ok(false),
            // A Grafolean refuses what it does not know before it looks whether there is such a thing.
            Err(BackendError::Forbidden { .. } | BackendError::Nonsense { .. })
                if !self.is_hub.load(Ordering::Relaxed) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    async fn push_status(&self, account: AccountId, status: Vec<u8>) -> Result<Option<Value>, BackendError> {
        let known = self.known_user().clone();
        let (user, _) = match known {
            Some(known) => known,
            None => self.own_identity().await?,
        };
        let path = format!("/hub/accounts/{account}/bots/{user}/status");
        match self.read(&Request::new(Method::PUT, path).written(status)).await {
            // A Grafolean has no such resource; whatever answers without JSON is no hub either.
            Err(
                BackendError::Refused { .. } | BackendError::Forbidden { .. } | BackendError::Nonsense { .. },
            ) => Ok(None),
            answer => self.as_hub(answer?),
        }
    }

    async fn changed(&self) {
        if self.is_told {
            self.told_of_change().await;
        } else {
            std::future::pending::<()>().await;
        }
    }

    async fn unsendable(&self, accounts: &[AccountId]) -> Result<Vec<AccountId>, BackendError> {
        let permissions = self.permissions().await?;
        let may_send = |account: &&AccountId| {
            let resource = format!("accounts/{account}/values");
            ["PUT", "POST"].iter().any(|method| permissions.iter().any(|it| it.allows(method, &resource)))
        };
        Ok(accounts.iter().filter(|account| !may_send(account)).copied().collect())
    }

    async fn renew_token(&self) -> bool {
        let is_new = self.token.renew().await;
        if is_new {
            // It may be another bot's.
            *self.known_user() = None;
        }
        is_new
    }

    async fn change_entity(
        &self,
        account: AccountId,
        change: EntityChange,
    ) -> Result<EntityId, BackendError> {
        match change {
            EntityChange::Create(new) => self.create(account, &new).await,
            EntityChange::Update(entity) => self.update(account, entity).await,
            EntityChange::Delete(entity) => self.delete(account, entity).await,
        }
    }
}

impl fmt::Debug for HttpBackend {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("HttpBackend").field("url", &self.url).finish_non_exhaustive()
    }
}
