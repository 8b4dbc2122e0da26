//! The files that have snapshots taken at set times, as a plan.

use std::path::{Path, PathBuf};

use crate::manifest::snapshot_job::{
    SnapshotJob, SnapshotJobError, is_ours, render_cron_job, render_static_pod, render_units,
};
use crate::ops::Refusal;
use crate::ops::node_files::{MANIFEST_DIR, MANIFEST_MODE, OPERATOR, UNIT_MODE};
use crate::plan::{Action, FileExpectation, Plan, Step, WriteFile};
use crate::sys::files::{self, FileError};

/// Where an operator's own units are.
const UNIT_DIR: &str = "/etc/systemd/system";

/// What runs the snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobFile {
    /// A service and a timer.
    Systemd,
    /// A CronJob, to be applied by kubectl.
    CronJob,
    /// A static pod that runs a loop.
    StaticPod,
}

/// What the operator wants.
#[derive(Clone, Debug)]
pub struct InstallRequest {
    /// Which files.
    pub file: JobFile,
    /// The job.
    pub job: SnapshotJob,
    /// Where they go; each kind has its usual directory.
    pub directory: Option<PathBuf>,
}

impl InstallRequest {
    fn directory(&self) -> PathBuf {
        let usual = match self.file {
            JobFile::Systemd => UNIT_DIR,
            JobFile::CronJob => ".",
            JobFile::StaticPod => MANIFEST_DIR,
        };
        self.directory.clone().unwrap_or_else(|| usual.into())
    }

    fn mode(&self) -> u32 {
        match self.file {
            JobFile::Systemd => UNIT_MODE,
            JobFile::CronJob | JobFile::StaticPod => MANIFEST_MODE,
        }
    }
}

/// The files' names and texts.
///
/// # Errors
/// A path that they can't name.
pub fn rendered(request: &InstallRequest) -> Result<Vec<(&'static str, String)>, SnapshotJobError> {
    Ok(match request.file {
        JobFile::Systemd => {
            let (service, timer) = render_units(&request.job)?;
            vec![
                ("etcdha-snapshot.service", service),
                ("etcdha-snapshot.timer", timer),
            ]
        }
        JobFile::CronJob => vec![(
            "etcdha-snapshot-cronjob.yaml",
            render_cron_job(&request.job)?,
        )],
        JobFile::StaticPod => vec![("etcdha-snapshot.yaml", render_static_pod(&request.job)?)],
    })
}

/// Plans what is still to be written.
///
/// # Errors
/// A file that can't be read; a [`Refusal`] where somebody else's is there.
pub fn plan(
    request: &InstallRequest,
    texts: Vec<(&'static str, String)>,
) -> Result<Result<Plan, Refusal>, FileError> {
    let directory = request.directory();
    let directory = std::path::absolute(&directory).map_err(|source| FileError {
        doing: "find",
        path: directory,
        source,
    })?;
    files::demand_dir(&directory)?;
    let mut steps = Vec::new();
    for (name, contents) in texts {
        let path = directory.join(name);
        let found = files::read_optional(&path)?;
        if found.as_deref() == Some(contents.as_bytes()) {
            continue;
        }
        let expect = match &found {
            None => FileExpectation::Absent,
            Some(bytes) if is_ours(&String::from_utf8_lossy(bytes)) => FileExpectation::of(bytes),
            Some(_) => return Ok(Err(foreign(&path))),
        };
        steps.push(Step {
            on: OPERATOR.to_owned(),
            action: Action::WriteFile(WriteFile {
                what: name.to_owned(),
                path,
                mode: request.mode(),
                contents,
                expect,
                starts: None,
            }),
            voters: None,
        });
    }
    Ok(Ok(Plan {
        command: "snapshot schedule install".to_owned(),
        headline: format!("have snapshots taken, by files in {}", directory.display()),
        steps,
        checked: Vec::new(),
        notes: Vec::new(),
    }))
}

fn foreign(path: &Path) -> Refusal {
    Refusal::new(
        "file-exists",
        format!("{} is there already, and not etcdha's", path.display()),
        "move it away, or name another directory: --dir DIR",
    )
}

/// What is to be typed next.
pub fn next_commands(request: &InstallRequest) -> &'static str {
    match request.file {
        JobFile::Systemd => {
            "systemctl daemon-reload && systemctl enable --now etcdha-snapshot.timer"
        }
        JobFile::CronJob => "kubectl apply -f etcdha-snapshot-cronjob.yaml",
        JobFile::StaticPod => "kubectl -n kube-system get pods -l component=etcdha-snapshot",
    }
}
