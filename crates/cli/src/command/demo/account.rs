//! What the demo's hub is filled with: an account, a person, a bot for each protocol, devices that are measured often,
//! and an exporter of flows. A second start finds all of it again.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::Context;
use grafolean_collector::{
    backend::Inventory,
    collector::Registered,
    model::{
        AccountId, Attachment, CredentialId, Details, Entity, EntityId, NewEntity, SensorId, SensorUse,
        Shared,
    },
};
use grafolean_hub::{
    Hub,
    setup::{BotAccess, Setup},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{
    super::hub::bots::own_bot,
    agent,
    device::{DemoDevice, THIS_MACHINE},
    exporter,
};

use crate::protocols;

/// Who may log in at the page.
pub(super) const USERNAME: &str = "demo";

/// Short enough that values are on the page within ten seconds of a start: a run of three packets, half a second apart,
/// takes two seconds at most.
const INTERVAL_SECONDS: u32 = 5;

/// What the exporter is called wherever its flows are shown.
const EXPORTER: &str = "flow generator (invented flows)";

/// The demo's account, filled.
pub(super) struct DemoAccount {
    pub(super) account: AccountId,
    pub(super) ping: BotAccess,
    /// Each device that is pinged, with its entity, in order.
    pub(super) devices: Vec<(EntityId, DemoDevice)>,
    /// The device that is polled by SNMP too.
    pub(super) machine: EntityId,
    pub(super) exporter: EntityId,
    pub(super) password: SecretString,
}

/// Fills a hub, or finds what an earlier start filled it with. The agent's port is another one at each start.
pub(super) async fn fill(
    hub: &Hub,
    folder: &Path,
    devices: Vec<DemoDevice>,
    agent: SocketAddr,
) -> anyhow::Result<DemoAccount> {
    let setup = hub.setup();
    let password = password(setup.first_person(USERNAME).await?, &folder.join("password"))?;
    let account = setup.account("Demo").await?;
    let ping = own_bot(hub, protocol("ping")?).await?;
    let snmp = own_bot(hub, protocol("snmp")?).await?;
    let netflow = own_bot(hub, protocol("netflow")?).await?;
    let pinged = attachment_of_ping(&setup, account, &ping).await?;
    let polled = attachment_of_snmp(&setup, account, &snmp).await?;
    let exporting = attachment_of_netflow(&setup, account, &netflow).await?;
    let (mut filled, mut machine) = (Vec::new(), None);
    for device in devices {
        let mut protocols = BTreeMap::from([("ping".to_owned(), pinged.clone())]);
        let mut details = device.details();
        let is_machine = device.target == THIS_MACHINE;
        if is_machine {
            protocols.insert("snmp".to_owned(), polled.clone());
            details.insert("snmp_port".to_owned(), agent.port().into());
        }
        let entity = setup.entity(account, entity(&device.name, details), protocols).await?;
        machine = machine.or(is_machine.then_some(entity));
        filled.push((entity, device));
    }
    let details = object(json!({"ipv4": exporter::ADDRESS}));
    let protocols = BTreeMap::from([("netflow".to_owned(), exporting)]);
    let exporter = setup.entity(account, entity(EXPORTER, details), protocols).await?;
    let machine = machine.context("this machine is not among the devices")?;
    Ok(DemoAccount { account, ping, devices: filled, machine, exporter, password })
}

/// Returns a protocol of this binary.
pub(super) fn protocol(name: &str) -> anyhow::Result<&'static Registered> {
    protocols::named(name).with_context(|| format!("this binary knows no protocol {name}"))
}

async fn attachment_of_ping(
    setup: &Setup<'_>,
    account: AccountId,
    bot: &BotAccess,
) -> anyhow::Result<Attachment> {
    let often = json!({"n_packets": "3", "sleep_packets": "0.5", "timeout": "1.0", "retry": "0"});
    let name = "3 packets, half a second apart";
    let credential = setup.credential(account, name, "ping", object(often)).await?;
    let name = format!("every {INTERVAL_SECONDS} seconds");
    let sensor = setup.sensor(account, &name, "ping", Some(INTERVAL_SECONDS), Details::new()).await?;
    Ok(attachment(credential, bot, [sensor]))
}

/// The sensors that a new account has for traffic, and two more, all of them often.
async fn attachment_of_snmp(
    setup: &Setup<'_>,
    account: AccountId,
    bot: &BotAccess,
) -> anyhow::Result<Attachment> {
    let details = json!({"version": "snmpv2c", "snmpv12_community": agent::COMMUNITY});
    let credential = setup.credential(account, "Demo agent", "snmp", object(details)).await?;
    let get = |oid| json!({"oid": oid, "fetch_method": "get"});
    let walk = |oid| json!({"oid": oid, "fetch_method": "walk"});
    let names = walk("1.3.6.1.2.1.2.2.1.2");
    let mut sensors = Vec::new();
    for (name, oids, expression, path) in [
        ("Traffic IN", vec![names.clone(), walk("1.3.6.1.2.1.2.2.1.10")], "$2", "if.in-octets.{$index}.{$1}"),
        ("Traffic OUT", vec![names, walk("1.3.6.1.2.1.2.2.1.16")], "$2", "if.out-octets.{$index}.{$1}"),
        ("Uptime, days", vec![get("1.3.6.1.2.1.25.1.1.0")], "$1 / 8640000", "uptime.days"),
        ("Load", vec![get("1.3.6.1.4.1.2021.10.1.5.1")], "$1 / 100", "load.1min"),
    ] {
        let details = object(json!({"oids": oids, "expression": expression, "output_path": path}));
        sensors.push(setup.sensor(account, name, "snmp", Some(60), details).await?);
    }
    Ok(attachment(credential, bot, sensors))
}

async fn attachment_of_netflow(
    setup: &Setup<'_>,
    account: AccountId,
    bot: &BotAccess,
) -> anyhow::Result<Attachment> {
    let credential = setup.credential(account, "Demo flows", "netflow", Details::new()).await?;
    let sensor = setup.sensor(account, "Demo flows", "netflow", None, Details::new()).await?;
    Ok(Attachment {
        credential: Some(credential),
        bot: Some(bot.id),
        sensors: vec![SensorUse { sensor, interval: None }],
    })
}

fn attachment(
    credential: CredentialId,
    bot: &BotAccess,
    sensors: impl IntoIterator<Item = SensorId>,
) -> Attachment {
    let interval = Some(INTERVAL_SECONDS.into());
    let sensors = sensors.into_iter().map(|sensor| SensorUse { sensor, interval }).collect();
    Attachment { credential: Some(credential), bot: Some(bot.id), sensors }
}

fn entity(name: &str, details: Details) -> NewEntity {
    NewEntity { name: name.to_owned(), entity_type: "device".to_owned(), parent: None, details }
}

fn object(value: Value) -> Details {
    value.as_object().cloned().unwrap_or_default()
}

/// Removes the ping protocol from the devices that an earlier start was told of and this one was not: nothing beyond this
/// machine is pinged unless somebody names it now. Devices that were set up at the page are left as they are.
pub(super) async fn leave_out_others(
    hub: &Hub,
    filled: &DemoAccount,
    inventory: Inventory,
) -> anyhow::Result<()> {
    let known: Vec<EntityId> = filled.devices.iter().map(|(entity, _)| *entity).collect();
    let entities =
        inventory.accounts.into_iter().flat_map(|account| account.entities).map(Shared::into_inner);
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
