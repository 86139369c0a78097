//! Scans for a hub, which sends no packet itself.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use grafolean_bots::{
    discover::{End, FoundDevice, Link, Networks, Progress, Scan, Told, Way, candidates, links},
    snmp::settings::Access,
};
use grafolean_collector::error_chain;
use grafolean_hub::discovery::{
    Candidate, Discoverer, LinkEnd, ScanFindings, ScanProgress, ScanRequest, ScannedDevice, ScannedLink,
    Scanning,
};
use serde_json::Value;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often the hub is told how far a scan is.
const TOLD: Duration = Duration::from_millis(100);

/// Scans by the engines of the bots.
pub(crate) struct OwnDiscoverer;

impl Discoverer for OwnDiscoverer {
    fn addresses(&self, texts: &[String]) -> Result<usize, String> {
        networks(texts).map(|networks| networks.len())
    }

    fn holds(&self, texts: &[String], address: IpAddr) -> bool {
        networks(texts).is_ok_and(|networks| networks.holds(&address))
    }

    fn scan(&self, request: ScanRequest, progress: Arc<ScanProgress>, stop: CancellationToken) -> Scanning {
        Box::pin(async move {
            let networks = networks(&request.networks)?;
            let scan = Scan {
                networks: networks.clone(),
                ways: ways(&request)?,
                port: request.snmp_port,
                packets_a_second: NonZeroU32::new(request.rate).unwrap_or(NonZeroU32::MIN),
            };
            let own = Arc::new(Progress::default());
            let telling = async {
                loop {
                    tell(&own, &progress);
                    sleep(TOLD).await;
                }
            };
            let devices = tokio::select! {
                devices = scan.run(Arc::clone(&own), &stop) => devices,
                () = telling => Ok(Vec::new()),
            };
            tell(&own, &progress);
            Ok(findings(&devices.map_err(|error| error_chain(&error))?, &networks))
        })
    }
}

fn networks(texts: &[String]) -> Result<Networks, String> {
    let mut networks = Networks::default();
    for text in texts.iter().flat_map(|text| text.split(',')) {
        networks.add(text).map_err(|error| error.to_string())?;
    }
    Ok(networks)
}

/// Returns the ways in, each named by the id of its credential.
fn ways(request: &ScanRequest) -> Result<Vec<Way>, String> {
    let way = |(id, details): &(i64, _)| {
        let access = Access::read(details).map_err(|error| format!("credential {id}: {error}"))?;
        Ok(Way { name: id.to_string(), access })
    };
    request.credentials.iter().map(way).collect()
}

fn tell(own: &Progress, progress: &ScanProgress) {
    progress.asked.store(own.asked(), Ordering::Relaxed);
    progress.answered.store(own.answered(), Ordering::Relaxed);
    progress.read.store(own.read(), Ordering::Relaxed);
}

fn findings(devices: &[FoundDevice], networks: &Networks) -> ScanFindings {
    let end = |End { device, port }: &End| {
        let device = devices.get(*device);
        LinkEnd {
            address: device.and_then(|device| device.address),
            name: device.map(FoundDevice::label).unwrap_or_default(),
            port: port.clone(),
        }
    };
    let link = |Link { from, to, evidence }: &Link| ScannedLink {
        from: end(from),
        to: end(to),
        evidence: word(evidence),
    };
    let others = candidates(devices).into_iter().filter(|(address, _)| !networks.holds(address));
    let candidate = |(address, neighbour): (IpAddr, grafolean_bots::discover::Neighbour)| Candidate {
        address,
        name: neighbour.name,
        told: match neighbour.told {
            Told::Lldp => "lldp",
            Told::Cdp => "cdp",
            Told::Arp => "arp",
        }
        .to_owned(),
        platform: neighbour.platform,
    };
    ScanFindings {
        devices: devices.iter().filter_map(scanned).collect(),
        links: links(devices).iter().map(link).collect(),
        candidates: others.map(candidate).collect(),
    }
}

/// Returns the evidence as its own words in JSON: `lldp-both-sides`.
fn word(evidence: &impl serde::Serialize) -> String {
    match serde_json::to_value(evidence) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

fn scanned(device: &FoundDevice) -> Option<ScannedDevice> {
    let identity = device.identity.clone();
    let credential = identity.as_ref().and_then(|identity| identity.way.parse().ok());
    let identity = identity.unwrap_or_default();
    Some(ScannedDevice {
        address: device.address?,
        rtt: device.rtt,
        credential,
        name: identity.name,
        description: identity.description,
        vendor: identity.vendor,
        model: identity.model,
        profile: identity.profile,
        interfaces: device.interfaces.len(),
        interfaces_up: device.interfaces.values().filter(|interface| interface.up).count(),
    })
}
