//! A living member serves what `certs renew` put in place, to each new connection, while it goes on
//! writing.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use etcdha_testbed::etcd::{ClientTls, connect};
use etcdha_testbed::{EtcdRelease, capture, require_tool, wait};

use crate::cluster::Cluster;
use crate::support::{PATIENCE, bed};

/// The serial number of a certificate file, as openssl reads it.
fn serial_of(path: &std::path::Path) -> String {
    let openssl = require_tool("openssl", "openssl").unwrap();
    let mut command = Command::new(openssl);
    command.args(["x509", "-noout", "-serial", "-in"]).arg(path);
    let said = capture(&mut command).unwrap();
    assert!(said.stdout.starts_with("serial="), "{}", said.stderr);
    said.stdout.trim().to_owned()
}

/// The serial number of the certificate that a port shows to a connection made now, as openssl sees it.
fn served(cluster: &Cluster, port: u16) -> Result<String> {
    let address = format!("{}:{port}", cluster.host("m1").address());
    let openssl = require_tool("openssl", "openssl")?;
    let mut command = Command::new(&openssl);
    command
        .args(["s_client", "-verify_return_error", "-connect", &address])
        .arg("-CAfile")
        .arg(&cluster.tls.ca)
        .arg("-cert")
        .arg(&cluster.tls.cert)
        .arg("-key")
        .arg(&cluster.tls.key)
        .stdin(Stdio::null());
    let shown = capture(&mut command)?;
    ensure!(
        shown.stdout.contains("Verification: OK"),
        "{}",
        shown.stderr
    );
    let pem = cluster.dir.join(format!("served-{port}.crt"));
    std::fs::write(&pem, &shown.stdout).context("keep what was served")?;
    Ok(serial_of(&pem))
}

/// One linearizable read over a new connection.
async fn read(cluster: &Cluster, tls: &ClientTls) -> Result<()> {
    let endpoint = &cluster.endpoints(&["m1"])[0];
    let mut client = connect(endpoint, Some(tls), Duration::from_secs(5)).await?;
    client.get("key", None).await?;
    Ok(())
}

fn starts(cluster: &Cluster) -> usize {
    let log = cluster.host("m1").log("etcd");
    log.matches("ready to serve client requests").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn new_connections_see_the_renewed_certificates_and_no_write_fails() {
    let cluster = Cluster::on(bed(["m1"]), EtcdRelease::V3_5).await;
    let pki = cluster.host("m1").path("/etc/kubernetes/pki");
    let ports = [(2379, "etcd/server.crt"), (2380, "etcd/peer.crt")];
    let before = ports.map(|(port, file)| {
        let served = served(&cluster, port).unwrap();
        assert_eq!(served, serial_of(&pki.join(file)));
        served
    });
    let started = starts(&cluster);
    assert!(started > 0);
    let mut writes = cluster.load(200).await;
    let writer = cluster.writer().await;
    writer.wait_for(20, PATIENCE).await.unwrap();

    let words = ["certs", "renew", "m1", "--kind", "server", "--kind", "peer"];
    let dry = [&words[..], &["--dry-run"]].concat();
    cluster.run_expecting(0, &dry);
    let yes = [&words[..], &["--yes"]].concat();
    let run = cluster.run_expecting(0, &yes);
    assert!(run.stdout.contains("2 renewed."), "{}", run.stdout);

    for ((port, file), before) in ports.into_iter().zip(before) {
        let renewed = serial_of(&pki.join(file));
        assert_ne!(renewed, before);
        let seen = wait::until("the new certificate", PATIENCE, || {
            let seen = served(&cluster, port)?;
            ensure!(seen == renewed, "{port} still shows {seen}");
            Ok(seen)
        });
        assert_eq!(seen.unwrap(), renewed);
    }
    read(&cluster, &cluster.tls).await.unwrap();

    // The clients' own certificates, under the same connection and the same writer.
    let run = cluster.run_expecting(0, &["certs", "renew", "m1", "--yes"]);
    assert!(run.stdout.contains("4 renewed."), "{}", run.stdout);
    let renewed = ClientTls {
        ca: cluster.tls.ca.clone(),
        cert: pki.join("apiserver-etcd-client.crt"),
        key: pki.join("apiserver-etcd-client.key"),
    };
    read(&cluster, &renewed).await.unwrap();

    writer.wait_for(20, PATIENCE).await.unwrap();
    let report = writer.stop();
    assert_eq!(report.failed, Vec::<String>::new(), "no write fails");
    writes.extend(report.acked);
    cluster.prove(&["m1"], &writes).await;
    assert_eq!(starts(&cluster), started, "etcd was not restarted");
    let pki = pki.display().to_string();
    cluster.run_expecting(0, &["certs", "check", &pki, "--node", "m1"]);
}
