//! The questions of a check, in the order in which a bot would meet them.

use std::ops::ControlFlow;

use grafolean_collector::{
    backend::{
        Backend, BackendError, Inventory,
        http::{HttpBackend, Permission},
    },
    bot::Refusal,
    collector::AnyProtocol,
    error_chain,
    health::Health,
    model::{Account, Details, Device, Interval, Intervals},
    protocol::{Opening, Purpose},
    refresh::{NO_ACCOUNT, Planned, cannot_send, foreign_token, nothing_polled},
    selection::{Selection, SkipReason, Skipped, select},
    time::{Clock, SystemClock},
};
use serde_json::Value;

use super::report::{AccountAccess, BotIdentity, NotPolled, Polled, PolledSensor, Report};
use crate::{config::Config, protocols};

/// A check under way.
pub(super) struct Examination<'a> {
    pub(super) backend: HttpBackend,
    /// Which protocol to look at; the token's own if none.
    pub(super) protocol: Option<String>,
    pub(super) config: &'a Config,
    pub(super) report: Report,
}

impl Examination<'_> {
    /// Asks all that can be asked.
    pub(super) async fn run(&mut self) {
        // Where it broke off is in the report.
        let _ = self.ask().await;
    }

    async fn ask(&mut self) -> ControlFlow<()> {
        self.status().await?;
        self.identity().await?;
        let inventory = self.backend.inventory().await;
        let inventory = self.answer("cannot read what is to be measured", inventory)?;
        let permissions = self.backend.permissions().await;
        let permissions = self.answer("cannot read the token's permissions", permissions)?;
        self.access(&inventory, &permissions);
        self.polling(inventory).await;
        ControlFlow::Continue(())
    }

    async fn status(&mut self) -> ControlFlow<()> {
        let status = self.backend.status().await;
        let refused = |error: &BackendError| {
            !matches!(error, BackendError::Unreachable { .. } | BackendError::Failed { .. })
        };
        if status.as_ref().is_err_and(refused) {
            self.problem("this does not look like the API's address: it usually ends in /api");
        }
        let status = self.answer("the backend cannot be reached", status)?;
        self.report.db_version = status.db_version;
        if status.db_migration_needed {
            self.problem("the backend's database has to be migrated: POST /api/admin/migratedb, or its page");
        } else if status.user_exists != Some(true) {
            self.problem("the backend has no user yet: set it up in the browser first");
        } else {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(())
    }

    async fn identity(&mut self) -> ControlFlow<()> {
        let profile = self.backend.profile().await;
        let profile = self.answer("the token is not taken", profile)?;
        let Some(record) = profile.record.filter(|_| profile.user_type != "person") else {
            self.problem("this is no bot's token");
            return ControlFlow::Break(());
        };
        let own = Some(record.protocol.clone()).filter(|protocol| !protocol.is_empty());
        self.report.protocol = self.protocol.clone().or(own.clone()).unwrap_or_else(|| "ping".to_owned());
        if let Some(own) = own.filter(|own| *own != self.report.protocol) {
            let protocol = &self.report.protocol;
            self.report.warnings.extend(foreign_token(Some(&own), protocol));
        }
        self.report.bot = Some(BotIdentity {
            user_id: profile.user_id,
            name: record.name,
            protocol: record.protocol,
            tied_to_account: record.tied_to_account,
        });
        ControlFlow::Continue(())
    }

    fn access(&mut self, inventory: &Inventory, permissions: &[Permission]) {
        if inventory.accounts.is_empty() {
            self.problem(NO_ACCOUNT);
        }
        for it in &inventory.accounts {
            let access = access_to(&it.account, permissions);
            let AccountAccess { id, put_values, post_values, .. } = access;
            if !put_values && !post_values {
                self.problem(&cannot_send(id));
            } else if !put_values {
                self.report.warnings.push(format!(
                    "values of account {id} get the backend's time, and what could not be sent at once is lost: \
                     the token needs PUT on accounts/{id}/values"
                ));
            }
            self.report.accounts.push(access);
            let broken = it.broken.iter().map(|row| format!("account {id} ({}): {row}", it.account.name));
            self.report.warnings.extend(broken);
        }
    }

    /// Asks the protocol itself. One that this binary does not know, or that cannot be opened here, is judged by what is
    /// set up alone.
    async fn polling(&mut self, inventory: Inventory) {
        let name = self.report.protocol.clone();
        if let Some(protocol) = protocols::named(&name) {
            let mut health = Health::new(env!("CARGO_PKG_VERSION"), SystemClock.now());
            let opening = Opening::new(&self.config.settings, &mut health).with_purpose(Purpose::Check);
            match protocol.open(opening).await {
                Ok(bot) => return self.plan(inventory, &*bot),
                Err(error) => self.problem(&error_chain(&*error)),
            }
        }
        let Selection { devices, refused, skipped } = select(&inventory, &name);
        self.told(devices.iter().map(|device| polled(device, None)).collect(), refused, skipped);
    }

    fn plan(&mut self, inventory: Inventory, bot: &dyn AnyProtocol) {
        let planned = Planned::by(inventory, bot.name(), |accounts, devices| bot.plan(accounts, devices));
        let intervals = |device: &Device| {
            // Jobs that an account has without any device are not this device's.
            let of_account = bot.plan(&[device.account], &[]).jobs;
            let jobs = bot.plan(&[device.account], std::slice::from_ref(device)).jobs;
            let own = jobs.into_iter().filter(|job| of_account.iter().all(|other| other.id != job.id));
            Intervals::new(own.flat_map(|job| job.intervals.as_slice().to_vec())).ok()
        };
        let devices = planned.devices.iter();
        let devices = devices.filter_map(|device| Some(polled(device, Some(intervals(device)?))));
        self.told(devices.collect(), planned.plan.refused, planned.skipped);
    }

    fn told(&mut self, polled: Vec<Polled>, refused: Vec<Refusal>, skipped: Vec<Skipped>) {
        let refused = refused.into_iter().map(|it| (it.account, it.entity, it.name, it.reason));
        // Interfaces and the like are never polled by themselves: thousands of lines that nobody can do anything about.
        let skipped = skipped.into_iter().filter(|it| !matches!(it.reason, SkipReason::NoDevice(_)));
        let skipped = skipped.map(|it| (it.account, it.entity, it.name, it.reason.to_string()));
        let not_polled = refused.chain(skipped);
        self.report.not_polled = not_polled
            .map(|(account, entity, name, reason)| NotPolled { account, entity, name, reason })
            .collect();
        if polled.is_empty() {
            self.problem(&nothing_polled(&self.report.protocol.clone()));
        }
        self.report.polled = polled;
    }

    fn answer<T>(&mut self, what: &str, answer: Result<T, BackendError>) -> ControlFlow<(), T> {
        match answer {
            Ok(answer) => ControlFlow::Continue(answer),
            Err(error) => {
                let chain = error_chain(&error);
                self.problem(&format!("{what}: {chain}"));
                // What `openssl req -x509` makes unless it is told otherwise.
                if chain.contains("CaUsedAsEndEntity") {
                    self.problem(
                        "the backend's certificate is that of an authority: make it anew with \
                         `-addext basicConstraints=critical,CA:FALSE`, as docs/operate.md shows",
                    );
                }
                ControlFlow::Break(())
            }
        }
    }

    fn problem(&mut self, problem: &str) {
        self.report.problems.push(problem.to_owned());
    }
}

fn access_to(account: &Account, permissions: &[Permission]) -> AccountAccess {
    let may = |method: &str, list: &str| {
        let resource = format!("accounts/{}/{list}", account.id);
        permissions.iter().any(|permission| permission.allows(method, &resource))
    };
    AccountAccess {
        id: account.id,
        name: account.name.clone(),
        put_values: may("PUT", "values"),
        post_values: may("POST", "values"),
        read_entities: ["entities", "credentials", "sensors"].iter().all(|list| may("GET", list)),
        write_entities: ["POST", "PUT", "DELETE"].iter().all(|method| may(method, "entities")),
    }
}

/// A device as the bot would poll it, or, where no bot was asked, as its sensors say.
fn polled(device: &Device, intervals: Option<Intervals>) -> Polled {
    let seconds = |interval: &Interval| interval.seconds();
    let of_sensors =
        || device.sensors.iter().filter_map(|used| used.interval).map(|it| it.seconds()).collect();
    Polled {
        account: device.account,
        entity: device.entity.id,
        name: device.entity.name.clone(),
        target: target(&device.entity.details),
        intervals: intervals.map_or_else(of_sensors, |them| them.as_slice().iter().map(seconds).collect()),
        sensors: device
            .sensors
            .iter()
            .map(|used| PolledSensor {
                sensor: used.sensor.id,
                name: used.sensor.name.clone(),
                interval: used.interval.map(|interval| interval.seconds()),
            })
            .collect(),
    }
}

fn target(details: &Details) -> Option<String> {
    ["ipv4", "ipv6", "hostname"]
        .iter()
        .find_map(|key| details.get(*key).and_then(Value::as_str))
        .map(str::to_owned)
}
