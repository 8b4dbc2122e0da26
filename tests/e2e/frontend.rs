//! The front end on nftables: a worker reaches three masters through a virtual address, as nft(8) and curl(1) see it.
//!
//! The plane ipvs is tested in a guest (`tests/ipvs`), since not every kernel has it.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use etcdha_testbed::{Bed, Daemon, Host, Output, require_tool, wait};

use crate::support::{PATIENCE, bed};

const VIP: &str = "169.254.247.1";
const VIP6: &str = "fd65:7463:6468:6100::1";
/// Answers every request with its own name and the peer's address; SLOW is a path that takes half a minute.
const SERVER: &str = r#"
import http.server, socket, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write((sys.argv[1] + " " + self.client_address[0].removeprefix("::ffff:") + "\n").encode())
        self.wfile.flush()
        while self.path == "/slow":
            time.sleep(0.05)
            self.wfile.write(b".\n")
    def log_message(self, *args): pass
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    request_queue_size = 128
Server(("::", 6443), Handler).serve_forever()
"#;

/// The same over TLS, answering 200 to /readyz, with a certificate of its own making.
const TLS_SERVER: &str = r#"
import http.server, ssl, subprocess, sys, tempfile
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        answer = (sys.argv[1] + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *args): pass
pem = tempfile.mkdtemp() + "/pem"
subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
    "-keyout", pem, "-out", pem + ".crt", "-subj", "/CN=apiserver", "-days", "2"], check=True, capture_output=True)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(pem + ".crt", pem)
server = http.server.ThreadingHTTPServer(("0.0.0.0", 6443), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
"#;

/// Opens a connection, says so, keeps sending, and ends when it is reset.
const CLIENT: &str = r#"
import socket, sys, time
connection = socket.create_connection((sys.argv[1], 6443), 3)
connection.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
print(connection.recv(4096).decode(errors="replace"), flush=True)
try:
    while True:
        time.sleep(0.1)
        connection.sendall(b"more\r\n")
except OSError as error:
    print("ended:", error, flush=True)
"#;

/// Three masters that answer, and hosts that ask.
struct Stage {
    bed: Bed,
    servers: Vec<Daemon>,
}

impl Stage {
    fn new() -> Self {
        Self::with(SERVER)
    }

    fn with(server: &str) -> Self {
        for (tool, package) in [
            ("nft", "nftables"),
            ("curl", "curl"),
            ("python3", "python3"),
        ] {
            require_tool(tool, package).unwrap();
        }
        let bed = bed(["m1", "m2", "m3", "w1", "c1"]);
        let mut stage = Self {
            bed,
            servers: Vec::new(),
        };
        for name in ["m1", "m2", "m3"] {
            stage.servers.push(stage.serve(name, server));
        }
        for name in ["m1", "m2", "m3"] {
            let scheme = if server == SERVER { "http" } else { "https" };
            let url = format!("{scheme}://{}:6443/", stage.host(name).address());
            wait::until_true("a server", PATIENCE, || {
                stage
                    .worker()
                    .run(&["curl", "-ksf", &url])
                    .unwrap()
                    .status
                    .success()
            })
            .unwrap();
        }
        stage
    }

    fn host(&self, name: &str) -> &Host {
        self.bed.host(name)
    }

    fn worker(&self) -> &Host {
        self.host("w1")
    }

    fn serve(&self, name: &str, server: &str) -> Daemon {
        self.host(name)
            .spawn("server", &["python3", "-c", server, name])
            .unwrap()
    }

    /// Runs `etcdha frontend` on the worker and demands an exit code.
    fn front(&self, code: i32, arguments: &str) -> Output {
        self.front_on("w1", code, arguments)
    }

    fn front_on(&self, name: &str, code: i32, arguments: &str) -> Output {
        let mut command = vec![env!("CARGO_BIN_EXE_etcdha"), "frontend"];
        command.extend(arguments.split_whitespace());
        let output = self.host(name).run(&command).unwrap();
        let found = output.status.code();
        assert_eq!(
            found,
            Some(code),
            "{arguments}\n{}{}",
            output.stdout,
            output.stderr
        );
        output
    }

    /// The flags of a virtual address before these masters.
    fn before(&self, masters: &[&str]) -> String {
        let servers: Vec<_> = masters
            .iter()
            .map(|name| self.host(name).address().to_string())
            .collect();
        format!("--plane nft --vip {VIP} --server {}", servers.join(","))
    }

    fn all(&self) -> String {
        self.before(&["m1", "m2", "m3"])
    }

    /// A front end's file with the masters' weights and further lines.
    fn file(&self, name: &str, weights: [u32; 3], more: &str) -> String {
        let file = self.bed.scratch().unwrap().join(format!("{name}.yaml"));
        let servers = ["m1", "m2", "m3"]
            .into_iter()
            .zip(weights)
            .map(|(name, weight)| {
                format!(
                    "  - {{address: {}, weight: {weight}}}\n",
                    self.host(name).address()
                )
            });
        let text = format!(
            "apiVersion: etcdha.dev/v1alpha1\nkind: Frontend\nplane: nft\n{more}services:\n- vip: {VIP}\n  servers:\n{}",
            servers.collect::<String>()
        );
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    }

    /// The names of the masters that answer to `count` requests, in order of the alphabet.
    fn answers(&self, from: &str, vip: &str, count: usize) -> Vec<String> {
        let url = format!("http://{vip}:6443/");
        let answers = (0..count).map(|_| {
            let output = self
                .host(from)
                .run(&["curl", "-sS", "-m", "3", &url])
                .unwrap();
            assert!(output.status.success(), "{}", output.stderr);
            output.stdout.split(' ').next().unwrap().to_owned()
        });
        let mut answers: Vec<_> = answers.collect();
        answers.sort();
        answers
    }

    fn nft(&self, arguments: &str) -> String {
        let mut command = vec!["nft"];
        command.extend(arguments.split_whitespace());
        let output = self.worker().run(&command).unwrap();
        assert!(
            output.status.success(),
            "nft {arguments}\n{}",
            output.stderr
        );
        output.stdout
    }

    /// What nft lists, with names in the place of addresses.
    fn listed(&self) -> String {
        let mut text = self.nft("list table inet etcdha");
        for name in ["m1", "m2", "m3"] {
            text = text.replace(&self.host(name).address().to_string(), name);
        }
        text
    }
}

const EVEN: [&str; 6] = ["m1", "m1", "m2", "m2", "m3", "m3"];

#[test]
fn a_worker_reaches_every_master_and_the_table_reads_as_nft_lists_it() {
    let stage = Stage::new();
    let plan = stage.front(0, &format!("once {} --dry-run", stage.all()));
    assert!(
        plan.stdout.contains("set route local 169.254.247.1 src"),
        "{}",
        plan.stdout
    );
    assert!(!stage.nft("list tables").contains("etcdha"));
    stage.front(0, &format!("once {} --yes", stage.all()));
    insta::assert_snapshot!(stage.listed());
    assert_eq!(stage.answers("w1", VIP, 6), EVEN);
    let again = stage.front(0, &format!("once {} --yes", stage.all()));
    assert!(
        again.stdout.contains("Nothing was changed"),
        "{}",
        again.stdout
    );
    stage.front(0, &format!("check {}", stage.all()));
    let shown = stage.front(0, &format!("status {} -o json", stage.all()));
    assert_eq!(
        shown.stdout.matches("\"in use\"").count(),
        3,
        "{}",
        shown.stdout
    );

    // A master is a node too: it reaches all of them, itself included.
    stage.front_on("m1", 0, &format!("once {} --yes", stage.all()));
    assert_eq!(stage.answers("m1", VIP, 6), EVEN);

    stage.front(0, &format!("clean --vip {VIP} --plane nft --yes"));
    assert!(!stage.nft("list tables").contains("etcdha"));
    let routes = stage
        .worker()
        .run(&["ip", "route", "show", "table", "local"])
        .unwrap();
    assert!(!routes.stdout.contains(VIP), "{}", routes.stdout);
    let again = stage.front(0, &format!("clean --vip {VIP} --plane nft --yes"));
    assert!(
        again.stdout.contains("Nothing was there"),
        "{}",
        again.stdout
    );
}

#[test]
fn ipv6_is_balanced_too() {
    let stage = Stage::new();
    let servers: Vec<_> = ["m1", "m2", "m3"]
        .map(|name| format!("[{}]:6443", stage.host(name).address6()))
        .into();
    let flags = format!("--plane nft --vip {VIP6} --server {}", servers.join(","));
    stage.front(0, &format!("once {flags} --yes"));
    assert_eq!(stage.answers("w1", &format!("[{VIP6}]"), 6), EVEN);
}

#[test]
fn what_others_change_in_our_table_is_repaired_and_theirs_is_left_alone() {
    let stage = Stage::new();
    stage.front(0, &format!("once {} --yes", stage.all()));
    stage.nft("add table inet theirs");
    stage.nft("add chain inet theirs output { type filter hook output priority 0 ; }");
    stage.nft("add rule inet theirs output counter");
    let theirs = || stage.nft("-s list table inet theirs");
    let (ours, before) = (stage.listed(), theirs());
    let map = format!("servers4-{VIP}-6443");
    let first = stage.nft(&format!("list map inet etcdha {map}"));
    assert!(first.contains("elements"), "{first}");
    for damage in [
        "delete table inet etcdha".to_owned(),
        "flush chain inet etcdha output".to_owned(),
        "add rule inet etcdha output drop".to_owned(),
        "insert rule inet etcdha output ip daddr 192.0.2.1 accept".to_owned(),
        "add chain inet etcdha more".to_owned(),
        format!("flush map inet etcdha {map}"),
        format!("add element inet etcdha {map} {{ 7 : 192.0.2.1 . 80 }}"),
    ] {
        stage.nft(&damage);
        stage.front(5, &format!("status {}", stage.all()));
        stage.front(0, &format!("once {} --yes", stage.all()));
        assert_eq!(stage.listed(), ours, "after {damage}");
        assert_eq!(theirs(), before);
    }
    assert_eq!(stage.answers("w1", VIP, 6), EVEN);
}

#[test]
fn a_changed_table_loses_no_request() {
    let stage = Stage::new();
    // A server of weight 0 keeps its connections, so none of the changes may be felt.
    let files = [[1, 1, 0], [0, 1, 1]].map(|weights| {
        stage.file(
            &weights.map(|weight| weight.to_string()).join("-"),
            weights,
            "",
        )
    });
    stage.front(0, &format!("once --config {} --yes", files[0]));
    let load = format!(
        "for i in $(seq 400); do curl -s -m 2 -o /dev/null http://{VIP}:6443/ || echo failed; done; echo done"
    );
    let mut client = stage.worker().spawn("load", &["sh", "-c", &load]).unwrap();
    let mut changes = 0;
    while client.try_wait().unwrap().is_none() {
        changes += 1;
        stage.front(0, &format!("once --config {} --yes", files[changes % 2]));
    }
    let log = stage.worker().log("load");
    assert_eq!(log.trim(), "done", "after {changes} changes");
    assert!(changes >= 10, "{changes} changes are too few to tell");
}

#[test]
fn a_connection_to_a_server_that_is_taken_out_is_reset_and_without_servers_none_begins() {
    let mut stage = Stage::new();
    stage.front(0, &format!("once {} --yes", stage.before(&["m1"])));
    let mut client = stage
        .worker()
        .spawn("client", &["python3", "-c", CLIENT, VIP])
        .unwrap();
    wait::until_true("an answer", PATIENCE, || {
        stage.worker().log("client").contains("HTTP")
    })
    .unwrap();
    stage.front(0, &format!("once {} --yes", stage.before(&["m2"])));
    let taken_out = Instant::now();
    client.wait().unwrap();
    assert!(
        taken_out.elapsed() < Duration::from_secs(2),
        "{:?}",
        taken_out.elapsed()
    );

    let log = stage.worker().log("client");
    assert!(log.contains("ended:"), "{log}");

    for name in ["m1", "m2", "m3"] {
        stage.host(name).kill_all();
        stage.host(name).start().unwrap();
    }
    // All refuse, so all stay, and what refuses is told.
    stage.front(5, &format!("once {} --yes", stage.all()));
    let checked = stage.front(5, &format!("check {}", stage.all()));
    assert_eq!(
        checked.stdout.matches("server-unreachable").count(),
        6,
        "{}",
        checked.stdout
    );
    stage.servers = vec![stage.serve("m2", SERVER)];
    let url = format!("http://{}:6443/", stage.host("m2").address());
    wait::until_true("m2 to serve", PATIENCE, || {
        stage
            .worker()
            .run(&["curl", "-ksf", &url])
            .unwrap()
            .status
            .success()
    })
    .unwrap();
    let output = stage.front(0, &format!("once {} --yes", stage.all()));
    assert!(output.stdout.contains("Left out"), "{}", output.stdout);
    assert_eq!(stage.answers("w1", VIP, 3), ["m2"; 3]);
}

#[test]
fn a_file_gives_weights_and_serves_others_through_the_node() {
    let stage = Stage::new();
    let file = stage.file("remote", [2, 1, 0], "serveRemote: true\n");
    stage.front(0, &format!("once --config {file} --yes"));
    insta::assert_snapshot!("weights_and_others", stage.listed());
    assert_eq!(
        stage.answers("w1", VIP, 6),
        ["m1", "m1", "m1", "m1", "m2", "m2"]
    );
    let worker = stage.worker().address().to_string();
    let client = stage.host("c1");
    client
        .run(&["ip", "route", "add", VIP, "via", &worker])
        .unwrap();
    let url = format!("http://{VIP}:6443/");
    let output = client.run(&["curl", "-sS", "-m", "3", &url]).unwrap();
    assert!(
        output.stdout.ends_with(&format!(" {worker}\n")),
        "{}{}",
        output.stdout,
        output.stderr
    );
}

#[test]
fn addresses_that_can_not_be_virtual_are_refused() {
    let stage = Stage::new();
    let servers = format!("--plane nft --server {}", stage.host("m1").address());
    let [a, b, c, _] = stage.worker().address().octets();
    let inside = Ipv4Addr::new(a, b, c, 200);
    let refused = stage.front(3, &format!("once --vip {inside} {servers} --yes"));
    assert!(
        refused.stderr.contains("vip-in-node-network"),
        "{}",
        refused.stderr
    );
    let add = ["ip", "addr", "add", "169.254.247.1/32", "dev", "eth0"];
    stage.worker().run(&add).unwrap();
    let refused = stage.front(3, &format!("once --vip {VIP} {servers} --yes"));
    assert!(refused.stderr.contains("vip-"), "{}", refused.stderr);
    let none = stage.front(2, &format!("once --plane nft --vip {VIP} --yes"));
    assert!(none.stderr.contains("--server"), "{}", none.stderr);
}

/// Seconds after which a change must be seen; the interval of the probes is a second.
const SOON: Duration = Duration::from_secs(10);

impl Stage {
    /// How many masters the kernel gives connections to.
    fn in_use(&self, file: &str) -> usize {
        let command = [
            env!("CARGO_BIN_EXE_etcdha"),
            "frontend",
            "status",
            "--config",
            file,
            "-o",
            "json",
        ];
        let output = self.worker().run(&command).unwrap();
        output.stdout.matches("\"in use\"").count()
    }

    fn wait_in_use(&self, file: &str, count: usize) {
        wait::until_true(&format!("{count} servers in use"), SOON, || {
            self.in_use(file) == count
        })
        .unwrap_or_else(|error| {
            panic!(
                "{error}: {}\n{}",
                self.in_use(file),
                self.worker().log("care")
            )
        });
    }
}

#[test]
fn care_takes_the_dead_out_and_back_repairs_reloads_and_leaves_the_rules() {
    let stage = Stage::with(TLS_SERVER);
    let probe = "probe: {insecure: true}\n";
    let file = stage.file("care", [1, 1, 1], probe);
    let mut care = stage
        .worker()
        .spawn(
            "care",
            &[
                env!("CARGO_BIN_EXE_etcdha"),
                "frontend",
                "care",
                "--config",
                &file,
            ],
        )
        .unwrap();
    // It sets up what is not there.
    stage.wait_in_use(&file, 3);

    // Killed, and back.
    stage.host("m2").kill_all();
    stage.wait_in_use(&file, 2);
    stage.host("m2").start().unwrap();
    let again = stage.serve("m2", TLS_SERVER);
    stage.wait_in_use(&file, 3);

    // Cut off, and back.
    stage.host("m3").cut().unwrap();
    stage.wait_in_use(&file, 2);
    stage.host("m3").heal().unwrap();
    stage.wait_in_use(&file, 3);

    // What somebody deletes comes back.
    stage.nft("delete table inet etcdha");
    stage.wait_in_use(&file, 3);
    wait::until_true("a line about it", SOON, || {
        stage.worker().log("care").contains("repaired")
    })
    .unwrap();

    // All dead: all are tried.
    drop(again);
    for name in ["m1", "m2", "m3"] {
        stage.host(name).kill_all();
    }
    wait::until_true("a line about it", SOON, || {
        stage
            .worker()
            .log("care")
            .contains("no server is ready, so all are tried")
    })
    .unwrap();
    assert_eq!(stage.in_use(&file), 3);
    stage.host("m1").start().unwrap();
    let _back = stage.serve("m1", TLS_SERVER);
    stage.wait_in_use(&file, 1);

    // A broken file changes nothing, a good one does.
    std::fs::write(&file, "kind: Frontend\n").unwrap();
    wait::until_true("a line about it", SOON, || {
        stage.worker().log("care").contains("the old one stays")
    })
    .unwrap();
    stage.file("care", [5, 1, 1], probe);
    wait::until_true("the new weight", SOON, || {
        stage.listed().contains("0x80000005")
    })
    .unwrap();

    care.signal(rustix::process::Signal::TERM);
    assert!(care.wait().unwrap().success());
    assert!(stage.listed().contains("numgen"));
}
