//! What is left of a real master whose bed was killed?

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, iter};

use etcdha_testbed::{run, sweep, wait};

use super::pair::SOON;
use crate::support::PROGRAM;

/// Makes a directory in the host's group of each hierarchy, because the next bed may take the same
/// slot and so the same names.
fn mark_cgroups(group: &str) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(root).unwrap().flatten();
    let marks: Vec<PathBuf> = hierarchies
        .map(|entry| entry.path())
        .chain(iter::once(root.to_owned()))
        .map(|hierarchy| hierarchy.join(group))
        .filter(|group| group.is_dir())
        .map(|group| group.join("mark"))
        .collect();
    for mark in &marks {
        // cpu and cpuacct may be two names of one.
        let _ = fs::create_dir(mark);
    }
    marks
}

#[test]
fn nothing_of_a_real_master_outlives_its_bed() {
    let mut child = PROGRAM
        .command(["up", "m1", "--kubernetes"])
        .unwrap()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines
        .by_ref()
        .map(Result::unwrap)
        .find(|line| line.contains("host m1 "))
        .unwrap();
    let field = |name: &str| {
        let mut fields = line.split(' ');
        fields.find_map(|field| field.strip_prefix(name)).unwrap()
    };
    let slot = field("slot=");
    let inhabitants = || -> Vec<PathBuf> {
        let netns = format!("eha{slot}-h-m1");
        let pids = run(Command::new("ip").args(["netns", "pids", &netns])).unwrap();
        let pids = pids.stdout.lines().map(|pid| Path::new("/proc").join(pid));
        pids.collect()
    };
    let mut processes = Vec::new();
    wait::until_true("four pods to run", SOON, || {
        processes = inhabitants();
        let is_shim = |process: &&PathBuf| {
            fs::read_to_string(process.join("comm"))
                .is_ok_and(|name| name.starts_with("containerd-shim"))
        };
        processes.iter().filter(is_shim).count() >= 4
    })
    .unwrap();
    let root = PathBuf::from(field("root="));
    let mut marks = mark_cgroups(&format!("eha{slot}-m1"));
    assert!(!marks.is_empty());
    marks.push(root.join("mark"));
    fs::write(root.join("mark"), "").unwrap();

    child.kill().unwrap();
    child.wait().unwrap();
    wait::until("nothing to be left", SOON, || {
        // Another test's bed may have swept before.
        sweep()?;
        let left = processes.iter().chain(&marks).filter(|path| path.exists());
        let left: Vec<&PathBuf> = left.collect();
        anyhow::ensure!(left.is_empty(), "left are {left:?}");
        Ok(())
    })
    .unwrap();
}
