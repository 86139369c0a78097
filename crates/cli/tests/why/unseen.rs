//! Set-ups of people in which each part is sound, and the whole is not.

use serde_json::json;

use crate::{
    agents::Snmpd,
    doors::injected,
    scene::{Device, Scene, causes, in_own_network, object, quick, run, uptime},
    world::{Process, until},
};

#[tokio::test]
async fn a_column_of_a_table_without_an_index() {
    if !in_own_network("unseen::a_column_of_a_table_without_an_index", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(161, "");
    let column = object("1.3.6.1.2.1.2.2.1.4", "get", "$1", "mtu");
    let scene = Scene::of(Device { sensors: vec![uptime(), column], ..Device::snmp(161) }).await;
    scene.named(&scene.path("mtu"), "index_gone");
    let finding = scene.api(&scene.path("mtu"), "")[0]["findings"][0].clone();
    assert!(finding["remedy"].as_str().unwrap().contains("walk"), "{finding}");
    scene.sound_path("up");
}

#[tokio::test]
async fn a_port_that_is_not_the_agents() {
    if !in_own_network("unseen::a_port_that_is_not_the_agents", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(161, "");
    let scene = Scene::of(Device::snmp(1161)).await;
    scene.named("switch", "port_closed");
    let evidence = scene.api("switch", "")[0]["findings"][0]["evidence"].as_str().unwrap().to_owned();
    assert!(evidence.contains("1161"), "{evidence}");
}

#[tokio::test]
async fn two_entities_of_one_address() {
    if !in_own_network("unseen::two_entities_of_one_address", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(161, "");
    let mut scene = Scene::with("snmp", async |setup, account| {
        let second = Device { name: "again", ..Device::snmp(161) };
        vec![Device::snmp(161).add(setup, account).await, second.add(setup, account).await]
    })
    .await;
    scene.start_bot();
    scene.sound("up");
    let again = format!("entity.{}.snmp.up", scene.world.entities[1]);
    scene.world.wait_for_value(&again);
    until(|| causes(&scene.api("again", "")).is_empty());
}

#[tokio::test]
async fn two_exporters_of_one_address() {
    if !in_own_network("unseen::two_exporters_of_one_address", &[]) {
        return;
    }
    let mut scene = Scene::with("netflow", async |setup, account| {
        let second = Device { name: "again", ..Device::exporter("127.0.0.1") };
        vec![Device::exporter("127.0.0.1").add(setup, account).await, second.add(setup, account).await]
    })
    .await;
    scene.start_bot();
    let mut command = scene.world.bot();
    command.args(["flow", "send", "--to", "127.0.0.1:2055", "--rate", "50", "--format", "v9"]);
    until(|| std::net::TcpStream::connect("127.0.0.1:9300").is_ok());
    let _sending =
        Process::start(command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()));
    // The flows of the address are those of both.
    until(|| {
        let exporter = scene.status()["status"]["heard"]["exporters"][0].clone();
        exporter["flows"].as_u64().is_some_and(|flows| flows > 50)
    });
    scene.each_time_it_speaks(|| {
        for name in ["exporter", "again"] {
            let answers = scene.api(name, "");
            assert_eq!(causes(&answers), Vec::<String>::new(), "{name}: {answers:#}");
        }
    });
}

#[tokio::test]
async fn an_exporter_behind_a_router_that_translates_addresses() {
    if !in_own_network("unseen::an_exporter_behind_a_router_that_translates_addresses", &["nft"]) {
        return;
    }
    run("nft", &["add", "table", "ip", "nat"]);
    run("nft", &["add", "chain", "ip", "nat", "out", "{ type nat hook postrouting priority 100; }"]);
    run("nft", &["add", "rule", "ip", "nat", "out", "udp", "dport", "2055", "snat", "to", "127.0.0.99"]);
    let scene = Scene::of(Device::exporter("127.0.0.1")).await;
    let mut command = scene.world.bot();
    command.args(["flow", "send", "--to", "127.0.0.1:2055", "--rate", "50", "--format", "v9"]);
    until(|| std::net::TcpStream::connect("127.0.0.1:9300").is_ok());
    let _sending =
        Process::start(command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()));
    scene.named("exporter", "other_exporter");
    let evidence = scene.api("exporter", "")[0]["findings"][0]["evidence"].as_str().unwrap().to_owned();
    assert!(evidence.contains("127.0.0.99"), "{evidence}");
}

#[tokio::test]
async fn an_hour_between_two_values_looked_at_after_a_moment() {
    if !in_own_network("unseen::an_hour_between_two_values_looked_at_after_a_moment", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(161, "");
    let scene = Scene::of(Device { interval: Some(3_600), ..Device::snmp(161) }).await;
    scene.each_time_it_speaks(|| {
        let answers = scene.api("switch", "");
        assert_eq!(causes(&answers), Vec::<String>::new(), "{answers:#}");
        assert!(answers[0]["next_due"].as_f64().is_some(), "{answers:#}");
        let (code, answers) = scene.command_line(&scene.path("up"), &[]);
        assert_eq!((causes(&answers), code), (vec![], Some(0)), "{answers:#}");
    });
}

#[tokio::test]
async fn an_expression_that_divides_by_zero() {
    if !in_own_network("unseen::an_expression_that_divides_by_zero", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(161, "");
    // A division by zero is 0, as in Grafolean; a logarithm of it has no value.
    let zero = object("1.3.6.1.2.1.1.3.0", "get", "1 / ($1 - $1)", "zero");
    let none = object("1.3.6.1.2.1.1.3.0", "get", "log($1 - $1)", "none");
    let scene = Scene::of(Device { sensors: vec![zero, none], ..Device::snmp(161) }).await;
    scene.named(&scene.path("none"), "expression");
    scene.sound_path("zero");
}

#[tokio::test]
async fn a_hub_without_room_on_its_disk() {
    if !in_own_network("unseen::a_hub_without_room_on_its_disk", &[]) {
        return;
    }
    let mut scene = Scene::of(Device::ping("127.0.0.1")).await;
    scene.wait_for("success");
    scene.world.stop_hub();
    scene.world.hub_arguments = vec!["--hub-disk-reserve", "900000GB"];
    scene.world.start_hub();
    injected();
    scene.named("router", "backend_busy");
}

#[tokio::test]
async fn a_source_address_that_the_machine_does_not_have() {
    if !in_own_network("unseen::a_source_address_that_the_machine_does_not_have", &[]) {
        return;
    }
    let credential = json!({"n_packets": "1", "timeout": "0.3", "retry": "0", "source": "203.0.113.77"});
    let scene = Scene::of(Device { credential, ..Device::ping("127.0.0.1") }).await;
    scene.named("router", "local_failure");
    let evidence = scene.api("router", "")[0]["findings"][0]["evidence"].as_str().unwrap().to_owned();
    assert!(evidence.contains("source"), "{evidence}");
}

#[tokio::test]
async fn an_interface_to_send_by_that_the_machine_does_not_have() {
    if !in_own_network("unseen::an_interface_to_send_by_that_the_machine_does_not_have", &[]) {
        return;
    }
    let credential = json!({"n_packets": "1", "timeout": "0.3", "retry": "0", "source": "uplink7"});
    let scene = Scene::of(Device { credential, ..Device::ping("127.0.0.1") }).await;
    scene.named("router", "local_failure");
}

#[tokio::test]
async fn a_host_of_ipv6_alone_without_a_way_to_it() {
    if !in_own_network("unseen::a_host_of_ipv6_alone_without_a_way_to_it", &[]) {
        return;
    }
    let scene = Scene::of(Device { details: json!({"ipv6": "2001:db8::7"}), ..Device::ping("") }).await;
    scene.named("router", "no_route");
}

#[tokio::test]
async fn an_address_that_is_none() {
    if !in_own_network("unseen::an_address_that_is_none", &[]) {
        return;
    }
    for address in ["10.0.0.300", "10.0.0", "switch 7"] {
        let scene = Scene::of(Device::ping(address)).await;
        scene.named("router", "no_address");
        let evidence = scene.api("router", "")[0]["findings"][0]["evidence"].as_str().unwrap().to_owned();
        assert!(evidence.contains(address), "{evidence}");
    }
}

#[tokio::test]
async fn a_community_with_a_space_behind_it() {
    if !in_own_network("unseen::a_community_with_a_space_behind_it", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(161, "");
    let credential = quick(json!({"version": "snmpv2c", "snmpv12_community": "public "}));
    let scene = Scene::of(Device { credential, ..Device::snmp(161) }).await;
    scene.named("switch", "snmp_community");
}

#[tokio::test]
async fn an_agent_that_answers_too_late() {
    if !in_own_network("unseen::an_agent_that_answers_too_late", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(1161, "");
    crate::relay::Relay { delay: std::time::Duration::from_millis(600), ..Default::default() }
        .begin("127.0.0.2:161", "127.0.0.1:1161");
    let details = json!({"ipv4": "127.0.0.2"});
    let scene = Scene::of(Device { details, ..Device::snmp(161) }).await;
    // The host is there, and nothing comes back in time.
    scene.named("switch", "port_filtered");
}
