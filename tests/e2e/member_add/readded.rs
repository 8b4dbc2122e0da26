//! A member that was removed and is added again at once.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use etcdha::cluster::{ClusterAccess, Membership, TlsMaterial};
use etcdha_testbed::EtcdRelease;

use crate::cluster::Cluster;

fn access(cluster: &Cluster) -> ClusterAccess {
    let endpoint = cluster.endpoints(&["m1"]).remove(0);
    let read = |path| std::fs::read(path).unwrap();
    ClusterAccess {
        endpoints: vec![endpoint.parse().unwrap()],
        tls: Some(TlsMaterial {
            ca: read(&cluster.tls.ca),
            identity: Some((read(&cluster.tls.cert), read(&cluster.tls.key).into())),
        }),
        credentials: None,
        timeout: Duration::from_secs(5),
    }
}

/// Sleeps until the clock's next second has just begun: what follows shares it.
async fn next_second() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    tokio::time::sleep(Duration::from_secs(1) - Duration::from_nanos(now.subsec_nanos().into()))
        .await;
}

/// etcd makes a member's ID from its URLs and the second of its clock, and refuses one that was
/// removed: the second addition must wait for another second, and must not fail.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_added_again_in_the_second_of_its_removal() {
    for release in EtcdRelease::ALL {
        let cluster = Cluster::single(release).await;
        let access = access(&cluster);
        let membership = Membership::new(&access);
        let peer_url = "https://198.18.99.9:2380".parse().unwrap();

        next_second().await;
        let first = membership.add_learner(&peer_url).await.unwrap();
        membership.remove(first).await.unwrap();
        let second = membership.add_learner(&peer_url).await.unwrap();
        assert_ne!(first, second);
    }
}
