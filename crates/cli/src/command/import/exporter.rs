//! snmp_exporter's `snmp.yml`, and the targets of a Prometheus that scrapes it.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context;
use grafolean_collector::model::Details;
use serde_json::{Value, json};

use super::{Taken, number, segment};
use crate::command::{
    hub::set_up::address_field,
    inventory::wanted::{WantedCredential, WantedSensor},
};

/// How often is measured where nothing says it, as Prometheus has it.
const USUAL_INTERVAL: u32 = 60;

/// The path at which snmp_exporter is scraped.
const SNMP: &str = "/snmp";

/// Fields of a credential, and what snmp_exporter calls them.
const VERSION_3: [(&str, &str); 7] = [
    ("snmpv3_securityName", "username"),
    ("snmpv3_securityLevel", "security_level"),
    ("snmpv3_authProtocol", "auth_protocol"),
    ("snmpv3_authKey", "password"),
    ("snmpv3_privProtocol", "priv_protocol"),
    ("snmpv3_privKey", "priv_password"),
    ("snmpv3_contextName", "context_name"),
];

/// Reads both files.
pub(super) fn read(path: &Path, prometheus: Option<&Path>) -> anyhow::Result<Taken> {
    let scraping = prometheus.map(yaml).transpose()?;
    Ok(parse(&yaml(path)?, scraping.as_ref()))
}

fn yaml(path: &Path) -> anyhow::Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_saphyr::from_str(&text).with_context(|| format!("{} is not YAML", path.display()))
}

fn parse(exporter: &Value, prometheus: Option<&Value>) -> Taken {
    let mut taken = Taken::default();
    for (name, auth) in entries(exporter, "auths") {
        let credential = WantedCredential { protocol: "snmp".to_owned(), details: credential(auth) };
        taken.wanted.credentials.insert(name.clone(), credential);
    }
    let mut sensors: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (module, content) in entries(exporter, "modules") {
        for metric in list(content, "metrics") {
            let name = metric.get("name").and_then(Value::as_str).unwrap_or("a metric without a name");
            match sensor(module, name, metric) {
                Ok((title, details)) => {
                    let sensor =
                        WantedSensor { protocol: "snmp".to_owned(), interval: Some(USUAL_INTERVAL), details };
                    taken.wanted.sensors.insert(title.clone(), sensor);
                    sensors.entry(module.as_str()).or_default().push(title);
                }
                Err(reason) => taken.notes.push(format!("{name} of module {module}: {reason}")),
            }
        }
    }
    let usual = prometheus.and_then(|it| interval(it.get("global")?)).unwrap_or(USUAL_INTERVAL);
    for job in prometheus.into_iter().flat_map(|it| list(it, "scrape_configs")) {
        take_job(&mut taken, job, usual, &sensors);
    }
    if prometheus.is_none() {
        taken.notes.push("devices: name the configuration of Prometheus by --prometheus".to_owned());
    }
    taken
}

fn take_job(taken: &mut Taken, job: &Value, usual: u32, sensors: &BTreeMap<&str, Vec<String>>) {
    let name = job.get("job_name").and_then(Value::as_str).unwrap_or("without a name");
    let parameter = |key: &str| job.get("params").map(|params| texts(params, key)).unwrap_or_default();
    let modules = parameter("module");
    if job.get("metrics_path").and_then(Value::as_str) != Some(SNMP) {
        taken.notes.push(format!("job {name}, which does not scrape {SNMP}"));
        return;
    }
    let modules = if modules.is_empty() { vec!["if_mib".to_owned()] } else { modules };
    let auth = parameter("auth").into_iter().next().unwrap_or_else(|| "public_v2".to_owned());
    if !taken.wanted.credentials.contains_key(&auth) {
        let details = json!({"version": "snmpv2c", "snmpv12_community": "public"});
        let details = details.as_object().cloned().unwrap_or_default();
        taken
            .wanted
            .credentials
            .insert(auth.clone(), WantedCredential { protocol: "snmp".to_owned(), details });
    }
    let mut chosen = Vec::new();
    for module in &modules {
        match sensors.get(module.as_str()) {
            Some(sensors) => chosen.extend(sensors.iter().cloned()),
            None => taken.notes.push(format!("module {module} of job {name}: snmp.yml has none such")),
        }
    }
    for discovered in
        job.as_object().into_iter().flat_map(|job| job.keys()).filter(|key| key.ends_with("_sd_configs"))
    {
        taken.notes.push(format!("targets of job {name} by {discovered}"));
    }
    let interval = interval(job).unwrap_or(usual);
    for target in list(job, "static_configs").iter().flat_map(|it| texts(it, "targets")) {
        let bare = target.split_once("://").map_or(target.as_str(), |(_, rest)| rest);
        let (host, port) = match bare.rsplit_once(':').filter(|(host, _)| !host.contains(':')) {
            Some((host, port)) => (host, port.parse::<u16>().ok().filter(|port| *port != 161)),
            None => (bare, None),
        };
        let device = taken.wanted.devices.entry(host.to_owned()).or_default();
        device.details.insert(address_field(host).to_owned(), host.into());
        device.details.extend(port.map(|port| ("snmp_port".to_owned(), port.into())));
        let used = device.protocols.entry("snmp".to_owned()).or_default();
        if used.credential.as_ref().is_some_and(|known| *known != auth) {
            taken.notes.push(format!("auth {auth} of {host}: a device has one credential"));
        }
        used.credential.get_or_insert_with(|| auth.clone());
        used.interval = Some(used.interval.map_or(interval, |known| known.min(interval)));
        used.sensors.get_or_insert_default().extend(chosen.iter().cloned());
    }
}

fn credential(auth: &Value) -> Details {
    let text = |name: &str| auth.get(name).and_then(Value::as_str);
    let version = auth.get("version").and_then(Value::as_i64).unwrap_or(2);
    let mut details = Details::new();
    if version == 3 {
        details.insert("version".to_owned(), json!("snmpv3"));
        let given =
            VERSION_3.into_iter().filter_map(|(ours, theirs)| Some((ours.to_owned(), json!(text(theirs)?))));
        details.extend(given);
    } else {
        details.insert("version".to_owned(), json!(if version == 1 { "snmpv1" } else { "snmpv2c" }));
        details.insert("snmpv12_community".to_owned(), json!(text("community").unwrap_or("public")));
    }
    details
}

fn sensor(module: &str, name: &str, metric: &Value) -> Result<(String, Details), String> {
    let text = |key: &str| metric.get(key).and_then(Value::as_str);
    match text("type") {
        Some("counter" | "gauge" | "Float" | "Double") => {}
        Some(kind) => return Err(format!("{kind} is no number")),
        None => return Err("it has no type".to_owned()),
    }
    let oid = number(text("oid").ok_or("it names no oid")?)?;
    let label = list(metric, "lookups").into_iter().find_map(|lookup| {
        let oid = lookup.get("oid").and_then(Value::as_str).filter(|oid| !oid.is_empty())?;
        number(oid).ok()
    });
    let walk = |oid: &str| json!({"oid": oid, "fetch_method": "walk"});
    let is_column = !list(metric, "indexes").is_empty();
    let (oids, value, index) = match (is_column, label) {
        (true, Some(label)) => (vec![walk(&label), walk(&oid)], "$2", ".{$index}.{$1}"),
        (true, None) => (vec![walk(&oid)], "$1", ".{$index}"),
        (false, _) => {
            let instance = if oid.ends_with(".0") { oid } else { format!("{oid}.0") };
            (vec![json!({"oid": instance, "fetch_method": "get"})], "$1", "")
        }
    };
    let factor = |key: &str| metric.get(key).and_then(Value::as_f64);
    let expression = match (factor("scale"), factor("offset")) {
        (None, None) => value.to_owned(),
        (scale, offset) => format!("{value} * {} + {}", scale.unwrap_or(1.0), offset.unwrap_or(0.0)),
    };
    let path = format!("{}{index}", segment(name));
    let details = json!({"oids": oids, "expression": expression, "output_path": path});
    Ok((format!("{module} {name}"), details.as_object().cloned().unwrap_or_default()))
}

fn interval(section: &Value) -> Option<u32> {
    let text = section.get("scrape_interval")?.as_str()?;
    u32::try_from(humantime::parse_duration(text).ok()?.as_secs().max(1)).ok()
}

fn entries<'v>(value: &'v Value, key: &str) -> Vec<(&'v String, &'v Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flatten().collect()
}

fn list<'v>(value: &'v Value, key: &str) -> Vec<&'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().collect()
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    list(value, key).into_iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORTER: &str = r"
auths:
  public_v2: {community: secret, security_level: noAuthNoPriv, version: 2}
  ops: {username: ann, security_level: authPriv, password: authpass12, auth_protocol: SHA, priv_protocol: AES, priv_password: privpass12, version: 3}
modules:
  if_mib:
    walk: [1.3.6.1.2.1.2]
    metrics:
    - name: sysUpTime
      oid: 1.3.6.1.2.1.1.3
      type: gauge
    - name: ifHCInOctets
      oid: 1.3.6.1.2.1.31.1.1.1.6
      type: counter
      indexes: [{labelname: ifIndex, type: gauge}]
      lookups: [{labels: [ifIndex], labelname: ifName, oid: 1.3.6.1.2.1.31.1.1.1.1, type: DisplayString}]
    - name: temperature
      oid: 1.3.6.1.4.1.9.9.13.1.3.1.3
      type: gauge
      scale: 0.1
      indexes: [{labelname: index, type: gauge}]
    - name: ifAlias
      oid: 1.3.6.1.2.1.31.1.1.1.18
      type: DisplayString
      indexes: [{labelname: ifIndex, type: gauge}]
";

    const PROMETHEUS: &str = r"
global: {scrape_interval: 2m}
scrape_configs:
- job_name: snmp
  metrics_path: /snmp
  scrape_interval: 30s
  params: {module: [if_mib, gone], auth: [ops]}
  static_configs: [{targets: [192.0.2.1, 'switch.local:1161']}]
  file_sd_configs: [{files: [x.yml]}]
- job_name: node
  static_configs: [{targets: [localhost:9100]}]
";

    #[test]
    fn modules_and_targets_become_sensors_and_devices_and_the_rest_is_told() {
        let value = |text: &str| serde_saphyr::from_str::<Value>(text).unwrap();
        let Taken { wanted, notes } = parse(&value(EXPORTER), Some(&value(PROMETHEUS)));
        assert_eq!(wanted.credentials["public_v2"].details["snmpv12_community"], "secret");
        assert_eq!(wanted.credentials["ops"].details["snmpv3_privKey"], "privpass12");
        let traffic = &wanted.sensors["if_mib ifHCInOctets"].details;
        assert_eq!(
            (&traffic["expression"], &traffic["output_path"]),
            (&json!("$2"), &json!("ifHCInOctets.{$index}.{$1}"))
        );
        assert_eq!(wanted.sensors["if_mib temperature"].details["expression"], "$1 * 0.1 + 0");
        assert_eq!(wanted.sensors["if_mib sysUpTime"].details["oids"][0]["oid"], "1.3.6.1.2.1.1.3.0");
        let used = &wanted.devices["192.0.2.1"].protocols["snmp"];
        assert_eq!((used.credential.as_deref(), used.interval), (Some("ops"), Some(30)));
        assert_eq!(used.sensors.as_ref().unwrap().len(), 3);
        assert_eq!(wanted.devices["switch.local"].details["snmp_port"], 1161);
        for said in [
            "ifAlias of module if_mib: DisplayString is no number",
            "module gone of job snmp",
            "file_sd_configs",
            "job node",
        ] {
            assert!(notes.iter().any(|note| note.contains(said)), "{said}: {notes:?}");
        }
    }
}
