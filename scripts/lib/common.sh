# shellcheck shell=bash disable=SC2034
# Where is the repository, and how does a script speak, fail and become root?
# Sourced by every script; moves to the root of the repository.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$ROOT" || exit 1

# Where scripts/fetch unpacks servers, and where the tests look for them.
DEBS=$(realpath -m "${ETCDHA_DEBS:-target/debs}")

# Where scripts/kubernetes shows what it built (bin/) and made (images/), and where the tests look for it.
KUBERNETES=$(realpath -ms "${ETCDHA_KUBERNETES:-target/kubernetes}")

# How a part of scripts/test ends that was told to test nothing.
SKIPPED=77

note() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
    note "$*"
    exit 1
}

# Runs a command as root. Without a terminal sudo must not stop to ask for a password.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif ! command -v sudo >/dev/null; then
        die "this needs root and sudo is not installed: run it as root ($*)"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

# The target triple of this machine. Naming it to cargo keeps RUSTFLAGS away from build scripts.
host_triple() { rustc -vV | sed -n 's/^host: //p'; }

# Cargo's output directory.
TARGET=$(realpath -m "${CARGO_TARGET_DIR:-target}")

need_cargo() {
    command -v cargo >/dev/null || die "cargo is missing: install it with rustup, https://rustup.rs"
    scripts/fetch build
}

# fuzz/ has a lock file of its own only because cargo wants one: it is made from the program's, so that
# both build the same versions, and what fuzz/ adds is pinned in its Cargo.toml.
fuzz_lock() {
    if [ ! Cargo.lock -ot fuzz/Cargo.lock ] || [ ! fuzz/Cargo.toml -ot fuzz/Cargo.lock ]; then
        cp Cargo.lock fuzz/Cargo.lock
        cargo fetch --manifest-path fuzz/Cargo.toml
        touch fuzz/Cargo.lock
    fi
}
