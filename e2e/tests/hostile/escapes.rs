//! A process leaves the namespaces and the cgroup that its container began with.

use serde_json::Value;

use crate::stage::{
    MAY_GO_ASTRAY, OWN_CGROUPS, Stage, assert_none, assert_only, marked, name, wait_for,
};

/// Levels of cgroups that a container makes below its own: more than the kernel side looks up.
const DEEP: u32 = 100;

pub fn a_container_stays_itself(stage: &Stage) {
    let (wanted, other) = (&*name("astray"), &*name("bystander"));
    let own = stage.trace(&["-c", wanted]);
    let others = stage.trace(&["-c", other]);
    let everyones = stage.trace(&[]);
    stage
        .docker
        .run_with(wanted, &MAY_GO_ASTRAY, &["sleep", "1000"])
        .unwrap();
    stage.sleeps(other);

    let exec = |options: &[&str], command: &[&str]| {
        let args = [&["exec"], options, &[wanted], command].concat();
        stage.docker.docker(&args).unwrap();
    };
    exec(&[], &["/bin/echo", "plain"]);
    let as_user = ["--user", "1234:1234"];
    exec(&as_user, &["unshare", "-U", "-m", "/bin/echo", "unshared"]);
    // This process is the host's.
    let pid = std::process::id().to_string();
    exec(&[], &["nsenter", "-t", &pid, "-m", "/bin/echo", "in-hosts"]);
    let script = |script: String| drop(stage.script(wanted, &script));
    script(format!(
        "{OWN_CGROUPS} mkdir $cg/inside; echo $$ >$cg/inside/cgroup.procs; exec /bin/echo inside"
    ));
    script(format!(
        "{OWN_CGROUPS} cd $cg; i=0; while [ $i -lt {DEEP} ]; do mkdir d; cd d; i=$((i+1)); done; \
         echo $$ >cgroup.procs; exec /bin/echo deep"
    ));

    let marks = ["plain", "unshared", "in-hosts", "inside", "deep"];
    wait_for(&own, &marks);
    wait_for(&everyones, &marks);
    let own = own.stop().unwrap();
    assert_only(&own, wanted, &marks);
    // Each did what it was to do.
    let [plain, unshared, in_hosts, inside, deep] =
        marks.map(|mark| marked(&own.events, mark)[0].clone());
    let differs = |event: &Value, column: &str| event[column] != plain[column];
    assert!(differs(&unshared, "mountnsid"), "{unshared:#}");
    assert_eq!(unshared["cgroupid"], plain["cgroupid"]);
    assert!(differs(&in_hosts, "mountnsid"), "{in_hosts:#}");
    assert!(differs(&in_hosts, "exepath") || differs(&in_hosts, "file"));
    assert!(differs(&inside, "cgroupid"), "{inside:#}");
    assert!(differs(&deep, "cgroupid"), "{deep:#}");

    assert_none(&others.stop().unwrap(), &marks);
    let everyones = everyones.stop().unwrap();
    for mark in marks {
        let seen = marked(&everyones.events, mark);
        assert_eq!(seen.len(), 1, "{seen:#?}");
        assert_eq!(seen[0]["container"], wanted, "{seen:#?}");
    }
}
