//! A directory that kubeadm takes for a host's root, and etcdha for one of its hosts.
//!
//! Invariant: kubeadm runs with `--rootfs`, so it sees nothing of this machine.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use etcdha_testbed::kubernetes::Kubernetes;
use etcdha_testbed::{Output, capture};
use serde_json::Value;
use tempfile::TempDir;

/// A cluster file and the roots of its hosts.
pub(super) struct Masters {
    dir: TempDir,
}

impl Masters {
    /// Writes a cluster file; `$KUBERNETES` in it becomes the release of the programs.
    pub(super) fn declare(text: &str) -> Masters {
        let dir = tempfile::tempdir().unwrap();
        let version = Kubernetes::find().version().unwrap().to_string();
        let text = text.replace("$KUBERNETES", &version);
        fs::write(dir.path().join("etcdha.yaml"), text).unwrap();
        Masters { dir }
    }

    /// No cluster file: directories for kubeadm alone.
    pub(super) fn empty() -> Masters {
        Masters {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Reads a file below a host's root.
    pub(super) fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs etcdha and demands success.
    pub(super) fn etcdha(&self, words: &str) -> String {
        let output = self.run_etcdha(words);
        assert!(output.status.success(), "etcdha {words}: {output:?}");
        output.stdout
    }

    /// Runs etcdha, demands an exit code, and returns what it complained of.
    pub(super) fn refused(&self, code: i32, words: &str) -> String {
        let output = self.run_etcdha(words);
        assert_eq!(
            output.status.code(),
            Some(code),
            "etcdha {words}: {output:?}"
        );
        output.stderr
    }

    fn run_etcdha(&self, words: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcdha"));
        command
            .env_clear()
            .env("ETCDHA_STATE_DIR", self.path("state"))
            .current_dir(self.dir.path())
            .args(words.split_whitespace());
        capture(&mut command).unwrap()
    }

    /// Runs kubeadm with a directory as its root.
    pub(super) fn kubeadm(&self, root: &str, words: &str) -> Output {
        let mut command = Command::new(Kubernetes::find().program("kubeadm").unwrap());
        fs::create_dir_all(self.path(root)).unwrap();
        command
            .env_clear()
            .args(words.split_whitespace())
            .arg("--rootfs")
            .arg(self.path(root));
        capture(&mut command).unwrap()
    }

    /// Runs kubeadm and demands that it is content: no error, and no field that it does not know.
    pub(super) fn demand(&self, root: &str, words: &str) -> String {
        let output = self.kubeadm(root, words);
        let complaint = ["strict decoding", "unknown field", "deprecated API"]
            .into_iter()
            .find(|words| output.stderr.contains(words));
        assert!(
            output.status.success() && complaint.is_none(),
            "kubeadm {words}: {output:?}"
        );
        output.stdout
    }

    /// A static pod below a host's root.
    pub(super) fn pod(&self, root: &str, name: &str) -> Value {
        pod(&self.read(&format!("{root}/etc/kubernetes/manifests/{name}.yaml")))
    }
}

/// A manifest as a value.
pub(super) fn pod(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// The flags of a pod's only container, sorted.
pub(super) fn flags(pod: &Value) -> Vec<String> {
    let command = pod["spec"]["containers"][0]["command"].as_array().unwrap();
    let words = command.iter().skip(1);
    let mut flags: Vec<_> = words
        .map(|word| word.as_str().unwrap().to_owned())
        .collect();
    flags.sort();
    flags
}

/// The value of a flag.
pub(super) fn flag<'a>(flags: &'a [String], name: &str) -> &'a str {
    let start = format!("--{name}=");
    let found = flags.iter().find_map(|flag| flag.strip_prefix(&start));
    found.unwrap_or_else(|| panic!("--{name} is not among {flags:?}"))
}
