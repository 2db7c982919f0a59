//! A container that is a whole machine inside.

use serde_json::json;
use traceherd_e2e::Runtimes;

use crate::stage::{MAY_GO_ASTRAY, OWN_CGROUPS, Stage, assert_only, name, wait_for};

pub fn an_init_with_slices(stage: &Stage) {
    let wanted = &*name("init");
    let own = stage.trace(&["-c", wanted]);
    // As systemd arranges itself: the first process leaves for a scope of its own.
    let units = [
        "system.slice/web.service",
        "user.slice/user-1000.slice/session-1.scope",
        "machine.slice/machine-x.scope",
    ];
    let mut script = format!(
        "{OWN_CGROUPS} mkdir $cg/init.scope; echo $$ >$cg/init.scope/cgroup.procs; \
         /bin/echo init.scope; "
    );
    for unit in units {
        script += &format!(
            "mkdir -p $cg/{unit}; sh -c \"echo \\$\\$ >$cg/{unit}/cgroup.procs; \
             exec /bin/echo {unit}\"; "
        );
    }
    script += "exec sleep 1000";
    stage
        .docker
        .run_with(wanted, &MAY_GO_ASTRAY, &["sh", "-c", &script])
        .unwrap();
    let marks = [&["init.scope", "by-exec"][..], &units].concat();
    wait_for(&own, &marks[..1]);
    stage
        .docker
        .exec(wanted, &["/bin/echo", "by-exec"])
        .unwrap();
    wait_for(&own, &marks);
    assert_only(&own.stop().unwrap(), wanted, &marks);
}

pub fn a_container_in_a_container(stage: &Stage) {
    let (wanted, other) = (&*name("outer"), &*name("bystander"));
    let id = stage.sleeps(other);
    let runtimes = Runtimes::get().unwrap();
    let bundle = tempfile::tempdir().unwrap();
    let namespaces = ["pid", "mount", "ipc", "uts"].map(|kind| json!({ "type": kind }));
    let spec = json!({
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/echo", "inner"],
            "env": ["PATH=/bin"], "cwd": "/"},
        "root": {"path": "/runtimes/rootfs", "readonly": true},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
        // Who it would like to be.
        "annotations": {"io.kubernetes.cri.container-name": other},
        "linux": {"cgroupsPath": format!("/docker/{id}"), "namespaces": namespaces},
    });
    std::fs::write(bundle.path().join("config.json"), spec.to_string()).unwrap();

    let own = stage.trace(&["-c", wanted]);
    let others = stage.trace(&["-c", other]);
    let bundle = format!("--volume={}:/bundle", bundle.path().display());
    let folder = format!("--volume={}:/runtimes:ro", runtimes.folder().display());
    // runc is linked dynamically.
    let libraries = ["/lib", "/lib64", "/usr/lib"].map(|path| format!("--volume={path}:{path}:ro"));
    let mut options = MAY_GO_ASTRAY.to_vec();
    // It has processes of its own to manage.
    options.retain(|option| *option != "--pid=host");
    options.extend([&*bundle, &folder]);
    options.extend(libraries.iter().map(String::as_str));
    stage
        .docker
        .run_with(wanted, &options, &["sleep", "1000"])
        .unwrap();
    let said = stage.script(
        wanted,
        &format!(
            "{OWN_CGROUPS} export LD_LIBRARY_PATH=/runtimes/lib; /bin/echo outer; \
             /runtimes/bin/runc --root /tmp/runc run --bundle /bundle inner 2>&1"
        ),
    );
    assert!(said.contains("inner"), "{said}");
    let marks = ["outer", "inner"];
    wait_for(&own, &marks);
    assert_only(&own.stop().unwrap(), wanted, &marks);
    let others = others.stop().unwrap();
    assert!(others.events.is_empty(), "{:#?}", others.events);
}
