//! Arguments that several commands share, so that a flag means the same everywhere.
//!
//! Every flag also has an environment variable: `ETCDHA_` and its long name, see `command::tree`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgAction, Args, ColorChoice};
use zeroize::Zeroizing;

use crate::cluster::Credentials;
use crate::model::{ClientUrl, parse_duration};

use super::output::Format;

/// What every command understands.
#[derive(Args, Debug)]
pub struct GlobalArgs {
    /// Cluster file [default: ./etcdha.yaml, else /etc/etcdha/etcdha.yaml]
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Every command"
    )]
    pub config: Option<PathBuf>,

    /// Print results as table, wide (a table with more columns), json or yaml
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "FORMAT",
        help_heading = "Every command"
    )]
    pub output: Format,

    /// Print results and errors only: no progress, no hints
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Every command"
    )]
    pub quiet: bool,

    /// Log what happens to stderr; -vv for details, -vvv for everything
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Every command")]
    pub verbose: u8,

    /// Colour the output: auto, always or never; auto honours NO_COLOR
    #[arg(
        long,
        hide_possible_values = true,
        global = true,
        value_enum,
        default_value_t = ColorChoice::Auto,
        value_name = "WHEN",
        help_heading = "Every command"
    )]
    pub color: ColorChoice,
}

/// What every command that changes something understands.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Behaviour")]
pub struct ChangeArgs {
    /// Apply the plan without asking
    #[arg(short, long)]
    pub yes: bool,

    /// Print the plan and stop
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}

/// How long to wait for an answer.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Target")]
pub struct TimeoutArgs {
    /// Longest time a connection or one call may take, such as 5s or 1m30s
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_timeout)]
    pub timeout: Duration,
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("expected more than nothing, such as 5s".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

/// How to reach etcd; etcdctl's own names.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Target")]
pub struct EtcdArgs {
    /// Client URLs of members, comma-separated [default: the cluster file's members]
    #[arg(long, value_name = "URL", value_delimiter = ',', value_parser = parse_endpoint)]
    pub endpoints: Vec<ClientUrl>,

    /// CA certificates that vouch for the servers (PEM)
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,

    /// Certificate to show to the servers (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,

    /// Private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,

    /// User and password, where etcd's authentication is on; rather set ETCDHA_USER, arguments show
    /// in process lists
    #[arg(long, value_name = "NAME:PASSWORD")]
    pub user: Option<UserArg>,

    /// Longest time a connection or one call may take.
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

/// Reads a client URL; a bare `host:port` means https, since etcdctl takes that too.
fn parse_endpoint(text: &str) -> Result<ClientUrl, String> {
    let full = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    full.parse()
        .map_err(|error: crate::model::UrlError| error.to_string())
}

/// `NAME:PASSWORD` as given with `--user`. Its `Debug` shows the name only.
#[derive(Clone)]
pub struct UserArg(pub Credentials);

impl fmt::Debug for UserArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UserArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((user, password)) if !user.is_empty() => Ok(Self(Credentials {
                user: user.to_owned(),
                password: Zeroizing::new(password.to_owned()),
            })),
            _ => Err("expected NAME:PASSWORD"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_shows_neither_in_debug_output_nor_in_an_error() {
        let user: UserArg = "root:hush".parse().unwrap();
        assert!(!format!("{user:?}").contains("hush"));
        assert_eq!(
            ":hush".parse::<UserArg>().unwrap_err(),
            "expected NAME:PASSWORD"
        );
    }

    #[test]
    fn endpoints_may_leave_out_the_scheme() {
        assert_eq!(
            parse_endpoint("[fd00::1]:2379").unwrap().to_string(),
            "https://[fd00::1]:2379"
        );
        assert!(parse_endpoint("10.0.0.1").is_err());
    }
}
