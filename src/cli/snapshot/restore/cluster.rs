//! `etcdha snapshot restore --cluster`.

use super::super::source;
use super::cluster_report::ClusterRestoreReport;
use super::request::absolute;
use super::{RestoreArgs, read_with_news, refused};
use crate::cli::args::GlobalArgs;
use crate::cli::change::{Change, Changed, backups};
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::Output;
use crate::cli::runtime::block_on;
use crate::cli::{cluster_source, etcd};
use crate::cluster::ClusterAccess;
use crate::model::ClusterSpec;
use crate::ops::cluster_restore::{
    BUMP, ClusterRestoreRequest, Planned, observe, observe_snapshot, plan,
};
use crate::ops::node_files::{local_node, operator_node};
use crate::plan::{Action, World};

pub(super) fn run(args: &RestoreArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let spec = cluster_source::load_if_there(global)?.ok_or_else(cluster_source::no_file)?;
    let mut request = request(args, spec)?;
    let source = match source::open(&args.source, output) {
        Ok(source) => source,
        Err(unopened) => return unopened.end(output),
    };
    request.opened = Some(source.file);
    let access = access(args, &request)?;
    let snapshot = read_with_news(&request.snapshot, output, |watch| {
        observe_snapshot(&request, watch)
    })?;
    block_on(async {
        let checking = output.progress("checking every host");
        let observed = observe(&request, snapshot, &access).await?;
        checking.done();
        let planned = plan(&request, &observed).map_err(refused)?;
        apply(args, &request, planned, access, output).await
    })?
}

fn request(args: &RestoreArgs, spec: ClusterSpec) -> Result<ClusterRestoreRequest, CliError> {
    let known: Vec<_> = spec.etcd_members().map(|member| &member.name).collect();
    let names: Vec<_> = known.iter().map(ToString::to_string).collect();
    if let Some(unknown) = args.without.iter().find(|name| !known.contains(name)) {
        let what = format!("--without: {unknown} is no etcd member of the cluster file");
        return Err(CliError::usage(what).expected(format!("one of {}", names.join(", "))));
    }
    if known.iter().all(|name| args.without.contains(name)) {
        return Err(CliError::usage("--without: nobody would be left")
            .expected(format!("fewer than {}", names.join(", "))));
    }
    let kubeconfig = args.kubeconfig.as_deref().map(absolute).transpose()?;
    Ok(ClusterRestoreRequest {
        snapshot: args.snapshot()?,
        opened: None,
        without: args.without.clone(),
        bump: args.bump_revision.unwrap_or(BUMP),
        skip_hash_check: args.skip_hash_check,
        allow_newer: args.allow_newer,
        replace_living: args.replace_living,
        wait_seconds: args.wait.as_secs(),
        kubeconfig,
        backup_dir: backups(&args.state.dir()),
        spec,
    })
}

/// The members themselves, whatever endpoints were named: each has to prove what it holds.
fn access(args: &RestoreArgs, request: &ClusterRestoreRequest) -> Result<ClusterAccess, CliError> {
    let mut access = etcd::access(&args.etcd, Some(&request.spec))?;
    let members = request.members();
    access.endpoints = members
        .map(|member| request.spec.client_url(member))
        .collect();
    Ok(access)
}

async fn apply(
    args: &RestoreArgs,
    request: &ClusterRestoreRequest,
    planned: Planned,
    access: ClusterAccess,
    output: &Output,
) -> Outcome {
    let members = request.spec.members.iter();
    let members = members.filter(|member| !request.is_left_out(&member.name));
    let world = World {
        nodes: members.map(local_node).chain([operator_node()]).collect(),
        access: Some(access),
        snapshot: request.opened.clone(),
        ..World::default()
    };
    let change = Change {
        plan: planned.plan.clone(),
        args: args.change,
        state: &args.state.dir(),
        // By name: the id changes on the way.
        lock: format!("restore-{}", request.spec.name),
    };
    let restores = planned
        .plan
        .steps
        .iter()
        .any(|step| matches!(step.action, Action::SwapData(_)));
    let report = match change.run(world, output).await? {
        Changed::DryRun => return Ok(ExitCode::Done),
        Changed::Nothing if args.change.dry_run => return Ok(ExitCode::Done),
        Changed::Nothing => ClusterRestoreReport::unchanged(request, &planned),
        Changed::Applied(applied) => {
            ClusterRestoreReport::applied(request, &planned, &applied, restores)?
        }
    };
    output.emit(&report)?;
    Ok(ExitCode::Done)
}
