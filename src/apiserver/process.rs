//! The command line of a running kube-apiserver: which etcd it uses now, whatever its manifest says.

use serde::{Deserialize, Serialize};

/// The etcd flags of a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EtcdFlags {
    /// `--etcd-servers`, every occurrence, split at commas.
    pub servers: Vec<String>,
    /// `--etcd-cafile`.
    pub ca_file: Option<String>,
    /// `--etcd-certfile`.
    pub cert_file: Option<String>,
    /// `--etcd-keyfile`.
    pub key_file: Option<String>,
}

/// What tells one apiserver's process from another's, where several can be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessMark {
    /// `--advertise-address`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertise_address: Option<String>,
    /// `--secure-port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secure_port: Option<String>,
}

/// A process that is a kube-apiserver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningApiserver {
    /// Its id as seen from here.
    pub pid: u32,
    /// What tells it from others.
    pub mark: ProcessMark,
    /// The etcd it uses.
    pub etcd: EtcdFlags,
}

impl RunningApiserver {
    /// Reads a command line; `None` where it is none of a kube-apiserver.
    pub fn of(pid: u32, argv: &[String]) -> Option<Self> {
        // hyperkube takes the program's name as its first word.
        let is_program = |word: &String| word.rsplit('/').next() == Some("kube-apiserver");
        let program = argv.iter().take(2).position(is_program)?;
        let words = &argv[program + 1..];
        let last = |name: &str| values(words, name).pop();
        let servers = values(words, "etcd-servers");
        let servers = servers.iter().flat_map(|value| value.split(','));
        Some(Self {
            pid,
            mark: ProcessMark {
                advertise_address: last("advertise-address"),
                secure_port: last("secure-port"),
            },
            etcd: EtcdFlags {
                servers: servers
                    .map(|server| server.trim().to_owned())
                    .filter(|server| !server.is_empty())
                    .collect(),
                ca_file: last("etcd-cafile"),
                cert_file: last("etcd-certfile"),
                key_file: last("etcd-keyfile"),
            },
        })
    }
}

/// Every value of a flag that takes one, as pflag reads it: `--x=v`, `--x v`, `_` for `-`.
fn values(words: &[String], name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let Some(flag) = word.strip_prefix("--") else {
            continue;
        };
        let (given, inline) = match flag.split_once('=') {
            Some((given, value)) => (given, Some(value.to_owned())),
            None => (flag, None),
        };
        if given.replace('_', "-") == name {
            found.extend(inline.or_else(|| words.get(index + 1).cloned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(line: &str) -> Option<RunningApiserver> {
        let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        RunningApiserver::of(7, &argv)
    }

    #[test]
    fn every_way_to_write_a_flag_is_read() {
        let found = running(
            "/usr/local/bin/kube-apiserver --advertise-address=10.0.0.11 --etcd_servers \
             https://a:2379,https://b:2379 --etcd-servers=https://c:2379 --etcd-cafile /ca",
        )
        .unwrap();
        assert_eq!(
            found.etcd.servers,
            ["https://a:2379", "https://b:2379", "https://c:2379"]
        );
        assert_eq!(found.etcd.ca_file.as_deref(), Some("/ca"));
        assert_eq!(found.mark.advertise_address.as_deref(), Some("10.0.0.11"));
        assert!(running("/hyperkube kube-apiserver --v=2").is_some());
        assert!(running("etcd --name=kube-apiserver").is_none());
        assert!(running("").is_none());
    }
}
