//! Which pods does the manifest directory ask for?
//!
//! Follows the kubelet's file source (`pkg/kubelet/config/file.go`): each file that appears or
//! changes is put into a store under its *pod's* name, each file that goes takes the pod of that
//! name out, and every 20 s the store is replaced by a full listing in the order of file names. So
//! of two files with one pod name the one written last wins until the next listing, and then the
//! one that sorts last; and removing either stops the pod until then.
//!
//! Invariant: a file that cannot be read as a pod never changes another file's pod.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::pod::Pod;
use super::status::Refused;

/// The kubelet's default `fileCheckFrequency`.
const LISTING: Duration = Duration::from_secs(20);

/// What tells two contents of a file apart without reading them: a rename changes the inode, a
/// write the change time.
type Stamp = (u64, i64, i64, u64);

#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    /// The store's key of the pod that the file held when it could last be read.
    key: Option<String>,
    /// Why the file is no pod.
    refused: Option<String>,
}

/// The manifest directory and the store of pods made from it.
#[derive(Debug)]
pub(crate) struct Source {
    directory: PathBuf,
    seen: BTreeMap<String, Seen>,
    store: BTreeMap<String, Pod>,
    listed: Option<Instant>,
}

impl Source {
    pub(crate) fn new(directory: PathBuf) -> Source {
        Source {
            directory,
            seen: BTreeMap::new(),
            store: BTreeMap::new(),
            listed: None,
        }
    }

    /// Looks at the directory again and returns what happened, in words for the log.
    pub(crate) fn poll(&mut self, now: Instant) -> Vec<String> {
        let files = self.files();
        let mut log = Vec::new();
        let gone: Vec<String> = self
            .seen
            .keys()
            .filter(|name| !files.contains_key(*name))
            .cloned()
            .collect();
        for name in gone {
            let key = self.seen.remove(&name).and_then(|seen| seen.key);
            if key.is_some_and(|key| self.store.remove(&key).is_some()) {
                log.push(format!("{name} is gone"));
            }
        }
        for (name, stamp) in &files {
            if self.seen.get(name).is_none_or(|seen| seen.stamp != *stamp) {
                self.take(name, *stamp, &mut log);
            }
        }
        let due = self
            .listed
            .is_none_or(|last| now.saturating_duration_since(last) >= LISTING);
        if due {
            self.listed = Some(now);
            self.replace_store(&mut log);
        }
        log
    }

    /// The pods that are to run, by full name.
    pub(crate) fn wanted(&self) -> &BTreeMap<String, Pod> {
        &self.store
    }

    /// The files that are no pod.
    pub(crate) fn refused(&self) -> Vec<Refused> {
        let refused = |(file, seen): (&String, &Seen)| {
            seen.refused.as_ref().map(|reason| Refused {
                file: file.clone(),
                reason: reason.clone(),
            })
        };
        self.seen.iter().filter_map(refused).collect()
    }

    fn files(&self) -> BTreeMap<String, Stamp> {
        let Ok(entries) = fs::read_dir(&self.directory) else {
            return BTreeMap::new();
        };
        entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let metadata = fs::metadata(entry.path()).ok()?;
                let stamp = (
                    metadata.ino(),
                    metadata.ctime(),
                    metadata.ctime_nsec(),
                    metadata.size(),
                );
                (!name.starts_with('.') && metadata.is_file()).then_some((name, stamp))
            })
            .collect()
    }

    fn read(&self, name: &str) -> Result<Pod, String> {
        let text =
            fs::read_to_string(self.directory.join(name)).map_err(|error| error.to_string())?;
        Pod::parse(name, &text).map_err(|error| format!("{error:#}"))
    }

    /// Takes a new or changed file into the store.
    fn take(&mut self, name: &str, stamp: Stamp, log: &mut Vec<String>) {
        let parsed = self.read(name);
        let refused = parsed.as_ref().err().cloned();
        let key = match parsed {
            Ok(pod) => {
                let key = pod.full_name();
                log.push(format!("{name} asks for pod {key} ({})", pod.uid));
                self.store_pod(pod, log);
                Some(key)
            }
            Err(reason) => {
                log.push(format!("{name} is refused: {reason}"));
                self.seen.get(name).and_then(|seen| seen.key.clone())
            }
        };
        self.seen.insert(
            name.to_owned(),
            Seen {
                stamp,
                key,
                refused,
            },
        );
    }

    fn store_pod(&mut self, pod: Pod, log: &mut Vec<String>) {
        let key = pod.full_name();
        if let Some(old) = self.store.get(&key).filter(|old| old.file != pod.file) {
            log.push(format!(
                "{} and {} both hold pod {key}: {} wins",
                old.file, pod.file, pod.file
            ));
        }
        self.store.insert(key, pod);
    }

    fn replace_store(&mut self, log: &mut Vec<String>) {
        let names: Vec<String> = self.seen.keys().cloned().collect();
        let pods: Vec<Pod> = names
            .iter()
            .filter_map(|name| self.read(name).ok())
            .collect();
        // The kubelet leaves the store alone when it finds no pod at all, and reports an empty list,
        // which comes to the same.
        self.store.clear();
        let mut quiet = Vec::new();
        for pod in pods {
            self.store_pod(pod, &mut quiet);
        }
        log.extend(quiet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(name: &str, mark: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, annotations: {{mark: {mark}}}}}\n\
             spec: {{containers: [{{name: c, command: [x]}}]}}\n"
        )
    }

    fn files(source: &Source) -> Vec<(&str, &str)> {
        source
            .wanted()
            .iter()
            .map(|(key, pod)| (key.as_str(), pod.file.as_str()))
            .collect()
    }

    #[test]
    fn hidden_files_and_directories_are_no_manifests_and_any_ending_is() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.yaml"), manifest("a", "x")).unwrap();
        fs::write(dir.path().join(".b.yaml"), manifest("b", "x")).unwrap();
        fs::write(dir.path().join("c.bak"), manifest("c", "x")).unwrap();
        fs::create_dir(dir.path().join("d.yaml")).unwrap();
        let mut source = Source::new(dir.path().to_owned());
        source.poll(Instant::now());
        assert_eq!(
            files(&source),
            [("default/a", "a.yaml"), ("default/c", "c.bak")]
        );
    }

    #[test]
    fn of_two_files_with_one_name_the_last_written_wins_until_the_listing() {
        let dir = tempfile::tempdir().unwrap();
        let mut source = Source::new(dir.path().to_owned());
        let start = Instant::now();
        fs::write(dir.path().join("b"), manifest("etcd", "x")).unwrap();
        source.poll(start);
        fs::write(dir.path().join("a"), manifest("etcd", "y")).unwrap();
        let log = source.poll(start);
        assert_eq!(files(&source), [("default/etcd", "a")]);
        assert!(log.iter().any(|line| line.ends_with("a wins")), "{log:?}");
        source.poll(start + LISTING);
        assert_eq!(files(&source), [("default/etcd", "b")]);
        fs::remove_file(dir.path().join("a")).unwrap();
        source.poll(start + LISTING);
        assert_eq!(files(&source), []);
        source.poll(start + LISTING * 2);
        assert_eq!(files(&source), [("default/etcd", "b")]);
    }

    #[test]
    fn a_broken_file_keeps_its_pod_until_the_listing() {
        let dir = tempfile::tempdir().unwrap();
        let mut source = Source::new(dir.path().to_owned());
        let start = Instant::now();
        fs::write(dir.path().join("a"), manifest("etcd", "x")).unwrap();
        source.poll(start);
        fs::write(dir.path().join("a"), "kind: [").unwrap();
        source.poll(start);
        assert_eq!(files(&source), [("default/etcd", "a")]);
        assert_eq!(source.refused().len(), 1);
        source.poll(start + LISTING);
        assert_eq!(files(&source), []);
    }
}
