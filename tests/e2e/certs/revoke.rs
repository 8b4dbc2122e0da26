//! A revoked client is refused by a running member, and no other.

use std::time::Duration;

use anyhow::{Result, bail};
use etcdha_testbed::etcd::{ClientTls, connect};
use etcdha_testbed::{EtcdRelease, manifest, wait};

use crate::cluster::Cluster;
use crate::support::{PATIENCE, bed};

const CRL: &str = "/etc/kubernetes/pki/etcd/ca.crl";

/// One linearizable read over a new connection: lists count for new connections only.
async fn read(cluster: &Cluster, tls: &ClientTls) -> Result<()> {
    let endpoint = &cluster.endpoints(&["m1"])[0];
    let mut client = connect(endpoint, Some(tls), Duration::from_secs(2)).await?;
    client.get("key", None).await?;
    Ok(())
}

async fn wait_until_read(cluster: &Cluster, tls: &ClientTls) {
    wait::until_async("a read", PATIENCE, async || read(cluster, tls).await)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_client_is_refused_and_another_is_not() {
    let release = EtcdRelease::V3_5;
    let cluster = Cluster::on(bed(["m1"]), release).await;
    let host = cluster.host("m1");
    let probe = cluster.tls.clone();
    let pki = host.path("/etc/kubernetes/pki");
    let apiserver = ClientTls {
        ca: probe.ca.clone(),
        cert: pki.join("apiserver-etcd-client.crt"),
        key: pki.join("apiserver-etcd-client.key"),
    };

    // etcd refuses everybody while the file is missing, so an empty list comes first.
    let crl = host.path(CRL).display().to_string();
    let made = cluster.run_expecting(0, &["certs", "revoke", "--refresh", "--crl", &crl, "--yes"]);
    // The CA is kubeadm's.
    assert!(made.stdout.contains("lacks cRLSign"), "{}", made.stdout);
    let plain = manifest::kubeadm_etcd(host, release);
    let flag = "    - --client-cert-auth=true\n";
    let text = plain.replace(flag, &format!("{flag}    - --client-crl-file={CRL}\n"));
    assert_ne!(plain, text);
    host.write_manifest("etcd.yaml", &text).unwrap();
    wait::until_true("etcd to start with the list", PATIENCE, || {
        host.log("etcd").contains("--client-crl-file")
    })
    .unwrap();
    wait_until_read(&cluster, &probe).await;
    wait_until_read(&cluster, &apiserver).await;

    let cert = probe.cert.display().to_string();
    let words = ["certs", "revoke", &cert, "--crl", &crl, "--yes"];
    let revoked = cluster.run_expecting(0, &words);
    assert!(
        revoked.stdout.contains("list 2, 1 revoked"),
        "{}",
        revoked.stdout
    );

    let refused = wait::until_async("the refusal", PATIENCE, async || {
        match read(&cluster, &probe).await {
            Ok(()) => bail!("the revoked client was let in"),
            Err(_) => Ok(()),
        }
    });
    refused.await.unwrap();
    wait_until_read(&cluster, &apiserver).await;
    // It is the list that keeps it out, for good.
    assert!(read(&cluster, &probe).await.is_err());
    let log = host.log("etcd");
    assert!(log.contains("revoked"), "{log}");
}
