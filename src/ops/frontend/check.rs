//! Whether a front end works from here: its declaration, the kernel, and a connection along every way.

use std::time::Duration;

use super::setup::{FrontendError, reach, reach_vips};
use super::status::look;
use crate::model::{Frontend, Mistake, PlaneChoice};
use crate::sys::tcp::TcpAnswer;

/// What a check found.
#[derive(Clone, Debug)]
pub struct Check {
    /// The plane.
    pub plane: PlaneChoice,
    /// Ways that were tried: through each virtual address, and to each server.
    pub tried: usize,
    /// What is wrong or should be looked at.
    pub findings: Vec<Finding>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable id.
    pub id: &'static str,
    /// False for what should only be looked at.
    pub is_error: bool,
    /// What was found.
    pub message: String,
    /// What to do.
    pub fix: String,
}

/// Checks a front end; `warnings` are those of its file.
///
/// # Errors
/// As of looking at it.
pub async fn check(
    frontend: &Frontend,
    warnings: &[Mistake],
    patience: Duration,
) -> Result<Check, FrontendError> {
    let status = look(frontend)?;
    let mut findings: Vec<_> = warnings.iter().map(declared).collect();
    findings.extend(status.missing.first().map(|first| Finding {
        id: "kernel-differs",
        is_error: true,
        message: format!(
            "the kernel does not hold what is declared: {first} ({} to do)",
            status.missing.len()
        ),
        fix: "etcdha frontend once".to_owned(),
    }));
    let servers = reach(frontend, patience).await;
    let vips = reach_vips(frontend, patience).await;
    let tried = servers.len() + vips.len();
    findings.extend(servers.iter().filter_map(|(address, answer)| {
        Some(Finding {
            id: "server-unreachable",
            is_error: true,
            message: format!("server {address}: {}", unanswered(answer)?),
            fix: "look at this apiserver, and at the network between".to_owned(),
        })
    }));
    findings.extend(vips.iter().filter_map(|(address, answer)| {
        Some(Finding {
            id: "vip-unreachable",
            is_error: true,
            message: format!("virtual address {address}: {}", unanswered(answer)?),
            fix: "etcdha frontend status tells what the kernel holds".to_owned(),
        })
    }));
    if status.others > 0 && status.plane == PlaneChoice::Ipvs {
        findings.push(Finding {
            id: "ipvs-shared",
            is_error: false,
            message: format!("{} virtual services of others are in the same table", status.others),
            fix: "if they are kube-proxy's, it needs ipvs.excludeCIDRs with the virtual address, or it deletes ours"
                .to_owned(),
        });
    }
    Ok(Check {
        plane: status.plane,
        tried,
        findings,
    })
}

fn declared(mistake: &Mistake) -> Finding {
    Finding {
        id: "declaration",
        is_error: false,
        message: mistake.to_string(),
        fix: mistake.fix.clone().unwrap_or_default(),
    }
}

fn unanswered(answer: &TcpAnswer) -> Option<String> {
    match answer {
        TcpAnswer::Open => None,
        TcpAnswer::Refused => Some("connection refused".to_owned()),
        TcpAnswer::Silent(why) => Some(why.clone()),
    }
}
