//! The systemd unit of an etcd member on a host of its own (external topology).
//!
//! Invariant: the same flags as in the static pod reach etcd. They go into an environment file as
//! `ETCD_*` variables, so that an operator can read and override them; only what a variable can't
//! carry (a repeated flag, an empty value) stands on the command line. No flag is given both ways:
//! etcd exits when one is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::etcd_pod::{EtcdConfig, FlagSet, RenderError};
use crate::model::NodeName;

/// A member under systemd.
#[derive(Clone, Debug)]
pub struct UnitConfig {
    /// The member.
    pub etcd: EtcdConfig,
    /// The etcd program.
    pub binary: PathBuf,
    /// The user that runs it; it must be able to read the keys and own the data directory.
    pub user: String,
    /// Where the environment file will be.
    pub environment_file: PathBuf,
}

/// The two files of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitFiles {
    /// `etcd.service`.
    pub unit: String,
    /// The environment file the unit names.
    pub environment: String,
}

/// Why a unit can't be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// The member itself is wrong.
    #[error(transparent)]
    Member(#[from] RenderError),
    /// A path that systemd can't take.
    #[error("{what} {found:?} is no absolute path of printable characters")]
    Path {
        /// Which path.
        what: &'static str,
        /// The path.
        found: String,
    },
    /// A user that systemd can't take.
    #[error("{found:?} is no user name: expected letters, digits, '-', '_' or a number")]
    User {
        /// The name.
        found: String,
    },
}

/// Renders unit and environment file: the same configuration gives the same bytes.
///
/// # Errors
/// When etcd would not start with these values, or systemd would not read them back as they are.
pub fn render_unit(config: &UnitConfig) -> Result<UnitFiles, UnitError> {
    let flags = FlagSet::of(&config.etcd)?;
    let binary = path("binary", &config.binary)?;
    let environment_file = path("environment file", &config.environment_file)?;
    let data_dir = flags.value("data-dir").unwrap_or_default();
    check_user(&config.user)?;
    let (variables, arguments) = divide(&flags);
    let description = description(&config.etcd.name);
    let user = &config.user;
    let mut command = vec![quoted_word(binary)];
    command.extend(arguments.iter().map(|argument| quoted_word(argument)));
    let command = command.join(" ");
    let environment_file = escape_specifiers(environment_file);
    let mounts = quoted(escape_specifiers(data_dir));
    // TimeoutStartSec=0: etcd reports ready once it has joined and serves, which takes a learner as
    // long as it takes. RequiresMountsFor: an etcd that starts before its disk is mounted would make
    // an empty data directory beneath it.
    let unit = format!(
        "[Unit]\n\
         {description}\n\
         Documentation=https://etcd.io/docs/\n\
         Wants=network-online.target\n\
         After=network-online.target time-sync.target\n\
         RequiresMountsFor={mounts}\n\
         \n\
         [Service]\n\
         Type=notify\n\
         User={user}\n\
         EnvironmentFile={environment_file}\n\
         ExecStart={command}\n\
         Restart=on-failure\n\
         RestartSec=5s\n\
         TimeoutStartSec=0\n\
         LimitNOFILE=65536\n\
         Nice=-10\n\
         IOSchedulingClass=best-effort\n\
         IOSchedulingPriority=2\n\
         MemoryLow=200M\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    );
    let lines = variables
        .iter()
        .map(|(name, value)| format!("{name}={}\n", quoted_value(value)));
    Ok(UnitFiles {
        unit,
        environment: lines.collect(),
    })
}

/// True when a unit is one that etcdha rendered for that member.
pub fn is_unit_of(unit: &str, name: &NodeName) -> bool {
    let description = description(name);
    unit.lines().any(|line| line == description)
}

fn description(name: &NodeName) -> String {
    format!("Description=etcd member {name}")
}

/// Splits the flags into variables and arguments.
fn divide(flags: &FlagSet) -> (BTreeMap<String, String>, Vec<String>) {
    let mut variables = BTreeMap::new();
    let mut arguments = Vec::new();
    for (name, value) in flags.iter() {
        let repeated = flags.iter().filter(|(other, _)| *other == name).count() > 1;
        // etcd takes an empty variable as one that is not set.
        if repeated || value.is_empty() {
            arguments.push(format!("--{name}={value}"));
        } else {
            let variable = format!("ETCD_{}", name.to_ascii_uppercase().replace('-', "_"));
            variables.insert(variable, value.to_owned());
        }
    }
    (variables, arguments)
}

fn path<'a>(what: &'static str, path: &'a Path) -> Result<&'a str, UnitError> {
    let found = || path.to_string_lossy().into_owned();
    let text = path.to_str().ok_or_else(|| UnitError::Path {
        what,
        found: found(),
    })?;
    // systemd takes no quotes in the program's own path.
    let fits = text.starts_with('/')
        && !text
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || "\"'\\".contains(c));
    if fits {
        Ok(text)
    } else {
        Err(UnitError::Path {
            what,
            found: found(),
        })
    }
}

fn check_user(user: &str) -> Result<(), UnitError> {
    let fits = !user.is_empty()
        && !user.starts_with('-')
        && user
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if fits {
        Ok(())
    } else {
        Err(UnitError::User {
            found: user.to_owned(),
        })
    }
}

/// A word of `ExecStart` (systemd.service(5), COMMAND LINES): `%` starts a specifier, `$` a variable.
pub(super) fn quoted_word(word: &str) -> String {
    quoted(escape_specifiers(word).replace('$', "$$"))
}

/// Puts a value with blanks or quotes into double quotes (systemd.syntax(7), QUOTING).
fn quoted(text: String) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,[]%@+$".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn escape_specifiers(text: &str) -> String {
    text.replace('%', "%%")
}

/// A value of an environment file (systemd.exec(5), EnvironmentFile): shell-like quotes, nothing is
/// expanded.
fn quoted_value(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,[]%@+".contains(c);
    if value.chars().all(is_plain) {
        return value.to_owned();
    }
    let mut out = String::from("\"");
    for character in value.chars() {
        if "\"\\`$".contains(character) {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::etcd_pod::{ClusterState, EtcdPkiPaths, EtcdPorts};
    use crate::model::ExtraArg;

    fn config() -> UnitConfig {
        let pki = |name: &str| PathBuf::from(format!("/etc/etcd/pki/{name}"));
        let url = |text: &str| text.parse().unwrap();
        UnitConfig {
            etcd: EtcdConfig {
                name: "e2".parse().unwrap(),
                advertise_address: "10.1.0.2".parse().unwrap(),
                extra_listen_addresses: Vec::new(),
                version: "3.5.16".parse().unwrap(),
                data_dir: "/var/lib/etcd".into(),
                pki: EtcdPkiPaths {
                    server_cert: pki("server.pem"),
                    server_key: pki("server-key.pem"),
                    trusted_ca: pki("ca.pem"),
                    peer_cert: pki("peer.pem"),
                    peer_key: pki("peer-key.pem"),
                    peer_trusted_ca: pki("ca.pem"),
                },
                ports: EtcdPorts::default(),
                initial_cluster: vec![
                    ("e1".into(), url("https://10.1.0.1:2380")),
                    ("e2".into(), url("https://10.1.0.2:2380")),
                ],
                state: ClusterState::Existing,
                cluster_token: None,
                quota_backend_bytes: Some(8 << 30),
                snapshot_count: 10_000,
                extra_args: Vec::new(),
            },
            binary: "/usr/bin/etcd".into(),
            user: "etcd".into(),
            environment_file: "/etc/etcd/etcd.env".into(),
        }
    }

    #[test]
    fn a_joining_member_in_full() {
        let files = render_unit(&config()).unwrap();
        assert_eq!(files, render_unit(&config()).unwrap());
        insta::assert_snapshot!(format!("{}\n---\n{}", files.unit, files.environment), @r#"
        [Unit]
        Description=etcd member e2
        Documentation=https://etcd.io/docs/
        Wants=network-online.target
        After=network-online.target time-sync.target
        RequiresMountsFor=/var/lib/etcd

        [Service]
        Type=notify
        User=etcd
        EnvironmentFile=/etc/etcd/etcd.env
        ExecStart=/usr/bin/etcd
        Restart=on-failure
        RestartSec=5s
        TimeoutStartSec=0
        LimitNOFILE=65536
        Nice=-10
        IOSchedulingClass=best-effort
        IOSchedulingPriority=2
        MemoryLow=200M

        [Install]
        WantedBy=multi-user.target

        ---
        ETCD_ADVERTISE_CLIENT_URLS=https://10.1.0.2:2379
        ETCD_CERT_FILE=/etc/etcd/pki/server.pem
        ETCD_CLIENT_CERT_AUTH=true
        ETCD_DATA_DIR=/var/lib/etcd
        ETCD_EXPERIMENTAL_INITIAL_CORRUPT_CHECK=true
        ETCD_EXPERIMENTAL_WATCH_PROGRESS_NOTIFY_INTERVAL=5s
        ETCD_INITIAL_ADVERTISE_PEER_URLS=https://10.1.0.2:2380
        ETCD_INITIAL_CLUSTER=e1=https://10.1.0.1:2380,e2=https://10.1.0.2:2380
        ETCD_INITIAL_CLUSTER_STATE=existing
        ETCD_KEY_FILE=/etc/etcd/pki/server-key.pem
        ETCD_LISTEN_CLIENT_URLS=https://127.0.0.1:2379,https://10.1.0.2:2379
        ETCD_LISTEN_METRICS_URLS=http://127.0.0.1:2381
        ETCD_LISTEN_PEER_URLS=https://10.1.0.2:2380
        ETCD_NAME=e2
        ETCD_PEER_CERT_FILE=/etc/etcd/pki/peer.pem
        ETCD_PEER_CLIENT_CERT_AUTH=true
        ETCD_PEER_KEY_FILE=/etc/etcd/pki/peer-key.pem
        ETCD_PEER_TRUSTED_CA_FILE=/etc/etcd/pki/ca.pem
        ETCD_QUOTA_BACKEND_BYTES=8589934592
        ETCD_SNAPSHOT_COUNT=10000
        ETCD_TRUSTED_CA_FILE=/etc/etcd/pki/ca.pem
        "#);
    }

    #[test]
    fn values_survive_both_ways_of_quoting() {
        let mut config = config();
        let extra = |name: &str, value: &str| ExtraArg {
            name: name.into(),
            value: value.into(),
        };
        config.etcd.extra_args = vec![
            extra("cors", "https://a b$c\"d\\e%f"),
            extra("log-outputs", "stderr"),
            extra("log-outputs", "/var/log/50% $HOME \"x\".log"),
            extra("discovery", ""),
        ];
        let files = render_unit(&config).unwrap();
        let line = |text: &str, start: &str| {
            text.lines()
                .find(|line| line.starts_with(start))
                .unwrap()
                .to_owned()
        };
        insta::assert_snapshot!(
            [line(&files.unit, "ExecStart"), line(&files.environment, "ETCD_CORS")].join("\n"),
            @r#"
            ExecStart=/usr/bin/etcd --discovery= --log-outputs=stderr "--log-outputs=/var/log/50%% $$HOME \"x\".log"
            ETCD_CORS="https://a b\$c\"d\\e%f"
            "#
        );
        assert!(
            !files.environment.contains("LOG_OUTPUTS") && !files.environment.contains("DISCOVERY")
        );
    }

    #[test]
    fn what_systemd_would_misread_is_refused() {
        let broken = |change: fn(&mut UnitConfig)| {
            let mut config = config();
            change(&mut config);
            render_unit(&config).unwrap_err().to_string()
        };
        insta::assert_snapshot!(
            [
                broken(|c| c.binary = "etcd".into()),
                broken(|c| c.environment_file = "/etc/etcd env".into()),
                broken(|c| c.user = "etcd user".into()),
                broken(|c| c.etcd.data_dir = "x".into()),
            ]
            .join("\n"),
            @r#"
            binary "etcd" is no absolute path of printable characters
            environment file "/etc/etcd env" is no absolute path of printable characters
            "etcd user" is no user name: expected letters, digits, '-', '_' or a number
            --data-dir: "x" is no absolute path of printable characters
            "#
        );
    }
}
