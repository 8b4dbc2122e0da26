//! The service and its timer (systemd.service(5), systemd.timer(5)).

use super::{MARK, SnapshotJob, SnapshotJobError, path};
use crate::manifest::systemd::quoted_word;

/// Renders `etcdha-snapshot.service` and `etcdha-snapshot.timer`.
///
/// # Errors
/// A path that systemd can't take.
pub fn render_units(job: &SnapshotJob) -> Result<(String, String), SnapshotJobError> {
    let command: Vec<_> = job.command.iter().map(|word| quoted_word(word)).collect();
    let command = command.join(" ");
    let environment = path(&job.environment_file)?.replace('%', "%%");
    let mut writable = String::new();
    for directory in &job.write {
        if ["/tmp", "/var/tmp"]
            .iter()
            .any(|own| directory.starts_with(own))
        {
            let directory = directory.display().to_string();
            return Err(SnapshotJobError::Temporary(directory));
        }
        writable += &format!("ReadWritePaths={}\n", quoted_word(path(directory)?));
    }
    // The variables are secrets; that there is no file is fine where nothing goes to a store. 130 is
    // what etcdha ends with when it is stopped.
    let service = format!(
        "{MARK}[Unit]\n\
         Description=etcd snapshot by etcdha\n\
         Wants=network-online.target\n\
         After=network-online.target time-sync.target\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         EnvironmentFile=-{environment}\n\
         ExecStart={command}\n\
         SuccessExitStatus=130\n\
         Nice=10\n\
         IOSchedulingClass=idle\n\
         UMask=0077\n\
         NoNewPrivileges=yes\n\
         PrivateTmp=yes\n\
         ProtectHome=read-only\n\
         ProtectSystem=strict\n\
         StateDirectory=etcdha\n\
         {writable}"
    );
    // A time that came while the host was off is made up for when it is on (Persistent).
    let timer = format!(
        "{MARK}[Unit]\n\
         Description=Times of etcd snapshots by etcdha\n\
         \n\
         [Timer]\n\
         OnCalendar={}\n\
         RandomizedDelaySec={}\n\
         AccuracySec=1s\n\
         Persistent=true\n\
         \n\
         [Install]\n\
         WantedBy=timers.target\n",
        job.on_calendar, job.jitter_seconds
    );
    Ok((service, timer))
}
