//! A whole bot of an invented protocol: how long a TCP connection takes to the port that a sensor names.
use std::{process::ExitCode, time::Instant};

use grafolean_collector::bot::{Bot, BotError, Job, Plan, Refusal, Run};
use grafolean_collector::model::{AccountId, Device, DeviceSensor};
use grafolean_collector::{collector::serve, report::Report};
use tokio::net::TcpStream;

struct MyProtocol;

#[derive(Clone, PartialEq)]
struct Door(AccountId, String, String);

fn job(device: &Device, DeviceSensor { sensor, interval }: &DeviceSensor) -> Result<Job<Door>, Refusal> {
    let refused = |reason: &str| Refusal::of(device, format!("sensor {}: {reason}", sensor.name));
    let interval = interval.ok_or_else(|| refused("it has no interval"))?;
    let text = |details: &serde_json::Value| details.as_str().map(str::to_owned);
    let host =
        device.entity.details.get("ipv4").and_then(text).ok_or_else(|| refused("`ipv4` is missing"))?;
    let port = sensor.details.get("port").and_then(text).ok_or_else(|| refused("`port` is missing"))?;
    let path = format!("entity.{}.myprotocol.{port}", device.entity.id);
    Ok(Job::new(path.clone(), interval, Door(device.account, path, format!("{host}:{port}"))))
}

impl Bot for MyProtocol {
    type Task = Door;
    fn protocol(&self) -> &str {
        "myprotocol"
    }
    fn jobs(&self, devices: &[Device]) -> Plan<Door> {
        devices.iter().flat_map(|device| device.sensors.iter().map(|sensor| job(device, sensor))).collect()
    }
    async fn perform(&self, run: Run<Door>) -> Result<Vec<Report>, BotError> {
        let (Door(account, path, address), began) = (&*run.task, Instant::now());
        let open = TcpStream::connect(address).await.is_ok();
        let values = [("open", f64::from(open)), ("seconds", began.elapsed().as_secs_f64())];
        Ok(vec![Report::values(
            *account,
            run.due,
            values.map(|(name, value)| (format!("{path}.{name}"), value)),
        )])
    }
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    serve(MyProtocol)
}
