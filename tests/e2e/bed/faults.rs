//! Power failures, pulled cables, frozen hosts and full disks, as real etcd feels them.

use std::time::Duration;

use etcdha_testbed::{EtcdRelease, Host, Writer, WriterConfig, etcd, run, verify, wait};

use crate::support::{Member, PATIENCE, bed, bed_with_disk};

async fn survives_a_power_failure(release: EtcdRelease) {
    let bed = bed(["m1"]);
    let host = bed.host("m1");
    let member = Member::start(host, release).await;
    let tls = Some(&member.tls);
    let acked = etcd::load(&member.endpoint, tls, "/before/", 500, 64)
        .await
        .unwrap();
    host.kill_all();
    assert!(
        etcd::wait_healthy(&member.endpoint, tls, Duration::ZERO)
            .await
            .is_err()
    );
    host.start().unwrap();
    member.healthy().await;
    let endpoints = [member.endpoint.clone()];
    let proof = verify::acked(&endpoints, tls, &acked).await.unwrap();
    assert_eq!(proof.keys, 500);
}

#[tokio::test]
async fn a_member_of_3_4_comes_back_with_its_data_after_a_power_failure() {
    survives_a_power_failure(EtcdRelease::V3_4).await;
}

#[tokio::test]
async fn a_member_of_3_5_comes_back_with_its_data_after_a_power_failure() {
    survives_a_power_failure(EtcdRelease::V3_5).await;
}

#[tokio::test]
async fn a_writer_feels_a_pulled_cable_and_a_frozen_host_and_loses_nothing() {
    let bed = bed(["m1"]);
    let host = bed.host("m1");
    let member = Member::start(host, EtcdRelease::V3_5).await;
    let mut config = WriterConfig::new(vec![member.endpoint.clone()], Some(member.tls.clone()));
    config.deadline = Duration::from_millis(300);
    let writer = Writer::start(config).await.unwrap();
    writer.wait_for(20, PATIENCE).await.unwrap();
    let calm = writer.report();
    assert_eq!(calm.failed, [""; 0]);

    for (begin, end) in [
        (Host::cut as fn(&_) -> _, Host::heal as fn(&_) -> _),
        (Host::freeze, Host::thaw),
    ] {
        let failures = writer.report().failed.len();
        begin(host).unwrap();
        wait::until_async("a write to fail", PATIENCE, async || {
            anyhow::ensure!(writer.report().failed.len() > failures);
            Ok(())
        })
        .await
        .unwrap();
        end(host).unwrap();
        writer.wait_for(20, PATIENCE).await.unwrap();
    }
    let report = writer.stop();
    assert!(
        report.longest_gap >= Duration::from_millis(300),
        "{report:?}"
    );
    verify::acked(&[member.endpoint], Some(&member.tls), &report.acked)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_full_disk_stops_etcd_and_room_brings_it_back() {
    let bed = bed_with_disk("m1", 160 << 20);
    let host = bed.host("m1");
    let member = Member::start(host, EtcdRelease::V3_5).await;
    let tls = Some(&member.tls);
    let before = etcd::load(&member.endpoint, tls, "/before/", 200, 64)
        .await
        .unwrap();
    host.fill_disk().unwrap();
    // What is set aside for the write-ahead log takes 64 MiB before the disk's end is felt.
    wait::until_async("etcd to die of the full disk", PATIENCE, async || {
        let _ = etcd::load(&member.endpoint, tls, "/more/", 1024, 8 << 10).await;
        anyhow::ensure!(host.log("etcd").contains("no space left on device"));
        let pod = host.pod("etcd")?;
        let end = pod.and_then(|pod| pod.containers[0].last_end.clone());
        anyhow::ensure!(end.is_some(), "it still runs");
        Ok(())
    })
    .await
    .unwrap();
    host.free_disk().unwrap();
    // The container may have crashed twice and be waiting; a new start of the host forgets that.
    host.kill_all();
    host.start().unwrap();
    member.healthy().await;
    verify::acked(&[member.endpoint], Some(&member.tls), &before)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_host_with_a_wrong_clock_says_so_and_the_machine_does_not() {
    const AHEAD: i32 = 7200;
    let bed = bed(["m1"]);
    let host = bed.host("m1");
    let member = Member::start(host, EtcdRelease::V3_5).await;
    let member_says = || date_of_member(host);
    assert!(member_says().abs_diff(now()) <= 5);

    host.skew_clock(AHEAD).unwrap();
    let ahead = |time: u64| time.abs_diff(now() + 7200) <= 5;
    assert!(ahead(member_says()), "{}", member_says());
    // A new start of the host, and of etcd, keeps the wrong clock; the data does not suffer.
    host.kill_all();
    host.start().unwrap();
    member.healthy().await;
    assert!(ahead(member_says()), "{}", member_says());

    host.skew_clock(-AHEAD).unwrap();
    assert!(member_says().abs_diff(now() - 7200) <= 5);
    host.skew_clock(0).unwrap();
    assert!(member_says().abs_diff(now()) <= 5);
}

/// Returns the machine's time in seconds since 1970.
fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// Returns the time in the `Date` header of etcd's answers, as any client on the network sees it.
fn date_of_member(host: &Host) -> u64 {
    let script = "exec 3<>/dev/tcp/127.0.0.1/2381; \
        printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";
    let answer = host.run(&["bash", "-c", script]).unwrap().stdout;
    let date = answer
        .lines()
        .find_map(|line| line.strip_prefix("Date: "))
        .unwrap_or_else(|| panic!("no date in {answer:?}"));
    let seconds = run(std::process::Command::new("date").args(["+%s", "--date", date])).unwrap();
    seconds.stdout.trim().parse().unwrap()
}
