//! A whole bot of an invented protocol: how long a TCP connection takes to the port that a sensor names.
use grafolean_collector::{AccountId, Device, DeviceSensor};
use grafolean_collector::{Bot, BotError, Job, Plan, Refusal, Report, Run, serve};
use serde_json::{Value, json};
use std::{process::ExitCode, time::Instant};
struct MyProtocol;
fn job(device: &Device, sensor: &DeviceSensor) -> Result<Job<(AccountId, String, String)>, Refusal> {
    let interval = sensor.interval.ok_or_else(|| Refusal::of(device, "a sensor has no interval"))?;
    let host = device.detail("ipv4").ok_or_else(|| Refusal::of(device, "it has no `ipv4`"))?;
    let port = sensor.detail("port").ok_or_else(|| Refusal::of(device, "a sensor has no `port`"))?;
    let path = format!("entity.{}.myprotocol.{port}", device.entity.id);
    Ok(Job::new(path.clone(), interval, (device.account, path, format!("{host}:{port}"))))
}

impl Bot for MyProtocol {
    type Task = (AccountId, String, String);
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    fn protocol(&self) -> &str {
        "myprotocol"
    }
    fn declaration(&self) -> Option<Value> {
        let port = json!({"type": "string", "description": "TCP port, e.g. 443"});
        Some(json!({"name": "myprotocol", "sensor": {"properties": {"port": port}, "required": ["port"]}}))
    }
    fn jobs(&self, devices: &[Device]) -> Plan<Self::Task> {
        devices.iter().flat_map(|device| device.sensors.iter().map(|sensor| job(device, sensor))).collect()
    }

    async fn perform(&self, run: Run<Self::Task>) -> Result<Vec<Report>, BotError> {
        let ((account, path, address), began) = (&*run.task, Instant::now());
        let up = tokio::net::TcpStream::connect(address).await.is_ok();
        let values = [("up", f64::from(up)), ("seconds", began.elapsed().as_secs_f64())];
        Ok(vec![Report::values(*account, run.due, values.map(|(name, v)| (format!("{path}.{name}"), v)))])
    }
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().init();
    serve(MyProtocol)
}
