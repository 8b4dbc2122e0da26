# shellcheck shell=sh
# Does etcdha balance through the real ip_vs as ipvsadm sees it? Runs in the guest that scripts/ipvs-vm boots.
# Three masters and a node are network namespaces on a bridge; every master answers with its own name.

VIP=169.254.247.1
VIP6=fd65:7463:6468:6100::1
ALL=10.0.0.11,10.0.0.12,10.0.0.13
ALL6='[fd00::11]:6443,[fd00::12]:6443,[fd00::13]:6443'
passed=0 failed=0

# check WHAT COMMAND...: counts whether a command succeeds, and shows its output where it does not.
check() {
    what=$1
    shift
    if "$@" >/tmp/out 2>&1; then
        passed=$((passed + 1))
        echo "ok   $what"
    else
        failed=$((failed + 1))
        echo "FAIL $what"
        sed 's/^/     /' /tmp/out
    fi
}

on() { ip netns exec "$@"; }
front() { on n1 etcdha frontend "$@"; }
table() { on n1 ipvsadm -Sn | sort; }

# holds LINES: the table is exactly this.
holds() {
    table >/tmp/found
    printf '%s\n' "$1" | sed 's/^ *//; /^$/d' | sort >/tmp/expected
    diff -u /tmp/expected /tmp/found
}

has() { table | grep -qxF -e "$1" || { table; false; }; }
lacks() { ! table | grep -F -e "$1"; }
fails_with() {
    code=$1
    shift
    "$@"
    found=$?
    [ "$found" -eq "$code" ] || { echo "exit code $found, expected $code" && false; }
}

# ask NAMESPACE URL: the name of the master that answers.
ask() { on "$1" curl -sS -m 3 "http://$2/name"; }

# spread NAMESPACE URL: how often each of three masters answers six times.
spread() {
    for _ in 1 2 3 4 5 6; do ask "$1" "$2" || return; done | sort | uniq -c | sed 's/^ *//' | tr '\n' ' '
}
spreads_evenly() {
    found=$(spread "$1" "$2")
    [ "$found" = "2 m1 2 m2 2 m3 " ] || { echo "found: $found" && false; }
}

host() {
    ip netns add "$1"
    ip -n sw link add "$1-e" type veth peer name eth0 netns "$1"
    ip -n sw link set "$1-e" master bridge up
    ip -n "$1" link set lo up
    ip -n "$1" addr add "10.0.0.$2/24" dev eth0
    ip -n "$1" addr add "fd00::$2/64" dev eth0 nodad
    ip -n "$1" link set eth0 up
    mkdir -p "/tmp/$1" && echo "$1" >"/tmp/$1/name"
}

serve() {
    # Not through a function: $! would be a shell.
    ip netns exec "$1" busybox httpd -f -p '[::]:6443' -h "/tmp/$1" &
    echo $! >"/tmp/$1.pid"
}

stop() {
    kill "$(cat "/tmp/$1.pid")"
    wait "$(cat "/tmp/$1.pid")" 2>/dev/null
}

ip netns add sw
ip -n sw link add bridge type bridge
ip -n sw link set bridge up
host m1 11 && host m2 12 && host m3 13 && host n1 21
for master in m1 m2 m3; do serve "$master"; done
sleep 0.5

dry_run() {
    front once --vip $VIP --server $ALL --dry-run -o json >/tmp/plan.json
    grep -q '"addService"' /tmp/plan.json && grep -q '"setRoute"' /tmp/plan.json && holds ''
}
check 'a dry run tells the plan and changes nothing' dry_run
check 'without a terminal and --yes nothing is changed' fails_with 2 front once --vip $VIP --server $ALL
check 'once sets it up and the virtual address answers' front once --vip $VIP --server $ALL --yes
check 'ipvsadm sees the service and its servers' holds "-A -t $VIP:6443 -s rr
    -a -t $VIP:6443 -r 10.0.0.11:6443 -m -w 1
    -a -t $VIP:6443 -r 10.0.0.12:6443 -m -w 1
    -a -t $VIP:6443 -r 10.0.0.13:6443 -m -w 1"
the_route() {
    ip -n n1 route show table local | grep -q "^local $VIP dev lo proto 77 scope host src 10.0.0.21" &&
        [ "$(on n1 cat /proc/sys/net/ipv4/vs/expire_nodest_conn)" = 1 ]
}
check 'the address is a local route with the node as its source, and deleted servers reset' the_route
check 'connections go to all masters in turn' spreads_evenly n1 $VIP:6443
# The one of once, and six; the kernel sums up every two seconds.
counted() {
    sleep 2.5
    front status --vip $VIP --server $ALL -o json >/tmp/status.json
    [ "$(awk '/"connections":/ { sum += $2 } END { print sum }' /tmp/status.json)" -eq 7 ] || { cat /tmp/status.json && false; }
}
check 'status counts connections' counted
unchanged() {
    front once --vip $VIP --server $ALL --dry-run -o json | tr -d ' \n' | grep -q '"operations":\[\]'
}
check 'once more is nothing to do' unchanged

for scheduler in rr wrr lc wlc lblc lblcr dh sh mh sed nq fo ovf; do
    scheduled() {
        front once --vip $VIP --server $ALL --scheduler "$scheduler" --yes && has "-A -t $VIP:6443 -s $scheduler" &&
            ask n1 $VIP:6443
    }
    check "scheduler $scheduler" scheduled
done
# Debian's kernel is built without this one.
unloadable() {
    fails_with 1 front once --vip $VIP --server $ALL --scheduler twos --yes 2>/tmp/err
    grep -q 'this kernel has no scheduler twos (module ip_vs_twos)' /tmp/err || { cat /tmp/err && false; }
}
check 'a scheduler that the kernel lacks is named' unloadable
check 'an unknown scheduler is refused with the known ones' fails_with 2 front once --vip $VIP --server $ALL --scheduler own --yes

front once --vip $VIP --server $ALL --yes >/dev/null
on n1 ipvsadm -A -t 10.96.0.1:443 -s wrr
on n1 ipvsadm -a -t 10.96.0.1:443 -r 10.0.0.11:6443 -m -w 7
on n1 ipvsadm -A -u 10.96.0.10:53 -s rr
on n1 ipvsadm -A -f 7 -s rr
on n1 ipvsadm -A -t $VIP:80 -s rr
FOREIGN="-A -t 10.96.0.1:443 -s wrr
    -a -t 10.96.0.1:443 -r 10.0.0.11:6443 -m -w 7
    -A -u 10.96.0.10:53 -s rr
    -A -f 7 -s rr
    -A -t $VIP:80 -s rr"
WHOLE="-A -t $VIP:6443 -s rr
    -a -t $VIP:6443 -r 10.0.0.11:6443 -m -w 1
    -a -t $VIP:6443 -r 10.0.0.12:6443 -m -w 1
    -a -t $VIP:6443 -r 10.0.0.13:6443 -m -w 1
    $FOREIGN"

repaired() {
    on n1 ipvsadm "$@" || return
    fails_with 5 front status --vip $VIP --server $ALL >/dev/null &&
        front once --vip $VIP --server $ALL --yes && holds "$WHOLE"
}
check 'a service that was deleted comes back, others stay' repaired -D -t $VIP:6443
check 'a server that was deleted comes back' repaired -d -t $VIP:6443 -r 10.0.0.12:6443
check 'a weight that was changed is put right' repaired -e -t $VIP:6443 -r 10.0.0.12:6443 -m -w 9
check 'a forwarding method that was changed is put right' repaired -e -t $VIP:6443 -r 10.0.0.12:6443 -g -w 1
check 'a stranger among the servers goes' repaired -a -t $VIP:6443 -r 10.0.0.99:6443 -m -w 1
check 'a scheduler that was changed is put right' repaired -E -t $VIP:6443 -s lc
check 'persistence that was added is taken away' repaired -E -t $VIP:6443 -s rr -p 60
limits() { repaired -e -t $VIP:6443 -r 10.0.0.11:6443 -m -w 1 -x 5 -y 2; }
check 'connection limits that were added are taken away' limits
rerouted() {
    ip -n n1 route del local $VIP dev lo table local || return
    fails_with 5 front status --vip $VIP --server $ALL >/dev/null &&
        front once --vip $VIP --server $ALL --yes && the_route
}
check 'a route that was deleted comes back' rerouted

cat >/tmp/persistent.yaml <<'YAML'
apiVersion: etcdha.dev/v1alpha1
kind: Frontend
services:
  - vip: 169.254.247.1
    scheduler: sh
    schedulerFlags: [fallback, port]
    persistence: 5m
    servers:
      - {address: 10.0.0.11, weight: 3}
      - {address: 10.0.0.12, weight: 0}
YAML
persistent() {
    front once --config /tmp/persistent.yaml --yes && holds "-A -t $VIP:6443 -s sh -p 300 -b sh-fallback,sh-port
        -a -t $VIP:6443 -r 10.0.0.11:6443 -m -w 3
        -a -t $VIP:6443 -r 10.0.0.12:6443 -m -w 0
        $FOREIGN" && [ "$(on n1 cat /proc/sys/net/ipv4/vs/expire_quiescent_template)" = 1 ]
}
check 'a file gives persistence, scheduler flags and weights' persistent
check 'and they go again' front once --vip $VIP --server $ALL --yes
check 'to the very state of before' holds "$WHOLE"

stop m2
left_out() { front once --vip $VIP --server $ALL --yes && lacks 10.0.0.12 && ask n1 $VIP:6443; }
check 'a server that refuses is left out' left_out
stop m1
stop m3
all_stay() { fails_with 5 front once --vip $VIP --server $ALL --yes && holds "$WHOLE"; }
check 'when all refuse, all stay' all_stay
for master in m1 m2 m3; do serve "$master"; done
sleep 0.5
check 'and the virtual address answers as soon as they do' spreads_evenly n1 $VIP:6443

# A connection that is open while its server is cut off, and then deleted from the table.
reset_soon() {
    front once --vip $VIP --server 10.0.0.12 --yes || return
    { sleep 4; echo GET; sleep 30; } | on n1 busybox nc $VIP 6443 >/dev/null 2>&1 &
    client=$!
    sleep 1
    ip -n sw link set m2-e down
    front once --vip $VIP --server 10.0.0.11 --yes
    sleep 4.5
    ip -n sw link set m2-e up
    ! kill -0 $client 2>/dev/null
}
check 'a connection to a deleted server is reset at its next packet' reset_soon
on n1 ipvsadm -d -t $VIP:6443 -r 10.0.0.11:6443
refused_at_once() {
    start=$(date +%s)
    ! ask n1 $VIP:6443 && [ $(($(date +%s) - start)) -le 1 ]
}
check 'without a server, connections are refused at once' refused_at_once
front once --vip $VIP --server $ALL --yes >/dev/null

six() { front once --vip $VIP6 --server "$ALL6" --yes && has "-A -t [$VIP6]:6443 -s rr" && spreads_evenly n1 "[$VIP6]:6443"; }
check 'IPv6: connections go to all masters in turn' six
hairpin() { on m1 etcdha frontend once --vip $VIP --server $ALL --yes && spreads_evenly m1 $VIP:6443; }
check 'a master reaches all of them, itself included' hairpin

remote() {
    cat >/tmp/remote.yaml <<YAML
apiVersion: etcdha.dev/v1alpha1
kind: Frontend
serveRemote: true
services:
  - vip: $VIP
    servers: [{address: 10.0.0.11}, {address: 10.0.0.12}, {address: 10.0.0.13}]
YAML
    front once --config /tmp/remote.yaml --yes || return
    host c1 31
    ip -n c1 route add $VIP via 10.0.0.21
    spreads_evenly c1 $VIP:6443
}
check 'others are served through the node when asked for' remote

ip -n n1 link add dummy0 type dummy
ip -n n1 addr add 192.0.2.1/24 dev dummy0
ip -n n1 link set dummy0 up
check 'an address of a link is refused' fails_with 3 front once --vip 192.0.2.1 --server $ALL --yes
check 'and so is one in the network of a link' fails_with 3 front once --vip 10.0.0.100 --server $ALL --yes

many() {
    {
        printf 'apiVersion: etcdha.dev/v1alpha1\nkind: Frontend\nservices:\n'
        service=0
        while [ $((service += 1)) -le 50 ]; do
            printf '  - vip: 169.254.250.%d\n    servers:\n' "$service"
            server=0
            while [ $((server += 1)) -le 20 ]; do printf '      - {address: 10.1.%d.%d}\n' "$service" "$server"; done
        done
    } >/tmp/many.yaml
    ip -n n1 route add 10.1.0.0/16 via 10.0.0.11
    fails_with 5 front once --config /tmp/many.yaml --timeout 100ms --yes >/dev/null &&
        [ "$(table | grep -c '^-a -t 169.254.250')" -eq 1000 ] &&
        front clean --config /tmp/many.yaml --yes && lacks 169.254.250
}
check '1,000 servers over 50 services come and go' many

gone() {
    front clean --vip $VIP --yes && front clean --vip $VIP6 --yes && holds "$FOREIGN" &&
        ! ip -n n1 route show table local | grep -F $VIP
}
check 'clean leaves what others own, and nothing of ours' gone
again() { front clean --vip $VIP --yes | grep -q 'Nothing was there'; }
check 'clean again finds nothing' again

echo "test result: $([ $failed -eq 0 ] && echo ok || echo FAILED). $passed passed; $failed failed; 0 ignored"
[ $failed -eq 0 ]
