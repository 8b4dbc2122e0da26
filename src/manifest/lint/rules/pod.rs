//! M000–M010: the file, the pod around the program, and how the program is started.

use crate::manifest::flags::Program;
use crate::manifest::lint::report::Severity;
use crate::manifest::lint::rule::{Check, Rule, Sink};
use crate::manifest::lint::subject::{LintFile, Together, Workload};

/// What is said of a file that holds no pod.
pub(in crate::manifest::lint) const UNREADABLE: Rule = Rule {
    id: "M000",
    name: "not-a-pod",
    severity: Severity::Error,
    why: "the kubelet skips a file that is no Pod, and says so only in its log",
    fix: "make it one Pod in YAML or JSON",
    check: Check::Reading,
};

pub(super) const RULES: &[Rule] = &[
    UNREADABLE,
    Rule {
        id: "M001",
        name: "neither-etcd-nor-apiserver",
        severity: Severity::Info,
        why: "the rules are about etcd and kube-apiserver; nothing else in this file was checked",
        fix: "give the manifests of etcd and kube-apiserver",
        check: Check::File(neither),
    },
    Rule {
        id: "M002",
        name: "hidden-file",
        severity: Severity::Error,
        why: "the kubelet ignores files whose name starts with a dot, so the pod never runs",
        fix: "rename the file",
        check: Check::File(hidden),
    },
    Rule {
        id: "M003",
        name: "two-files-one-pod",
        severity: Severity::Error,
        why: "the kubelet reads every file of the manifest directory, whatever its extension: a \
              backup there is a second pod of the same name, and which of the two runs is chance",
        fix: "move the backup out of the manifest directory",
        check: Check::Together(two_files_one_pod),
    },
    Rule {
        id: "M004",
        name: "writable-by-others",
        severity: Severity::Error,
        why: "who can write this file can run anything as root on this host",
        fix: "chmod 600",
        check: Check::File(writable),
    },
    Rule {
        id: "M005",
        name: "readable-by-others",
        severity: Severity::Info,
        why: "kubeadm writes manifests with mode 0600, and benchmarks ask for it",
        fix: "chmod 600",
        check: Check::File(readable),
    },
    Rule {
        id: "M006",
        name: "namespace",
        severity: Severity::Warning,
        why: "kubeadm and monitoring look for control plane pods in kube-system",
        fix: "namespace: kube-system",
        check: Check::Program(namespace),
    },
    Rule {
        id: "M007",
        name: "host-network-off",
        severity: Severity::Error,
        why: "a static pod of the control plane starts before there is a pod network, and its \
              addresses are the host's",
        fix: "hostNetwork: true",
        check: Check::Program(host_network),
    },
    Rule {
        id: "M008",
        name: "priority-class",
        severity: Severity::Warning,
        why: "without the node's highest priority the kubelet may evict the pod when memory or disk \
              run short",
        fix: "priorityClassName: system-node-critical",
        check: Check::Program(priority_class),
    },
    Rule {
        id: "M009",
        name: "image-tag",
        severity: Severity::Warning,
        why: "which release starts is decided by what the registry holds that day, and the flags \
              can't be checked against it",
        fix: "name the release in the image's tag",
        check: Check::Program(image_tag),
    },
    Rule {
        id: "M010",
        name: "flags-in-shell",
        severity: Severity::Warning,
        why: "the flags are inside a script: they can't be checked, and signals do not reach the \
              program unless the script ends in exec",
        fix: "make the program the command and its flags the args",
        check: Check::Program(in_shell),
    },
];

fn neither(file: &LintFile, sink: &mut Sink) {
    let known = [Program::Etcd, Program::Apiserver];
    if known
        .iter()
        .all(|program| program.container(&file.pod).is_none())
    {
        let at = file
            .pod
            .containers
            .first()
            .map_or(file.top(), |container| container.name.at);
        let message = format!(
            "pod {:?} runs neither etcd nor kube-apiserver",
            file.pod.name()
        );
        sink.report(at, message, "leave this file out");
    }
}

fn hidden(file: &LintFile, sink: &mut Sink) {
    if file.file_name().starts_with('.') {
        let message = format!(
            "the kubelet ignores {}: its name starts with a dot",
            file.file_name()
        );
        sink.report(file.top(), message, "rename it");
    }
}

fn two_files_one_pod(together: &Together<'_>, sink: &mut Sink) {
    for (first, second) in same_pods(together) {
        let (first, file) = (&together.files[first], &together.files[second]);
        let at = file.pod.name.as_ref().map_or(file.top(), |name| name.at);
        let message = format!(
            "{} is pod {:?} as well: the kubelet runs one of the two",
            first.file,
            file.pod.name()
        );
        sink.report_in(
            second,
            at,
            message,
            "move one of them out of the manifest directory",
        );
    }
    for (index, file) in together.files.iter().enumerate() {
        let name = file.pod.name();
        let others = file.evidence.siblings.iter();
        for sibling in
            others.filter(|sibling| sibling.pod == name && is_absent(together, file, &sibling.file))
        {
            let at = file.pod.name.as_ref().map_or(file.top(), |name| name.at);
            let message = format!(
                "{} beside it is pod {name:?} as well: the kubelet runs one of the two",
                sibling.file
            );
            let fix = format!("move {} out of the manifest directory", sibling.file);
            sink.report_in(index, at, message, fix);
        }
    }
}

/// True when a sibling was not given as a file to lint.
fn is_absent(together: &Together<'_>, file: &LintFile, sibling: &str) -> bool {
    let same =
        |other: &&LintFile| other.directory == file.directory && other.file_name() == sibling;
    !together.files.iter().any(|other| same(&other))
}

/// The files that repeat the pod of an earlier file of their directory.
pub(in crate::manifest::lint) fn shadows(together: &Together<'_>) -> Vec<usize> {
    same_pods(together)
        .into_iter()
        .map(|(_, second)| second)
        .collect()
}

fn same_pods(together: &Together<'_>) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let files = together.files;
    for second in 0..files.len() {
        let first = (0..second).find(|&first| {
            let (a, b) = (&files[first], &files[second]);
            a.directory == b.directory
                && a.pod.name() == b.pod.name()
                && !a.file_name().starts_with('.')
                && !b.file_name().starts_with('.')
                && (a.is_in_manifest_directory()
                    || identity(together, first) == identity(together, second))
        });
        pairs.extend(first.map(|first| (first, second)));
    }
    pairs
}

/// What tells the pods of several nodes apart when their manifests lie in one directory.
fn identity(together: &Together<'_>, file: usize) -> Option<(Program, Option<String>)> {
    let workload = together
        .workloads
        .iter()
        .find(|workload| workload.index == file)?;
    let flag = match workload.program {
        Program::Etcd => "name",
        Program::Apiserver => "advertise-address",
    };
    Some((
        workload.program,
        workload.flags.value(flag).map(str::to_owned),
    ))
}

fn writable(file: &LintFile, sink: &mut Sink) {
    match file.evidence.mode {
        Some(mode) if mode & 0o022 != 0 => {
            let message = format!("mode {mode:04o} lets others change what runs as root here");
            sink.report(file.top(), message, format!("chmod 600 {}", file.file));
        }
        Some(_) => {}
        None => sink.unknown(),
    }
}

fn readable(file: &LintFile, sink: &mut Sink) {
    match file.evidence.mode {
        Some(mode) if mode & 0o022 == 0 && mode & 0o044 != 0 => {
            let message = format!("mode {mode:04o}; kubeadm writes 0600");
            sink.report(file.top(), message, format!("chmod 600 {}", file.file));
        }
        Some(_) => {}
        None => sink.unknown(),
    }
}

fn namespace(workload: &Workload<'_>, sink: &mut Sink) {
    let pod = &workload.file.pod;
    let found = pod
        .namespace
        .as_ref()
        .map(|namespace| namespace.value.as_str());
    if found != Some("kube-system") {
        let at = pod
            .namespace
            .as_ref()
            .map_or(workload.file.top(), |namespace| namespace.at);
        let shown = found.unwrap_or("default");
        let message = format!("the pod is in namespace {shown}; kubeadm looks in kube-system");
        sink.report(at, message, "set namespace: kube-system");
    }
}

fn host_network(workload: &Workload<'_>, sink: &mut Sink) {
    let pod = &workload.file.pod;
    if pod.host_network.as_ref().is_none_or(|on| !on.value) {
        let at = pod.host_network.as_ref().map_or(pod.spec_at, |on| on.at);
        let message = "hostNetwork is not true: the pod waits for a pod network and can't listen on \
                       the host's addresses";
        sink.report(at, message.into(), "set hostNetwork: true");
    }
}

fn priority_class(workload: &Workload<'_>, sink: &mut Sink) {
    let pod = &workload.file.pod;
    let class = pod.priority_class_name.as_ref();
    let critical = ["system-node-critical", "system-cluster-critical"];
    if class.is_none_or(|class| !critical.contains(&class.value.as_str())) {
        let at = class.map_or(pod.spec_at, |class| class.at);
        let message =
            "without priorityClassName system-node-critical the kubelet may evict this pod";
        sink.report(
            at,
            message.into(),
            "set priorityClassName: system-node-critical",
        );
    }
}

fn image_tag(workload: &Workload<'_>, sink: &mut Sink) {
    let image = workload.container.image.as_ref();
    let shown = image.map_or("", |image| image.value.as_str());
    let untagged = shown.split('@').next().unwrap_or_default();
    let last = untagged.rsplit('/').next().unwrap_or_default();
    let tag = last.split_once(':').map(|(_, tag)| tag);
    if tag.is_none_or(|tag| tag == "latest") {
        let at = image.map_or(workload.container.at, |image| image.at);
        let message = format!("image {shown:?} names no release");
        sink.report(at, message, "give the image the tag of a release");
    }
}

fn in_shell(workload: &Workload<'_>, sink: &mut Sink) {
    if workload.flags.in_shell() {
        let at = workload
            .flags
            .program()
            .map_or(workload.container.at, |program| program.at);
        let message = "a shell starts the program: its flags were not checked";
        sink.report(
            at,
            message.into(),
            "make the program the command and its flags the args",
        );
    }
}
