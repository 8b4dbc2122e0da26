//! A member as a table row and as a document.

use crate::cli::output::json::v1;
use crate::ops::cluster_status::MemberRow;

/// The host part of the member's first peer URL.
pub(in crate::cli) fn address(row: &MemberRow) -> String {
    let url = row.peer_urls.first().or(row.client_urls.first());
    let bare = url
        .and_then(|url| url.split_once("://"))
        .map(|(_, rest)| rest);
    let host = bare
        .and_then(|rest| rest.rsplit_once(':'))
        .map(|(host, _)| host);
    host.unwrap_or_default().trim_matches(['[', ']']).to_owned()
}

/// The document of a member.
pub(in crate::cli) fn json_member(row: &MemberRow) -> v1::Member {
    let live = row.live.as_ref();
    v1::Member {
        name: row.name.clone(),
        id: row.id.to_string(),
        role: row.role.as_str(),
        started: row.started,
        healthy: row.complaint.is_none(),
        complaint: row.complaint.clone(),
        peer_urls: row.peer_urls.clone(),
        client_urls: row.client_urls.clone(),
        version: live.map(|live| live.version.clone()),
        db_size_bytes: live.map(|live| live.db_size),
        db_in_use_bytes: live.map(|live| live.db_in_use),
        raft_index: live.map(|live| live.raft_index),
        raft_term: live.map(|live| live.raft_term),
        lag_entries: live.map(|live| live.lag),
        read_millis: live
            .and_then(|live| live.read)
            .map(|read| read.as_secs_f64() * 1e3),
        certificate_days: row.certificate_days,
        alarms: row.alarms.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MemberId;
    use crate::ops::cluster_status::MemberRole;

    #[test]
    fn the_address_is_the_bare_host() {
        let row = |url: &str| MemberRow {
            name: "m1".into(),
            id: MemberId(1),
            peer_urls: vec![url.into()],
            client_urls: vec![],
            role: MemberRole::Voter,
            started: true,
            live: None,
            alarms: vec![],
            certificate_days: None,
            complaint: None,
        };
        assert_eq!(address(&row("https://10.0.0.1:2380")), "10.0.0.1");
        assert_eq!(address(&row("https://[fd00::1]:2380")), "fd00::1");
    }
}
