//! The certificates of a kubeadm host, made with openssl and without etcdha.
//!
//! Names, SANs, key usages and file modes are kubeadm's (`cmd/kubeadm/app/phases/certs/certlist.go`):
//! an RSA authority `etcd-ca`, and per host server, peer, healthcheck-client and
//! apiserver-etcd-client.
//!
//! Invariant: keys are written with mode 0600.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::etcd::ClientTls;
use crate::exec;
use crate::host::Host;

/// kubeadm's key size.
const RSA_BITS: &str = "2048";

/// A certificate to be issued.
#[derive(Debug, Clone)]
pub struct Leaf<'a> {
    /// The common name.
    pub common_name: &'a str,
    /// The organization, if any.
    pub organization: Option<&'a str>,
    /// The subject alternative names as openssl writes them: `DNS:m1`, `IP:10.0.0.11`.
    pub sans: Vec<String>,
    /// The extended key usages as openssl writes them: `serverAuth,clientAuth`.
    pub usages: &'a str,
}

/// A directory like kubeadm's `/etc/kubernetes/pki`.
#[derive(Debug, Clone)]
pub struct KubeadmPki {
    dir: PathBuf,
}

impl KubeadmPki {
    /// Makes the authority in `dir`, as `etcd/ca.crt` and `etcd/ca.key`.
    ///
    /// # Errors
    /// openssl fails or is missing.
    pub fn create(dir: &Path) -> Result<KubeadmPki> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir.join("etcd"))
            .with_context(|| format!("make {}", dir.display()))?;
        let pki = KubeadmPki::adopt(dir);
        let key = pki.ca_key();
        generate_key(&key)?;
        exec::run(
            openssl()
                .args(["req", "-x509", "-new", "-sha256", "-days", "3650"])
                .args(["-subj", "/CN=etcd-ca", "-config", "/dev/null"])
                .args(["-addext", "basicConstraints=critical,CA:TRUE"])
                .args([
                    "-addext",
                    "keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign",
                ])
                .args(["-addext", "subjectKeyIdentifier=hash"])
                .args(["-addext", "subjectAltName=DNS:etcd-ca"])
                .arg("-key")
                .arg(&key)
                .arg("-out")
                .arg(pki.ca()),
        )?;
        Ok(pki)
    }

    /// Takes a directory that holds an authority already.
    pub fn adopt(dir: &Path) -> KubeadmPki {
        KubeadmPki {
            dir: dir.to_owned(),
        }
    }

    /// Makes the authority and all certificates of a kubeadm host in its `/etc/kubernetes/pki`.
    ///
    /// # Errors
    /// openssl fails or is missing.
    pub fn on(host: &Host) -> Result<KubeadmPki> {
        let pki = KubeadmPki::create(&host.path("/etc/kubernetes/pki"))?;
        pki.issue_node(host.name(), &[host.address().into()])?;
        Ok(pki)
    }

    /// Issues the four leafs of a node, into this directory.
    ///
    /// # Errors
    /// openssl fails.
    pub fn issue_node(&self, name: &str, addresses: &[IpAddr]) -> Result<()> {
        let node = Leaf {
            common_name: name,
            organization: None,
            sans: [format!("DNS:{name}"), "DNS:localhost".to_owned()]
                .into_iter()
                .chain(addresses.iter().map(|address| format!("IP:{address}")))
                .chain(["IP:127.0.0.1".to_owned(), "IP:::1".to_owned()])
                .collect(),
            usages: "serverAuth,clientAuth",
        };
        let client = |common_name| Leaf {
            common_name,
            // kubeadm gave its clients this organization until 1.28.
            organization: Some("system:masters"),
            sans: Vec::new(),
            usages: "clientAuth",
        };
        let leafs = [
            ("etcd/server", node.clone()),
            ("etcd/peer", node),
            (
                "etcd/healthcheck-client",
                client("kube-etcd-healthcheck-client"),
            ),
            (
                "apiserver-etcd-client",
                client("kube-apiserver-etcd-client"),
            ),
        ];
        for (stem, leaf) in leafs {
            self.issue(stem, &leaf)?;
        }
        Ok(())
    }

    /// Issues one leaf as `STEM.crt` and `STEM.key`, replacing what is there.
    ///
    /// # Errors
    /// openssl fails.
    pub fn issue(&self, stem: &str, leaf: &Leaf<'_>) -> Result<()> {
        let key = self.dir.join(format!("{stem}.key"));
        generate_key(&key)?;
        let organization = leaf
            .organization
            .map(|name| format!("/O={name}"))
            .unwrap_or_default();
        let request = tempfile::NamedTempFile::new().context("make a request file")?;
        exec::run(
            openssl()
                .args(["req", "-new", "-sha256", "-config", "/dev/null", "-subj"])
                .arg(format!("{organization}/CN={}", leaf.common_name))
                .arg("-key")
                .arg(&key)
                .arg("-out")
                .arg(request.path()),
        )?;
        let extensions = tempfile::NamedTempFile::new().context("make an extension file")?;
        fs::write(extensions.path(), extensions_of(leaf)).context("write an extension file")?;
        exec::run(
            openssl()
                .args(["x509", "-req", "-sha256", "-days", "365", "-set_serial"])
                .arg(format!("0x{}", random_serial()?))
                .arg("-in")
                .arg(request.path())
                .arg("-extfile")
                .arg(extensions.path())
                .arg("-CA")
                .arg(self.ca())
                .arg("-CAkey")
                .arg(self.ca_key())
                .arg("-out")
                .arg(self.dir.join(format!("{stem}.crt"))),
        )?;
        Ok(())
    }

    /// Returns the directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.dir.join("etcd/ca.crt")
    }

    /// Returns the authority's private key.
    pub fn ca_key(&self) -> PathBuf {
        self.dir.join("etcd/ca.key")
    }

    /// Returns what a client of the members needs, with the healthcheck client's certificate.
    pub fn client(&self) -> ClientTls {
        ClientTls {
            ca: self.ca(),
            cert: self.dir.join("etcd/healthcheck-client.crt"),
            key: self.dir.join("etcd/healthcheck-client.key"),
        }
    }
}

fn openssl() -> Command {
    let mut command = Command::new("openssl");
    // No configuration of the machine may add extensions.
    command.env("OPENSSL_CONF", "/dev/null");
    command
}

/// Makes an RSA key in PKCS#1, as Go's `x509.MarshalPKCS1PrivateKey` writes it.
fn generate_key(path: &Path) -> Result<()> {
    exec::run(
        openssl()
            .args(["genrsa", "-traditional", "-out"])
            .arg(path)
            .arg(RSA_BITS),
    )?;
    Ok(())
}

fn extensions_of(leaf: &Leaf<'_>) -> String {
    let mut lines = vec![
        "keyUsage=critical,digitalSignature,keyEncipherment".to_owned(),
        format!("extendedKeyUsage={}", leaf.usages),
        "basicConstraints=critical,CA:FALSE".to_owned(),
        "authorityKeyIdentifier=keyid".to_owned(),
    ];
    if !leaf.sans.is_empty() {
        lines.push(format!("subjectAltName={}", leaf.sans.join(",")));
    }
    lines.join("\n")
}

fn random_serial() -> Result<String> {
    let output = exec::run(openssl().args(["rand", "-hex", "8"]))?;
    // The first digit keeps the number positive and of full length.
    Ok(format!("1{}", output.stdout.trim()))
}
