//! Do the real kubelet and the stand-in take the same files of the manifest directory for the same pods?

use std::fs;

use super::pair::{Pair, etcd_command, manifest, wait_for, wait_gone, wait_running};

#[test]
fn files_become_pods_alike() {
    let pair = Pair::new();
    // Any port, because a changed pod may start beside the old one that is still ending.
    let text = manifest("one", &etcd_command(0));
    pair.write("one.yaml", &text);
    pair.write("two.yaml.bak", &manifest("two", &etcd_command(0)));
    pair.write(".hidden.yaml", &manifest("hidden", &etcd_command(0)));
    pair.write("notes.txt", "no pod");
    let started = pair.same("the pods", |host| {
        wait_running(host, "two");
        wait_running(host, "one");
        let status = host.status().unwrap();
        status
            .pods
            .into_iter()
            .map(|pod| pod.name)
            .collect::<Vec<_>>()
    });
    assert_eq!(started, ["one", "two"]);

    pair.same("only what is decoded makes the identity", |host| {
        let (before, process) = wait_running(host, "one");
        // Other quotes, other order of keys and a comment, by a rename from outside the directory.
        let same = format!(
            "# a comment\n{}",
            text.replace("mark: one", "mark: \"one\"")
        );
        host.write_manifest("one.yaml", &same).unwrap();
        host.write_manifest("one.yaml", &text.replace("mark: one", "mark: two"))
            .unwrap();
        let (after, _) = wait_for(host, "one", "another pod", |pod, container| {
            pod.uid != before.uid && container.pid.is_some() && !pod.terminating
        });
        let (last, again) = wait_running(host, "one");
        (
            before.uid == after.uid,
            after.uid == last.uid,
            process.pid == again.pid,
            again.starts,
        )
    });

    pair.same("a file written in place", |host| {
        let (before, _) = wait_running(host, "one");
        fs::write(
            host.manifest_path("one.yaml"),
            text.replace("mark: one", "mark: three"),
        )
        .unwrap();
        wait_for(host, "one", "another pod", |pod, container| {
            pod.uid != before.uid && container.pid.is_some()
        });
    });

    pair.same("a comment", |host| {
        let (before, process) = wait_running(host, "one");
        let text = fs::read_to_string(host.manifest_path("one.yaml")).unwrap();
        host.write_manifest("one.yaml", &format!("# again\n{text}\n"))
            .unwrap();
        // Whatever the kubelet makes of that, it makes before it sees the next change.
        host.remove_manifest("two.yaml.bak").unwrap();
        wait_gone(host, "two");
        let (after, again) = wait_running(host, "one");
        (
            before.uid == after.uid,
            process.pid == again.pid,
            again.starts,
        )
    });

    pair.remove("one.yaml");
    pair.same("removal", |host| {
        wait_gone(host, "one");
        let processes = host
            .run(&["sh", "-c", "cat /proc/[0-9]*/comm"])
            .unwrap()
            .stdout;
        processes.lines().filter(|name| *name == "etcd").count()
    });
}
