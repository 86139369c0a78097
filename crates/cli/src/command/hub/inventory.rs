//! Accounts of a hub, kept as files say, by a bot of its own.

use std::{path::PathBuf, sync::Arc};

use grafolean_collector::{
    backend::http::{Caller, HttpSettings, Login, Proxies},
    collector::Signals,
};
use grafolean_hub::Hub;
use tracing::{error, info};

use crate::{
    command::inventory::{self, Mode},
    failure::chain,
};

/// Brings accounts in step with files once there is a user, and again on SIGHUP, until the hub is stopped.
pub(super) async fn keep(hub: Arc<Hub>, url: String, files: Vec<PathBuf>, signals: Signals) {
    let Signals { stop, mut reload } = signals;
    let mut configured = hub.configured();
    loop {
        match hub.has_users().await {
            Ok(true) => break,
            Ok(false) => {}
            Err(error) => error!(error = chain(&error), "the inventory is not kept"),
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = configured.changed() => {}
        }
    }
    loop {
        for file in &files {
            let path = file.display();
            match once(&hub, &url, file).await {
                Ok(()) => info!(%path, "accounts are as the inventory says"),
                Err(error) => error!(%path, error = chain(&*error), "the inventory is not kept"),
            }
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = reload.requested() => {}
        }
    }
}

async fn once(hub: &Hub, url: &str, file: &std::path::Path) -> anyhow::Result<()> {
    let token = hub.setup().inventory_keeper().await?.token;
    let settings = HttpSettings { proxies: Proxies::None, ..HttpSettings::new(url, token.clone()) };
    let caller = Caller::new(&settings, Login::Token(token))?;
    inventory::keep(&caller, file, Mode::Apply).await.map(drop)
}
