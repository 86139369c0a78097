//! What the tests of the binary share: the binary itself, and a hub that it runs, filled as a person would fill it.

#![allow(dead_code, unreachable_pub, unused_imports)]

mod hub;

use std::{
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::RwLock,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

pub use hub::{Fill, Stored, World, request_to, until};

/// The binary in a folder of its own, with nothing in the environment that a test did not put there.
pub fn grafolean(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grafolean"));
    command.env_clear().env("HOME", folder).env("PATH", "/usr/bin:/bin").current_dir(folder);
    command.stdin(Stdio::null());
    command
}

/// Whether this user may ping; tells it if not.
pub fn may_ping() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let tried = grafolean(folder.path()).args(["ping", "-c", "1", "127.0.0.1"]).finished();
    let refused = text(&tried.stderr).contains("may not open an ICMP socket");
    if refused {
        eprintln!("skipped: this user may not open ICMP sockets");
    }
    !refused
}

/// Output as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Output as JSON lines.
pub fn json_lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Held for reading while a process starts: until it is wholly there, it holds all that this process has open.
static STARTING: RwLock<()> = RwLock::new(());

/// Runs a command to its end.
pub trait Run {
    /// Returns what it printed and how it ended.
    fn finished(&mut self) -> Output;
}

impl Run for Command {
    fn finished(&mut self) -> Output {
        let started = {
            let _starting = STARTING.read().unwrap();
            self.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        started.wait_with_output().unwrap()
    }
}

/// A process that a test started; it does not outlive the test.
pub struct Process(Child);

impl Process {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        let _starting = STARTING.read().unwrap();
        Self(command.spawn().unwrap())
    }

    /// Guards one that was started.
    pub fn of(child: Child) -> Self {
        Self(child)
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// Ends it by a signal, unless it has ended.
    pub fn end_if_running(&mut self, signal: Signal) {
        if !self.has_ended() {
            self.end(signal);
        }
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }

    /// Sends it a signal and waits for its end.
    pub fn end(&mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        self.ended()
    }

    /// Its stdout, if that was piped.
    pub fn stdout(&mut self) -> std::process::ChildStdout {
        self.0.stdout.take().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
