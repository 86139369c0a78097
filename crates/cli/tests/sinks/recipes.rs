//! The recipes of `docs/sinks.md`, run as they are written there, in a network of their own where the ports that they name
//! are free.

use std::{env, fs, path::Path, process::Command};

use nix::sys::signal::Signal;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::world::{Fill, Process, Run, World, may_ping, request_to, text, until};

const INSIDE: &str = "GRAFOLEAN_TEST_RECIPES";

const TEST: &str = "recipes::the_recipes_do_what_they_say";

/// A section of the page.
struct Recipe(String);

impl Recipe {
    fn of(heading: &str) -> Self {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sinks.md");
        let page = fs::read_to_string(page).unwrap();
        let section = page.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
        Self(section.to_owned())
    }

    /// What is in the blocks of a language.
    fn blocks(&self, language: &str) -> Vec<String> {
        let parts: Vec<_> = self.0.split("```").collect();
        let blocks = parts.iter().skip(1).step_by(2).filter_map(|block| block.strip_prefix(language));
        blocks.map(|block| block.trim_start().to_owned()).collect()
    }

    /// The command that has these words.
    fn command(&self, words: &str) -> String {
        let blocks = self.blocks("console").join("\n");
        let commands = blocks.lines().filter_map(|line| line.strip_prefix("$ "));
        let found = commands.into_iter().find(|command| command.contains(words));
        found.unwrap_or_else(|| panic!("no command with {words:?}")).to_owned()
    }
}

/// A shell in the world's folder, as the user of the page has it.
fn shell(world: &World, command: &str) -> Command {
    let binaries = Path::new(env!("CARGO_BIN_EXE_grafolean")).parent().unwrap().display().to_string();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("exec {command}")]).env_clear().current_dir(world.folder.path());
    shell.env("PATH", format!("{binaries}:/usr/bin:/bin")).env("HOME", world.folder.path());
    shell.env("BACKEND_URL", world.url()).env("BOT_TOKEN", world.bot.token.expose_secret());
    shell.env("GRAFOLEAN_DATA", world.folder.path().join("bot")).env("GRAFOLEAN_LOG", "error");
    shell
}

fn ask(address: &str, path: &str) -> Value {
    let request = format!("GET {path} HTTP/1.0\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    if std::net::TcpStream::connect(address).is_err() {
        return Value::Null;
    }
    serde_json::from_str(&request_to(address, &request).2).unwrap_or_default()
}

/// Waits until a store answers a query with a series.
fn answers(address: &str, query: &str) {
    until(|| ask(address, &format!("/api/v1/query?query={query}"))["data"]["result"][0].is_object());
}

#[tokio::test]
async fn the_recipes_do_what_they_say() {
    let tools = ["/usr/bin/prometheus", "/usr/bin/victoria-metrics"];
    if !may_ping() || tools.iter().any(|tool| !Path::new(tool).exists()) {
        eprintln!("skipped: this machine lacks one of {tools:?}, or may not ping");
        return;
    }
    if env::var_os(INSIDE).is_none() {
        let may = Command::new("unshare").args(["--net", "true"]).status();
        if !may.is_ok_and(|status| status.success()) {
            eprintln!("skipped: no network namespace may be made here (it takes root)");
            return;
        }
        let mut again = Command::new("unshare");
        again.arg("--net").arg(env::current_exe().unwrap()).args(["--exact", TEST, "--nocapture"]);
        assert!(again.env(INSIDE, "1").status().unwrap().success(), "the recipes failed");
        return;
    }
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .status();
    assert!(up.unwrap().success());
    let mut world = World::start(Fill { devices: &["127.0.0.1"], interval: 1 }).await;
    // A Prometheus that observes itself as a node, so that there is something to import.
    let scrape = "scrape_configs: [{job_name: node, scrape_interval: 1s, static_configs: [{targets: ['127.0.0.1:9090']}]}]";
    fs::write(world.folder.path().join("prometheus.yml"), scrape).unwrap();

    let beside = Recipe::of("Prometheus beside the backend");
    let _prometheus = Process::start(&mut shell(&world, &beside.command("prometheus --web")));
    until(|| std::net::TcpStream::connect("127.0.0.1:9090").is_ok());
    let mut bot = Process::start(&mut shell(&world, &beside.command("bot ping")));
    answers("127.0.0.1:9090", "grafolean_ping_rtt_avg_seconds");
    assert!(bot.end(Signal::SIGTERM).success());

    let several = Recipe::of("Several stores");
    fs::write(world.folder.path().join("sinks.toml"), several.blocks("toml").join("\n")).unwrap();
    let _victoria = Process::start(&mut shell(&world, "victoria-metrics -loggerLevel=ERROR"));
    until(|| std::net::TcpStream::connect("127.0.0.1:8428").is_ok());
    let mut bot = Process::start(&mut shell(&world, &several.command("--sinks")));
    answers("127.0.0.1:8428", "grafolean_ping_rtt_avg_seconds%7Bsite=%22berlin%22%7D");
    let listed = shell(&world, &several.command("spool list")).finished();
    assert!(listed.status.success() && text(&listed.stdout).contains("waiting"), "{listed:?}");
    let retried = shell(&world, &several.command("spool retry")).finished();
    assert!(retried.status.success(), "{retried:?}");
    assert!(bot.end(Signal::SIGTERM).success());

    world.stop_hub();
    let mut command = shell(&world, &Recipe::of("What old bots and scripts bring").command("hub --forward"));
    command.env("GRAFOLEAN_DATA", world.folder.path().join("hub"));
    let mut hub = Process::start(&mut command);
    until(|| std::net::TcpStream::connect("127.0.0.1:8080").is_ok());
    let send = "grafolean send cellar.temperature 21.5";
    until(|| shell(&world, send).env("BACKEND_URL", "http://127.0.0.1:8080/api").finished().status.success());
    answers("127.0.0.1:9090", "grafolean_value%7Bpath=%22cellar.temperature%22%7D");
    assert!(hub.end(Signal::SIGTERM).success());

    world.start_hub();
    let import = Recipe::of("Old values into the hub").command("import prometheus");
    let imported = shell(&world, &import).finished();
    assert!(imported.status.success(), "{imported:?}");
    assert!(text(&imported.stdout).contains("series imported"), "{imported:?}");
}
