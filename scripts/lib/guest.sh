# shellcheck shell=bash disable=SC2034
# How does a kernel with modules that this machine's lacks get to run a test? As a guest of QEMU, without KVM: Debian's cloud
# kernel and a root folder in memory. Nothing of it is installed or booted on the machine.

GUEST_TOOLS='
qemu-system-x86_64 qemu-system-x86
/bin/busybox busybox-static
dash dash
cpio cpio
depmod kmod
ipvsadm ipvsadm
curl curl
ip iproute2
'

GUEST_KERNEL=$DEBS/guest-kernel
GUEST_SUITE=bookworm

check_guest_kernel() { ls "$1"/boot/vmlinuz-* "$1"/lib/modules/*/kernel/net/netfilter/ipvs/ip_vs.ko; }

# Unpacks the kernel that Debian's package for clouds depends on.
guest_kernel() {
    local package
    [ ! -e "$GUEST_KERNEL/recipe" ] || return 0
    apt_prepare_once
    package=$(APT_CONFIG=$APT/apt.conf apt-cache show linux-image-cloud-amd64 |
        grep -o 'linux-image-6\.1\.[0-9]*-[0-9]*-cloud-amd64' | sort -V | tail -n 1)
    [ -n "$package" ] || die "Debian $GUEST_SUITE has no package linux-image-6.1.*-cloud-amd64"
    debs_unpack guest-kernel "$GUEST_SUITE" check_guest_kernel "$package"
}

# guest_program ROOT PROGRAM [PATH]: copies a program, to another path where one is named, and every library it names.
guest_program() {
    local root=$1 program file to
    program=$(PATH=$PATH:/usr/sbin:/sbin command -v "$2") || die "$2 is missing: scripts/fetch guest"
    to=${3:-$program}
    mkdir -p "$root$(dirname "$to")"
    cp -L "$program" "$root$to"
    while read -r file; do
        mkdir -p "$root$(dirname "$file")"
        cp -L "$file" "$root$file"
    done < <(ldd "$program" 2>/dev/null | grep -o '/[^ ]*' || true)
}

# guest_root ROOT PROGRAM...: a root folder with busybox, dash, kmod and iproute2, and those programs. The real ones take the
# place of busybox's: its ip knows no namespaces, its shell prefers its own commands.
guest_root() {
    local root=$1 program applet
    mkdir -p "$root"/{bin,sbin,proc,sys,dev,run,tmp,suite,etc}
    cp -L /bin/busybox "$root/bin/busybox"
    while read -r applet; do
        case $applet in ip | sh | modprobe | busybox) continue ;; esac
        ln -s busybox "$root/bin/$applet"
    done < <(busybox --list)
    for program in dash kmod ip "${@:2}"; do guest_program "$root" "$program"; done
    ln -s "$(command -v dash)" "$root/bin/sh"
    ln -s "$(command -v kmod || echo /bin/kmod)" "$root/sbin/modprobe"
}

# guest_modules ROOT NAME...: those modules and what they need.
guest_modules() {
    local root=$1 version file
    version=$(basename "$GUEST_KERNEL"/lib/modules/*)
    mkdir -p "$root/lib/modules/$version"
    # What a module needs is in the index that depmod makes of the unpacked kernel.
    [ -s "$GUEST_KERNEL/lib/modules/$version/modules.dep.bin" ] || depmod -b "$GUEST_KERNEL" "$version"
    modprobe -d "$GUEST_KERNEL" -S "$version" --show-depends -a "${@:2}" | awk '$1 == "insmod" { print $2 }' | sort -u |
        while read -r file; do cp "$file" "$root/lib/modules/$version/"; done
    cp "$GUEST_KERNEL/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$version/"
    depmod -b "$root" "$version"
}

# guest_boot ROOT SECONDS: runs /init of the root folder, shows the console, and ends as the line RC= says.
guest_boot() {
    local root=$1 seconds=$2 work status
    work=$(mktemp -d)
    (cd "$root" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initramfs"
    timeout -k 2 "$seconds" qemu-system-x86_64 -M microvm,acpi=off -accel tcg -cpu max -m 768 -smp 2 \
        -kernel "$GUEST_KERNEL"/boot/vmlinuz-* -initrd "$work/initramfs" \
        -append "console=ttyS0 quiet panic=-1 reboot=t" \
        -nographic -no-reboot -nodefaults -serial stdio </dev/null | tr -d '\r' | tee "$work/console"
    status=$(sed -n 's/^RC=\([0-9]*\)$/\1/p' "$work/console" | tail -n 1)
    rm -rf "$work"
    # QEMU itself always ends with 0.
    [ -n "$status" ] || die "the guest did not come to its end within $seconds s"
    return "$status"
}
