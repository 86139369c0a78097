//! `grafolean discover`: which devices answer in networks that somebody names, what they are, and how they hang together.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use comfy_table::{Table, presets};
use grafolean_bots::{
    discover::{End, Evidence, FoundDevice, Link, Networks, Progress, Scan, Told, Way, candidates, links},
    snmp::settings::Access,
};
use grafolean_collector::{backend::http::Caller, collector::stop_on_signal, model::Details};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::{task::spawn_blocking, time::sleep};

use super::{
    hub::set_up::{account_name, address_field, caller},
    inventory::{
        self, Mode,
        current::Current,
        wanted::{Wanted, WantedCredential, WantedDevice, WantedUse},
    },
};
use crate::{arguments::Discover, config::Config, failure::Outcome};

/// How often the bar is drawn.
const DRAWN: Duration = Duration::from_millis(100);

/// Candidates that are shown; JSON has all.
const SHOWN: usize = 20;

/// What a credential that came from the command line is called.
const COMMUNITY: &str = "community ";

/// Scans networks and shows what answers.
pub(crate) async fn run(arguments: Discover, config: &Config) -> anyhow::Result<Outcome> {
    let mut networks = Networks::default();
    arguments.networks.iter().try_for_each(|text| networks.add(text))?;
    let account = match arguments.add || !arguments.snmp.is_empty() {
        true => {
            let caller = caller(config)?;
            let name = account_name(&caller, &arguments.account).await?;
            let current = Current::read(&caller, &name).await?;
            Some(Account { caller, name, current })
        }
        false => None,
    };
    let ways = ways(&arguments, account.as_ref())?;
    if !arguments.yes && !confirmed(&networks, &ways, &arguments).await? {
        bail!("nothing was asked");
    }
    let scan = Scan {
        networks: networks.clone(),
        ways: ways.values().map(|(way, _)| way.clone()).collect(),
        port: arguments.snmp_port,
        packets_a_second: arguments.packets_a_second(),
    };
    let devices = scanned(scan).await?;
    let links = links(&devices);
    if arguments.json {
        let next: BTreeMap<_, _> = candidates(&devices);
        let printed = json!({"devices": devices, "links": links, "candidates": next});
        writeln!(io::stdout(), "{printed}")?;
    } else {
        show(&devices, &links, &networks)?;
    }
    if let (true, Some(account)) = (arguments.add, &account) {
        add(account, &devices, &ways, arguments.snmp_port).await?;
    }
    Ok(if devices.is_empty() { Outcome::Bad } else { Outcome::Good })
}

/// The account in which credentials stand, and to which devices are added.
struct Account {
    caller: Caller,
    name: String,
    current: Current,
}

/// Ways in, by their names, with the details of a credential that does the same.
type Ways = BTreeMap<String, (Way, Details)>;

fn ways(arguments: &Discover, account: Option<&Account>) -> anyhow::Result<Ways> {
    let mut ways = Ways::new();
    for name in &arguments.snmp {
        let known = account.and_then(|it| it.current.credentials.iter().find(|known| known.name == *name));
        let known = known.filter(|known| known.protocol == "snmp");
        let known = known.with_context(|| format!("the account has no credential {name:?} of snmp"))?;
        let access = Access::read(&known.details).with_context(|| format!("credential {name:?}"))?;
        ways.insert(name.clone(), (Way { name: name.clone(), access }, known.details.clone()));
    }
    for (number, community) in (1..).zip(&arguments.community) {
        let details = json!({"version": "snmpv2c", "snmpv12_community": community});
        let details = details.as_object().cloned().unwrap_or_default();
        // The community itself is a secret: it names nothing.
        let name = format!("{COMMUNITY}{number}");
        let access = Access::read(&details)?;
        ways.insert(name.clone(), (Way { name, access }, details));
    }
    Ok(ways)
}

/// Asks whether so much may be asked.
async fn confirmed(networks: &Networks, ways: &Ways, arguments: &Discover) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("there is no terminal to ask on: --yes starts without asking");
    }
    let packets = networks.len() * (1 + ways.len());
    let seconds = packets / usize::try_from(arguments.rate).unwrap_or(usize::MAX).max(1) + 2;
    let (addresses, rate) = (networks.len(), arguments.rate);
    write!(
        io::stderr(),
        "{addresses} addresses are asked, by {packets} packets or more, at most {rate} a second: {seconds} s or more. Begin? [y/N] "
    )?;
    io::stderr().flush()?;
    let answer = spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    });
    Ok(matches!(answer.await??.trim(), "y" | "Y" | "yes"))
}

async fn scanned(scan: Scan) -> anyhow::Result<Vec<FoundDevice>> {
    let stop = stop_on_signal()?;
    let progress = Arc::new(Progress::default());
    let bar = ProgressBar::new(scan.networks.len() as u64);
    let style = "{bar:40} {pos} of {len} addresses, {msg}, {elapsed}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    let drawn = async {
        loop {
            bar.set_position(progress.asked() as u64);
            bar.set_message(format!("{} answer, {} read", progress.answered(), progress.read()));
            sleep(DRAWN).await;
        }
    };
    let devices = tokio::select! {
        devices = scan.run(Arc::clone(&progress), &stop) => devices?,
        () = drawn => Vec::new(),
    };
    bar.finish_and_clear();
    Ok(devices)
}

fn show(devices: &[FoundDevice], links: &[Link], networks: &Networks) -> anyhow::Result<()> {
    let mut out = io::stdout();
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["ADDRESS", "NAME", "VENDOR", "MODEL", "PROFILE", "INTERFACES", "PING", "SNMP"]);
    for device in devices {
        let identity = device.identity.clone().unwrap_or_default();
        let interfaces = match device.interfaces.len() {
            0 => String::new(),
            all => format!("{all}, {} up", device.interfaces.values().filter(|it| it.up).count()),
        };
        table.add_row([
            device.address.map(|address| address.to_string()).unwrap_or_default(),
            identity.name,
            identity.vendor.unwrap_or_default(),
            identity.model.unwrap_or_default(),
            identity.profile.unwrap_or_default(),
            interfaces,
            device.rtt.map(|rtt| format!("{:.1} ms", rtt * 1e3)).unwrap_or_default(),
            identity.way,
        ]);
    }
    if !devices.is_empty() {
        writeln!(out, "{table}")?;
    }
    writeln!(out, "{} of {} addresses answer", devices.len(), networks.len())?;
    for link in links {
        let Link { from, to, evidence } = link;
        writeln!(out, "link: {} - {} ({})", end(devices, from), end(devices, to), word(*evidence))?;
    }
    let next: Vec<_> =
        candidates(devices).into_iter().filter(|(address, _)| !networks.holds(address)).collect();
    for (address, neighbour) in next.iter().take(SHOWN) {
        let told = match neighbour.told {
            Told::Lldp => "LLDP",
            Told::Cdp => "CDP",
            Told::Arp => "ARP",
        };
        writeln!(out, "next: {address} {} ({told})", neighbour.name.as_deref().unwrap_or_default())?;
    }
    if next.len() > SHOWN {
        writeln!(out, "and {} more (--json has all)", next.len() - SHOWN)?;
    }
    Ok(())
}

fn end(devices: &[FoundDevice], End { device, port }: &End) -> String {
    let name = devices.get(*device).map(FoundDevice::label).unwrap_or_default();
    match port {
        Some(port) => format!("{name} {port}"),
        None => name,
    }
}

const fn word(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::LldpBothSides => "LLDP, both sides",
        Evidence::LldpOneSide => "LLDP, one side",
        Evidence::Cdp => "CDP",
        Evidence::Fdb => "stations that bridges saw",
    }
}

/// Adds devices that the account does not know, by name or by address; nothing is changed or deleted.
async fn add(account: &Account, devices: &[FoundDevice], ways: &Ways, port: u16) -> anyhow::Result<()> {
    let mut wanted = Wanted { account: account.name.clone(), ..Wanted::default() };
    for device in devices {
        let Some(address) = device.address.map(|address| address.to_string()) else { continue };
        let is_known = account.current.devices.iter().any(|known| {
            known.details.values().any(|value| value.as_str() == Some(&address))
                || known.name == device.label()
        });
        if is_known {
            continue;
        }
        let mut details = Details::from_iter([(address_field(&address).to_owned(), address.clone().into())]);
        let mut protocols = BTreeMap::new();
        if device.rtt.is_some() {
            let own = account.current.credentials.iter().find(|known| known.protocol == "ping");
            let credential = own.map(|known| known.name.clone());
            protocols.insert("ping".to_owned(), WantedUse { credential, ..WantedUse::default() });
        }
        if let Some(identity) = &device.identity {
            if port != 161 {
                details.insert("snmp_port".to_owned(), port.into());
            }
            if let (true, Some((_, way))) = (identity.way.starts_with(COMMUNITY), ways.get(&identity.way)) {
                let credential = WantedCredential { protocol: "snmp".to_owned(), details: way.clone() };
                wanted.credentials.insert(identity.way.clone(), credential);
            }
            // What it has is found by asking it.
            details.insert("snmp_profile".to_owned(), "auto".into());
            details.extend(identity.model.as_ref().map(|model| ("model".to_owned(), model.as_str().into())));
            let (credential, sensors) = (Some(identity.way.clone()), Some(Vec::new()));
            protocols.insert("snmp".to_owned(), WantedUse { credential, sensors, ..WantedUse::default() });
        }
        // Two devices of one name are told apart by their addresses.
        let name = if wanted.devices.contains_key(&device.label()) { address } else { device.label() };
        wanted.devices.insert(name, WantedDevice { details, protocols });
    }
    inventory::bring(&account.caller, &wanted, Mode::Apply).await.map(drop)
}
