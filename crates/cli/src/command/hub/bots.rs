//! The bots of a hub's own process: ordinary bots, each with an account of its own that has the rights it needs. They know
//! of the hub what any bot knows, the address of its API and a token; but what people change they read at once.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, anyhow};
use grafolean_collector::{
    backend::http::{HttpBackend, HttpSettings, Proxies},
    collector::{AnyProtocol, CollectorSettings, Registered, Signals},
    health::Health,
    protocol::Opening,
    refresh::{Idleness, Reload},
    time::{Clock, SystemClock},
};
use grafolean_hub::{
    Hub,
    setup::{BotAccess, Entities, SetupError},
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{
    command::{
        bot::{Ensemble, settings},
        folders,
    },
    config::Config,
    failure::chain,
};

/// Changes that follow each other this closely are read together: somebody saves a device with its sensors.
const SETTLED: Duration = Duration::from_millis(100);

/// Changes that never pause are read this often all the same.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Bots that are about to run in a hub's process.
pub(in crate::command) struct OwnBots<'a> {
    hub: Arc<Hub>,
    url: String,
    /// Names the hub beside the last good configuration. Each start has its own: a hub that is there is asked, and what it
    /// said before is not gone by.
    source: String,
    folder: &'a Path,
    config: &'a Config,
    ensemble: Ensemble,
    protocols: Vec<(&'static Registered, BotAccess)>,
    reload: watch::Sender<u64>,
    signals: Signals,
}

impl<'a> OwnBots<'a> {
    /// Begins with none. They call the hub at `address`, over plain HTTP, and keep their data below `folder`.
    pub(in crate::command) fn new(
        hub: &Arc<Hub>,
        address: SocketAddr,
        folder: &'a Path,
        config: &'a Config,
        signals: Signals,
    ) -> Self {
        let (sender, reload) = Reload::channel();
        let of_bots = Signals { stop: signals.stop.clone(), reload };
        Self {
            hub: Arc::clone(hub),
            url: format!("http://{address}/api"),
            source: format!("this hub, as of {}", SystemClock.now()),
            folder,
            config,
            ensemble: Ensemble::new(Health::new(env!("CARGO_PKG_VERSION"), SystemClock.now()), of_bots),
            protocols: Vec::new(),
            reload: sender,
            signals,
        }
    }

    /// Returns where bots are registered before they are added.
    pub(in crate::command) fn health(&mut self) -> &mut Health {
        &mut self.ensemble.health
    }

    /// Opens the bot of a protocol and adds it.
    pub(in crate::command) async fn open(&mut self, protocol: &'static Registered) -> anyhow::Result<()> {
        let folder = folders::of_bot(self.folder, protocol.name());
        let opening =
            Opening::new(&self.config.settings, &mut self.ensemble.health).with_folder(Some(&folder));
        let bot = protocol.open(opening).await.map_err(|error| anyhow!(error))?;
        self.add(protocol, bot).await
    }

    /// Opens each bot of a list; of one that cannot be opened it is said why, and the others run.
    pub(in crate::command) async fn open_all(&mut self, protocols: &[&'static Registered]) {
        for protocol in protocols {
            if let Err(error) = self.open(protocol).await {
                let (name, error) = (protocol.name(), chain(&*error));
                warn!(error, "the {name} bot of this hub does not run; a bot elsewhere may do its work");
            }
        }
    }

    /// Adds a bot that is open.
    pub(in crate::command) async fn add(
        &mut self,
        protocol: &'static Registered,
        bot: Arc<dyn AnyProtocol>,
    ) -> anyhow::Result<()> {
        let access = own_bot(&self.hub, protocol).await?;
        let backend = self.backend(&access)?;
        let settings = CollectorSettings {
            source: self.source.clone(),
            idleness: Idleness::Normal,
            ..settings(&backend, self.folder.to_owned(), self.config)
        };
        self.ensemble.add(bot, backend, settings).await?;
        self.protocols.push((protocol, access));
        Ok(())
    }

    /// Returns the way by which a bot calls the hub.
    pub(in crate::command) fn backend(&self, bot: &BotAccess) -> anyhow::Result<HttpBackend> {
        let settings = HttpSettings::new(&self.url, bot.token.clone());
        // They are told of changes within the process.
        let settings = HttpSettings { proxies: Proxies::None, is_told_of_changes: false, ..settings };
        Ok(HttpBackend::new(settings)?)
    }

    /// Lets all of them work, once there is somebody who can tell them what to measure, until they are stopped.
    pub(in crate::command) fn run(self) -> impl Future<Output = anyhow::Result<Arc<Health>>> + Send + use<> {
        let Self { hub, ensemble, protocols, reload, signals, config, .. } = self;
        let (stop, metrics) = (signals.stop.clone(), config.metrics);
        async move {
            let mut configured = hub.configured();
            while !hub.has_users().await? {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    _ = configured.changed() => {}
                }
            }
            // what changed between the bots' opening and now has told nobody
            configured.mark_changed();
            let keeping = tokio::spawn(keep_in_step(hub, protocols, configured, reload, signals));
            let ran = ensemble.run(metrics).await;
            stop.cancel();
            keeping.await.context("the bots of this hub are not told of changes any more")?;
            ran
        }
    }
}

/// Finds the bot of a protocol, or makes it, with the rights it needs in each account.
pub(in crate::command) async fn own_bot(hub: &Hub, protocol: &Registered) -> Result<BotAccess, SetupError> {
    let entities = if protocol.keeps_entities() { Entities::Keep } else { Entities::Read };
    hub.setup().own_bot(protocol.name(), entities).await
}

/// Has bots read what people changed, with the rights to read it.
async fn keep_in_step(
    hub: Arc<Hub>,
    protocols: Vec<(&'static Registered, BotAccess)>,
    mut configured: watch::Receiver<u64>,
    reload: watch::Sender<u64>,
    Signals { stop, reload: mut asked }: Signals,
) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = asked.requested() => {}
            changed = configured.changed() => {
                if changed.is_err() {
                    return;
                }
                settle(&mut configured, &stop).await;
            }
        }
        for (protocol, access) in &protocols {
            let name = protocol.name();
            match own_bot(&hub, protocol).await {
                Ok(now) if now.id != access.id => {
                    warn!("the {name} bot of this hub was deleted: it has a new one from the next start on");
                }
                Ok(_) => {}
                Err(error) => {
                    error!(error = chain(&error), "the {name} bot of this hub lacks rights");
                }
            }
        }
        reload.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// Waits until changes pause.
async fn settle(configured: &mut watch::Receiver<u64>, stop: &CancellationToken) {
    let pause =
        async { while timeout(SETTLED, configured.changed()).await.is_ok_and(|changed| changed.is_ok()) {} };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = sleep(LONGEST_WAIT) => {}
        () = pause => {}
    }
}
