//! Settings of the kernel, as sysctl(8) names them. Those of the network are of this network namespace.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;

/// Why a setting could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[error("{action} the kernel setting {name}")]
pub struct SysctlError {
    /// `read` or `set`.
    pub action: &'static str,
    /// The setting, such as `net.ipv4.ip_forward`.
    pub name: String,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// Reads a setting; none where the kernel does not know it.
///
/// # Errors
/// It is there and can't be read.
pub fn read(name: &str) -> Result<Option<String>, SysctlError> {
    match fs::read_to_string(path(name)) {
        Ok(value) => Ok(Some(value.trim_end().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("read", name, source)),
    }
}

/// Changes a setting.
///
/// # Errors
/// The kernel does not know it or its value, or `/proc/sys` is read-only, as in a container without privileges.
pub fn set(name: &str, value: &str) -> Result<(), SysctlError> {
    let opened = OpenOptions::new().write(true).open(path(name));
    let written = opened.and_then(|mut file| file.write_all(value.as_bytes()));
    written.map_err(|source| failed("set", name, source))
}

/// Dots are slashes below `/proc/sys`.
fn path(name: &str) -> PathBuf {
    PathBuf::from("/proc/sys").join(name.replace('.', "/"))
}

fn failed(action: &'static str, name: &str, source: io::Error) -> SysctlError {
    SysctlError {
        action,
        name: name.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_unknown_ones_are_absent() {
        assert!(
            read("kernel.ostype")
                .unwrap()
                .is_some_and(|it| it == "Linux")
        );
        assert_eq!(read("kernel.no_such_setting").unwrap(), None);
        assert!(set("kernel.no_such_setting", "1").is_err());
    }
}
