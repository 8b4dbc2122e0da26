//! What can be changed.

/// One change of a manifest. Containers are named as in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Gives a flag that is there another value. Where it stands several times, the last occurrence
    /// is changed and the others are removed: whether they win or add up, the value is then `value`.
    SetFlag {
        /// The container.
        container: String,
        /// The flag, without dashes.
        name: String,
        /// Its new value.
        value: String,
    },
    /// Adds a flag that is not there yet.
    AddFlag {
        /// The container.
        container: String,
        /// The flag, without dashes.
        name: String,
        /// Its value.
        value: String,
        /// Put it behind this flag, when that one is there; else behind the last flag.
        after: Option<String>,
    },
    /// Removes every occurrence of a flag.
    RemoveFlag {
        /// The container.
        container: String,
        /// The flag, without dashes.
        name: String,
    },
    /// Sets or adds an annotation of the pod.
    SetAnnotation {
        /// Its key.
        key: String,
        /// Its value.
        value: String,
    },
    /// Mounts a directory of the host into a container. A volume for the same directory is reused.
    AddMount {
        /// The container.
        container: String,
        /// What to mount where.
        mount: HostMount,
    },
}

/// A directory of the host in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostMount {
    /// Name of the volume, in case it is new.
    pub volume: String,
    /// Directory on the host.
    pub host_path: String,
    /// `hostPath.type` of a new volume, such as `DirectoryOrCreate`.
    pub host_type: Option<String>,
    /// Path inside the container.
    pub mount_path: String,
    /// True when the container must not write to it.
    pub read_only: bool,
}
