//! Do containers that end, crash or fall ill live on alike under the real kubelet and the stand-in?
//!
//! Times are compared with what the kubelet promises at least, never with how long it took.

use std::time::{Duration, Instant};

use etcdha_testbed::{ContainerStatus, Host, wait};

use super::pair::{Pair, SOON, etcd_command, manifest, wait_for, wait_gone, wait_running};

/// Whether a container's life so far shows a start that was seen, and when it can have been.
#[derive(Debug, Clone, Copy)]
struct Start {
    not_before: Instant,
    not_after: Instant,
}

/// Watches a crashing pod until its `count`th start.
fn starts(host: &Host, pod: &str, count: usize) -> (Vec<Start>, ContainerStatus) {
    let mut starts = Vec::new();
    let mut looked = Instant::now();
    let last = wait::until(
        &format!("start {count} of {pod} on {}", host.name()),
        SOON,
        || {
            let before = Instant::now();
            let found = host.pod(pod)?;
            let container = found.and_then(|pod| pod.containers.into_iter().next());
            let seen = container.as_ref().map_or(0, |container| container.starts);
            while starts.len() < usize::try_from(seen)? {
                starts.push(Start {
                    not_before: looked,
                    not_after: Instant::now(),
                });
            }
            looked = before;
            anyhow::ensure!(starts.len() >= count, "found {container:?}");
            container.ok_or_else(|| anyhow::anyhow!("the pod is gone"))
        },
    );
    (starts, last.unwrap())
}

/// Returns the longest time that can have passed between two starts.
fn longest(starts: &[Start], from: usize, to: usize) -> Duration {
    starts[to - 1].not_after - starts[from - 1].not_before
}

#[test]
fn a_crashing_container_waits_alike() {
    let pair = Pair::new();
    for (file, command) in [
        ("crash", "    command: [etcd, --no-such-flag]\n"),
        // The end without a failure is a crash too for a pod that is to run for ever.
        ("leave", "    command: [etcd, --version]\n"),
    ] {
        pair.write(&format!("{file}.yaml"), &manifest(file, command));
    }
    let facts = pair.same("ends and waits", |host| {
        let (starts, crash) = starts(host, "crash", 4);
        let (_, leave) = wait_for(host, "leave", "to wait", |_, container| {
            container.backing_off && container.starts >= 2
        });
        (
            // The first restart is immediate.
            longest(&starts, 2, 3) >= Duration::from_secs(10),
            longest(&starts, 3, 4) >= Duration::from_secs(20),
            [crash.last_end, leave.last_end],
            (leave.pid, leave.ready, leave.started),
        )
    });
    assert_eq!((facts.0, facts.1), (true, true));
    assert_eq!(facts.2[1].as_deref(), Some("exit status: 0"));

    pair.remove("crash.yaml");
    pair.same("removal", |host| wait_gone(host, "crash"));
    pair.write(
        "crash.yaml",
        &manifest("crash", "    command: [etcd, --no-such-flag]\n"),
    );
    pair.same("the same text goes on waiting", |host| {
        let (_, container) = wait_for(host, "crash", "to wait or to run", |_, container| {
            container.backing_off || container.pid.is_some()
        });
        container.backing_off
    });
    let changed = manifest("crash", "    command: [etcd, --no-such-flag]\n");
    let changed = changed.replace("mark: one", "mark: two");
    let old = pair.same("no start yet", |host| {
        host.pod("crash").unwrap().map(|_| ())
    });
    assert_eq!(old, Some(()));
    pair.write("crash.yaml", &changed);
    pair.same("a changed text starts anew", |host| {
        let (_, container) = wait_for(host, "crash", "its second start", |_, container| {
            container.backing_off && container.starts >= 2
        });
        container.last_end
    });
}

#[test]
fn a_container_that_is_found_ill_is_restarted_alike() {
    let pair = Pair::new();
    // The kubelet of 1.20 starts a changed pod beside the old one that is still ending, so each has
    // a port of its own.
    let pod = |port: u16, path: &str, kind: &str| {
        let probe = format!(
            "    {kind}:
      httpGet: {{host: 127.0.0.1, port: {port}, path: {path}}}
      initialDelaySeconds: 1
      periodSeconds: 1
      failureThreshold: 3
"
        );
        manifest("sick", &(etcd_command(port) + &probe))
    };
    pair.write("sick.yaml", &pod(12379, "/no-such-path", "livenessProbe"));
    pair.same("the end of the ill one", |host| {
        let (_, first) = wait_running(host, "sick");
        let (_, second) = wait_for(host, "sick", "another process", |_, container| {
            container.pid.is_some() && container.pid != first.pid
        });
        (second.last_end, second.starts)
    });
    pair.write("sick.yaml", &pod(13379, "/no-such-path", "readinessProbe"));
    pair.same("one that is not ready is left alone", |host| {
        let (_, container) = wait_for(host, "sick", "to run unready", |_, container| {
            container.pid.is_some() && container.starts == 1 && !container.ready
        });
        container.started
    });
    pair.write("sick.yaml", &pod(14379, "/health", "readinessProbe"));
    pair.same("one that answers is ready", |host| {
        let (_, container) = wait_for(host, "sick", "to be ready", |_, container| container.ready);
        (container.starts, container.started)
    });
}

#[test]
fn a_changed_pod_and_the_old_one_that_is_still_ending_meet_alike() {
    let pair = Pair::new();
    let text = manifest("slow", &etcd_command(0));
    pair.write("slow.yaml", &text);
    let overlap = pair.same("whether they meet", |host| {
        let (before, old) = wait_running(host, "slow");
        let process = old.pid.unwrap().to_string();
        // What is stopped takes no SIGTERM, and so has all of its grace period.
        host.run(&["kill", "-STOP", &process]).unwrap();
        host.write_manifest("slow.yaml", &text.replace("mark: one", "mark: two"))
            .unwrap();
        wait_for(host, "slow", "another pod", |pod, container| {
            pod.uid != before.uid && container.pid.is_some()
        });
        let exists = host.run(&["test", "-e", &format!("/proc/{process}")]);
        exists.unwrap().status.success()
    });
    // Which of the two it is depends on the kubelet's release alone.
    let release = etcdha_testbed::kubernetes::Kubernetes::find().version();
    assert_eq!(overlap, release.unwrap().minor < 22);
}
