//! Hosts on which etcd is installed, to be run under systemd.

use std::fs;

use etcdha_testbed::{Binaries, EtcdRelease, Host, HostConfig};

/// The user etcd of the test hosts.
pub(crate) const ETCD: u32 = 4242;

/// Where etcdha writes the unit.
pub(crate) const UNIT: &str = "/etc/systemd/system/etcd.service";

/// Where the program is.
pub(crate) const PROGRAM_DIR: &str = "/var/lib/etcd-program";

/// A host with directories of its own for the unit, its variables and the program.
pub(crate) fn host_with_etcd(name: &str) -> HostConfig {
    HostConfig::named(name)
        .private("/etc/etcd")
        .private("/etc/systemd/system")
        .private(PROGRAM_DIR)
}

/// Puts the program and its user there, as a package does. Nothing runs.
pub(crate) fn install(host: &Host, release: EtcdRelease) {
    let etcd = Binaries::find().etcd(release).unwrap();
    let line = format!("root:x:0:0::/root:/bin/sh\netcd:x:{ETCD}:{ETCD}::/:/bin/false\n");
    fs::write(host.path("/etc/passwd"), line).unwrap();
    fs::copy(&etcd, host.path(PROGRAM_DIR).join("etcd")).unwrap();
}
