# shellcheck shell=bash
# How does a program become a container image without Docker and without a registry?
# The format is docker save's: a layer, a configuration and a manifest.json in one tar, which containerd's
# "ctr images import" and "docker load" both read. Every image is FROM scratch.

IMAGE_REGISTRY=registry.local

# image_write TAR NAME:TAG TREE PROGRAM
# Makes an image whose files are those of TREE, all root's and with one fixed date. PROGRAM is what it runs
# when it is not told otherwise.
image_write() {
    local tar=$1 name=$2 tree=$3 program=$4 work hash arch
    case $(uname -m) in
    x86_64) arch=amd64 ;;
    aarch64) arch=arm64 ;;
    *) die "no container image for a $(uname -m) machine is known here" ;;
    esac
    work=$(mktemp -d "$tar.XXXXXX")
    plain_tar "$work/layer.tar" "$tree" .
    hash=$(sha256sum "$work/layer.tar" | cut -d ' ' -f 1)
    printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["%s"],"Env":["PATH=%s"]},' \
        "$arch" "$program" /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin >"$work/config.json"
    printf '"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created_by":"scripts/kubernetes"}]}\n' \
        "$hash" >>"$work/config.json"
    printf '[{"Config":"config.json","RepoTags":["%s/%s"],"Layers":["layer.tar"]}]\n' \
        "$IMAGE_REGISTRY" "$name" >"$work/manifest.json"
    plain_tar "$work/image.tar" "$work" config.json layer.tar manifest.json
    mv "$work/image.tar" "$tar"
    rm -rf "$work"
}

# plain_tar TAR DIRECTORY FILE...
plain_tar() {
    tar -cf "$1" -C "$2" --format=gnu --owner=0 --group=0 --numeric-owner --sort=name --mtime=@0 "${@:3}"
}

# image_add TREE FILE PLACE
# Puts a program at its place in an image's tree, with the libraries and the loader it names, if any.
image_add() {
    local tree=$1 file=$2 place=$3 library
    install -D -m 755 "$file" "$tree$place"
    while read -r library; do
        [ -e "$tree$library" ] || install -D -m 755 "$(realpath "$library")" "$tree$library"
    done < <(LC_ALL=C ldd "$file" 2>/dev/null | sed -n -e 's/^\t\(.* => \)\?\(\/[^ ]*\) (.*/\2/p')
}

# kubernetes_images WORK VERSION
# Makes the images of the control plane in BIN, and of what the test hosts need besides, in WORK/images.
kubernetes_images() {
    local tree=$1/tree tars=$1/images version=$2 program release tag
    mkdir -p "$tars"
    for program in kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do
        rm -rf "$tree"
        image_add "$tree" "$BIN/$program" "/usr/local/bin/$program"
        image_write "$tars/$program.tar" "$program:$version" "$tree" "/usr/local/bin/$program"
    done
    for release in "$DEBS"/etcd-*; do
        rm -rf "$tree"
        for program in "$release"/usr/bin/*; do
            image_add "$tree" "$program" "/usr/local/bin/${program##*/}"
        done
        tag=$("$release/usr/bin/etcd" --version | sed -n 's/^etcd Version: //p')
        image_write "$tars/${release##*/}.tar" "etcd:$tag" "$tree" /usr/local/bin/etcd
        # The bed learns the tag here, which changes with Debian's package.
        echo "$tag" >"$tars/${release##*/}.tag"
    done
    rm -rf "$tree" && mkdir -p "$tree"
    cc -static -Os -Wall -Werror -s -o "$tree/pause" tests/bed/pause.c ||
        die "cannot compile tests/bed/pause.c: install gcc and libc6-dev"
    image_write "$tars/pause.tar" pause:testbed "$tree" /pause
    echo "$version" >"$tars/version"
}
