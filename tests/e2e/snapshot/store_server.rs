//! An S3-compatible server on this host: s3s-fs, which checks signatures and keeps objects as files.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::PATIENCE;

pub(super) const KEY_ID: &str = "AKIDETCDHA";
pub(super) const SECRET: &str = "a-secret-of-the-tests";
const BUCKET: &str = "etcd";

/// A server with one empty bucket; it ends with this value.
pub(super) struct StoreServer {
    root: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl StoreServer {
    pub(super) fn start(directory: &Path) -> Self {
        let root = directory.join("store");
        fs::create_dir_all(root.join(BUCKET)).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut server = Self {
            root,
            port,
            child: None,
        };
        server.start_again();
        server
    }

    pub(super) fn start_again(&mut self) {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/s3s-fs/bin/s3s-fs");
        assert!(
            program.exists(),
            "{} is missing: run scripts/fetch store",
            program.display()
        );
        let port = self.port.to_string();
        let words = ["--host", "127.0.0.1", "--port", &port];
        let child = Command::new(program)
            .args(words)
            .args(["--access-key", KEY_ID, "--secret-key", SECRET])
            .arg(&self.root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.unwrap());
        let deadline = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "the store never listened");
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(super) fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// What reaches it, as variables of the environment.
    pub(super) fn variables(&self) -> [(&'static str, String); 3] {
        [
            (
                "AWS_ENDPOINT_URL",
                format!("http://127.0.0.1:{}", self.port),
            ),
            ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }

    /// The file of an object.
    pub(super) fn object(&self, key: &str) -> PathBuf {
        self.root.join(BUCKET).join(key)
    }

    /// Keys below a prefix, sorted.
    pub(super) fn keys(&self, prefix: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.object(prefix)) else {
            return Vec::new();
        };
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Bytes of everything that the server keeps, parts of uploads as well.
    pub(super) fn bytes(&self) -> u64 {
        fn below(directory: &Path) -> u64 {
            let Ok(entries) = fs::read_dir(directory) else {
                return 0;
            };
            let sizes = entries.flatten().map(|entry| match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => below(&entry.path()),
                Ok(metadata) => metadata.len(),
                Err(_) => 0,
            });
            sizes.sum()
        }
        below(&self.root)
    }
}

impl Drop for StoreServer {
    fn drop(&mut self) {
        self.kill();
    }
}
