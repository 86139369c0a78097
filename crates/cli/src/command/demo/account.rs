//! What the demo's hub is filled with: an account, a person, a ping bot, and devices that are pinged often. A second
//! start finds all of it again.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::Context;
use grafolean_collector::{
    backend::Inventory,
    model::{AccountId, Attachment, Details, Entity, EntityId, NewEntity, SensorUse},
};
use grafolean_hub::{Hub, setup::BotAccess};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::device::DemoDevice;

/// Who may log in at the page.
pub(super) const USERNAME: &str = "demo";

/// Short enough that values are on the page within ten seconds of a start: a run of three packets, half a second apart,
/// takes two seconds at most.
const INTERVAL_SECONDS: u32 = 5;

/// The demo's account, filled.
pub(super) struct DemoAccount {
    pub(super) account: AccountId,
    pub(super) bot: BotAccess,
    /// Each device with its entity, in order.
    pub(super) devices: Vec<(EntityId, DemoDevice)>,
    pub(super) password: SecretString,
}

/// Fills a hub, or finds what an earlier start filled it with.
pub(super) async fn fill(hub: &Hub, folder: &Path, devices: Vec<DemoDevice>) -> anyhow::Result<DemoAccount> {
    let setup = hub.setup();
    let password = password(setup.first_person(USERNAME).await?, &folder.join("password"))?;
    let account = setup.account("Demo").await?;
    let bot = setup.bot(account, "Demo ping bot", "ping").await?;
    let often = json!({"n_packets": "3", "sleep_packets": "0.5", "timeout": "1.0", "retry": "0"});
    let often = often.as_object().cloned().unwrap_or_default();
    let credential = setup.credential(account, "3 packets, half a second apart", "ping", often).await?;
    let name = format!("every {INTERVAL_SECONDS} seconds");
    let sensor = setup.sensor(account, &name, "ping", Some(INTERVAL_SECONDS), Details::new()).await?;
    let sensors = vec![SensorUse { sensor, interval: None }];
    let attachment = Attachment { credential: Some(credential), bot: Some(bot.id), sensors };
    let protocols = BTreeMap::from([("ping".to_owned(), attachment)]);
    let mut filled = Vec::new();
    for device in devices {
        let (name, details) = (device.name.clone(), device.details());
        let entity = NewEntity { name, entity_type: "device".to_owned(), parent: None, details };
        filled.push((setup.entity(account, entity, protocols.clone()).await?, device));
    }
    Ok(DemoAccount { account, bot, devices: filled, password })
}

/// Takes the ping protocol off the devices that an earlier start was told of and this one was not: nothing beyond this
/// machine is pinged unless somebody names it now. Devices that were set up at the page are left as they are.
pub(super) async fn leave_out_others(
    hub: &Hub,
    filled: &DemoAccount,
    inventory: Inventory,
) -> anyhow::Result<()> {
    let known: Vec<EntityId> = filled.devices.iter().map(|(entity, _)| *entity).collect();
    let entities = inventory.accounts.into_iter().flat_map(|account| account.entities);
    for Entity { id, name, entity_type, parent, details, protocols } in entities {
        let was_named = details.values().any(|target| *target == name);
        let is_pinged = protocols.is_some_and(|protocols| !protocols.is_empty());
        if was_named && is_pinged && !known.contains(&id) {
            let entity = NewEntity { name, entity_type, parent, details };
            hub.setup().entity(filled.account, entity, BTreeMap::new()).await?;
        }
    }
    Ok(())
}

/// Keeps the password of the person, who is made only once, where the person who runs the demo can read it.
fn password(made: Option<SecretString>, path: &Path) -> anyhow::Result<SecretString> {
    match made {
        Some(password) => {
            let file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path);
            file.and_then(|mut file| writeln!(file, "{}", password.expose_secret()))
                .with_context(|| format!("cannot write {}", path.display()))?;
            Ok(password)
        }
        None => {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok(SecretString::from(text.trim()))
        }
    }
}
