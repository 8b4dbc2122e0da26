//! A test host: its namespaces, its processes, and what can be done to it.
//!
//! Invariant: between [`Host::kill_all`] and [`Host::start`] no process of the host exists, while
//! its files and its addresses stay, as with a machine that lost its power.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, anyhow, bail};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::agent::Agent;
use super::boot::{Boot, enter};
use super::config::HostConfig;
use super::daemon::Daemon;
use crate::exec::{self, Output};
use crate::net::Names;
use crate::program::Program;

/// A test host. All methods may be called from any thread; they block, for milliseconds unless
/// their description says more.
#[derive(Debug)]
pub struct Host {
    pub(super) config: HostConfig,
    pub(super) index: u8,
    pub(super) names: Names,
    pub(super) dir: PathBuf,
    pub(super) program: Program,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) boot: Option<Boot>,
    /// Runs as long as the host.
    pub(super) agent: Option<Agent>,
}

impl Host {
    pub(crate) fn make(
        config: HostConfig,
        index: u8,
        names: Names,
        data: &Path,
        program: Program,
    ) -> Result<Host> {
        let dir = data.join(&config.name);
        let root = dir.join("root");
        for directory in &config.directories {
            let path = root.join(directory.strip_prefix("/").unwrap_or(directory));
            fs::create_dir_all(&path).with_context(|| format!("make {}", path.display()))?;
        }
        let manifests = root.join("etc/kubernetes/manifests");
        fs::create_dir_all(&manifests).context("make the manifest directory")?;
        fs::create_dir_all(dir.join("logs")).context("make the log directory")?;
        // kubeadm gives the data directory this mode, and etcd warns about any other.
        set_mode(&root.join("var/lib/etcd"), 0o700)?;
        fs::write(root.join("etc/hostname"), format!("{}\n", config.name))
            .context("write the host name")?;
        // Without a server named, resolvers ask the host itself and are refused at once.
        fs::write(root.join("etc/resolv.conf"), "").context("write resolv.conf")?;
        if let Some(bytes) = config.disk {
            mount_disk(&root.join("var/lib/etcd"), bytes)?;
        }
        names.make_host(&config.name, index)?;
        Ok(Host {
            config,
            index,
            names,
            dir,
            program,
            state: Mutex::default(),
        })
    }

    /// Returns the host's name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Returns the host's IPv4 address.
    pub fn address(&self) -> Ipv4Addr {
        self.names.address(self.index)
    }

    /// Returns the host's IPv6 address.
    pub fn address6(&self) -> Ipv6Addr {
        self.names.address6(self.index)
    }

    /// Returns the directory on the machine that holds the host's private files, so that its
    /// `/etc/kubernetes` is `root()/etc/kubernetes`; likewise `/var/lib/containerd`, `/var/lib/etcd`,
    /// `/var/lib/etcdha`, `/var/lib/kubelet`, `/var/log`, `/etc/hosts`, `/etc/resolv.conf` and
    /// `/etc/hostname`.
    pub fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// Returns the place on the machine of an absolute path in one of the private directories.
    pub fn path(&self, on_host: impl AsRef<Path>) -> PathBuf {
        let on_host = on_host.as_ref();
        self.root()
            .join(on_host.strip_prefix("/").unwrap_or(on_host))
    }

    /// Returns the directory on the machine with the logs of the kubelet or its stand-in and, with
    /// the latter, of each container (`CONTAINER.log`, all runs one after the other). The real
    /// kubelet's containers log to `/var/log/pods`: see [`Host::container_log`].
    pub fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    /// Returns a log's text, or nothing while there is none.
    pub fn log(&self, name: &str) -> String {
        let bytes = fs::read(self.logs().join(format!("{name}.log"))).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Starts the host, and its kubelet or stand-in if it had one. A started host is left alone.
    ///
    /// # Errors
    /// The namespaces cannot be made, because this is not root or a tool is missing.
    pub fn start(&self) -> Result<()> {
        let mut state = self.state();
        if state.boot.is_some() {
            return Ok(());
        }
        let boot = self
            .boot()
            .with_context(|| format!("start host {}", self.name()))?;
        let init = boot.init;
        state.boot = Some(boot);
        if let Some(agent) = &mut state.agent {
            agent.restart(self, init)?;
        }
        Ok(())
    }

    /// Returns whether the host is started.
    pub fn is_up(&self) -> bool {
        self.state().boot.is_some()
    }

    /// Returns a command that will run on the host, in its namespaces and with its files. Its
    /// environment is the machine's; killing it from here does not kill what it started.
    ///
    /// # Errors
    /// The host is down.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Result<Command> {
        Ok(self.command_in(self.init()?, program))
    }

    /// As [`Host::command`], for those who hold the host's state and know its first process.
    #[expect(clippy::unused_self, reason = "it reads as what is done to the host")]
    pub(crate) fn command_in(&self, init: i32, program: impl AsRef<OsStr>) -> Command {
        enter(init, program)
    }

    /// Runs a program on the host to its end, whatever its exit status.
    ///
    /// # Errors
    /// The host is down, or the program cannot be started.
    pub fn run(&self, argv: &[&str]) -> Result<Output> {
        let [program, arguments @ ..] = argv else {
            bail!("there is no program in an empty command line");
        };
        exec::capture(self.command(program)?.args(arguments))
    }

    /// Starts a program that stays, with both outputs in the log `name`.
    ///
    /// # Errors
    /// The host is down, or the program cannot be started.
    pub fn spawn(&self, name: &str, argv: &[&str]) -> Result<Daemon> {
        let [program, arguments @ ..] = argv else {
            bail!("there is no program in an empty command line");
        };
        let mut command = self.command(program)?;
        command.args(arguments);
        self.spawn_command(name, command)
    }

    pub(super) fn spawn_command(&self, name: &str, mut command: Command) -> Result<Daemon> {
        let log = self.open_log(name)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share the log")?)
            .stderr(log)
            .spawn()
            .map_err(|error| exec::explain_start(&command, error))?;
        Ok(Daemon { nsenter: child })
    }

    /// Ends everything, for good.
    pub(crate) fn demolish(&self) {
        self.kill_all();
        if self.config.disk.is_some() {
            // What fails here is reported by the sweep of the slot that follows.
            let _ = unmount(self.path("/var/lib/etcd"), UnmountFlags::DETACH);
        }
    }

    /// Returns the host's first process, as numbered on the machine.
    ///
    /// # Errors
    /// The host is down.
    pub fn init(&self) -> Result<i32> {
        let state = self.state();
        let boot = state.boot.as_ref();
        boot.map(|boot| boot.init)
            .ok_or_else(|| anyhow!("host {} is down: start it first", self.name()))
    }

    pub(super) fn open_log(&self, name: &str) -> Result<File> {
        let path = self.logs().join(format!("{name}.log"));
        File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("open {}", path.display()))
    }

    /// A test that panicked while it held the lock leaves a state that is good enough to clean up.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn mount_disk(target: &Path, bytes: u64) -> Result<()> {
    let options = std::ffi::CString::new(format!("size={bytes},mode=700"))
        .context("encode the disk's options")?;
    mount(
        "tmpfs",
        target,
        "tmpfs",
        MountFlags::empty(),
        options.as_c_str(),
    )
    .with_context(|| format!("mount a disk of {bytes} bytes on {}", target.display()))
}

pub(super) fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .with_context(|| format!("set the mode of {}", path.display()))
}
