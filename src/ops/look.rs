//! Looks at a living cluster for `status` and `member list`.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::cluster::{ClusterAccess, ClusterError, MemberInfo, observe};
use crate::model::{MemberId, Scheme};
use crate::pki::inspect::CertificateFacts;
use crate::sys::tls_probe;

use super::cluster_status::{ClusterStatus, cluster_status};

/// Observes the cluster and its members' serving certificates, and judges both.
///
/// # Errors
/// Where no endpoint gives a member list.
pub async fn look(
    access: &ClusterAccess,
    name: Option<String>,
    now: Timestamp,
) -> Result<ClusterStatus, ClusterError> {
    let view = observe(access).await?;
    let mut probing = JoinSet::new();
    for member in view.members.iter().filter(|member| member.status.is_ok()) {
        let info = member.info.clone();
        let patience = access.timeout;
        probing.spawn(async move { (info.id, certificate_days(&info, patience, now).await) });
    }
    let days = probing.join_all().await.into_iter();
    let days: BTreeMap<MemberId, i64> = days
        .filter_map(|(member, days)| Some((member, days?)))
        .collect();
    Ok(cluster_status(name, &view, &days))
}

/// Days until the certificate that the member serves ends; none for clear text.
async fn certificate_days(info: &MemberInfo, patience: Duration, now: Timestamp) -> Option<i64> {
    let url = info
        .client_urls
        .iter()
        .find(|url| url.0.scheme == Scheme::Https)?;
    let facts = tls_probe::probe(&url.0.host, url.0.port, patience)
        .await
        .ok()?;
    let certificate = CertificateFacts::from_der(facts.chain.first()?).ok()?;
    Some(certificate.days_left(now))
}
