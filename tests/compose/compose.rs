//! The cluster of `docker-compose.yml`, under a name and on a network of its own.
//!
//! Invariant: whatever ends a test, the next one starts from nothing: what a killed run left is
//! taken down first, found by its project's name.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use etcdha_testbed::etcd::{ClientTls, wait_healthy};
use etcdha_testbed::{EtcdRelease, Output, capture, run};

use super::PATIENCE;

static UP: Mutex<()> = Mutex::new(());

const PROJECT: &str = "etcdha-test-";

/// The members' names and the last numbers of their addresses, as the compose file has them.
pub(crate) const MEMBERS: [(&str, u8); 3] = [("m1", 11), ("m2", 12), ("m3", 13)];

/// A running compose project.
pub(crate) struct Compose {
    project: String,
    net: String,
    data: PathBuf,
    image: String,
    pub(crate) tls: ClientTls,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn docker(arguments: &[&str]) -> Output {
    run(Command::new("docker").args(arguments)).unwrap()
}

impl Compose {
    /// Takes down what killed runs left, and starts one member; two hosts wait.
    pub(crate) async fn up(release: EtcdRelease) -> Compose {
        // Until its network is there, another test could choose the same.
        let turn = UP.lock().unwrap_or_else(PoisonError::into_inner);
        sweep();
        let (short, version) = match release {
            EtcdRelease::V3_4 => ("3.4", "3.4.23"),
            EtcdRelease::V3_5 => ("3.5", "3.5.16"),
        };
        let project = format!("{PROJECT}{}-{}", std::process::id(), short.replace('.', ""));
        let data = root().join("target/compose").join(&project);
        std::fs::create_dir_all(&data).unwrap();
        let net = free_net();
        let file = std::fs::read_to_string(root().join("tests/compose/etcdha.yaml")).unwrap();
        let file = file.replace("172.30.254", &net).replace("3.5.16", version);
        std::fs::write(data.join("etcdha.yaml"), file).unwrap();
        let pki = data.join("hosts/m1/etc/kubernetes/pki");
        let compose = Compose {
            tls: ClientTls {
                ca: pki.join("etcd/ca.crt"),
                cert: pki.join("apiserver-etcd-client.crt"),
                key: pki.join("apiserver-etcd-client.key"),
            },
            project,
            net,
            data,
            image: format!("etcdha/etcd:{short}"),
        };
        compose.compose(&["up", "-d"]);
        drop(turn);
        compose.healthy("m1").await;
        compose
    }

    fn command(&self) -> Command {
        let mut command = Command::new("docker-compose");
        command
            .arg("--file")
            .arg(root().join("docker-compose.yml"))
            .args(["--project-name", &self.project])
            .env("COMPOSE_DATA", &self.data)
            .env("COMPOSE_NET", &self.net)
            .env("COMPOSE_CLUSTER_FILE", self.data.join("etcdha.yaml"))
            .env("ETCD_IMAGE", &self.image);
        command
    }

    /// Runs docker-compose, which must succeed.
    pub(crate) fn compose(&self, arguments: &[&str]) -> Output {
        run(self.command().args(arguments)).unwrap()
    }

    /// Runs etcdha in the ops container and demands an exit code.
    pub(crate) fn etcdha(&self, code: i32, arguments: &[&str]) -> Output {
        let mut command = self.command();
        command
            .args(["exec", "-T", "ops", "etcdha"])
            .args(arguments);
        let output = capture(&mut command).unwrap();
        let said = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{said}");
        output
    }

    /// The client URL of a member.
    pub(crate) fn endpoint(&self, name: &str) -> String {
        let (_, last) = MEMBERS.iter().find(|(member, _)| *member == name).unwrap();
        format!("https://{}.{last}:2379", self.net)
    }

    /// The client URLs of these members.
    pub(crate) fn endpoints(&self, names: &[&str]) -> Vec<String> {
        names.iter().map(|name| self.endpoint(name)).collect()
    }

    /// Waits until a member answers.
    pub(crate) async fn healthy(&self, name: &str) {
        wait_healthy(&self.endpoint(name), Some(&self.tls), PATIENCE)
            .await
            .unwrap();
    }

    fn container(&self, name: &str) -> String {
        // Version 2 leaves out those that stopped, unless it is asked for all.
        let listed = self.compose(&["ps", "-a", "-q", name]);
        listed.stdout.trim().to_owned()
    }

    /// Kills everything in a host's container at once.
    pub(crate) fn kill(&self, name: &str) {
        docker(&["kill", "--signal=KILL", &self.container(name)]);
    }

    pub(crate) fn start(&self, name: &str) {
        docker(&["start", &self.container(name)]);
    }

    /// Takes a host from the network; its connections stay open and silent.
    pub(crate) fn cut(&self, name: &str) {
        docker(&[
            "network",
            "disconnect",
            &self.network(),
            &self.container(name),
        ]);
    }

    /// Puts it back, with its address.
    pub(crate) fn heal(&self, name: &str) {
        let (_, last) = MEMBERS.iter().find(|(member, _)| *member == name).unwrap();
        let address = format!("--ip={}.{last}", self.net);
        let alias = format!("--alias={name}");
        docker(&[
            "network",
            "connect",
            &address,
            &alias,
            &self.network(),
            &self.container(name),
        ]);
    }

    fn network(&self) -> String {
        format!("{}_etcd", self.project)
    }

    /// Removes a host's container and all that it held.
    pub(crate) fn lose(&self, name: &str) {
        self.compose(&["rm", "--force", "--stop", name]);
        let host = self.data.join("hosts").join(name);
        std::fs::remove_dir_all(host).unwrap();
    }

    /// Starts a host's container anew.
    pub(crate) fn create(&self, name: &str) {
        self.compose(&["up", "-d", "--no-deps", name]);
    }

    /// The member list as JSON.
    pub(crate) fn members(&self) -> Vec<serde_json::Value> {
        let output = self.etcdha(0, &["member", "list", "-o", "json"]);
        let list: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        list["members"].as_array().unwrap().clone()
    }

    /// The leader's name.
    pub(crate) fn leader(&self) -> String {
        let members = self.members();
        let leads = members.iter().find(|member| member["role"] == "leader");
        leads.unwrap()["name"].as_str().unwrap().to_owned()
    }

    fn logs(&self) -> String {
        capture(self.command().args(["logs", "--no-color", "--tail=15"]))
            .map(|output| output.stdout)
            .unwrap_or_default()
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        let _ = capture(self.command().args(["down", "--volumes", "--timeout=1"]));
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// Three numbers of a network that no other Docker network has.
fn free_net() -> String {
    let ids = docker(&["network", "ls", "-q"]).stdout;
    let mut inspect = vec!["network", "inspect"];
    inspect.extend(ids.lines());
    let taken = docker(&inspect).stdout;
    let nets = (100..250).map(|third| format!("172.30.{third}"));
    nets.into_iter()
        .find(|net| !taken.contains(&format!("\"{net}.")))
        .unwrap()
}

/// Removes containers, networks, volumes and files of runs that are no more.
fn sweep() {
    let listed = |arguments: &[&str]| docker(arguments).stdout;
    let is_left = |name: &str| {
        let rest = name.strip_prefix(PROJECT).unwrap_or_default();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        !digits.is_empty() && !Path::new("/proc").join(digits).exists()
    };
    let all: [(&[&str], &[&str]); 3] = [
        (&["ps", "-a", "--format={{.Names}}"], &["rm", "--force"]),
        (&["network", "ls", "--format={{.Name}}"], &["network", "rm"]),
        (&["volume", "ls", "--format={{.Name}}"], &["volume", "rm"]),
    ];
    for (list, remove) in all {
        for name in listed(list).lines().filter(|name| is_left(name)) {
            docker(&[remove, &[name]].concat());
        }
    }
    let entries = std::fs::read_dir(root().join("target/compose"));
    for entry in entries.into_iter().flatten().flatten() {
        if is_left(&entry.file_name().to_string_lossy()) {
            std::fs::remove_dir_all(entry.path()).unwrap();
        }
    }
}
