//! What profiles add to the sensors of a device.

use std::{sync::Arc, time::Duration};

use grafolean_collector::bot::Run;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{DueSensor, SnmpTask, device::Device};
use crate::snmp::{
    AskError,
    engine::Engine,
    profile::{self, Application, Library, Metric},
    settings::ProfileChoice,
};

/// How often a device is asked anew what it has: modules and disks are put in and pulled out.
const ASKED_AGAIN: Duration = Duration::from_secs(6 * 3_600);

/// How soon one is that left requests unanswered.
const ASKED_SOON: Duration = Duration::from_secs(600);

/// What a device has of all profiles, as sensors.
pub(super) struct KnownProfile {
    choice: ProfileChoice,
    sensors: Vec<DueSensor>,
    since: Instant,
    asked_again: Duration,
}

/// Returns the run with what profiles add to its sensors, if its device is to be measured so: a device of which that is not
/// known is asked first.
pub(super) async fn with_profile(
    run: Run<SnmpTask>,
    device: &mut Device,
    engine: &Engine,
    library: &Arc<Library>,
) -> Run<SnmpTask> {
    let Some(choice) = &run.task.profile else { return run };
    let is_known = |it: &&KnownProfile| it.choice == *choice && it.since.elapsed() < it.asked_again;
    if device.profile.as_ref().filter(is_known).is_none() && device.silent_since().is_none() {
        let SnmpTask { entity, name, host, .. } = &*run.task;
        match ask(device, engine, library, &run.task, choice).await {
            Ok(application) => {
                let (profile, metrics) = (application.name().unwrap_or("none"), application.metrics.len());
                info!(%entity, name, %host, profile, metrics, "device is measured by profile");
                let sensors = application.metrics().map(|(_, metric)| due(metric)).collect();
                let asked_again = if application.is_complete { ASKED_AGAIN } else { ASKED_SOON };
                let (choice, since) = (choice.clone(), Instant::now());
                device.profile = Some(KnownProfile { choice, sensors, since, asked_again });
            }
            // The run itself says what is wrong with a device that does not answer.
            Err(AskError::Timeout) => {}
            Err(why) => warn!(%entity, name, %host, %why, "what the device has of profiles is not known"),
        }
    }
    let Some(known) = &device.profile else { return run };
    // What is set up by hand comes before.
    let is_set_up = |added: &&DueSensor| {
        run.task.sensors.iter().any(|own| own.sensor.output_path == added.sensor.output_path)
    };
    let added = known.sensors.iter().filter(|added| !is_set_up(added)).cloned();
    let sensors = run.task.sensors.iter().cloned().chain(added).collect();
    let task = SnmpTask { sensors, ..(*run.task).clone() };
    Run { task: Arc::new(task), ..run }
}

async fn ask(
    device: &mut Device,
    engine: &Engine,
    library: &Arc<Library>,
    task: &SnmpTask,
    choice: &ProfileChoice,
) -> Result<Application, AskError> {
    let session = device.session(engine, task).await?;
    let (library, chosen, policy) = (Arc::clone(library), choice.name().map(str::to_owned), task.policy);
    let asked = async move { profile::apply(&session, &library, chosen.as_deref(), &policy).await };
    engine.on_its_thread(asked).await.map_err(|error| AskError::Local(error.to_string()))?
}

fn due(metric: &Metric) -> DueSensor {
    DueSensor { id: metric.sensor_id(), interval: metric.every, sensor: Arc::clone(&metric.sensor) }
}
