//! `etcdha apiserver repoint`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use crate::cli::args::GlobalArgs;
use crate::cli::error::Outcome;
use crate::cli::output::Output;
use crate::model::{ClientUrl, ClusterSpec};
use crate::ops::apiserver_repoint::{FileWish, Wish};

use super::roll::{RollArgs, roll};

/// Point the kube-apiservers at other etcd members, one node at a time
///
/// Only the etcd flags of each manifest change (and a mount is added where a file would not be in the
/// pod). Before: every server answers with the very files that the apiserver will use, and holds the
/// data that it serves now. After each node: the pod is replaced and ready, and a write through it is
/// seen in etcd. If not, the old manifest is put back and the roll stops. A run that was killed is
/// simply run again.
///
/// Example:
///   $ etcdha apiserver repoint --dry-run
///   $ etcdha apiserver repoint m2 --servers all
///
/// Exit codes: 0 done, 1 failed and put back, 3 refused, 4 some nodes are repointed
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct RepointArgs {
    /// local-first (own member, then the others), all, local (own member alone), or URLs of etcd
    /// servers, comma-separated [default: local-first when stacked, all when external]. Members on
    /// their way to another topology are left out
    #[arg(long, value_name = "WHICH", help_heading = "Behaviour")]
    servers: Option<Servers>,

    #[command(flatten)]
    files: EtcdFileArgs,

    #[command(flatten)]
    roll: RollArgs,
}

/// The files that apiservers are to use with etcd.
#[derive(Args, Debug)]
pub(in crate::cli) struct EtcdFileArgs {
    /// CA that etcd's servers are verified with, on the hosts [default: the present one]
    #[arg(long, value_name = "PATH", help_heading = "Behaviour")]
    etcd_cafile: Option<PathBuf>,

    /// Client certificate for etcd, on the hosts [default: the present one]
    #[arg(
        long,
        value_name = "PATH",
        requires = "etcd_keyfile",
        help_heading = "Behaviour"
    )]
    etcd_certfile: Option<PathBuf>,

    /// Its key, on the hosts [default: the present one]
    #[arg(
        long,
        value_name = "PATH",
        requires = "etcd_certfile",
        help_heading = "Behaviour"
    )]
    etcd_keyfile: Option<PathBuf>,
}

impl EtcdFileArgs {
    /// As a wish; what is absent is looked up.
    pub(in crate::cli) fn wish(&self) -> FileWish {
        FileWish {
            ca_file: self.etcd_cafile.clone(),
            cert_file: self.etcd_certfile.clone(),
            key_file: self.etcd_keyfile.clone(),
        }
    }
}

/// The value of `--servers`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Servers(Wish);

impl FromStr for Servers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text {
            "local-first" => Wish::LocalFirst,
            "all" => Wish::All,
            "local" => Wish::Local,
            urls if urls.contains("://") => {
                let parsed = urls.split(',').map(|url| url.trim().parse::<ClientUrl>());
                Wish::Urls(
                    parsed
                        .collect::<Result<_, _>>()
                        .map_err(|e| e.to_string())?,
                )
            }
            _ => return Err("expected local-first, all, local or https://HOST:2379,…".into()),
        }))
    }
}

pub(super) fn run(args: &RepointArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let wish = |spec: &ClusterSpec| match &args.servers {
        Some(Servers(wish)) => wish.clone(),
        None => Wish::of(spec.topology),
    };
    roll(&args.roll, wish, args.files.wish(), global, output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_a_word_or_urls() {
        assert_eq!("all".parse(), Ok(Servers(Wish::All)));
        let urls: Servers = "https://a:2379, https://[::1]:2379".parse().unwrap();
        assert!(matches!(urls.0, Wish::Urls(urls) if urls.len() == 2));
        for bad in ["every", "https://a:2379,", "a:2379"] {
            assert!(bad.parse::<Servers>().is_err(), "{bad}");
        }
    }
}
