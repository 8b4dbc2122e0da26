# shellcheck shell=bash disable=SC2034
# Which programs of the machine do the build and the tests call, and from which Debian packages
# do they come? What is missing is installed. Servers never come this way: see debs.sh.

# Each line: how to see that it is there, and the package that brings it.
#   word      a command on PATH
#   /path     a file
#   lib:name  a shared library
#   include:  a file that protoc can import
#   venv:     python3 is able to make a virtual environment
BUILD_TOOLS='
cc gcc
protoc protobuf-compiler
include:google/protobuf/descriptor.proto libprotobuf-dev
'

TEST_TOOLS='
g++ g++
readelf binutils
ip iproute2
mount mount
unshare util-linux
ps procps
curl curl
nft nftables
openssl openssl
systemd-analyze systemd
age age
age-keygen age
zstd zstd
gzip gzip
setpriv util-linux
strace strace
shellcheck shellcheck
venv: python3-venv
lib:libsqlite3.so.0 libsqlite3-0
/etc/ssl/certs/ca-certificates.crt ca-certificates
/usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
'

# What scripts/kubernetes calls besides.
KUBERNETES_TOOLS='
xz xz-utils
flock util-linux
ldd libc-bin
'

# Succeeds when the thing is there.
tool_is_here() {
    case $1 in
    /*) [ -e "$1" ] ;;
    lib:*) PATH=$PATH:/usr/sbin:/sbin ldconfig -p | grep -F "${1#lib:}" >/dev/null ;;
    # protoc reads the includes that lie beside it.
    include:*) [ -e "$(dirname "$(command -v protoc || echo /usr/bin/protoc)")/../include/${1#include:}" ] ;;
    # Debian's python3 has the module venv but not what it needs to make one.
    venv:) command -v python3 >/dev/null && python3 -c 'import venv, ensurepip' 2>/dev/null ;;
    *) PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null ;;
    esac
}

# Prints the packages of a list that are not here.
missing_packages() {
    local what package
    while read -r what package; do
        [ -z "$what" ] || tool_is_here "$what" || printf '%s\n' "$package"
    done <<<"$1"
}

# Installs what a list lacks, and looks again afterwards.
ensure_tools() {
    local missing
    mapfile -t missing < <(missing_packages "$1")
    [ "${#missing[@]}" -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "missing, and there is no apt-get to install it: ${missing[*]}"
    note "installing ${missing[*]}"
    if ! install_packages "${missing[@]}"; then
        die "could not install the missing packages, do it by hand: apt-get install ${missing[*]}"
    fi
    mapfile -t missing < <(missing_packages "$1")
    [ "${#missing[@]}" -eq 0 ] || die "installed, but its program is still missing: ${missing[*]}"
}

# Old package lists name versions that the mirror has dropped, so a failure is tried once more.
install_packages() {
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@")
    as_root "${install[@]}" >&2 && return
    as_root apt-get update -q >&2 && as_root "${install[@]}" >&2
}
