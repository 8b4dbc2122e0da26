//! Which member a manifest is for, and the cluster it starts in.

use clap::Args;

use crate::cli::error::CliError;
use crate::manifest::ClusterState;
use crate::model::{ClusterSpec, MemberSpec, NodeName};
use crate::ops::manifest_render::MemberRequest;

/// A member and its start.
#[derive(Args, Clone, Debug)]
pub(super) struct MemberChoice {
    /// Member of the cluster file; the only one if there is one
    #[arg(value_name = "NAME")]
    member_name: Option<NodeName>,

    /// Start a new cluster, or join one that runs
    #[arg(
        long,
        value_name = "STATE",
        value_parser = ["new", "existing"],
        default_value = "new",
        help_heading = "Target"
    )]
    cluster_state: String,

    /// Members to list, comma-separated; all by default. One that joins lists those that run
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        help_heading = "Target"
    )]
    initial_members: Vec<NodeName>,
}

impl MemberChoice {
    /// The request these flags make of a declared cluster; `command` is named in advice.
    ///
    /// # Errors
    /// A name that is not in the declaration, or none where there are several. Exit 2.
    pub(super) fn resolve<'a>(
        &self,
        spec: &'a ClusterSpec,
        command: &str,
    ) -> Result<MemberRequest<'a>, CliError> {
        let names: Vec<&str> = spec
            .etcd_members()
            .map(|member| member.name.as_str())
            .collect();
        for listed in &self.initial_members {
            etcd_member(spec, listed, &names)?;
        }
        let member = match &self.member_name {
            Some(name) => etcd_member(spec, name, &names)?,
            None => only_member(spec, &names, command)?,
        };
        let state = match self.cluster_state.as_str() {
            "existing" => ClusterState::Existing,
            _ => ClusterState::New,
        };
        Ok(MemberRequest {
            spec,
            member,
            state,
            listed: self.initial_members.clone(),
        })
    }
}

fn etcd_member<'a>(
    spec: &'a ClusterSpec,
    name: &NodeName,
    names: &[&str],
) -> Result<&'a MemberSpec, CliError> {
    spec.etcd_members()
        .find(|member| member.name == *name)
        .ok_or_else(|| {
            CliError::usage(format!("the cluster file has no etcd member {name}"))
                .found(name.as_str())
                .expected(format!("one of {}", names.join(", ")))
        })
}

fn only_member<'a>(
    spec: &'a ClusterSpec,
    names: &[&str],
    command: &str,
) -> Result<&'a MemberSpec, CliError> {
    let mut members = spec.etcd_members();
    match (members.next(), members.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(CliError::usage("which member is it for?")
            .expected(format!("one of {}", names.join(", ")))
            .fix(format!(
                "etcdha {command} {}",
                names.first().unwrap_or(&"NAME")
            ))),
    }
}
