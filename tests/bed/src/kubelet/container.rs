//! One run of a container: its process, its probes, and its end.
//!
//! Invariant: a process that was told to stop is killed when its grace period is over.

use std::cell::Cell;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::Signal;

use super::libraries;
use super::pod::{Container, HostPath, Pod};
use super::probe::{Probe, Verdict};
use super::rootfs::{Mount, RootSpec};
use super::run::Options;
use crate::proc;
use crate::program::Program;

/// Where an image holds its programs, and where they are looked for.
const IMAGE_BIN: &str = "/usr/local/bin";
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A running container.
#[derive(Debug)]
pub(crate) struct Running {
    /// `unshare`, which ends as the container does.
    child: Child,
    pid: Cell<Option<i32>>,
    start: Instant,
    startup: Option<Probe>,
    liveness: Option<Probe>,
    readiness: Option<Probe>,
    kill_at: Option<Instant>,
}

impl Running {
    /// Starts a container.
    pub(crate) fn start(pod: &Pod, container: &Container, options: &Options) -> Result<Running> {
        let directory = options.state_dir.join(format!(
            "{}-{}-{}",
            pod.full_name().replace('/', "-"),
            pod.uid,
            container.name
        ));
        let root = directory.join("root");
        fs::create_dir_all(&root).with_context(|| format!("make {}", root.display()))?;
        let argv = container.argv();
        let name = argv.first().context("the container has no command")?;
        // runc adds the home of the user, which an image without /etc/passwd does not know.
        let env = [("PATH", PATH), ("HOSTNAME", &options.node), ("HOME", "/")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .chain(container.variables())
            .collect();
        let spec = RootSpec {
            root,
            image: image(options)?,
            mounts: mounts(pod, container, &directory)?,
            program: place_in_image(name, options)?,
            argv,
            env,
            directory: container.working_dir.clone().unwrap_or_else(|| "/".into()),
        };
        let spec_path = directory.join("container.json");
        let text = serde_json::to_vec(&spec).context("encode the container")?;
        fs::write(&spec_path, text).context("write the container")?;
        let child = spawn(&spec_path, &options.log_dir, &container.name)?;
        let start = Instant::now();
        let begin = |spec| Probe::begin(spec, &container.ports, &options.node, start);
        Ok(Running {
            child,
            pid: Cell::new(None),
            start,
            startup: container.startup_probe.as_ref().map(begin).transpose()?,
            liveness: container.liveness_probe.as_ref().map(begin).transpose()?,
            readiness: container.readiness_probe.as_ref().map(begin).transpose()?,
            kill_at: None,
        })
    }

    /// The process, as numbered on the host, as soon as it is there.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process().and_then(|pid| u32::try_from(pid).ok())
    }

    /// The container's first process is the only child of `unshare`.
    fn process(&self) -> Option<i32> {
        if self.pid.get().is_none() {
            let unshare = i32::try_from(self.child.id()).ok()?;
            self.pid.set(proc::children(unshare).first().copied());
        }
        self.pid.get()
    }

    /// Whether the startup probe has succeeded, if there is one.
    pub(crate) fn is_started(&self) -> bool {
        succeeded(self.startup.as_ref())
    }

    /// Whether the container may serve.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_started() && succeeded(self.readiness.as_ref()) && self.kill_at.is_none()
    }

    /// Returns how the process ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("look at the process")
    }

    /// Runs the probes that are due, tells `log` about failures, and stops a condemned container.
    pub(crate) fn probe(&mut self, now: Instant, grace: Duration, log: &mut dyn FnMut(String)) {
        if self.kill_at.is_some() {
            return;
        }
        let started = self.is_started();
        let due = if started {
            [
                (&mut self.liveness, "liveness"),
                (&mut self.readiness, "readiness"),
            ]
            .into_iter()
            .collect::<Vec<_>>()
        } else {
            vec![(&mut self.startup, "startup")]
        };
        let mut condemned = None;
        for (probe, kind) in due {
            let Some(probe) = probe else { continue };
            if let Some(reason) = probe.poll(self.start, now) {
                log(format!("{kind} probe failed: {reason}"));
            }
            if probe.verdict() == Verdict::Failure && kind != "readiness" {
                condemned = Some((kind, probe.grace.unwrap_or(grace)));
            }
        }
        if let Some((kind, grace)) = condemned {
            log(format!(
                "stopped, because its {kind} probe failed too often"
            ));
            self.stop(now, grace);
        }
    }

    /// Asks the process to end, once, and kills it when its grace period is over.
    pub(crate) fn stop(&mut self, now: Instant, grace: Duration) {
        let Some(pid) = self.process() else {
            // What has only just begun goes with its parent.
            self.kill_at = Some(now);
            let _ = self.child.kill();
            return;
        };
        match self.kill_at {
            None => {
                proc::signal(pid, Signal::TERM);
                self.kill_at = Some(now + grace);
            }
            Some(deadline) if now >= deadline => proc::signal(pid, Signal::KILL),
            Some(_) => {}
        }
    }

    /// Whether the process was told to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.kill_at.is_some()
    }
}

fn succeeded(probe: Option<&Probe>) -> bool {
    probe.is_none_or(|probe| probe.verdict() == Verdict::Success)
}

/// Starts the process in mount and PID namespaces of its own: the first process of a container gets
/// only the signals it asks for, and etcd then ends with status 0 where it would die of one.
/// `unshare` stays, and its child becomes the bed's program and then the container's.
fn spawn(spec: &Path, log_dir: &Path, container: &str) -> Result<Child> {
    let path = log_dir.join(format!("{container}.log"));
    let log = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("open {}", path.display()))?;
    let (program, arguments, environment) =
        Program::current().parts(&["container-init", &spec.to_string_lossy()])?;
    Command::new("unshare")
        .args(["--mount", "--propagation=private"])
        .args(["--pid", "--fork", "--kill-child", "--"])
        .arg(program)
        .args(arguments)
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("share the log")?)
        .stderr(log)
        .spawn()
        .context("start unshare: install util-linux")
}

fn place_in_image(program: &str, options: &Options) -> Result<String> {
    let base = program.strip_prefix(&format!("{IMAGE_BIN}/"));
    let name = base.unwrap_or(program);
    if options.programs.iter().any(|(known, _)| known == name) {
        return Ok(format!("{IMAGE_BIN}/{name}"));
    }
    anyhow::bail!("exec: {program}: no such program in the image")
}

/// Returns the files of every image: the programs and what the loader needs.
fn image(options: &Options) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut files = Vec::new();
    for (name, path) in &options.programs {
        files.push((path.clone(), Path::new(IMAGE_BIN).join(name)));
        for library in libraries::of(path)? {
            if !files.iter().any(|(_, place)| *place == library) {
                files.push((library.clone(), library));
            }
        }
    }
    Ok(files)
}

fn mounts(pod: &Pod, container: &Container, directory: &Path) -> Result<Vec<Mount>> {
    let mut mounts = Vec::new();
    for mount in &container.volume_mounts {
        let volume = pod
            .spec
            .volumes
            .iter()
            .find(|volume| volume.name == mount.name)
            .with_context(|| format!("there is no volume {}", mount.name))?;
        let source = match &volume.host_path {
            Some(host_path) => check(host_path)
                .with_context(|| format!("MountVolume.SetUp failed for volume {}", volume.name))?,
            None => directory.with_file_name(format!("{}-{}", pod.uid, volume.name)),
        };
        if volume.empty_dir.is_some() {
            fs::create_dir_all(&source).context("make an emptyDir")?;
            // Containers of a pod may run as different users.
            fs::set_permissions(&source, Permissions::from_mode(0o777))
                .context("open an emptyDir")?;
        }
        mounts.push(Mount {
            source,
            target: PathBuf::from(&mount.mount_path),
            read_only: mount.read_only,
        });
    }
    Ok(mounts)
}

/// Obeys a hostPath's type. Without one a missing directory is made, as container runtimes do.
fn check(host_path: &HostPath) -> Result<PathBuf> {
    let path = PathBuf::from(&host_path.path);
    let shown = path.display();
    match host_path.kind.as_deref().unwrap_or_default() {
        "" if !path.exists() => make(&path)?,
        "DirectoryOrCreate" if !path.exists() => make(&path)?,
        "FileOrCreate" if !path.exists() => {
            File::create(&path).with_context(|| format!("make {shown}"))?;
        }
        "Directory" | "DirectoryOrCreate" if !path.is_dir() => {
            anyhow::bail!("hostPath type check failed: {shown} is not a directory");
        }
        "File" | "FileOrCreate" if !path.is_file() => {
            anyhow::bail!("hostPath type check failed: {shown} is not a file");
        }
        _ => {}
    }
    Ok(path)
}

fn make(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("make {}", path.display()))
}
