//! How do clients of the Kubernetes API reach the apiservers of several masters?
//!
//! Each call is a `curl` of its own, to one apiserver, so an answer says which one gave it.
//! kubeadm's client pair of the apiservers is in the group of masters, and may do everything.
//!
//! Invariant: no call lasts longer than [`CALL`], except a watch.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};

use super::clients::lock;
use crate::exec;
use crate::host::Host;

const MAPS: &str = "api/v1/namespaces/default/configmaps";
/// What tells the writer's objects from others.
const LABEL: &str = "labelSelector=by%3Dwriter";

/// Seconds that a call may take.
const CALL: &str = "5";
/// Seconds after which a watch is asked for anew.
const WATCH: &str = "20";

/// The apiservers that are asked. Clones share the list.
#[derive(Debug, Clone)]
pub struct Api {
    pki: PathBuf,
    servers: Arc<Mutex<Vec<String>>>,
}

impl Api {
    /// Asks the apiservers of these hosts, with the files of `holder`, a master.
    pub fn new(holder: &Host, hosts: &[&Host]) -> Api {
        let api = Api {
            pki: holder.path("/etc/kubernetes/pki"),
            servers: Arc::default(),
        };
        api.use_hosts(hosts);
        api
    }

    /// Asks the apiservers of these hosts from now on.
    pub fn use_hosts(&self, hosts: &[&Host]) {
        *lock(&self.servers) = hosts.iter().map(|host| url(host)).collect();
    }

    /// Returns the server whose turn it is.
    pub(super) fn server(&self, turn: usize) -> String {
        let servers = lock(&self.servers);
        let place = turn % servers.len().max(1);
        servers.get(place).cloned().unwrap_or_default()
    }

    /// Creates a ConfigMap of the writer.
    pub(super) fn create(&self, server: &str, name: &str) -> Result<()> {
        let body = serde_json::json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "labels": {"by": "writer"}}, "data": {"name": name},
        });
        let mut curl = self.curl(CALL);
        curl.args(["--header", "Content-Type: application/json"])
            .args(["--data", &body.to_string()])
            .arg(format!("{server}/{MAPS}"));
        answer(&mut curl).map(|_| ())
    }

    /// Returns the names of the writer's objects as one apiserver lists them, and the list's version.
    pub(super) fn list(&self, server: &str) -> Result<(BTreeSet<String>, String)> {
        let mut curl = self.curl(CALL);
        let text = answer(curl.arg(format!("{server}/{MAPS}?{LABEL}")))?;
        let list: serde_json::Value = serde_json::from_str(&text).context("parse a list")?;
        let items = list["items"].as_array().context("a list has items")?;
        let names = items
            .iter()
            .filter_map(|item| item["metadata"]["name"].as_str());
        let version = list["metadata"]["resourceVersion"].as_str();
        Ok((
            names.map(str::to_owned).collect(),
            version.context("a list has a version")?.to_owned(),
        ))
    }

    /// Returns the command that prints an event a line, from a version on.
    pub(super) fn watch(&self, server: &str, version: &str) -> Command {
        // A server that is cut off says nothing at all, so curl looks at the clock, too.
        let mut curl = self.curl(WATCH);
        curl.arg(format!(
            "{server}/{MAPS}?watch=1&{LABEL}&timeoutSeconds={WATCH}&resourceVersion={version}"
        ));
        curl
    }

    fn curl(&self, seconds: &str) -> Command {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail-with-body"])
            .args(["--no-buffer", "--max-time", seconds, "--cacert"])
            .arg(self.pki.join("ca.crt"))
            .arg("--cert")
            .arg(self.pki.join("apiserver-kubelet-client.crt"))
            .arg("--key")
            .arg(self.pki.join("apiserver-kubelet-client.key"));
        curl
    }
}

/// Returns the URL of a host's apiserver.
pub(super) fn url(host: &Host) -> String {
    format!("https://{}:6443", host.address())
}

fn answer(curl: &mut Command) -> Result<String> {
    let output = exec::capture(curl)?;
    ensure!(
        output.status.success(),
        "{}{}",
        output.stdout,
        output.stderr
    );
    Ok(output.stdout)
}
