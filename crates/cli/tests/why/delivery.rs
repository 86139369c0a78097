//! What is measured, and not stored.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use serde_json::{Value, json};

use crate::{
    agents::Snmpd,
    scene::{Device, Scene, causes, in_own_network, run, uptime},
    world::until,
};

/// Answers whatever is asked with a page, as a proxy does that wants a login.
fn web_server(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let page = "<html>log in</html>";
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                page.len()
            );
            let _ = stream.write_all((head + page).as_bytes());
        }
    });
}

#[tokio::test]
async fn a_proxy_in_the_way() {
    if !in_own_network("delivery::a_proxy_in_the_way", &[]) {
        return;
    }
    let scene = Scene::without_bot(Device::ping("127.0.0.1")).await;
    web_server(8099);
    let (code, answers) = scene.command_line("router", &["--backend-url", "http://127.0.0.1:8099/api"]);
    assert_eq!((causes(&answers), code), (vec!["not_the_api".to_owned()], Some(1)), "{answers:#}");
}

#[tokio::test]
async fn a_backend_that_is_away() {
    if !in_own_network("delivery::a_backend_that_is_away", &[]) {
        return;
    }
    let mut scene = Scene::of(Device::ping("127.0.0.1")).await;
    scene.wait_for("success");
    scene.world.stop_hub();
    let (code, answers) = scene.command_line("router", &[]);
    assert_eq!((causes(&answers), code), (vec!["backend_away".to_owned()], Some(1)), "{answers:#}");
    // The bot itself says so at its own address.
    until(|| {
        let status = status_json();
        let failure = &status["bots"][0]["configuration"]["failure"];
        failure["cause"] == "backend_away" && failure["since"].as_f64().is_some()
    });
}

/// What the bot tells at its own address.
fn status_json() -> Value {
    let request = "GET /status.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let (status, _, body) = crate::world::request_to("127.0.0.1:9300", request);
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn a_name_of_the_backend_without_an_address() {
    if !in_own_network("delivery::a_name_of_the_backend_without_an_address", &[]) {
        return;
    }
    let scene = Scene::without_bot(Device::ping("127.0.0.1")).await;
    let (_, answers) = scene.command_line("router", &["--backend-url", "http://no-such-backend.invalid/api"]);
    assert_eq!(causes(&answers), ["backend_name"], "{answers:#}");
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted() {
    if !in_own_network("delivery::a_certificate_that_is_not_trusted", &["openssl"]) {
        return;
    }
    let scene = Scene::without_bot(Device::ping("127.0.0.1")).await;
    let folder = scene.world.folder.path();
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let (key, certificate) = (key.to_str().unwrap(), certificate.to_str().unwrap());
    run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-days",
            "2",
            "-keyout",
            key,
            "-out",
            certificate,
        ],
    );
    let mut command = crate::world::grafolean(folder);
    command.args(["hub", "--data", "secure", "--listen", "127.0.0.1:8443", "--log", "error"]);
    command.args(["--hub-tls-certificate", certificate, "--hub-tls-key", key]);
    let _hub = crate::world::Process::start(command.stdout(std::process::Stdio::null()));
    until(|| {
        let (_, answers) = scene.command_line("router", &["--backend-url", "https://127.0.0.1:8443/api"]);
        causes(&answers) == ["backend_tls"]
    });
}

#[tokio::test]
async fn a_path_that_is_refused() {
    if !in_own_network("delivery::a_path_that_is_refused", &["snmpd", "snmpget"]) {
        return;
    }
    // A description of the agent that is longer than any path may be.
    let _agent = Snmpd::start(161, &format!("sysDescr {}\n", "long ".repeat(45)));
    let named = json!({
        "oids": [{"oid": "1.3.6.1.2.1.1.3.0", "fetch_method": "get"}, {"oid": "1.3.6.1.2.1.1.1.0", "fetch_method": "get"}],
        "expression": "$1", "output_path": "up.{$2}",
    });
    let scene = Scene::of(Device { sensors: vec![uptime(), named], ..Device::snmp(161) }).await;
    scene.named("switch", "path_refused");
    scene.sound_path("up");
    // Whoever may, drops the dead letters: the bot does it when it speaks next.
    let status = format!("/hub/accounts/{}/status", scene.world.account);
    let letters = || {
        let (_, rows) = scene.ask("GET", &status, &Value::Null);
        let own = rows["list"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["bot"] == json!(scene.world.bot.id))
            .unwrap();
        own["status"]["dead_letters"]["newest"].clone()
    };
    let before = letters();
    let ids: Vec<_> = before.as_array().unwrap().iter().map(|letter| letter["id"].clone()).collect();
    let order = format!("/hub/accounts/{}/bots/{}/dead-letters", scene.world.account, scene.world.bot.id);
    let (status, answer) = scene.ask("POST", &order, &json!({"drop": ids}));
    assert_eq!(status, 202, "{answer}");
    until(|| letters().as_array().unwrap().iter().all(|letter| !ids.contains(&letter["id"])));
}

#[tokio::test]
async fn a_disk_that_is_full() {
    if !in_own_network("delivery::a_disk_that_is_full", &["mount"]) {
        return;
    }
    let mut scene = Scene::without_bot(Device::ping("127.0.0.1")).await;
    let data = scene.world.folder.path().join("bot");
    std::fs::create_dir_all(&data).unwrap();
    run("mount", &["-t", "tmpfs", "-o", "size=1536k", "tmpfs", data.to_str().unwrap()]);
    scene.start_bot();
    scene.wait_for("success");
    let mut filler = std::fs::File::create(data.join("filler")).unwrap();
    while filler.write_all(&[0; 4096]).is_ok() {}
    scene.named("router", "disk_full");
    drop(filler);
    drop(scene.bot.take());
    run("umount", &["--lazy", data.to_str().unwrap()]);
}

#[tokio::test]
async fn a_range_that_is_shorter_than_the_interval() {
    if !in_own_network("delivery::a_range_that_is_shorter_than_the_interval", &[]) {
        return;
    }
    let scene = Scene::of(Device { interval: Some(20), ..Device::ping("127.0.0.1") }).await;
    scene.wait_for("success");
    let path = scene.path("success");
    let last = scene.api(&path, "")[0]["last_stored"].as_f64().unwrap();
    let (from, to) = (last + 1.0, last + 5.0);
    let answers = scene.api(&path, &format!("&from={from}&to={to}"));
    assert_eq!(causes(&answers), ["range_too_short"], "{answers:#}");
    let (_, answers) = scene.command_line(&path, &["--from", &from.to_string(), "--to", &to.to_string()]);
    assert_eq!(causes(&answers), ["range_too_short"], "{answers:#}");
}

#[tokio::test]
async fn a_range_before_what_is_kept() {
    if !in_own_network("delivery::a_range_before_what_is_kept", &[]) {
        return;
    }
    let mut scene = Scene::of(Device::ping("127.0.0.1")).await;
    scene.wait_for("success");
    scene.world.stop_hub();
    std::fs::write(scene.world.folder.path().join("grafolean.toml"), "hub_retention = \"1h\"\n").unwrap();
    scene.world.start_hub();
    let path = scene.path("success");
    until(|| causes(&scene.api(&path, "")).is_empty());
    let last = scene.api(&path, "")[0]["last_stored"].as_f64().unwrap();
    let (from, to) = (last - 90_000.0, last - 80_000.0);
    let answers = scene.api(&path, &format!("&from={from}&to={to}"));
    assert_eq!(causes(&answers), ["retention_passed"], "{answers:#}");
    let (_, answers) = scene.command_line(&path, &["--from", &from.to_string(), "--to", &to.to_string()]);
    assert_eq!(causes(&answers), ["retention_passed"], "{answers:#}");
}

#[tokio::test]
async fn a_clock_of_the_bot_that_is_wrong() {
    if !in_own_network("delivery::a_clock_of_the_bot_that_is_wrong", &["faketime"]) {
        return;
    }
    let mut scene = Scene::without_bot(Device::ping("127.0.0.1")).await;
    let real = scene.bot_command();
    let mut command = std::process::Command::new("faketime");
    command.args(["-f", "+10m"]).arg(real.get_program()).args(real.get_args()).env_clear();
    for (name, value) in real.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.current_dir(scene.world.folder.path());
    scene.start_bot_by(command);
    scene.named("router", "bot_clock");
}
