//! Which numbered slot does a bed own, and what did killed beds leave in theirs?
//!
//! Everything a bed leaves in the kernel or on disk is named after its slot. A slot is owned by
//! whoever holds the lock on its file; the kernel gives the lock up when the owner dies.
//!
//! Invariant: nothing of a slot is touched without holding its lock, so a sweep meets dead beds
//! only.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::Signal;

use crate::net::Names;
use crate::{cgroups, exec, proc, wait};

/// Where the lock files are.
const LOCKS: &str = "/run/etcdha-testbed";
/// Where the hosts' files are: on a real disk, as /run often is not, so that fsync costs something.
const DATA: &str = "/var/tmp/etcdha-testbed";
/// Where `ip netns` keeps namespaces.
const NAMESPACES: &str = "/run/netns";
/// How long killed processes may take to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many beds may live at once; each has a third byte of its own in 198.18.0.0/16.
const SLOTS: u8 = 255;

/// A slot and the lock on it.
#[derive(Debug)]
pub(crate) struct Slot {
    number: u8,
    lock: File,
}

impl Slot {
    /// Takes a free slot and sweeps what its last owner left.
    pub(crate) fn take() -> Result<Slot> {
        if !rustix::process::geteuid().is_root() {
            bail!(
                "test hosts are made of namespaces and mounts, which only root may make: run this as root"
            );
        }
        // Slot 0 is left out so that no address of a bed ends in a network of zeros.
        for number in 1..=SLOTS {
            if let Some(slot) = Slot::try_take(number)? {
                slot.sweep()
                    .with_context(|| format!("sweep what a killed run left in slot {number}"))?;
                fs::create_dir_all(slot.data()).context("make the bed's directory")?;
                return Ok(slot);
            }
        }
        bail!("all {SLOTS} slots in {LOCKS} are owned by living beds")
    }

    fn try_take(number: u8) -> Result<Option<Slot>> {
        let path = lock_path(number);
        loop {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(LOCKS)
                .with_context(|| format!("make {LOCKS}"))?;
            let lock = match File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
            {
                // A bed that ends removes the directory when it is empty.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                opened => opened.with_context(|| format!("open {}", path.display()))?,
            };
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => {
                    return Err(error).with_context(|| format!("lock {}", path.display()));
                }
            }
            if is_still(&lock, &path) {
                return Ok(Some(Slot { number, lock }));
            }
        }
    }

    /// Returns the slot's number.
    pub(crate) fn number(&self) -> u8 {
        self.number
    }

    /// Returns the directory for everything that the bed keeps on disk.
    pub(crate) fn data(&self) -> PathBuf {
        Path::new(DATA).join(self.number.to_string())
    }

    /// Removes everything that has the slot's name. Nearly all processes are gone already: each
    /// host's first process ends when its bed's program does, and takes the others along. What was
    /// frozen just then, or entered a namespace by other ways, is killed.
    pub(crate) fn sweep(&self) -> Result<()> {
        let names = Names::of(self.number);
        kill_inhabitants(names)?;
        for link in links()?.iter().filter(|link| names.owns_link(link)) {
            // Deleting one end deletes the pair; the other end may have come first.
            let _ = exec::capture(Command::new("ip").args(["link", "del", link]))?;
        }
        for netns in namespaces().iter().filter(|netns| names.owns_netns(netns)) {
            exec::run(Command::new("ip").args(["netns", "del", netns]))?;
        }
        cgroups::remove(|group| names.owns_cgroup(group))?;
        let data = self.data();
        for mounted in mounts_below(&data)? {
            unmount(&mounted, UnmountFlags::DETACH)
                .with_context(|| format!("unmount {}", mounted.display()))?;
        }
        match fs::remove_dir_all(&data) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("remove {}", data.display()))
            }
            _ => Ok(()),
        }
    }

    /// Sweeps, and gives the slot back.
    pub(crate) fn release(&self) -> Result<()> {
        let swept = self.sweep();
        // Removed under the lock; `try_take` notices when the file it locked has lost its name.
        let _ = fs::remove_file(lock_path(self.number));
        let _ = fs::remove_dir(LOCKS);
        let _ = fs::remove_dir(DATA);
        let _ = flock(&self.lock, FlockOperation::Unlock);
        swept
    }
}

/// Removes what killed beds left, in every slot that no living bed owns. Returns the slots' numbers.
///
/// # Errors
/// Something could not be removed.
pub fn sweep() -> Result<Vec<u8>> {
    let mut swept = Vec::new();
    let Ok(entries) = fs::read_dir(LOCKS) else {
        return Ok(swept);
    };
    let mut numbers: Vec<u8> = entries
        .flatten()
        .filter_map(|entry| {
            entry
                .file_name()
                .to_str()?
                .strip_suffix(".lock")?
                .parse()
                .ok()
        })
        .collect();
    numbers.sort_unstable();
    for number in numbers {
        if let Some(slot) = Slot::try_take(number)? {
            slot.release()
                .with_context(|| format!("sweep what a killed run left in slot {number}"))?;
            swept.push(number);
        }
    }
    Ok(swept)
}

fn lock_path(number: u8) -> PathBuf {
    Path::new(LOCKS).join(format!("{number}.lock"))
}

/// Returns whether the open file is the one that now has this name.
fn is_still(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(named)) => held.ino() == named.ino() && held.dev() == named.dev(),
        _ => false,
    }
}

/// Kills the processes in the slot's network namespaces and waits for their end.
fn kill_inhabitants(names: Names) -> Result<()> {
    let owned: Vec<(u64, u64)> = namespaces()
        .iter()
        .filter(|netns| names.owns_netns(netns))
        .filter_map(|netns| identity(&Path::new(NAMESPACES).join(netns)))
        .collect();
    if owned.is_empty() {
        return Ok(());
    }
    wait::until("the processes of a killed run to end", PATIENCE, || {
        let left: Vec<i32> = proc::all()
            .into_iter()
            .filter(|pid| {
                let netns = identity(&PathBuf::from(format!("/proc/{pid}/ns/net")));
                netns.is_some_and(|netns| owned.contains(&netns))
            })
            .collect();
        for pid in &left {
            proc::signal(*pid, Signal::KILL);
        }
        ensure!(left.is_empty(), "left are {left:?}");
        Ok(())
    })
}

/// Returns what tells two namespaces apart: namespaces(7), device and inode.
fn identity(namespace: &Path) -> Option<(u64, u64)> {
    let found = fs::metadata(namespace).ok()?;
    Some((found.dev(), found.ino()))
}

fn links() -> Result<Vec<String>> {
    let entries = fs::read_dir("/sys/class/net").context("list network links")?;
    Ok(entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect())
}

fn namespaces() -> Vec<String> {
    let Ok(entries) = fs::read_dir(NAMESPACES) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// Returns the mount points below a directory, the innermost first.
fn mounts_below(directory: &Path) -> Result<Vec<PathBuf>> {
    let table = fs::read_to_string("/proc/self/mountinfo").context("read the mount table")?;
    let mut points: Vec<PathBuf> = table
        .lines()
        // proc(5): the fifth field is the mount point.
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from)
        .filter(|point| point.starts_with(directory))
        .collect();
    points.reverse();
    Ok(points)
}
