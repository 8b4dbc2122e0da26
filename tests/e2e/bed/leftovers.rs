//! What a killed run leaves, and who removes it.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use etcdha_testbed::{capture, run, sweep, wait};

use crate::support::{PATIENCE, PROGRAM, bed};

/// Another program that makes a bed with host m1, and says where it lives.
struct Other {
    child: Child,
    init: i32,
    // The next bed may take the same slot and so the same names: marks tell them apart.
    netns: String,
    mark: PathBuf,
    // Open as long as the program, which would die of a broken pipe.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Other {
    fn start() -> Other {
        let mut child = PROGRAM
            .command(["up", "m1"])
            .unwrap()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines
            .by_ref()
            .map(Result::unwrap)
            // The test harness begins the line.
            .find(|line| line.contains("host m1 "))
            .unwrap();
        let field = |name: &str| {
            let mut fields = line.split(' ');
            fields.find_map(|field| field.strip_prefix(name)).unwrap()
        };
        let netns = format!("eha{}-h-m1", field("slot="));
        run(Command::new("ip").args(["-n", &netns, "link", "add", "mark", "type", "bridge"]))
            .unwrap();
        let mark = PathBuf::from(field("root=")).join("mark");
        fs::write(&mark, "").unwrap();
        Other {
            init: field("init=").parse().unwrap(),
            netns,
            mark,
            child,
            _output: lines,
        }
    }

    /// Returns whether its namespaces and its files are still there.
    fn left_something(&self) -> bool {
        let look = capture(Command::new("ip").args(["-n", &self.netns, "link", "show", "mark"]));
        self.mark.exists() || look.unwrap().status.success()
    }

    fn is_alive(&self) -> bool {
        PathBuf::from(format!("/proc/{}", self.init)).exists()
    }
}

#[test]
fn a_killed_run_takes_its_processes_along_and_the_next_one_sweeps_the_rest() {
    let mut victim = Other::start();
    let mut survivor = Other::start();
    // This one is no child of the host's first process, and stays.
    let mut stray = Command::new("ip")
        .args(["netns", "exec", &victim.netns, "sleep", "1000"])
        .spawn()
        .unwrap();
    victim.child.kill().unwrap();
    victim.child.wait().unwrap();
    wait::until_true("the host's processes to die", PATIENCE, || {
        !victim.is_alive()
    })
    .unwrap();

    // Any bed sweeps. One that another test makes at the same time may come first.
    let bed = bed(["m1"]);
    wait::until_true("the leftovers to be swept", PATIENCE, || {
        sweep().unwrap();
        !victim.left_something()
    })
    .unwrap();
    assert!(!stray.wait().unwrap().success());
    assert!(survivor.is_alive() && survivor.left_something());
    assert!(bed.host("m1").run(&["true"]).unwrap().status.success());

    // The end of its input is a survivor's regular end.
    drop(survivor.child.stdin.take());
    assert!(survivor.child.wait().unwrap().success());
    assert!(!survivor.is_alive() && !survivor.left_something());
}
