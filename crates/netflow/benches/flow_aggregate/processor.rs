//! Time on the processor and memory, as the kernel tells them.

use std::{fs, path::Path, time::Duration};

/// Time on the processor of those threads of a process whose name begins so; none gives all.
pub(crate) fn time_of(process: &str, name: &str) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let of = |task: &Path| {
        let named = fs::read_to_string(task.join("comm")).ok()?.starts_with(name);
        let told = fs::read_to_string(task.join("schedstat")).ok()?;
        let nanoseconds = told.split(' ').next()?.parse().ok()?;
        named.then(|| Duration::from_nanos(nanoseconds))
    };
    tasks.filter_map(|task| of(&task.ok()?.path())).sum()
}

/// The most memory that this process ever had, in MB.
pub(crate) fn peak_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: f64 = line.trim().split(' ').next().unwrap().parse().unwrap();
    kib * 1_024.0 / 1e6
}

/// Datagrams that the kernel dropped of the socket on this port of 127.0.0.1 or all addresses.
pub(crate) fn drops_of_port(port: u16) -> u64 {
    let table = fs::read_to_string("/proc/net/udp").unwrap();
    let ends = format!(":{port:04X}");
    let socket =
        table.lines().find(|line| line.split_whitespace().nth(1).is_some_and(|it| it.ends_with(&ends)));
    socket.and_then(|line| line.split_whitespace().last()?.parse().ok()).unwrap_or(0)
}

/// Whether a socket listens on this port.
pub(crate) fn listens(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/udp").unwrap();
    let ends = format!(":{port:04X}");
    table.lines().any(|line| line.split_whitespace().nth(1).is_some_and(|it| it.ends_with(&ends)))
}
