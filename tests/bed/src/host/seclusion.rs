//! What of the machine's kernel must a real kubelet not reach?
//!
//! It changes kernel settings and makes control groups, and it looks at every control group there is:
//! those of another host's containers would cost it seconds each. So the host gets files of its own in
//! the place of the settings, and one group in each hierarchy in the place of the root group.
//!
//! Invariant: after the host's end nothing is left but groups with the slot's name, which go with
//! [`Host::kill_all`](super::Host::kill_all) or the slot's sweep.

use anyhow::{Context, Result};

use super::machine::Host;
use crate::{cgroups, exec};

/// What the kubelet sets before it runs pods (`setupKernelTunables` in its container manager).
const SYSCTLS: &str = "vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops \
                       kernel/keys/root_maxkeys kernel/keys/root_maxbytes";

/// Runs on the host with the directory for the settings, their names, and the group's name.
const SCRIPT: &str = r#"set -e
directory=$1 settings=$2 group=$3
for setting in $settings; do
    own=$directory/$(echo "$setting" | tr / .)
    [ -e "$own" ] || cat "/proc/sys/$setting" >"$own"
    mount --bind "$own" "/proc/sys/$setting"
done
staging=$(mktemp -d /run/cgroup.XXXXXX)
seclude() {
    mkdir -p "$1/$group"
    # A group without processors and memory nodes takes no process (cgroups version 1).
    for resource in cpuset.cpus cpuset.mems; do
        if [ -e "$1/$group/$resource" ] && [ -z "$(cat "$1/$group/$resource")" ] && [ -e "$1/tasks" ]; then
            cat "$1/$resource" >"$1/$group/$resource"
        fi
    done
    # What the groups below may limit (version 2).
    if [ -e "$1/$group/cgroup.subtree_control" ]; then
        for controller in $(cat "$1/$group/cgroup.controllers"); do
            echo "+$controller" >"$1/$group/cgroup.subtree_control" || true
        done
    fi
    # Not on top of the old mount: runc reads the list of mounts from its beginning.
    mount --bind "$1/$group" "$staging"
    umount "$1"
    mount --bind "$staging" "$1"
    umount "$staging"
}
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    seclude /sys/fs/cgroup
else
    for hierarchy in /sys/fs/cgroup/*/; do
        [ -L "${hierarchy%/}" ] || seclude "${hierarchy%/}"
    done
fi
"#;

impl Host {
    /// Puts the host's own in the place of what is the machine's.
    pub(super) fn seclude(&self, init: i32) -> Result<()> {
        let directory = self.dir.join("sysctl");
        std::fs::create_dir_all(&directory).context("make a directory for kernel settings")?;
        let mut command = self.command_in(init, "sh");
        command
            .args(["-c", SCRIPT, "seclude"])
            .arg(directory)
            .arg(SYSCTLS)
            .arg(self.names.cgroup(self.name()));
        exec::run(&mut command).context("hide the machine's settings and control groups")?;
        Ok(())
    }

    /// Removes the host's control groups, which a machine would not have after it lost its power. The
    /// processes in them are dead.
    pub(super) fn forget_cgroup(&self) {
        let group = self.names.cgroup(self.name());
        if let Err(error) = cgroups::remove(|name| name == group) {
            // The slot's sweep tries again, and fails if it must.
            eprintln!("{} left control groups behind: {error:#}", self.name());
        }
    }
}
