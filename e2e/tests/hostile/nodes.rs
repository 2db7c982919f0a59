//! Nodes that share a kernel, each with a docker and an agent of its own.

use traceherd_e2e::{Docker, traceherd::Options};

use crate::stage::{Stage, assert_complete, assert_none, assert_only, name, wait_for};

pub fn two_nodes(_: &Stage) {
    let dockers = [Docker::start().unwrap(), Docker::start().unwrap()];
    // Each has one of that name, and the node's cgroup is there with the first container.
    let (web, late) = (&*name("web"), &*name("late"));
    for docker in &dockers {
        docker.run_detached(web, &["sleep", "1000"]).unwrap();
    }
    let trace = |docker: &Docker, more: &[&str]| {
        let root = docker.cgroup_parent();
        let args = [&["--cgroup-root", &root], more].concat();
        let options = Options::exec(&args).unwrap().docker(docker);
        options.start().unwrap()
    };
    let by_name = dockers.each_ref().map(|docker| trace(docker, &["-c", web]));
    let all = dockers.each_ref().map(|docker| trace(docker, &[]));
    // One that asks the wrong docker for its node's containers.
    let root = dockers[0].cgroup_parent();
    let confused = Options::exec(&["--cgroup-root", &root]).unwrap();
    let confused = confused.docker(&dockers[1]).start().unwrap();

    let marks = [["a-web", "a-late"], ["b-web", "b-late"]];
    for (docker, marks) in dockers.iter().zip(marks) {
        docker.exec(web, &["/bin/echo", marks[0]]).unwrap();
        docker.run(late, &["/bin/echo", marks[1]]).unwrap();
    }
    for node in 0..2 {
        wait_for(&by_name[node], &marks[node][..1]);
        wait_for(&all[node], &marks[node]);
    }
    wait_for(&confused, &marks[0]);
    for (traceherd, marks) in by_name.into_iter().zip(marks) {
        assert_only(&traceherd.stop().unwrap(), web, &marks[..1]);
    }
    for ((traceherd, docker), others) in all.into_iter().zip(&dockers).zip([marks[1], marks[0]]) {
        let ended = traceherd.stop().unwrap();
        assert_none(&ended, &others);
        assert_complete(&ended);
        let web_id = docker.id(web).unwrap();
        for event in &ended.events {
            // Nothing of the host's is below a node's cgroup here.
            let own = event["containerid"] == *web_id || event["container"] == late;
            assert!(own, "{event:#}");
        }
    }
    let confused = confused.stop().unwrap();
    assert_none(&confused, &marks[1]);
    for event in &confused.events {
        // A container that nobody has named is called by its id.
        assert!(!event["containerid"].is_null(), "{event:#}");
        assert_eq!(event["container"], event["containerid"], "{event:#}");
    }
}
