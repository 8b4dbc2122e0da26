//! Every form in full, and what none of them can say.

use super::*;
use crate::model::ExtraArg;

const STACKED: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
etcd:
  image: registry.k8s.io/etcd:3.5.16-0
  quotaBackendBytes: 8Gi
  extraArgs: [{name: heartbeat-interval, value: '200'}]
members:
  - {name: m1, address: 10.0.0.11}
  - {name: m2, address: 10.0.0.12, extraAddresses: ['fd00::12'], extraNames: [m2.example.com]}
pki: {keyAlgorithm: ecdsa-p256, leafValidity: 5y, caValidity: 10y}
kubernetes: {imageRepository: registry.example.com/k8s, proxyMode: ipvs}
networking: {podSubnet: 10.244.0.0/16}
apiserver:
  certSANs: [api.example.com, 10.0.0.100]
  extraArgs: [{name: audit-log-maxage, value: '30'}, {name: feature-gates, value: 'A=true,B=false'}]
frontend: {vip: 10.0.0.100}
";

const EXTERNAL: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
topology: external
etcd: {version: 3.5.16}
members:
  - {name: m1, address: 'fd00::11', roles: [control-plane]}
  - {name: e1, address: 'fd00::21'}
  - {name: e2, address: 'fd00::22'}
  - {name: e3, address: 'fd00::23'}
kubernetes: {version: v1.20.2, proxyMode: iptables}
networking: {serviceSubnet: 'fd00:96::/112', dnsDomain: k8s.example.com}
apiserver: {port: 8443, controlPlaneEndpoint: 'api.example.com:443'}
";

fn spec(text: &str) -> ClusterSpec {
    ClusterSpec::parse(text).unwrap().spec
}

fn local() -> KubeadmEtcd {
    KubeadmEtcd::Local {
        server_sans: vec!["m2.example.com".into(), "10.0.0.100".into()],
        peer_sans: vec!["m2.example.com".into()],
    }
}

fn external() -> KubeadmEtcd {
    KubeadmEtcd::External {
        ca: "/etc/kubernetes/pki/etcd/ca.crt".into(),
        cert: "/etc/kubernetes/pki/apiserver-etcd-client.crt".into(),
        key: "/etc/kubernetes/pki/apiserver-etcd-client.key".into(),
    }
}

fn rendered(spec: &ClusterSpec, api: KubeadmApi, etcd: KubeadmEtcd, pick: &str) -> String {
    let config = KubeadmConfig { spec, api, etcd };
    let member = spec.members.first().unwrap();
    let file = match pick {
        "init" => KubeadmFile::Init(member),
        "join" => KubeadmFile::Join(member),
        _ => KubeadmFile::Cluster,
    };
    render_kubeadm(&config, file).unwrap()
}

#[test]
fn init_with_a_stacked_etcd_in_v1beta4() {
    let spec = spec(STACKED);
    let text = rendered(&spec, KubeadmApi::V1beta4, local(), "init");
    assert_eq!(text, rendered(&spec, KubeadmApi::V1beta4, local(), "init"));
    insta::assert_snapshot!(text);
}

#[test]
fn init_with_a_stacked_etcd_in_v1beta3() {
    insta::assert_snapshot!(rendered(
        &spec(STACKED),
        KubeadmApi::V1beta3,
        local(),
        "init"
    ));
}

#[test]
fn init_with_an_external_etcd_in_v1beta2() {
    insta::assert_snapshot!(rendered(
        &spec(EXTERNAL),
        KubeadmApi::V1beta2,
        external(),
        "init"
    ));
}

#[test]
fn a_control_plane_joins_in_each_form() {
    let spec = spec(&EXTERNAL.replace("version: v1.20.2, ", ""));
    insta::assert_snapshot!(rendered(&spec, KubeadmApi::V1beta4, external(), "join"));
    let head = |api| rendered(&spec, api, external(), "join").replace("v1beta4", "X");
    let same = |api: KubeadmApi| head(api).replace(api.as_str(), "X");
    assert_eq!(same(KubeadmApi::V1beta2), head(KubeadmApi::V1beta4));
    assert_eq!(same(KubeadmApi::V1beta3), head(KubeadmApi::V1beta4));
}

#[test]
fn every_document_is_yaml_that_says_the_same() {
    let spec = spec(STACKED);
    for api in KubeadmApi::ALL {
        for document in rendered(&spec, api, local(), "init").split("---\n") {
            let read: serde_json::Value = serde_saphyr::from_str(document).unwrap();
            assert!(read["apiVersion"].is_string(), "{document}");
        }
    }
}

#[test]
fn what_kubeadm_can_not_say_is_refused() {
    let refused = |text: &str, api, file: &str| {
        let spec = spec(text);
        let etcd = if text.contains("external") {
            external()
        } else {
            local()
        };
        let config = KubeadmConfig {
            spec: &spec,
            api,
            etcd,
        };
        let file = match file {
            "join" => KubeadmFile::Join(&spec.members[0]),
            _ => KubeadmFile::Cluster,
        };
        let error = render_kubeadm(&config, file).unwrap_err();
        format!("{error}\n  fix: {}", error.fix())
    };
    let stacked = |from: &str, to: &str| {
        let text = STACKED.replace(from, to);
        assert_ne!(text, STACKED, "{from}");
        refused(&text, KubeadmApi::V1beta3, "cluster")
    };
    let cases = [
        refused(EXTERNAL, KubeadmApi::V1beta4, "cluster"),
        refused(
            &EXTERNAL.replace("v1.20.2", "v1.27.0"),
            KubeadmApi::V1beta2,
            "cluster",
        ),
        refused(
            &EXTERNAL.replace(", controlPlaneEndpoint: 'api.example.com:443'", ""),
            KubeadmApi::V1beta2,
            "join",
        ),
        stacked("frontend: {vip: 10.0.0.100}\n", ""),
        stacked("  quotaBackendBytes: 8Gi\n", "  clientPort: 12379\n"),
        stacked("pki: {", "pki: {layout: cfssl, "),
        stacked(
            "image: registry.k8s.io/etcd:3.5.16-0",
            "image: quay.io/coreos/my-etcd:v3.5.16",
        ),
        stacked(
            "[{name: heartbeat-interval, value: '200'}]",
            "[{name: log-outputs, value: a}, {name: log-outputs, value: b}]",
        ),
    ];
    insta::assert_snapshot!(cases.join("\n"));
}

#[test]
fn flags_that_the_file_overrides_stand_once() {
    let mut spec = spec(STACKED);
    spec.etcd.metrics_port = 12381;
    spec.etcd.snapshot_count = 5000;
    spec.etcd.cluster_token = Some("prod-2".into());
    spec.etcd.extra_args.push(ExtraArg {
        name: "experimental-initial-corrupt-check".into(),
        value: "false".into(),
    });
    let text = rendered(&spec, KubeadmApi::V1beta2, local(), "cluster");
    let etcd = text.split_once("\netcd:\n").unwrap().1;
    let args = etcd.split_once("extraArgs:\n").unwrap().1;
    insta::assert_snapshot!(args.split_once("    serverCertSANs").unwrap().0, @r#"
          experimental-initial-corrupt-check: "false"
          experimental-watch-progress-notify-interval: 5s
          heartbeat-interval: "200"
          initial-cluster-token: prod-2
          listen-metrics-urls: http://127.0.0.1:12381
          quota-backend-bytes: "8589934592"
          snapshot-count: "5000"
    "#);
}
