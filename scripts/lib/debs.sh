# shellcheck shell=bash
# How do programs and sources from Debian get onto this machine without being installed?
# apt downloads them with a configuration of its own (its lists, cache and status lie in $APT),
# dpkg unpacks them beside, and nothing of the system's apt or dpkg changes.

APT=$DEBS/apt

# Prints the Debian mirror that this machine already uses.
debian_mirror() {
    local id='' codename='' candidates
    # shellcheck disable=SC1091
    id=$(. /etc/os-release && echo "${ID:-}") && codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    # Origin is known once the lists were read; before that a path ending in /debian/ has to do.
    # shellcheck disable=SC2016 # apt expands these itself
    candidates=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI) $(ORIGIN)' \
        'Created-By: Packages' 'Component: main' 2>/dev/null |
        awk -v codename="$codename" \
            '$1 == codename || $1 ~ /^(oldstable|stable|testing|unstable|sid)$/ {
                if ($3 == "Debian") print 1, $2; else if ($2 ~ /\/debian\/$/) print 2, $2 }' | sort)
    if [ -n "${ETCDHA_DEBIAN_MIRROR:-}" ]; then
        echo "$ETCDHA_DEBIAN_MIRROR"
    elif [ "$id" = debian ] && [ -n "$candidates" ]; then
        echo "${candidates%%$'\n'*}" | cut -d' ' -f2
    else
        echo http://deb.debian.org/debian
    fi
}

# apt_prepare LIST...
# Writes the private apt configuration and reads the given lists of packages, each as SUITE or, for its
# sources, as SUITE/source.
apt_prepare() {
    local apt=$APT keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror list kind
    mirror=$(debian_mirror)
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/parts"
    : >"$apt/status"
    for list in "$@"; do
        case $list in */source) kind='deb-src' ;; *) kind='deb' ;; esac
        echo "$kind [signed-by=$keyring] $mirror ${list%/source} main"
    done >"$apt/sources.list"
    {
        # How to reach mirrors (proxies, certificates, dates) stays as the machine has it.
        apt-config dump | grep '^Acquire::' | grep -v '^Acquire::\(IndexTargets\|Languages\|GzipIndexes\)' || true
        cat <<-CONF
			Dir::State::lists "$apt/lists";
			Dir::State::status "$apt/status";
			Dir::Cache "$apt/cache";
			Dir::Cache::pkgcache "";
			Dir::Cache::srcpkgcache "";
			Dir::Etc::main "-";
			Dir::Etc::parts "$apt/parts";
			Dir::Etc::sourcelist "$apt/sources.list";
			Dir::Etc::sourceparts "-";
			Dir::Etc::preferences "-";
			Dir::Etc::preferencesparts "$apt/parts";
			APT::Sandbox::User "root";
			APT::Update::Error-Mode "any";
			Acquire::Languages "none";
			Acquire::GzipIndexes "true";
		CONF
    } >"$apt/apt.conf"
    APT_CONFIG=$apt/apt.conf apt-get update -q >&2 ||
        die "cannot read Debian's package lists from $mirror; ETCDHA_DEBIAN_MIRROR names another mirror"
}

# debs_download DOWNLOADS TREE SUITE PACKAGE...
# Unpacks packages of a suite to TREE, which apt has proved by the suite's signature.
debs_download() {
    local downloads=$1 tree=$2 suite=$3 packages=("${@:4}") deb
    mkdir -p "$downloads" "$tree"
    (cd "$downloads" && APT_CONFIG=$APT/apt.conf apt-get download -q "${packages[@]/%//$suite}" >&2) ||
        die "cannot download ${packages[*]} from Debian $suite"
    for deb in "$downloads"/*.deb; do
        dpkg -x "$deb" "$tree"
    done
}

# debs_unpack NAME SUITE CHECK PACKAGE...
# Unpacks packages of a suite to $DEBS/NAME. CHECK is a function that gets the tree and runs what is in it.
# The directory appears by a rename after its programs ran, so one that exists is whole.
debs_unpack() {
    local name=$1 suite=$2 check=$3 packages=("${@:4}")
    local recipe="$suite ${packages[*]}" work=$DEBS/.unpack
    [ "$(cat "$DEBS/$name/recipe" 2>/dev/null)" != "$recipe" ] || return 0
    note "fetching $name: ${packages[*]} from Debian $suite"
    rm -rf "$work"
    apt_prepare_once
    debs_download "$work/debs" "$work/tree" "$suite" "${packages[@]}"
    "$check" "$work/tree" >&2 || die "$name from Debian $suite does not run on this machine"
    echo "$recipe" >"$work/tree/recipe"
    rm -rf "${DEBS:?}/$name"
    mv "$work/tree" "$DEBS/$name"
    rm -rf "$work"
}

# The lists are read when the first package is needed, and once a run.
apt_prepare_once() {
    [ -z "${APT_PREPARED:-}" ] || return 0
    apt_prepare bookworm trixie
    APT_PREPARED=yes
}
