//! The release: upgraded, taken away, installed again.

use std::time::Duration;

use traceherd_e2e::kernel;

use crate::identity::RELEASE;
use crate::manifests::{cluster_trace, saying, trace};
use crate::scene::Scene;

pub fn an_upgrade_over_a_running_trace(scene: &Scene) {
    scene.pod(
        "p",
        "web",
        "n=0; while true; do n=$((n+1)); /bin/echo $n; usleep 50000; done",
    );
    scene.accepted("t", "");
    scene.accepted("too-long", "  duration: 2h\n");
    let delivered = || {
        scene.status("t")["events"]["delivered"]
            .as_u64()
            .unwrap_or(0)
    };
    scene.until("it counts", || delivered() > 20);
    let before = delivered();
    scene.stage.deploy(&[
        "--set",
        "ceilings.maxDuration=1h",
        "--set-string",
        "agent.podAnnotations.upgraded=yes",
    ]);
    assert!(delivered() >= before, "the total fell");
    scene.until("it counts on", || delivered() > before + 20);
    scene.until("the ceiling holds", || {
        scene.condition("too-long", "Stalled")["status"] == "True"
    });
    let stalled = scene.condition("too-long", "Stalled");
    assert!(
        stalled["message"]
            .as_str()
            .unwrap_or_default()
            .contains("1h"),
        "{stalled:#}"
    );
    // Without a duration it would be longer than any.
    scene.accepted("t", "  duration: 30m\n");
    scene.stage.deploy(&[]);
    scene.until("and is lifted", || scene.is_ready("too-long"));
}

pub fn a_namespace_is_deleted(scene: &Scene) {
    let other = format!("{}-b", scene.namespace);
    scene.make_namespace(&other);
    scene
        .apply_in(&other, &crate::manifests::pod("p", "web", &saying("on")))
        .unwrap();
    scene.apply_in(&other, &trace("t", "")).unwrap();
    let of_other = || scene.logged_as("Trace", &format!("{other}/t")).len();
    scene.until("it traces", || of_other() > 5);
    scene.until("it reports", || {
        !scene.list_in(&other, "tracereports").is_empty()
    });
    scene
        .kubectl(&["delete", "namespace", &other, "--timeout=60s"])
        .unwrap();
    let after = of_other();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(of_other(), after);
}

/// The types go, and with them every trace; the pods stay well, and take up what comes after.
pub fn the_definitions_are_deleted(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.accepted("t", "");
    scene.until("it traces", || scene.echoed("t", "on").len() > 3);
    scene
        .kubectl(&[
            "delete",
            "crd",
            "-l",
            "app.kubernetes.io/part-of=traceherd",
            "--timeout=60s",
        ])
        .unwrap();
    assert!(
        scene.kubectl(&["get", "traces"]).is_err(),
        "the type is still there"
    );
    scene.within(Duration::from_secs(20), "it stops", || {
        let before = scene.logged("t").len();
        std::thread::sleep(Duration::from_secs(2));
        scene.logged("t").len() == before
    });
    let agents = scene.list_in(RELEASE, "pods");
    assert!(!agents.is_empty());
    scene.stage.deploy(&[]);
    scene.accepted("again", "");
    scene.until("it traces again", || {
        !scene.echoed("again", "on").is_empty()
    });
}

/// Nothing hangs, nothing stays attached; the definitions and the traces stay, and run again under
/// the next release.
pub fn nothing_stays_after_the_release(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.accepted("t", "");
    scene
        .apply(&cluster_trace("kept", "  outputs: [Status]\n"))
        .unwrap();
    scene.until("it traces", || scene.echoed("t", "on").len() > 3);
    let attached = scene.stage.programs();
    assert!(!attached.is_empty());
    let uninstalled = scene
        .on_node(
            "helm",
            &[
                "uninstall",
                RELEASE,
                "-n",
                RELEASE,
                "--wait",
                "--timeout=90s",
            ],
        )
        .output()
        .unwrap();
    assert!(uninstalled.status.success(), "{uninstalled:?}");
    scene.until("its pods are gone", || {
        scene.list_in(RELEASE, "pods").is_empty()
    });
    scene.until("its programs are gone from the kernel", || {
        !attached.iter().any(|&program| kernel::is_loaded(program))
    });
    for kept in ["traces", "clustertraces", "tracereports"] {
        scene
            .kubectl(&["get", "crd", &format!("{kept}.traceherd.dev")])
            .unwrap();
    }
    assert!(scene.get("trace", "t").is_some());
    // Deleting without anybody there does not hang.
    scene
        .kubectl(&["delete", "clustertrace", "kept", "--timeout=20s"])
        .unwrap();

    let before = scene.logged("t").len();
    scene.stage.deploy(&[]);
    scene.until("it runs again", || {
        scene.is_ready("t") && scene.logged("t").len() > before + 3
    });
}
