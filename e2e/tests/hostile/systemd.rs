//! systemd inside: Debian's own, as the first process of a container.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::hierarchy::Version;
use crate::stage::{
    MAY_GO_ASTRAY, OWN_CGROUPS, Stage, assert_nothing_lost, marked, name, wait_for,
};

/// Of units and their slices, with what makes systemd start them.
const UNITS: [(&str, &str); 3] = [
    (
        "test.target",
        "[Unit]\nDefaultDependencies=no\nWants=web.service deep.service\n",
    ),
    (
        "web.service",
        "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nStandardOutput=null\n\
         ExecStart=/bin/echo web.service\n",
    ),
    (
        "deep.service",
        "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nStandardOutput=null\n\
         Slice=a-b-c.slice\nExecStart=/bin/echo deep.service\n",
    ),
];

pub fn its_units_are_the_containers(stage: &Stage) {
    let Some(tree) = systemd() else {
        println!("left out: no mirror of Debian among apt's sources to get systemd from");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (unit, text) in UNITS {
        fs::write(folder.path().join(unit), text).unwrap();
    }
    let wanted = &*name("systemd");
    let own = stage.trace(&["-c", wanted]);
    let everyones = stage.trace(&[]);
    let volumes = ["lib", "lib64", "usr/lib"].map(|path| format!("--volume={tree}/{path}:/{path}"));
    let units = format!("--volume={}:/etc/systemd/system", folder.path().display());
    let mut options = MAY_GO_ASTRAY.to_vec();
    // It is the first process.
    options.retain(|option| *option != "--pid=host");
    options.extend(["--tmpfs=/run", "--env=container=docker", &units]);
    options.extend(volumes.iter().map(String::as_str));
    let script =
        format!("{OWN_CGROUPS} exec /lib/systemd/systemd --unit=test.target --log-target=console");
    stage
        .docker
        .run_with(wanted, &options, &["sh", "-c", &script])
        .unwrap();
    let marks = ["web.service", "deep.service"];
    wait_for(&own, &marks);
    wait_for(&everyones, &marks);
    stage
        .docker
        .exec(wanted, &["/bin/echo", "by-exec"])
        .unwrap();
    wait_for(&own, &["by-exec"]);

    let own = own.stop().unwrap();
    assert_nothing_lost(&own);
    let is_own = |event: &&Value| event["container"] == wanted;
    assert_eq!(own.events.iter().filter(is_own).count(), own.events.len());
    let cgroup = |mark: &str| marked(&own.events, mark)[0]["cgroupid"].as_u64();
    // In cgroups that systemd made; on v1 those are in a hierarchy of systemd's own.
    if stage.version == Version::V2 {
        assert_ne!(cgroup("web.service"), cgroup("deep.service"));
    }
    let everyones = everyones.stop().unwrap();
    for mark in marks {
        for event in marked(&everyones.events, mark) {
            assert!(is_own(&event), "{event:#}");
        }
    }
    stage.docker.rm(wanted).unwrap();
}

/// The folder that it is in, where it can be had.
fn systemd() -> Option<String> {
    let run = |script: &str| {
        let script = format!("{}/{script}", env!("CARGO_MANIFEST_DIR"));
        Command::new(script).output().unwrap()
    };
    run("../ebpf/debian-mirror.sh")
        .status
        .success()
        .then(|| run("install-systemd.sh"))
        .map(|output| {
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        })
}
