# shellcheck shell=bash
# How are Kubernetes' programs built from what Debian has?
# Debian bookworm's source package carries the whole upstream tree (later ones are cut down to kubectl),
# and bookworm's Go compiles it. Both are unpacked beside the system; nothing is installed.

KUBERNETES_VERSION=v1.20.2
# Debian took a step back, so its own number says both.
KUBERNETES_TARBALL=kubernetes_1.20.5+really1.20.2.orig.tar
GO_PACKAGES=(golang-1.19-go golang-1.19-src golang-github-modern-go-reflect2-dev)
KUBERNETES_PROGRAMS=(kubeadm kubelet kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubectl)

# kubernetes_build WORK BIN
# Builds all programs into BIN, with WORK as scratch space (1.5 GB).
kubernetes_build() {
    local work=$1 bin=$2
    debs_download "$work/debs" "$work/go" bookworm "${GO_PACKAGES[@]}"
    kubernetes_unpack "$work"
    rm -rf "$work/apt" "$work/debs" "$work/source"
    # The subshell keeps Go's variables and the directory to itself.
    (
        export GOROOT=$work/go/usr/lib/go-1.19 GOPATH=$work/path GOCACHE=$work/go-cache GOTMPDIR=$work
        export GO111MODULE=off CGO_ENABLED=0 GOFLAGS='' GOENV=off GOTOOLCHAIN=local
        export PATH=$GOROOT/bin:$PATH
        cd "$GOPATH/src/k8s.io/kubernetes" || exit
        mend_reflect2 "$work/go/usr/share/gocode/src/github.com/modern-go/reflect2"
        generate_openapi "$work"
        compile "$bin"
    )
}

kubernetes_unpack() {
    local tree=$1/path/src/k8s.io/kubernetes
    mkdir -p "$1/source" "$tree"
    # apt proves the files by the signature of the suite they are listed in.
    (cd "$1/source" && APT_CONFIG=$APT/apt.conf apt-get source -q --download-only kubernetes/bookworm >&2) ||
        die "cannot download the source package kubernetes from Debian bookworm"
    [ -e "$(echo "$1/source/$KUBERNETES_TARBALL".*)" ] ||
        die "expected $KUBERNETES_TARBALL.* in Debian's source package, found $(ls "$1/source")"
    # Debian's patches are for its own build, and are left out.
    tar -xf "$1/source/$KUBERNETES_TARBALL".* -C "$tree" --strip-components 1
}

# The vendored reflect2 1.0.1 walks maps with the runtime's layout of Go 1.17: SIGSEGV under later ones.
mend_reflect2() {
    local vendored=vendor/github.com/modern-go/reflect2
    rm -f "$vendored"/*.go "$vendored"/*.s
    cp -L "$1"/*.go "$1"/*.s "$vendored/"
    rm -f "$vendored"/*_test.go
}

# One generated file is in no tarball: the OpenAPI definitions, made from every package that asks for them.
generate_openapi() {
    local packages
    mapfile -t packages < <(grep -rl --include='*.go' --exclude='zz_generated*' '^// +k8s:openapi-gen=' \
        pkg staging/src/k8s.io |
        grep -v -e /code-generator/ -e /sample-apiserver/ | xargs -n 1 dirname | sort -u |
        sed -e 's|^staging/src/|k8s.io/kubernetes/vendor/|' -e 's|^pkg/|k8s.io/kubernetes/pkg/|')
    [ "${#packages[@]}" -gt 20 ] || die "found only ${#packages[@]} packages that ask for OpenAPI definitions"
    go build -o "$1/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen ||
        die "openapi-gen does not build"
    "$1/openapi-gen" --go-header-file vendor/k8s.io/code-generator/hack/boilerplate.go.txt \
        --input-dirs "$(IFS=,; echo "${packages[*]}")" \
        --output-package k8s.io/kubernetes/pkg/generated/openapi --output-file-base zz_generated.openapi \
        --report-filename /dev/null >&2 || die "openapi-gen fails"
}

compile() {
    local package flags='-s -w' version=${KUBERNETES_VERSION#v} program targets=()
    for package in component-base/version client-go/pkg/version; do
        package=k8s.io/kubernetes/vendor/k8s.io/$package
        flags+=" -X $package.gitVersion=$KUBERNETES_VERSION"
        flags+=" -X $package.gitMajor=${version%%.*} -X $package.gitMinor=$(cut -d. -f2 <<<"$version")"
    done
    for program in "${KUBERNETES_PROGRAMS[@]}"; do
        targets+=("./cmd/$program")
    done
    mkdir -p "$1"
    go build -trimpath -ldflags "$flags" -o "$1/" "${targets[@]}" ||
        die "Kubernetes $KUBERNETES_VERSION does not build; the compiler's words are above"
}
