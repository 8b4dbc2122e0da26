//! Checks which folder of `src` uses which: the table in `ARCHITECTURE.md`, read from the `crate::`
//! paths. A single crate has no borders that the compiler guards, so this test guards them.
//!
//! Test modules at the end of a file may use more, for instance to write a file.

#![expect(clippy::unwrap_used, reason = "a helper that fails, fails its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each folder may use, from the outside in. Domains stay strangers; `ops` introduces them.
const MAY_USE: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "ops",
            "care",
            "plan",
            "apiserver",
            "cluster",
            "s3",
            "node",
            "dataplane",
            "snapshot",
            "pki",
            "manifest",
            "frontend",
            "model",
        ],
    ),
    (
        "ops",
        &[
            "plan",
            "apiserver",
            "cluster",
            "s3",
            "node",
            "dataplane",
            "snapshot",
            "datadir",
            "pki",
            "manifest",
            "frontend",
            "sys",
            "model",
        ],
    ),
    ("care", &["dataplane", "sys", "model"]),
    (
        "plan",
        &[
            "pki",
            "snapshot",
            "apiserver",
            "cluster",
            "s3",
            "node",
            "sys",
            "model",
        ],
    ),
    ("apiserver", &["sys", "model"]),
    ("cluster", &["model"]),
    ("s3", &["sys", "model"]),
    ("node", &["datadir", "sys", "model"]),
    ("dataplane", &["sys", "model"]),
    ("snapshot", &["datadir", "model"]),
    ("pki", &["model"]),
    ("manifest", &["model"]),
    ("frontend", &["model"]),
    ("sys", &["model"]),
    ("model", &[]),
    ("datadir", &[]),
];

#[test]
fn folders_use_only_what_stands_below_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allowed: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for file in rust_files(&source) {
        let inside = file.strip_prefix(&source).unwrap().to_owned();
        let Some(folder) = folder_of(&inside) else {
            continue;
        };
        let Some(may_use) = allowed.get(folder.as_str()) else {
            wrong.push(format!(
                "{}: the folder is not in the table",
                inside.display()
            ));
            continue;
        };
        for used in used_folders(&fs::read_to_string(&file).unwrap(), depth(&inside)) {
            if used != folder && !may_use.contains(&used.as_str()) {
                wrong.push(format!("{}: {folder} may not use {used}", inside.display()));
            }
        }
        seen.insert(folder);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for folder in ["cli", "ops", "sys", "model"] {
        assert!(seen.contains(folder), "no file of {folder} was read");
    }
}

#[test]
fn one_file_starts_processes() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let starts = |file: &PathBuf| {
        let text = fs::read_to_string(file).unwrap();
        let code = without_comments_and_tests(&text);
        code.contains("Command::new(") && code.contains("process::")
    };
    let mut found: Vec<_> = rust_files(&source).into_iter().filter(starts).collect();
    found.retain(|file| !file.starts_with(source.join("cli")));
    assert_eq!(found, [source.join("sys/process.rs")]);
    for file in rust_files(&source.join("cli")) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("process::Command"), "{}", file.display());
    }
}

/// The top-level folder; none for `lib.rs` and `main.rs`.
fn folder_of(inside: &Path) -> Option<String> {
    let mut parts = inside.iter();
    let first = parts.next()?.to_str()?.to_owned();
    parts.next().map(|_| first)
}

/// How many `super` lead from the file's module to the crate's root.
fn depth(inside: &Path) -> usize {
    let parts = inside.iter().count();
    if inside.ends_with("mod.rs") {
        parts - 1
    } else {
        parts
    }
}

/// Folders that the code names as `crate::x`, `crate::{x::…, y}` or with enough `super::`.
fn used_folders(text: &str, depth: usize) -> BTreeSet<String> {
    let code = without_comments_and_tests(text);
    let climb = "super::".repeat(depth);
    let mut found = BTreeSet::new();
    for root in ["crate::", climb.as_str()] {
        for (at, _) in code.match_indices(root) {
            let rest = &code[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(group) => found.extend(heads_of_group(group)),
                None => found.extend(head(rest)),
            }
        }
    }
    found
}

/// The first name of every path in `a::b, c::{d, e}, f}`.
fn heads_of_group(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let mut nesting = 0;
    let mut start = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => nesting += 1,
            '}' if nesting > 0 => nesting -= 1,
            ',' | '}' if nesting == 0 => {
                heads.extend(head(group[start..at].trim()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    heads
}

fn head(path: &str) -> Option<String> {
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
    let name = &path[..end.unwrap_or(path.len())];
    (!name.is_empty()).then(|| name.to_owned())
}

fn without_comments_and_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("tests.rs")
        {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn every_way_to_name_a_folder_is_seen() {
    let text = "
        use crate::sys::files;
        use crate::{model::{A, B}, pki};
        // use crate::care;
        fn f() { super::super::cluster::g() }
        #[cfg(test)]\nmod tests { use crate::node; }";
    let used: Vec<_> = used_folders(text, 2).into_iter().collect();
    assert_eq!(used, ["cluster", "model", "pki", "sys"]);
}

#[test]
fn depth_counts_modules_not_files() {
    assert_eq!(depth(Path::new("pki/issue.rs")), 2);
    assert_eq!(depth(Path::new("pki/mod.rs")), 1);
    assert_eq!(depth(Path::new("cli/output/mod.rs")), 2);
}
