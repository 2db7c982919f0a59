//! More cgroups than the kernel side has room for: an error with a name, never silence.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::fs;

use support::{recorder::eventually, stage::Stage};
use traceherd_tracers::{Config, TraceSpec};

#[tokio::test(flavor = "multi_thread")]
async fn each_cgroup_without_room_is_counted_and_once() {
    let stage = Stage::with(Config {
        cgroups: 1,
        ..Config::default()
    })
    .await;
    let cgroups = || stage.tracers.unattributed().cgroups;
    let spec = TraceSpec::default;
    let _events = stage.tracers.add("trace", spec()).await.unwrap();
    let ground = stage.ground();
    let before = cgroups();

    // Both sides find no room for these. Others may make some cgroups at the same time.
    let made: Vec<_> = (0..60).map(|n| ground.join(format!("full-{n}"))).collect();
    made.iter().for_each(|path| fs::create_dir(path).unwrap());
    let after = eventually(|| Some(cgroups()).filter(|&after| after >= before + 60));
    assert!(after < before + 120, "{before} {after}");

    // Every change tries again.
    for _ in 0..20 {
        stage.tracers.change("trace", spec()).await.unwrap();
    }
    assert!(cgroups() < after + 60, "{after} {}", cgroups());
    assert!(stage.tracers.unattributed().total() >= 60);
    made.iter().for_each(|path| fs::remove_dir(path).unwrap());
    fs::remove_dir(&ground).unwrap();
}
