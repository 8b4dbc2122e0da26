//! What holds for every command: help, versions, forms of output, variables, broken pipes.

use std::io::Read;
use std::process::Stdio;

use crate::harness::Sandbox;

#[test]
fn alone_it_shows_the_commands_in_groups() {
    let run = Sandbox::new().run("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(run.stdout);
}

#[test]
fn the_version_comes_in_every_form() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run("--version").stdout, "etcdha [VERSION]\n");
    assert_eq!(sandbox.run("version").stdout, "etcdha [VERSION]\n");
    insta::assert_snapshot!(sandbox.run("version -o json").all(), @r#"
    exit 0
    --- stdout
    {
      "apiVersion": "etcdha.dev/v1",
      "kind": "Version",
      "version": "[VERSION]",
      "platform": "[PLATFORM]",
      "etcd": [
        "3.4",
        "3.5",
        "3.6"
      ]
    }
    --- stderr
    "#);
    insta::assert_snapshot!(sandbox.run("-o yaml version").all(), @r#"
    exit 0
    --- stdout
    apiVersion: etcdha.dev/v1
    kind: Version
    version: "[VERSION]"
    platform: [PLATFORM]
    etcd:
    - "3.4"
    - "3.5"
    - "3.6"
    --- stderr
    "#);
}

#[test]
fn a_flag_can_come_from_its_variable_and_the_command_line_wins() {
    let sandbox = Sandbox::new().variable("ETCDHA_OUTPUT", "json");
    assert!(sandbox.run("version").stdout.starts_with('{'));
    assert_eq!(sandbox.run("version -o table").stdout, "etcdha [VERSION]\n");
    let sandbox = Sandbox::new().variable("ETCDHA_OUTPUT", "xml");
    insta::assert_snapshot!(sandbox.run("version").all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: invalid value 'xml' for '--output <FORMAT>'
      [possible values: table, wide, json, yaml]

      tip: a similar value exists: 'yaml'

    For more information, try '--help'.
    ");
}

#[test]
fn wrong_usage_exits_with_2_and_names_the_nearest_flag() {
    insta::assert_snapshot!(Sandbox::new().run("version --outputt json").all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: unexpected argument '--outputt' found

      tip: a similar argument exists: '--output'

    Usage: etcdha version --output <FORMAT>

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(Sandbox::new().run("versoin").all(), @r"
    exit 2
    --- stdout
    --- stderr
    error: unrecognized subcommand 'versoin'

      tip: a similar subcommand exists: 'version'

    Usage: etcdha [OPTIONS] [COMMAND]

    For more information, try '--help'.
    ");
}

#[test]
fn an_unreadable_log_filter_is_wrong_usage() {
    let sandbox = Sandbox::new().variable("ETCDHA_LOG", "etcdha=loud");
    insta::assert_snapshot!(sandbox.run("version").all(), @r#"
    exit 2
    --- stdout
    --- stderr
    error: read the filter in ETCDHA_LOG
      error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5
    found: etcdha=loud
    expected: a level (error, warn, info, debug, trace) or target=level,…
    "#);
}

#[test]
fn colour_is_there_only_when_asked_for() {
    let sandbox = Sandbox::new();
    let escape = '\u{1b}';
    assert!(!sandbox.run("--bogus").stderr.contains(escape));
    assert!(
        sandbox
            .run("--color=always --bogus")
            .stderr
            .contains(escape)
    );
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let sandbox = Sandbox::new();
    for words in [["completions", "zsh"], ["help", "version"]] {
        #[expect(
            clippy::disallowed_methods,
            reason = "a pipe that closes early needs the plain process type"
        )]
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_etcdha"));
        let mut child = command
            .args(words)
            .env_clear()
            .current_dir(sandbox.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        let mut pipe = child.stderr.take().unwrap();
        pipe.read_to_string(&mut stderr).unwrap();
        assert_eq!(
            (child.wait().unwrap().code(), stderr.as_str()),
            (Some(0), "")
        );
    }
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = Sandbox::new().run(&format!("completions {shell}"));
        assert_eq!(run.code, 0);
        assert!(run.stdout.contains("completions"), "{shell}");
    }
}

#[test]
fn man_pages_are_written_for_every_command() {
    let sandbox = Sandbox::new();
    let run = sandbox.run("man --dir man1");
    assert_eq!((run.code, run.stdout.as_str()), (0, ""));
    assert!(sandbox.read("man1/etcdha.1").contains(".TH etcdha 1"));
    assert!(
        sandbox
            .read("man1/etcdha-version.1")
            .contains("etcdha version")
    );
    assert!(sandbox.run("man").stdout.contains(".SH NAME"));
}
