//! Who reaches whom: hosts of one bed, of two beds, the machine; IPv4 and IPv6.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use etcdha_testbed::{EtcdRelease, Host, KubeadmPki, etcd, manifest, wait};

use crate::support::{PATIENCE, bed, start_kubelet};

/// A port that nothing else on a host uses.
const PORT: u16 = 7000;

/// Returns whether a packet from the host gets an answer: a refused connection is one.
fn reaches(from: &Host, to: IpAddr) -> bool {
    let script = format!("exec 3<>/dev/tcp/{to}/{PORT}");
    let output = from.run(&["timeout", "1", "bash", "-c", &script]).unwrap();
    output.status.success() || output.stderr.contains("refused")
}

#[test]
fn hosts_see_each_other_and_the_machine_sees_them() {
    let bed = bed(["m1", "m2"]);
    let (m1, m2) = (bed.host("m1"), bed.host("m2"));
    for (from, to) in [(m1, m2), (m2, m1)] {
        assert!(reaches(from, to.address().into()));
        assert!(reaches(from, to.address6().into()));
        for address in [IpAddr::from(to.address()), to.address6().into()] {
            let address = SocketAddr::new(address, PORT);
            let error = TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        }
    }
    let output = m1.run(&["getent", "hosts", "m2"]).unwrap();
    assert!(output.stdout.contains("m2"), "{output:?}");
    let output = m1.run(&["hostname"]).unwrap();
    assert_eq!(output.stdout.trim(), "m1");
}

#[test]
fn a_partition_cuts_two_hosts_and_no_third() {
    let bed = bed(["m1", "m2", "m3"]);
    let [m1, m2, m3] = ["m1", "m2", "m3"].map(|name| bed.host(name));
    m1.partition(m2).unwrap();
    assert!(!reaches(m1, m2.address().into()));
    assert!(!reaches(m2, m1.address6().into()));
    assert!(reaches(m1, m3.address().into()));
    assert!(reaches(m3, m2.address().into()));
    m1.reunite(m2).unwrap();
    wait::until_true("the partition to end", PATIENCE, || {
        reaches(m1, m2.address().into()) && reaches(m2, m1.address6().into())
    })
    .unwrap();
}

#[test]
fn two_beds_share_nothing() {
    let (one, two) = (bed(["m1"]), bed(["m1"]));
    let (here, there) = (one.host("m1"), two.host("m1"));
    assert_ne!(here.address(), there.address());
    assert!(!reaches(here, there.address().into()));
    std::fs::write(here.path("/etc/kubernetes/mark"), "here").unwrap();
    let look = |host: &Host| host.run(&["cat", "/etc/kubernetes/mark"]).unwrap();
    assert_eq!(look(here).stdout, "here");
    assert!(!look(there).status.success());
    there.kill_all();
    assert_eq!(look(here).stdout, "here");
}

#[test]
fn a_host_has_ports_and_files_of_its_own() {
    let bed = bed(["m1"]);
    let host = bed.host("m1");
    // The machine's listener on all addresses takes no port from the host.
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut server = host
        .spawn(
            "server",
            &[
                "openssl",
                "s_server",
                "-nocert",
                "-accept",
                &port.to_string(),
            ],
        )
        .unwrap();
    let address = SocketAddr::new(host.address().into(), port);
    wait::until("the host's own listener", PATIENCE, || {
        Ok(TcpStream::connect_timeout(
            &address,
            Duration::from_secs(1),
        )?)
    })
    .unwrap();
    server.kill().unwrap();

    let made = ["/etc/kubernetes/x", "/var/lib/etcd/x", "/var/lib/etcdha/x"];
    for path in made {
        assert!(host.run(&["touch", path]).unwrap().status.success());
        assert!(host.path(path).exists());
        assert!(!std::path::Path::new(path).exists());
    }
    // A program on the machine replaces the file, as a careful one does.
    let staged = host.path("/etc/.hosts.new");
    std::fs::write(&staged, "192.0.2.1 replaced\n").unwrap();
    std::fs::rename(&staged, host.path("/etc/hosts")).unwrap();
    let hosts = host.run(&["cat", "/etc/hosts"]).unwrap().stdout;
    assert_eq!(hosts, "192.0.2.1 replaced\n");
}

#[tokio::test]
async fn a_member_serves_on_ipv6_alone() {
    let bed = bed(["m1"]);
    let host = bed.host("m1");
    start_kubelet(host, EtcdRelease::V3_5);
    let address = IpAddr::from(host.address6());
    let pki = KubeadmPki::create(&host.path("/etc/kubernetes/pki")).unwrap();
    pki.issue_node("m1", &[address]).unwrap();
    let text = manifest::render("m1", address, EtcdRelease::V3_5);
    host.write_manifest("etcd.yaml", &text).unwrap();
    let endpoint = format!("https://[{address}]:2379");
    etcd::wait_healthy(&endpoint, Some(&pki.client()), PATIENCE)
        .await
        .unwrap();
}
