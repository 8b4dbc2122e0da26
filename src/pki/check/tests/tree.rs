//! Sound trees of certificates, and ways to damage them.

use std::net::IpAddr;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose as Eku, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose as Ku,
    RevocationReason, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use zeroize::Zeroizing;

use super::super::{NodeTree, PairUse, TreeFile, member_tree};
use crate::model::{ClusterSpec, EtcdSpec, MemberSpec, Topology};
use crate::pki::inspect::CertificateFacts;

pub(super) const CA: &str = "etcd/ca.crt";
pub(super) const SERVER: &str = "etcd/server.crt";
pub(super) const SERVER_KEY: &str = "etcd/server.key";
pub(super) const PEER: &str = "etcd/peer.crt";
pub(super) const PEER_KEY: &str = "etcd/peer.key";
pub(super) const CLIENT: &str = "apiserver-etcd-client.crt";
pub(super) const CLIENT_KEY: &str = "apiserver-etcd-client.key";

/// A CA of the tests.
pub(super) struct Ca {
    pub(super) params: CertificateParams,
    pub(super) key: KeyPair,
}

impl Ca {
    pub(super) fn new(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = named("etcd-ca");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![Ku::DigitalSignature, Ku::KeyCertSign, Ku::CrlSign];
        params.not_after = date_time_ymd(2036, 1, 1);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Self { params, key }
    }

    pub(super) fn pem(&self) -> String {
        self.params.self_signed(&self.key).unwrap().pem()
    }

    pub(super) fn sign(&self, params: &CertificateParams, key: &KeyPair) -> String {
        let issuer = Issuer::from_params(&self.params, &self.key);
        params.signed_by(key, &issuer).unwrap().pem()
    }

    pub(super) fn issue(&self, params: &CertificateParams) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        (self.sign(params, &key), key.serialize_pem())
    }

    /// An intermediate CA below this one.
    pub(super) fn below(&self, name: &str) -> (Ca, String) {
        let ca = Ca::new(|params| params.distinguished_name = named(name).distinguished_name);
        let pem = self.sign(&ca.params, &ca.key);
        (ca, pem)
    }

    pub(super) fn crl(&self, serial: u64, next_update: i32) -> String {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2025, 2, 1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2025, 2, 1),
            next_update: date_time_ymd(next_update, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&Issuer::from_params(&self.params, &self.key))
            .unwrap()
            .pem()
            .unwrap()
    }
}

pub(super) fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

/// A request and its key.
pub(super) fn request(names: Vec<SanType>) -> (String, String) {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.subject_alt_names = names;
    let key = KeyPair::generate().unwrap();
    let pem = params.serialize_request(&key).unwrap().pem().unwrap();
    (pem, key.serialize_pem())
}

pub(super) fn sans(names: &[&str]) -> Vec<SanType> {
    let san = |name: &&str| match name.parse::<IpAddr>() {
        Ok(ip) => SanType::IpAddress(ip),
        Err(_) => SanType::DnsName((*name).try_into().unwrap()),
    };
    names.iter().map(san).collect()
}

pub(super) fn leaf(used_as: PairUse) -> CertificateParams {
    let mut params = named("m1");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![Ku::DigitalSignature, Ku::KeyEncipherment];
    params.extended_key_usages = match used_as {
        PairUse::Client => vec![Eku::ClientAuth],
        _ => vec![Eku::ServerAuth, Eku::ClientAuth],
    };
    if used_as.is_dialled() {
        params.subject_alt_names = sans(&["m1", "localhost", "10.0.0.11", "127.0.0.1", "::1"]);
    }
    params
}

/// A cluster of m1 in kubeadm's layout.
pub(super) fn cluster() -> ClusterSpec {
    let mut cluster = ClusterSpec::new("test", Topology::Stacked, EtcdSpec::default());
    cluster.members.push(m1());
    cluster
}

pub(super) fn m1() -> MemberSpec {
    let address = "10.0.0.11".parse().unwrap();
    MemberSpec::new("m1".parse().unwrap(), address, Topology::Stacked)
}

/// A tree that a test damages.
pub(super) struct Tree {
    pub(super) ca: Ca,
    pub(super) node: NodeTree,
    pub(super) trusted: Vec<CertificateFacts>,
}

impl Tree {
    /// A sound tree of kubeadm's layout for m1, signed by `ca`.
    pub(super) fn signed_by(ca: Ca) -> Self {
        let mut node = member_tree(&cluster(), &m1(), Path::new(""));
        node.expected
            .retain(|pair| !pair.cert.ends_with("healthcheck-client.crt"));
        let mut tree = Self {
            ca,
            node,
            trusted: Vec::new(),
        };
        tree.put(CA, 0o644, &tree.ca.pem());
        for (path, used_as) in [
            (SERVER, PairUse::Server),
            (PEER, PairUse::Peer),
            (CLIENT, PairUse::Client),
        ] {
            tree.reissue(path, &leaf(used_as));
        }
        tree
    }

    /// Wants further names in the certificates of server and peer.
    pub(super) fn want(&mut self, name: &str) {
        let pairs = self.node.expected.iter_mut();
        pairs
            .filter(|pair| pair.used_as.is_dialled())
            .for_each(|pair| pair.extra_names = vec![name.into()]);
    }

    pub(super) fn sound() -> Self {
        Self::signed_by(Ca::new(|_| {}))
    }

    pub(super) fn put(&mut self, path: &str, mode: u32, contents: &str) {
        self.put_bytes(path, mode, contents.as_bytes());
    }

    pub(super) fn put_bytes(&mut self, path: &str, mode: u32, contents: &[u8]) {
        self.remove(path);
        self.node.files.push(TreeFile {
            path: path.into(),
            mode,
            uid: 0,
            contents: Ok(Zeroizing::new(contents.to_vec())),
        });
    }

    pub(super) fn file(&mut self, path: &str) -> &mut TreeFile {
        self.node
            .files
            .iter_mut()
            .find(|file| file.path == Path::new(path))
            .unwrap()
    }

    pub(super) fn text(&mut self, path: &str) -> String {
        String::from_utf8(self.file(path).contents.clone().unwrap().to_vec()).unwrap()
    }

    /// Changes a file's text.
    pub(super) fn edit(&mut self, path: &str, change: impl FnOnce(String) -> String) {
        let mode = self.file(path).mode;
        let text = change(self.text(path));
        self.put(path, mode, &text);
    }

    pub(super) fn remove(&mut self, path: &str) {
        self.node.files.retain(|file| file.path != Path::new(path));
    }

    pub(super) fn mode(&mut self, path: &str, mode: u32) {
        self.file(path).mode = mode;
    }

    /// Replaces a pair by one that this tree's CA signs.
    pub(super) fn reissue(&mut self, cert: &str, params: &CertificateParams) {
        let (pem, key) = self.ca.issue(params);
        self.put_pair(cert, &pem, &key);
    }

    pub(super) fn put_pair(&mut self, cert: &str, pem: &str, key: &str) {
        self.put(cert, 0o644, pem);
        self.put(&cert.replace(".crt", ".key"), 0o600, key);
    }

    /// Reissues with changed parameters.
    pub(super) fn with(
        &mut self,
        cert: &str,
        used_as: PairUse,
        change: impl FnOnce(&mut CertificateParams),
    ) {
        let mut params = leaf(used_as);
        change(&mut params);
        self.reissue(cert, &params);
    }

    pub(super) fn server(&mut self, change: impl FnOnce(&mut CertificateParams)) {
        self.with(SERVER, PairUse::Server, change);
    }

    pub(super) fn der(&mut self, path: &str) -> Vec<u8> {
        let block = crate::pki::pem_blocks(self.text(path).as_bytes())
            .unwrap()
            .remove(0);
        block.contents.to_vec()
    }
}
