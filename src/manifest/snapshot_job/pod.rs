//! The CronJob and the static pod.

use std::path::PathBuf;

use super::{MARK, SnapshotJob, SnapshotJobError, path};
use crate::manifest::yaml::{Yaml, write};

/// What both are called.
const NAME: &str = "etcdha-snapshot";

/// Longest run of a Job, in seconds: one that hangs ends before most next ones.
const DEADLINE_SECONDS: i64 = 3600;

/// Renders a CronJob (`batch/v1`, Kubernetes 1.21 and newer) that runs on a control plane node.
///
/// # Errors
/// A path that can't be mounted.
pub fn render_cron_job(job: &SnapshotJob) -> Result<String, SnapshotJobError> {
    let mut spec = pod_spec(job, false)?;
    let control_plane = "node-role.kubernetes.io/control-plane";
    let anywhere = Yaml::Map(vec![("operator", Yaml::text("Exists"))]);
    spec.extend([
        (
            "nodeSelector",
            Yaml::Named(vec![(control_plane.to_owned(), Yaml::text(""))]),
        ),
        ("restartPolicy", Yaml::text("Never")),
        ("tolerations", Yaml::List(vec![anywhere])),
    ]);
    spec.sort_by_key(|(name, _)| *name);
    let template = Yaml::Map(vec![
        ("metadata", Yaml::Map(vec![("labels", labels())])),
        ("spec", Yaml::Map(spec)),
    ]);
    let job_spec = Yaml::Map(vec![
        ("activeDeadlineSeconds", Yaml::Int(DEADLINE_SECONDS)),
        ("backoffLimit", Yaml::Int(2)),
        ("template", template),
    ]);
    let cron = Yaml::Map(vec![
        ("apiVersion", Yaml::text("batch/v1")),
        ("kind", Yaml::text("CronJob")),
        (
            "metadata",
            Yaml::Map(vec![
                ("labels", labels()),
                ("name", Yaml::text(NAME)),
                ("namespace", Yaml::text("kube-system")),
            ]),
        ),
        (
            "spec",
            Yaml::Map(vec![
                ("concurrencyPolicy", Yaml::text("Forbid")),
                ("failedJobsHistoryLimit", Yaml::Int(3)),
                ("jobTemplate", Yaml::Map(vec![("spec", job_spec)])),
                ("schedule", Yaml::text(&job.cron)),
                ("startingDeadlineSeconds", Yaml::Int(DEADLINE_SECONDS)),
                ("successfulJobsHistoryLimit", Yaml::Int(1)),
            ]),
        ),
    ]);
    Ok(format!("{MARK}{}", write(&cron)))
}

/// Renders a static pod that saves in a loop.
///
/// # Errors
/// A path that can't be mounted.
pub fn render_static_pod(job: &SnapshotJob) -> Result<String, SnapshotJobError> {
    let pod = Yaml::Map(vec![
        ("apiVersion", Yaml::text("v1")),
        ("kind", Yaml::text("Pod")),
        (
            "metadata",
            Yaml::Map(vec![
                ("labels", labels()),
                ("name", Yaml::text(NAME)),
                ("namespace", Yaml::text("kube-system")),
            ]),
        ),
        ("spec", Yaml::Map(pod_spec(job, true)?)),
    ]);
    Ok(format!("{MARK}{}", write(&pod)))
}

fn labels() -> Yaml {
    Yaml::Named(vec![
        ("component".to_owned(), Yaml::text(NAME)),
        ("tier".to_owned(), Yaml::text("control-plane")),
    ])
}

fn pod_spec(
    job: &SnapshotJob,
    is_static: bool,
) -> Result<Vec<(&'static str, Yaml)>, SnapshotJobError> {
    let read = job.read.iter().map(|directory| (directory, true));
    let write = job.write.iter().map(|directory| (directory, false));
    let mounts: Vec<(&PathBuf, bool)> = read.chain(write).collect();
    let (mut mounted, mut volumes) = (Vec::new(), Vec::new());
    for (number, (directory, is_read_only)) in mounts.into_iter().enumerate() {
        let (name, directory) = (format!("host-{number}"), path(directory)?);
        let mut mount = vec![
            ("mountPath", Yaml::text(directory)),
            ("name", Yaml::text(&name)),
        ];
        if is_read_only {
            mount.push(("readOnly", Yaml::Bool(true)));
        }
        mounted.push(Yaml::Map(mount));
        let kind = match is_read_only {
            true => "Directory",
            false => "DirectoryOrCreate",
        };
        let host_path = Yaml::Map(vec![
            ("path", Yaml::text(directory)),
            ("type", Yaml::text(kind)),
        ]);
        volumes.push(Yaml::Map(vec![
            ("hostPath", host_path),
            ("name", Yaml::text(&name)),
        ]));
    }
    // What comes to a store passes through here.
    let scratch = Yaml::Map(vec![
        ("emptyDir", Yaml::Map(Vec::new())),
        ("name", Yaml::text("scratch")),
    ]);
    volumes.push(scratch);
    mounted.push(Yaml::Map(vec![
        ("mountPath", Yaml::text("/var/tmp")),
        ("name", Yaml::text("scratch")),
    ]));
    let seccomp = Yaml::Map(vec![("type", Yaml::text("RuntimeDefault"))]);
    Ok(vec![
        (
            "containers",
            Yaml::List(vec![container(job, mounted, is_static)]),
        ),
        ("hostNetwork", Yaml::Bool(true)),
        ("priorityClassName", Yaml::text("system-node-critical")),
        (
            "securityContext",
            Yaml::Map(vec![("seccompProfile", seccomp)]),
        ),
        // A run that is stopped removes what it has begun.
        ("terminationGracePeriodSeconds", Yaml::Int(30)),
        ("volumes", Yaml::List(volumes)),
    ])
}

fn container(job: &SnapshotJob, mounted: Vec<Yaml>, is_static: bool) -> Yaml {
    let command = job.command.iter().map(Yaml::text);
    let mut fields = vec![("command", Yaml::List(command.collect()))];
    // A static pod can't have a Secret: the kubelet refuses it.
    if let Some(secret) = job.secret.as_ref().filter(|_| !is_static) {
        let reference = Yaml::Map(vec![("name", Yaml::text(secret))]);
        let source = Yaml::Map(vec![("secretRef", reference)]);
        fields.push(("envFrom", Yaml::List(vec![source])));
    }
    fields.extend([
        ("image", Yaml::text(&job.image)),
        ("imagePullPolicy", Yaml::text("IfNotPresent")),
    ]);
    if let Some((host, port)) = job.metrics.as_ref().filter(|_| is_static) {
        let get = Yaml::Map(vec![
            ("host", Yaml::text(host)),
            ("path", Yaml::text("/healthz")),
            ("port", Yaml::Int((*port).into())),
        ]);
        fields.push((
            "livenessProbe",
            Yaml::Map(vec![
                ("failureThreshold", Yaml::Int(8)),
                ("httpGet", get),
                ("initialDelaySeconds", Yaml::Int(10)),
                ("periodSeconds", Yaml::Int(10)),
                ("timeoutSeconds", Yaml::Int(15)),
            ]),
        ));
    }
    let list = [
        ("cpu", job.limits.cpu.as_deref()),
        ("memory", job.limits.memory.as_deref()),
    ];
    let limits: Vec<_> = list
        .into_iter()
        .filter_map(|(name, value)| Some((name, Yaml::text(value?))))
        .collect();
    let requests = Yaml::Map(vec![
        ("cpu", Yaml::text("50m")),
        ("memory", Yaml::text("64Mi")),
    ]);
    let mut resources = Vec::new();
    if !limits.is_empty() {
        resources.push(("limits", Yaml::Map(limits)));
    }
    resources.push(("requests", requests));
    let context = Yaml::Map(vec![
        ("allowPrivilegeEscalation", Yaml::Bool(false)),
        ("readOnlyRootFilesystem", Yaml::Bool(true)),
    ]);
    fields.extend([
        ("name", Yaml::text(NAME)),
        ("resources", Yaml::Map(resources)),
        ("securityContext", context),
        ("volumeMounts", Yaml::List(mounted)),
    ]);
    Yaml::Map(fields)
}
