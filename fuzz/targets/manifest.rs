//! Is a manifest edited so that it says what was asked for, or refused and left alone?

#![no_main]

use etcdha::manifest::flags::{Flags, Program};
use etcdha::manifest::patch::{Edit, HostMount, patch};
use etcdha::manifest::pod::StaticPod;
use libfuzzer_sys::fuzz_target;

const VALUE: &str = "https://[::1]:2379,'a: #b'";

/// Flags that etcd and the apiserver have, so that the fuzzer meets some that are there.
const NAMES: [&str; 3] = ["data-dir", "etcd-servers", "name"];

fuzz_target!(|text: &str| {
    let Ok(pod) = StaticPod::parse(text.as_bytes()) else {
        return;
    };
    assert_eq!(patch(text, &[]).as_deref(), Ok(text));
    // One edit a run, or the fuzzer would see few manifests a second.
    let pick = text.len();
    let Some(container) = pod.containers.get(pick % pod.containers.len().max(1)) else {
        return;
    };
    let container = &container.name.value;
    let edit = edit(pick, container, NAMES[pick % NAMES.len()]);
    let Ok(after) = patch(text, std::slice::from_ref(&edit)) else {
        return;
    };
    let pod = StaticPod::parse(after.as_bytes());
    let pod = pod.unwrap_or_else(|error| panic!("{edit:?} made no pod: {error}\n{after}"));
    match edit {
        Edit::SetFlag { name, .. } | Edit::AddFlag { name, .. } => {
            heard(&pod, container, &name, Some(VALUE));
        }
        Edit::RemoveFlag { name, .. } => heard(&pod, container, &name, None),
        Edit::SetAnnotation { .. } | Edit::AddMount { .. } => {}
    }
});

fn edit(pick: usize, container: &str, name: &str) -> Edit {
    let (container, name, value) = (container.to_owned(), name.to_owned(), VALUE.to_owned());
    match pick / NAMES.len() % 5 {
        0 => Edit::SetFlag {
            container,
            name,
            value,
        },
        1 => Edit::AddFlag {
            container,
            name,
            value,
            after: None,
        },
        2 => Edit::RemoveFlag { container, name },
        3 => Edit::SetAnnotation {
            key: "etcdha.dev/x".to_owned(),
            value,
        },
        _ => {
            let mount = HostMount {
                volume: "pki".to_owned(),
                host_path: "/srv/pki".to_owned(),
                host_type: Some("Directory".to_owned()),
                mount_path: "/srv/pki".to_owned(),
                read_only: true,
            };
            Edit::AddMount { container, mount }
        }
    }
}

/// Holds the value that the program in `container` gets against the expected one.
fn heard(pod: &StaticPod, container: &str, name: &str, expected: Option<&str>) {
    let container = pod.containers.iter().find(|c| c.name.value == container);
    let container = container.expect("it was edited");
    if let Some(program) = Program::of(container) {
        let flags = Flags::of(container, program.dialect());
        assert_eq!(flags.value(name), expected, "--{name}");
    }
}
