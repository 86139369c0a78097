//! Before jobs stop: what seems to have vanished is read again, alone and a moment later.
//!
//! A real backend changes an entity in several steps, and one list in six that is read meanwhile shows it without
//! its protocols or without some of its sensors. And a right that was taken away, a list that comes empty, or a proxy that
//! stands in for a backend, removes nothing: only a 404 for the thing itself is a removal.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::{self, Instant};

use crate::{
    backend::{AccountInventory, Backend, BackendError, BrokenRow, Inventory, UsedRow},
    model::{AccountId, Credential, CredentialId, Device, Entity, EntityId, Sensor, SensorId, Shared},
    selection::select,
};

/// How long a backend is given to finish what it is writing, which takes it milliseconds.
const PAUSE: Duration = Duration::from_secs(2);

/// How many devices are read again at a time. If a whole account is emptied, that takes a while, but the backend
/// keeps answering people.
const IN_FLIGHT: usize = 8;

/// How long an account is measured on that is neither listed nor may be read: a right that was taken by mistake is noticed
/// within a day, and one that was taken on purpose ends the measuring then.
const UNLISTED_GRACE: Duration = Duration::from_hours(24);

type Place = (AccountId, EntityId);

/// What was known at the last look, for whoever makes jobs otherwise than by a [`super::Refresh`].
#[derive(Debug, Default)]
pub struct KnownInventory {
    inventory: Arc<Inventory>,
    unlisted: Unlisted,
}

/// The accounts that are measured though the list of accounts does not name them, and since when.
#[derive(Debug, Default)]
pub(super) struct Unlisted(HashMap<AccountId, Instant>);

impl KnownInventory {
    /// Reads the inventory, and alone a second time what seems to have vanished from it. What can't be read stays as it is known.
    ///
    /// # Errors
    /// Fails if something can't be read for a reason that may pass: then nothing is to be taken as vanished.
    pub async fn look<B: Backend>(
        &mut self,
        backend: &B,
        protocol: &str,
    ) -> Result<Arc<Inventory>, BackendError> {
        let mut inventory = backend.inventory().await?;
        let devices = select(&self.inventory, protocol).devices;
        restore(backend, &mut inventory, &self.inventory, &devices, &mut self.unlisted).await?;
        let suspects = suspects(&devices, &select(&inventory, protocol).devices);
        recheck(backend, &mut inventory, suspects).await?;
        self.inventory = Arc::new(inventory);
        Ok(self.inventory.clone())
    }
}

/// Puts back what an inventory lacks but is still there: accounts, lists that can't be read, credentials and sensors that
/// `devices` use.
///
/// # Errors
/// Fails if something can't be read for a reason that may pass: then nothing is to be taken as vanished.
pub(super) async fn restore<B: Backend>(
    backend: &B,
    inventory: &mut Inventory,
    known: &Inventory,
    devices: &[Device],
    unlisted: &mut Unlisted,
) -> Result<(), BackendError> {
    restore_accounts(backend, inventory, known, devices, unlisted).await?;
    keep_unread(inventory, known);
    restore_rows(backend, inventory, devices).await
}

/// Asks for the lists of accounts that have devices, but which the list of accounts does not name any more.
async fn restore_accounts<B: Backend>(
    backend: &B,
    inventory: &mut Inventory,
    known: &Inventory,
    devices: &[Device],
    Unlisted(unlisted): &mut Unlisted,
) -> Result<(), BackendError> {
    let listed: HashSet<_> = inventory.accounts.iter().map(|it| it.account.id).collect();
    unlisted.retain(|account, _| !listed.contains(account));
    let measured: HashSet<_> = devices.iter().map(|device| device.account).collect();
    for AccountInventory { account, .. } in &known.accounts {
        if listed.contains(&account.id) || !measured.contains(&account.id) {
            continue;
        }
        let since = *unlisted.entry(account.id).or_insert_with(Instant::now);
        let Some(mut read) = backend.account(account).await? else { continue };
        if !read.is_unread() {
            let reason = "the list of accounts does not name it, but its own lists can be read: they count";
            read.broken.push(BrokenRow {
                list: "account",
                row: account.id.number().into(),
                reason: reason.to_owned(),
            });
        } else if since.elapsed() >= UNLISTED_GRACE {
            continue;
        }
        inventory.accounts.push(read);
    }
    Ok(())
}

/// Returns to accounts that could not be read the lists that they had.
pub(super) fn keep_unread(inventory: &mut Inventory, known: &Inventory) {
    let unread = inventory.accounts.iter_mut().filter(|account| account.is_unread());
    for account in unread {
        if let Some(known) = known.accounts.iter().find(|known| known.account.id == account.account.id) {
            account.entities.clone_from(&known.entities);
            account.credentials.clone_from(&known.credentials);
            account.sensors.clone_from(&known.sensors);
        }
    }
}

/// Credentials and sensors that devices used, and which the lists lack.
#[derive(Default)]
struct MissingRows {
    credentials: BTreeMap<CredentialId, Shared<Credential>>,
    sensors: BTreeMap<SensorId, Shared<Sensor>>,
}

impl MissingRows {
    fn of(list: &AccountInventory, devices: &[Device]) -> Self {
        let credentials: HashSet<_> = list.credentials.iter().map(|row| row.id).collect();
        let sensors: HashSet<_> = list.sensors.iter().map(|row| row.id).collect();
        let mut missing = Self::default();
        for device in devices.iter().filter(|device| device.account == list.account.id) {
            if !credentials.contains(&device.credential.id) {
                missing.credentials.insert(device.credential.id, device.credential.clone());
            }
            for used in device.sensors.iter().filter(|used| !sensors.contains(&used.sensor.id)) {
                missing.sensors.insert(used.sensor.id, used.sensor.clone());
            }
        }
        missing
    }

    fn rows(&self) -> impl Iterator<Item = UsedRow> {
        let credentials = self.credentials.keys().copied().map(UsedRow::Credential);
        credentials.chain(self.sensors.keys().copied().map(UsedRow::Sensor))
    }

    fn put_back(&self, list: &mut AccountInventory, row: UsedRow) {
        match row {
            UsedRow::Credential(id) => list.credentials.extend(self.credentials.get(&id).cloned()),
            UsedRow::Sensor(id) => list.sensors.extend(self.sensors.get(&id).cloned()),
        }
    }
}

/// Asks alone for credentials and sensors that devices used and which their lists lack.
async fn restore_rows<B: Backend>(
    backend: &B,
    inventory: &mut Inventory,
    devices: &[Device],
) -> Result<(), BackendError> {
    for list in &mut inventory.accounts {
        let missing = MissingRows::of(list, devices);
        for row in missing.rows() {
            let reason = match backend.has_row(list.account.id, row).await {
                Ok(false) => continue,
                Ok(true) => "the list lacks it, but it is there: it is used as before".to_owned(),
                Err(error @ (BackendError::Forbidden { .. } | BackendError::Refused { .. })) => {
                    format!("the list lacks it, and it can't be read, it is used as before: {error}")
                }
                Err(error) => return Err(error),
            };
            missing.put_back(list, row);
            list.broken.push(BrokenRow { list: row.list(), row: row.number().into(), reason });
        }
    }
    Ok(())
}

/// Finds the devices that are gone or have lost a sensor.
pub(super) fn suspects(known: &[Device], seen: &[Device]) -> Vec<Device> {
    let seen: HashMap<Place, &Device> = seen.iter().map(|device| (place(device), device)).collect();
    let is_whole = |device: &&Device| {
        seen.get(&place(device)).is_some_and(|seen| {
            let sensors: HashSet<_> = seen.sensors.iter().map(|it| it.sensor.id).collect();
            device.sensors.iter().all(|it| sensors.contains(&it.sensor.id))
        })
    };
    known.iter().filter(|device| !is_whole(device)).cloned().collect()
}

/// Reads the suspects again and puts into the inventory what is seen then. Fails if one of them can't be read for
/// a reason that may pass: then nothing is to be taken as vanished.
pub(super) async fn recheck<B: Backend>(
    backend: &B,
    inventory: &mut Inventory,
    suspects: Vec<Device>,
) -> Result<(), BackendError> {
    // An account that is gone as a whole was asked for by itself.
    let listed: HashSet<_> = inventory.accounts.iter().map(|it| it.account.id).collect();
    let suspects: Vec<_> = suspects.into_iter().filter(|device| listed.contains(&device.account)).collect();
    if suspects.is_empty() {
        return Ok(());
    }
    time::sleep(PAUSE).await;
    let mut reads: HashMap<Place, Reading> = stream::iter(suspects)
        .map(|device| async move { Ok((place(&device), read(backend, &device).await?)) })
        .buffer_unordered(IN_FLIGHT)
        .try_collect()
        .await?;
    for list in &mut inventory.accounts {
        let account = list.account.id;
        list.entities.retain(|entity| !reads.contains_key(&(account, entity.id)));
        for (_, Reading { entity, broken }) in reads.extract_if(|place, _| place.0 == account) {
            list.entities.extend(entity);
            list.broken.extend(broken);
        }
        list.entities.sort_by_key(|entity| entity.id);
    }
    Ok(())
}

/// What an entity is, read alone.
struct Reading {
    /// None if it is gone.
    entity: Option<Shared<Entity>>,
    /// Why it is taken as it was known.
    broken: Option<BrokenRow>,
}

async fn read<B: Backend>(backend: &B, device: &Device) -> Result<Reading, BackendError> {
    let (account, known) = (device.account, &device.entity);
    match backend.entity(account, known.id).await {
        Ok(entity) => Ok(Reading { entity: entity.map(Shared::from), broken: None }),
        // It is there but makes no sense: that does not pass by itself.
        Err(BackendError::Nonsense { .. }) => Ok(Reading { entity: None, broken: None }),
        Err(error @ (BackendError::Forbidden { .. } | BackendError::Refused { .. })) => {
            let reason =
                format!("{} ({}) can't be read, it is measured as before: {error}", known.id, known.name);
            let broken = BrokenRow { list: "entities", row: known.id.number().into(), reason };
            Ok(Reading { entity: Some(known.clone()), broken: Some(broken) })
        }
        Err(error) => Err(error),
    }
}

fn place(device: &Device) -> Place {
    (device.account, device.entity.id)
}
