//! Which shared libraries must a pod's root directory hold for its program to start?
//!
//! Invariant: the answer is what the dynamic loader itself says, not a guess from names.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::exec;

/// Returns the libraries of a program and its loader, as paths on this host; none for a static one.
pub(crate) fn of(program: &Path) -> Result<Vec<PathBuf>> {
    let mut command = Command::new("ldd");
    let output = exec::capture(command.arg(program).env("LC_ALL", "C"))?;
    if output.status.success() {
        return parse(&output.stdout)
            .with_context(|| format!("libraries of {}", program.display()));
    }
    if (output.stdout + &output.stderr).contains("not a dynamic executable") {
        return Ok(Vec::new());
    }
    bail!("ldd cannot read {}", program.display())
}

/// Reads the lines `NAME => PATH (ADDRESS)` and `PATH (ADDRESS)`; `linux-vdso.so.1` has no path.
fn parse(text: &str) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.ends_with("=> not found") {
            bail!("{line}");
        }
        let place = line.split_once(" => ").map_or(line, |(_, place)| place);
        let path = place.split(" (").next().unwrap_or(place);
        if path.starts_with('/') {
            paths.push(PathBuf::from(path));
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_and_the_libraries_are_found_and_the_kernels_own_is_not() {
        let text = "\tlinux-vdso.so.1 (0x00007f895ffb0000)\n\
                    \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f895fdbd000)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f895ffb2000)\n\
                    \tstatically linked\n";
        assert_eq!(
            parse(text).unwrap(),
            [
                PathBuf::from("/lib/x86_64-linux-gnu/libc.so.6"),
                PathBuf::from("/lib64/ld-linux-x86-64.so.2")
            ]
        );
        assert!(parse("\tlibx.so => not found\n").is_err());
    }
}
