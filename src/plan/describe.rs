//! One line for people for each action, short enough for a plan of 100 columns.

use std::fmt;
use std::path::Path;

use super::action::Action;
use super::certificates::{CrlWrite, RequestIssue, RequestSign};
use super::cluster_restore::{DataSwap, RestoredCluster, StageData, WaitStopped};
use super::step::Undo;

fn caught_up(
    f: &mut fmt::Formatter<'_>,
    max_lag: u64,
    deadline_seconds: u64,
    settle_seconds: u64,
) -> fmt::Result {
    let settled = match settle_seconds {
        0 => String::new(),
        seconds => format!(", ≥ {}", duration(seconds)),
    };
    let stalls = duration(deadline_seconds);
    write!(
        f,
        "wait until caught up (lag ≤ {max_lag}, stalls ≤ {stalls}{settled})"
    )
}

fn make_requests(f: &mut fmt::Formatter<'_>, requests: &[RequestIssue]) -> fmt::Result {
    let keys = requests.iter().filter(|request| !request.key_is_there);
    let keys = counted(keys.count(), "new key");
    write!(f, "make {}", counted(requests.len(), "signing request"))?;
    write!(f, " with {keys}")
}

fn sign_request(f: &mut fmt::Formatter<'_>, sign: &RequestSign) -> fmt::Result {
    let path = sign.request_path.display();
    write!(f, "sign {path} as {}: {}", sign.profile, sign.subject)?;
    match sign.names.as_slice() {
        [] => Ok(()),
        names => write!(f, " ({})", names.join(" ")),
    }
}

fn write_crl(f: &mut fmt::Formatter<'_>, crl: &CrlWrite) -> fmt::Result {
    let (path, number) = (crl.path.display(), &crl.number);
    match crl.serials.as_slice() {
        [] => write!(f, "make list {number} in {path}"),
        [one] => write!(f, "revoke {one} with list {number} in {path}"),
        many => {
            let count = counted(many.len(), "certificate");
            write!(f, "revoke {count} with list {number} in {path}")
        }
    }
}

fn wait_stopped(f: &mut fmt::Formatter<'_>, wait: &WaitStopped) -> fmt::Result {
    let what = match wait.members.is_empty() {
        true => "apiserver",
        false => "etcd",
    };
    let longest = duration(wait.deadline_seconds);
    write!(f, "wait until no {what} runs (≤ {longest})")
}

fn stage_data(f: &mut fmt::Formatter<'_>, stage: &StageData) -> fmt::Result {
    let place = stage.swap.data_dir.place.display();
    write!(f, "make its new data beside {place}")
}

fn wait_restored(f: &mut fmt::Formatter<'_>, cluster: &RestoredCluster) -> fmt::Result {
    let count = counted(cluster.members.len(), "member");
    let longest = duration(cluster.deadline_seconds);
    write!(
        f,
        "wait until {count} of the new cluster serve (≤ {longest})"
    )
}

fn swap_data(f: &mut fmt::Formatter<'_>, swap: &DataSwap) -> fmt::Result {
    let before = swap.data_dir.before.display();
    write!(f, "swap data, old to {before}")
}

fn prove_restored(f: &mut fmt::Formatter<'_>, cluster: &RestoredCluster) -> fmt::Result {
    let count = counted(cluster.members.len(), "member");
    write!(
        f,
        "prove: HashKV {} of the snapshot on {count}",
        cluster.hash_kv
    )
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeCa(ca) => write!(f, "make the CA {}", ca.cert_path.display()),
            Self::MakeLeaves { leaves } => match leaves.as_slice() {
                [one] => write!(f, "write the {} certificate", one.kind),
                many => write!(f, "write {} certificates", many.len()),
            },
            Self::InstallCa { targets } => match targets.as_slice() {
                [_] => write!(f, "write the CA certificate"),
                many => write!(f, "write the CA certificate in {} places", many.len()),
            },
            Self::MakeRequests { requests } => make_requests(f, requests),
            Self::SignRequest(sign) => sign_request(f, sign),
            Self::WriteCrl(crl) => write_crl(f, crl),
            Self::CopyCrl { path, .. } => write!(f, "copy the list to {} (PEM)", path.display()),
            Self::WriteFile(file) => write!(f, "write {}", file.what),
            Self::PrepareDataDir { path, .. } => {
                write!(f, "prepare data directory {}", path.display())
            }
            Self::RestoreDataDir(order) => order.fmt(f),
            Self::StageData(stage) => stage_data(f, stage),
            Self::StopPod(pod) => write!(f, "set {} aside", file_name(&pod.path)),
            Self::StopService { commands } => write!(f, "stop: {}", commands.join(" && ")),
            Self::WaitStopped(wait) => wait_stopped(f, wait),
            Self::SwapData(swap) => swap_data(f, swap),
            Self::StartPod(pod) => write!(f, "put {} back", file_name(&pod.path)),
            Self::WaitRestored(cluster) => wait_restored(f, cluster),
            Self::ProveRestored(cluster) => prove_restored(f, cluster),
            Self::GiveFiles(files) => write!(f, "give keys and data to {}", files.user),
            Self::StartService { commands } => write!(f, "start: {}", commands.join(" && ")),
            Self::WaitTried {
                deadline_seconds, ..
            } => write!(
                f,
                "wait until it tries to join (≤ {})",
                duration(*deadline_seconds)
            ),
            Self::AddLearner { member, listed } => {
                let verb = if *listed { "take over" } else { "add" };
                write!(f, "{verb} learner {}", member.peer_url)
            }
            Self::WaitStarted {
                deadline_seconds, ..
            } => {
                write!(f, "wait until started (≤ {})", duration(*deadline_seconds))
            }
            Self::WaitCaughtUp {
                max_lag,
                deadline_seconds,
                settle_seconds,
                ..
            } => caught_up(f, *max_lag, *deadline_seconds, *settle_seconds),
            Self::RemoveSnapshot(order) => write!(f, "remove snapshot {}", order.path),
            Self::RemoveUpload(order) => write!(
                f,
                "remove the unfinished upload to {} of {}",
                order.path, order.begun
            ),
            Self::RepointApiserver(repoint) => write!(f, "write {}", repoint.file.what),
            Self::WaitApiserver {
                deadline_seconds, ..
            } => write!(
                f,
                "wait until its pod is replaced and ready (≤ {})",
                duration(*deadline_seconds)
            ),
            Self::ProveWriteThrough { others, .. } if others.is_empty() => {
                write!(f, "prove: a write through it is in etcd")
            }
            Self::ProveWriteThrough { .. } => {
                write!(f, "prove: a write through it is in etcd, others' are seen")
            }
            Self::Promote { member, .. } => write!(f, "promote {}", member.name),
            Self::VerifyMembers { voters: 1 } => write!(f, "verify: 1 member answers"),
            Self::VerifyMembers { voters } => {
                write!(f, "verify: {voters} members equal at one revision")
            }
        }
    }
}

impl fmt::Display for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => write!(f, "-"),
            Self::Exact => write!(f, "exact"),
            Self::BestEffort(what) => write!(f, "{what}"),
            Self::None(instead) => write!(f, "none: {instead}"),
        }
    }
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        0 => format!("no {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

fn duration(seconds: u64) -> String {
    if seconds >= 60 && seconds.is_multiple_of(60) {
        format!("{}m", seconds / 60)
    } else {
        format!("{seconds}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_printed_in_the_largest_whole_unit() {
        assert_eq!(
            (duration(600), duration(90), duration(45)),
            ("10m".into(), "90s".into(), "45s".into())
        );
    }
}
