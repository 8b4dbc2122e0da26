//! Who leads among schedulers and controller managers, read from etcd itself.

use jiff::Timestamp;

use crate::apiserver::Lease;
use crate::cluster::{ClusterAccess, Connection};

/// The leases of those of whom one leads.
const LEASES: [&str; 2] = ["kube-scheduler", "kube-controller-manager"];

/// Seconds beyond a lease's own duration after which it counts as abandoned: clocks differ a little.
const LEASE_SLACK: i64 = 10;

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    /// Its name.
    pub name: String,
    /// What was found, or why nothing was.
    pub found: Result<HeldLease, String>,
}

/// A lease that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLease {
    /// The holder's identity.
    pub holder: String,
    /// The holder's host.
    pub host: String,
    /// When it was renewed.
    pub renewed: Option<Timestamp>,
    /// Seconds since then.
    pub age_seconds: Option<i64>,
    /// True where nobody has renewed it for longer than it counts.
    pub is_abandoned: bool,
}

/// Reads both leases from whichever member answers. `prefix` is the apiservers' `--etcd-prefix`.
pub(super) async fn leases(access: &ClusterAccess, prefix: &str, now: Timestamp) -> Vec<LeaseRow> {
    let mut rows = Vec::new();
    let prefix = prefix.trim_matches('/');
    for name in LEASES {
        let key = format!("/{prefix}/leases/kube-system/{name}");
        rows.push(LeaseRow {
            name: name.to_owned(),
            found: read_lease(access, &key, now).await,
        });
    }
    rows
}

async fn read_lease(
    access: &ClusterAccess,
    key: &str,
    now: Timestamp,
) -> Result<HeldLease, String> {
    let mut last = "no member answers".to_owned();
    for endpoint in &access.endpoints {
        let reading = async {
            Connection::open(endpoint, access)
                .await?
                .read_key(key)
                .await
        };
        match reading.await {
            Ok(Some(value)) => {
                let lease = Lease::decode(&value).map_err(|error| error.to_string())?;
                return Ok(held(&lease, now));
            }
            Ok(None) => return Err("there is no such lease".to_owned()),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

pub(super) fn held(lease: &Lease, now: Timestamp) -> HeldLease {
    let age_seconds = lease.renewed.map(|at| now.as_second() - at.as_second());
    let limit = i64::from(lease.seconds) + LEASE_SLACK;
    HeldLease {
        holder: lease.holder.clone(),
        host: lease.host().to_owned(),
        renewed: lease.renewed,
        age_seconds,
        is_abandoned: lease.holder.is_empty() || age_seconds.is_none_or(|age| age > limit),
    }
}
