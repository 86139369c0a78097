//! A process gives up what it does not need, so that whoever breaks into it finds little to do.
//!
//! ```text
//!  begin  (main thread, before any other)   files: what may be read, what may be written (landlock)
//!                                           capabilities: none in effect
//!  privileged(f)                            in effect while `f` opens a socket, on its thread alone
//!  close  (all is open)                     system calls of all threads (seccomp); no capability comes back
//! ```
//!
//! Where a kernel lacks one of them the others hold; what holds is logged.

mod calls;
mod capabilities;
mod files;

use std::path::PathBuf;

use tracing::info;

pub use capabilities::privileged;

/// Which files a process needs from here on. Beside them it reads what programs need of a system: libraries, name
/// resolution, certificates, the kernel's files.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// Folders, which are there, in which it reads and writes.
    pub written: Vec<PathBuf>,
    /// Files and folders that it reads.
    pub read: Vec<PathBuf>,
}

/// How far something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// All of it.
    Fully,
    /// As far as this kernel knows it.
    Partly,
    /// The kernel has none of it, or refused.
    Not,
}

impl Held {
    const fn word(self) -> &'static str {
        match self {
            Self::Fully => "fully",
            Self::Partly => "partly",
            Self::Not => "not",
        }
    }
}

/// A process that has given up files and capabilities, and still opens sockets.
#[derive(Clone, Copy, Debug)]
#[must_use = "it is closed once all is open"]
pub struct Sandbox {
    /// Files beyond those that are needed.
    pub files: Held,
    /// Capabilities.
    pub capabilities: Held,
}

impl Sandbox {
    /// Drops the right to files and capabilities for this thread and those that it starts: called before there is another.
    pub fn begin(needed: &Files) -> Self {
        Self { files: files::restrict(needed), capabilities: capabilities::lower() }
    }

    /// Drops the right to system calls for all threads, and capabilities for good: called once all is open. Returns how far the
    /// former holds.
    pub fn close(self) -> Held {
        capabilities::drop_for_good();
        let calls = calls::restrict();
        let Self { files, capabilities } = self;
        info!(
            files = files.word(),
            system_calls = calls.word(),
            capabilities = capabilities.word(),
            "this process is restricted to what it needs (--sandbox off lets it do all)"
        );
        calls
    }
}
