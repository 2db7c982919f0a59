//! A container makes cgroups that are called as another's.

use crate::stage::{MAY_GO_ASTRAY, OWN_CGROUPS, Stage, assert_only, name, wait_for};

pub fn cgroups_named_as_anothers(stage: &Stage) {
    let (wanted, there, later) = (&*name("imitator"), &*name("there"), &*name("later"));
    let own = stage.trace(&["-c", wanted]);
    let others = stage.trace(&["-c", there, "-c", later]);
    stage
        .docker
        .run_with(wanted, &MAY_GO_ASTRAY, &["sleep", "1000"])
        .unwrap();
    let there_id = stage.sleeps(there);
    // One more that docker knows, and that has no cgroup yet.
    let create = ["create", "--network=none", "--name", later, "busybox"];
    let later_id = stage
        .docker
        .docker(&[&create[..], &["sleep", "1000"]].concat())
        .unwrap();

    let mut names = Vec::new();
    for id in [&*there_id, later_id.trim()] {
        names.extend([
            id.to_owned(),
            format!("docker/{id}"),
            format!("docker-{id}.scope"),
            format!("cri-containerd-{id}.scope"),
            format!("crio-{id}.scope"),
            format!("libpod-{id}.scope"),
        ]);
    }
    let marks: Vec<_> = (0..names.len()).map(|n| format!("as-{n}")).collect();
    let mut script = OWN_CGROUPS.to_owned();
    for (name, mark) in names.iter().zip(&marks) {
        script += &format!(
            "mkdir -p $cg/{name}; \
             sh -c \"echo \\$\\$ >$cg/{name}/cgroup.procs; exec /bin/echo {mark}\"; "
        );
    }
    stage.script(wanted, &script);
    stage.docker.docker(&["start", later]).unwrap();
    for name in [there, later] {
        stage.docker.exec(name, &["/bin/echo", name]).unwrap();
    }

    let marks: Vec<_> = marks.iter().map(String::as_str).collect();
    wait_for(&own, &marks);
    wait_for(&others, &[there, later]);
    // Those of the imitated ids are in the second trace with their own execs only.
    let mut others = others.stop().unwrap();
    for event in &others.events {
        let of_its_own = [there, later]
            .iter()
            .any(|name| event["container"] == *name);
        assert!(of_its_own, "{event:#}");
        assert!(!marks.iter().any(|mark| event["args"][1] == *mark));
    }
    others.events.retain(|event| event["container"] == later);
    assert_only(&others, later, &[later]);
    let own = own.stop().unwrap();
    assert_only(&own, wanted, &marks);
    // In as many cgroups.
    let mut cgroups: Vec<_> = marks
        .iter()
        .map(|mark| crate::stage::marked(&own.events, mark)[0]["cgroupid"].as_u64())
        .collect();
    cgroups.sort_unstable();
    cgroups.dedup();
    assert_eq!(cgroups.len(), marks.len());
}
