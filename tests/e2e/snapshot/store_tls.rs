//! A store behind TLS is one whose certificate was verified, or none.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use etcdha_testbed::{EtcdRelease, Output, capture};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::store_server::StoreServer;
use crate::cluster::Cluster;

const SNAPSHOT: &str = "s3://etcd/prod/a.db";

/// Ends TLS with the certificate of the cluster's own member, and hands on to `to`.
async fn behind_tls(cluster: &Cluster, to: SocketAddr) -> SocketAddr {
    let pki = cluster.host("m1").path("/etc/kubernetes/pki/etcd");
    let chain = CertificateDer::pem_file_iter(pki.join("server.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(pki.join("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(chain.map(Result::unwrap).collect(), key)
    .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((outside, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Whoever does not trust the certificate hangs up.
                if let Ok(mut outside) = acceptor.accept(outside).await
                    && let Ok(mut inside) = TcpStream::connect(to).await
                {
                    let _ = copy_bidirectional(&mut outside, &mut inside).await;
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_behind_tls_is_verified_against_its_ca() {
    let cluster = Cluster::single(EtcdRelease::V3_5).await;
    let store = StoreServer::start(&cluster.dir);
    let address = behind_tls(&cluster, store.address()).await;
    let endpoint = format!("https://localhost:{}", address.port());
    let snapshot = |words: &[&str]| -> Output {
        let common = ["--s3-endpoint", &endpoint];
        let mut command = cluster.etcdha(&[&["snapshot"], words, &common].concat());
        command.envs(store.variables());
        // In a thread, since the proxy has to go on meanwhile.
        tokio::task::block_in_place(|| capture(&mut command)).unwrap()
    };
    let ca = cluster.host("m1").path("/etc/kubernetes/pki/etcd/ca.crt");
    let ca = ca.to_str().unwrap();
    let stranger = cluster.dir.join("stranger.crt");
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&stranger, other.cert.pem()).unwrap();

    let refused = snapshot(&["save", SNAPSHOT, "--s3-ca", stranger.to_str().unwrap()]);
    let shown = format!("{}{}", refused.stdout, refused.stderr);
    assert!(!refused.status.success(), "{shown}");
    assert!(shown.to_lowercase().contains("certificate"), "{shown}");
    assert!(store.keys("prod").is_empty());

    let saved = snapshot(&["save", SNAPSHOT, "--s3-ca", ca]);
    assert!(saved.status.success(), "{}{}", saved.stdout, saved.stderr);
    assert_eq!(store.keys("prod"), ["a.db", "a.db.json"]);
    let verified = snapshot(&["verify", SNAPSHOT, "--s3-ca", ca]);
    assert!(
        verified.stdout.contains("Can be restored"),
        "{}{}",
        verified.stdout,
        verified.stderr
    );
}
