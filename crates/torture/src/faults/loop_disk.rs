//! A file system in a file, which can be filled, frozen, made read-only, broken and cut off from its power.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

/// A mounted file system; it is unmounted when it is dropped.
pub(super) struct LoopDisk {
    image: PathBuf,
    mount: PathBuf,
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program).args(arguments).output()?;
    if !output.status.success() {
        bail!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

impl LoopDisk {
    /// Makes one of some MiB and inodes, and mounts it.
    ///
    /// # Errors
    /// This takes root, and a kernel with loop devices and ext4.
    pub(super) fn make(folder: &Path, mebibytes: u32, inodes: u32) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let disk = Self { image: folder.join("image"), mount: folder.join("disk") };
        std::fs::create_dir_all(&disk.mount)?;
        let file = std::fs::File::create(&disk.image)?;
        file.set_len(u64::from(mebibytes) << 20)?;
        let image = disk.image.display().to_string();
        run("/usr/sbin/mkfs.ext4", &["-q", "-F", "-m", "0", "-N", &inodes.to_string(), &image])?;
        disk.mount()?;
        Ok(disk)
    }

    /// Returns where it is mounted.
    pub(super) fn path(&self) -> &Path {
        &self.mount
    }

    fn at(&self) -> String {
        self.mount.display().to_string()
    }

    /// Mounts it.
    pub(super) fn mount(&self) -> Result<()> {
        run("/usr/bin/mount", &["-o", "loop,errors=continue", &self.image.display().to_string(), &self.at()])
    }

    /// Unmounts it.
    pub(super) fn unmount(&self) -> Result<()> {
        run("/usr/bin/umount", &[&self.at()])
    }

    /// Lets every write wait.
    pub(super) fn freeze(&self) -> Result<()> {
        run("/usr/sbin/fsfreeze", &["-f", &self.at()])
    }

    /// Lets writes go on.
    pub(super) fn thaw(&self) -> Result<()> {
        run("/usr/sbin/fsfreeze", &["-u", &self.at()])
    }

    /// Takes the power: what was not synced is gone, and every access fails until it is mounted anew.
    pub(super) fn cut_power(&self) -> Result<()> {
        // EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH
        let script = "import fcntl, os, struct, sys\n\
            fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";
        run("/usr/bin/python3", &["-c", script, &self.at()])
    }

    /// Unmounts it once nobody uses it, and mounts it again: what its journal has is put in force. `false` where another
    /// program has it in a mount namespace of its own and keeps it there.
    pub(super) fn power_back(&self) -> Result<bool> {
        self.unmount()?;
        for _ in 0..100 {
            if !self.is_attached()? {
                return self.mount().map(|()| true);
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        Ok(false)
    }

    /// Whether a loop device still has the image: the kernel lets go of it with the last mount.
    fn is_attached(&self) -> Result<bool> {
        let output = Command::new("/usr/sbin/losetup").arg("-j").arg(&self.image).output()?;
        Ok(!output.stdout.is_empty())
    }

    /// Fills it to the last byte with a file; returns the file.
    pub(super) fn fill(&self) -> Result<PathBuf> {
        let path = self.mount.join("ballast");
        let mut file = std::fs::File::create(&path)?;
        let mut size = 1 << 20;
        let block = vec![0xA5_u8; size];
        while size > 0 {
            let some = block.get(..size).unwrap_or_default();
            if std::io::Write::write_all(&mut file, some).and_then(|()| file.sync_data()).is_err() {
                size /= 2;
            }
        }
        Ok(path)
    }

    /// Takes all inodes; returns the folder that holds them.
    pub(super) fn take_inodes(&self) -> Result<PathBuf> {
        let folder = self.mount.join("inodes");
        std::fs::create_dir_all(&folder)?;
        let mut number = 0;
        while std::fs::File::create(folder.join(format!("{number}"))).is_ok() {
            number += 1;
        }
        Ok(folder)
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let _ = self.thaw();
        // processes that use it end before it does; a lazy unmount serves those that do not
        if self.unmount().is_err() {
            let _ = run("/usr/bin/umount", &["-l", &self.at()]);
        }
    }
}
