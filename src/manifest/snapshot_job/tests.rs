//! The files, in full.

use super::*;
use crate::manifest::pod::StaticPod;

fn job() -> SnapshotJob {
    SnapshotJob {
        command: [
            "/usr/local/bin/etcdha",
            "snapshot",
            "schedule",
            "run",
            "/var/backups/etcd",
        ]
        .map(str::to_owned)
        .into(),
        image: "registry.example/etcdha:0.1.0".into(),
        on_calendar: "*-*-* 00/6:00:00 UTC".into(),
        cron: "0 0-23/6 * * *".into(),
        jitter_seconds: 300,
        read: vec!["/etc/kubernetes/pki/etcd".into()],
        write: vec!["/var/backups/etcd".into()],
        environment_file: "/etc/etcdha/snapshot.env".into(),
        secret: Some("etcdha-s3".into()),
        metrics: Some(("127.0.0.1".into(), 9379)),
        limits: ResourceList::default(),
    }
}

#[test]
fn units_in_full() {
    let (service, timer) = render_units(&job()).unwrap();
    insta::assert_snapshot!(format!("{service}---\n{timer}"));
    assert!(is_ours(&service) && is_ours(&timer));
}

#[test]
fn the_static_pod_reads_as_a_pod_without_a_secret() {
    let text = render_static_pod(&job()).unwrap();
    let pod = StaticPod::parse(text.as_bytes()).unwrap();
    assert_eq!(pod.name(), "etcdha-snapshot");
    assert!(!text.contains("secretRef"));
    insta::assert_snapshot!(text);
}

#[test]
fn the_cron_job_in_full() {
    insta::assert_snapshot!(render_cron_job(&job()).unwrap());
}

#[test]
fn a_path_with_blanks_is_refused() {
    let mut job = job();
    job.write = vec!["/var/my backups".into()];
    assert!(render_units(&job).is_err());
    assert!(render_cron_job(&job).is_err());
}
