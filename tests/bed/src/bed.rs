//! A bed: some hosts that see each other and that the machine can reach.
//!
//! Invariant: two beds, in one program or in two, share nothing.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};

use crate::host::{Host, HostConfig};
use crate::net::Names;
use crate::program::Program;
use crate::registry::{Slot, sweep};

/// How much of each log a failing test shows.
const LOG_TAIL: usize = 25;

/// What a bed is to be like.
#[derive(Debug, Clone)]
pub struct BedConfig {
    program: Program,
    hosts: Vec<HostConfig>,
}

impl BedConfig {
    /// Describes a bed without hosts.
    pub fn new(program: Program) -> BedConfig {
        BedConfig {
            program,
            hosts: Vec::new(),
        }
    }

    /// Adds a host.
    #[must_use]
    pub fn host(mut self, host: HostConfig) -> BedConfig {
        self.hosts.push(host);
        self
    }

    /// Adds plain hosts of these names.
    #[must_use]
    pub fn hosts<const N: usize>(mut self, names: [&str; N]) -> BedConfig {
        self.hosts.extend(names.map(HostConfig::named));
        self
    }
}

/// Some hosts on a network of their own. They vanish with this value, and with this program.
#[derive(Debug)]
pub struct Bed {
    hosts: Vec<Host>,
    slot: Slot,
}

impl Bed {
    /// Makes the hosts and starts them. Sweeps first what killed runs left behind.
    ///
    /// # Errors
    /// This is not root, or a tool is missing, or the kernel refuses.
    pub fn new(config: BedConfig) -> Result<Bed> {
        sweep()?;
        let slot = Slot::take()?;
        let names = Names::of(slot.number());
        // From here on a failure drops the value, which removes what was made.
        let mut bed = Bed {
            hosts: Vec::new(),
            slot,
        };
        names.make_switch()?;
        for (index, host) in config.hosts.into_iter().enumerate() {
            let index = u8::try_from(index).context("a bed has 200 hosts at most")?;
            let name = host.name.clone();
            let host = Host::make(host, index, names, &bed.slot.data(), config.program.clone())
                .with_context(|| format!("make host {name}"))?;
            bed.hosts.push(host);
        }
        bed.write_hosts_files()?;
        for host in &bed.hosts {
            host.start()?;
        }
        Ok(bed)
    }

    /// Returns the number that the bed's names and addresses are made of.
    pub fn slot(&self) -> u8 {
        self.slot.number()
    }

    /// Returns a host by its name.
    ///
    /// # Panics
    /// There is none of this name.
    pub fn host(&self, name: &str) -> &Host {
        self.hosts
            .iter()
            .find(|host| host.name() == name)
            .unwrap_or_else(|| panic!("the bed has no host {name}"))
    }

    /// Returns all hosts, in the order in which they were named.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Returns a directory on the machine for the test's own files, which vanishes with the bed.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn scratch(&self) -> Result<PathBuf> {
        // Host names have no dot, so this is nobody's directory.
        let path = self.slot.data().join("scratch.d");
        fs::create_dir_all(&path).context("make the scratch directory")?;
        Ok(path)
    }

    /// Names every host on every host.
    fn write_hosts_files(&self) -> Result<()> {
        let mut text = "127.0.0.1 localhost\n::1 localhost\n".to_owned();
        for host in &self.hosts {
            let _ = writeln!(text, "{} {}", host.address(), host.name());
            let _ = writeln!(text, "{} {}", host.address6(), host.name());
        }
        for host in &self.hosts {
            fs::write(host.path("/etc/hosts"), &text).context("write /etc/hosts")?;
        }
        Ok(())
    }

    /// Shows the ends of all logs, which are about to be removed.
    fn show_logs(&self) {
        for host in &self.hosts {
            let Ok(entries) = fs::read_dir(host.logs()) else {
                continue;
            };
            for path in entries.flatten().map(|entry| entry.path()) {
                eprintln!("--- {} on {}", file_stem(&path), host.name());
                let text = fs::read(&path).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                let lines: Vec<&str> = text.lines().collect();
                for line in lines.iter().skip(lines.len().saturating_sub(LOG_TAIL)) {
                    eprintln!("{line}");
                }
            }
        }
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if thread::panicking() {
            self.show_logs();
        }
        for host in &self.hosts {
            host.demolish();
        }
        if let Err(error) = self.slot.release() {
            eprintln!("the test bed left something behind: {error:#}");
        }
    }
}

fn file_stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
