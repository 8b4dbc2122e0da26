//! Which program does a container run, and how does it read its flags?

use super::command::{command_program, file_name};
use super::parse::Dialect;
use crate::manifest::etcd_flags;
use crate::manifest::pod::{Container, StaticPod};

/// A program whose flags this tool knows how to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// etcd.
    Etcd,
    /// kube-apiserver.
    Apiserver,
}

impl Program {
    /// Recognises the program by its file name, else by the image or the container's name.
    pub fn of(container: &Container) -> Option<Self> {
        match command_program(container) {
            Some(program) if !SHELLS_AND_WRAPPERS.contains(&program) => Self::named(program),
            _ => container
                .image
                .as_ref()
                .and_then(|image| Self::named(repository(&image.value)))
                .or_else(|| Self::named(&container.name.value)),
        }
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "etcd" => Some(Self::Etcd),
            "kube-apiserver" => Some(Self::Apiserver),
            _ => None,
        }
    }

    /// The first container of `pod` that runs this program.
    pub fn container(self, pod: &StaticPod) -> Option<&Container> {
        pod.containers
            .iter()
            .find(|container| Self::of(container) == Some(self))
    }

    /// How it reads its flags.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Etcd => Dialect::Go {
                is_boolean: etcd_flags::is_boolean,
                variables: "ETCD_",
            },
            Self::Apiserver => Dialect::Pflag,
        }
    }
}

const SHELLS_AND_WRAPPERS: [&str; 7] =
    ["sh", "bash", "ash", "dash", "busybox", "hyperkube", "tini"];

/// The last component of an image's name, without tag and digest.
fn repository(image: &str) -> &str {
    let untagged = image.split('@').next().unwrap_or(image);
    let last = file_name(untagged);
    last.split(':').next().unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_behind_paths_shells_and_images() {
        for (container, program) in [
            (
                "name: a, command: [/usr/local/bin/etcd]",
                Some(Program::Etcd),
            ),
            ("name: etcd, command: [sh, -c, x]", Some(Program::Etcd)),
            (
                "name: a, image: 'r:5/etcd:3.5.1@sha256:0', args: [--name=x]",
                Some(Program::Etcd),
            ),
            (
                "name: a, command: [kube-apiserver]",
                Some(Program::Apiserver),
            ),
            ("name: etcd, command: [/bin/backup]", None),
            ("name: a", None),
        ] {
            let text = format!(
                "{{apiVersion: v1, kind: Pod, metadata: {{}}, spec: {{containers: [{{{container}}}]}}}}"
            );
            let pod = StaticPod::parse(text.as_bytes()).unwrap();
            assert_eq!(Program::of(&pod.containers[0]), program, "{container}");
        }
    }
}
