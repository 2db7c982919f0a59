//! On a real cluster of one node. One cluster serves all cases; each has a namespace of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod command_line;
mod resources;
mod scene;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use traceherd_e2e::Cluster;

/// A case: its name, which is also its namespace's, and what it does there.
type Case = (&'static str, fn(&scene::Scene));

const CASES: &[Case] = &[
    (
        "every-example-is-accepted",
        resources::every_example_is_accepted,
    ),
    (
        "bad-manifests-are-refused",
        resources::bad_manifests_are_refused,
    ),
    (
        "a-new-trace-is-in-progress",
        resources::a_new_trace_is_in_progress,
    ),
    (
        "a-report-stays-about-its-trace",
        resources::a_report_stays_about_its_trace,
    ),
    (
        "short-pods-have-their-names",
        command_line::short_pods_have_their_names,
    ),
    (
        "a-trace-shows-its-namespace",
        command_line::a_trace_shows_its_namespace,
    ),
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One at a time: the machine is small, and each log is of one case.
    arguments.test_threads = Some(1);
    let cluster = (!arguments.list).then(|| Arc::new(started()));
    let trials = CASES.iter().map(|&(name, case)| {
        let cluster = cluster.clone();
        Trial::test(name, move || {
            let cluster = cluster.ok_or("there is no cluster")?;
            case(&scene::Scene::new(cluster, name));
            Ok(())
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    let Some(cluster) = cluster else {
        return conclusion.exit_code();
    };
    let cgroup = cluster.cgroup();
    let folder = cluster.folder();
    drop(cluster);
    let left = left_behind(&cgroup);
    assert!(left.is_empty() && !folder.exists(), "left behind: {left:?}");
    conclusion.exit_code()
}

fn started() -> Cluster {
    let cluster = Cluster::start(1).expect("a cluster");
    let crds = concat!(env!("CARGO_MANIFEST_DIR"), "/../crds");
    cluster
        .kubectl(&["apply", "-f", crds])
        .expect("the definitions are valid");
    cluster
        .kubectl(&[
            "wait",
            "--for=condition=Established",
            "crd",
            "--all",
            "--timeout=30s",
        ])
        .expect("the definitions are established");
    cluster
}

/// Cgroups of that name, in any hierarchy. Processes and mounts cannot be without.
fn left_behind(cgroup: &str) -> Vec<std::path::PathBuf> {
    let hierarchies = std::fs::read_dir("/sys/fs/cgroup")
        .into_iter()
        .flatten()
        .flatten();
    let roots = hierarchies
        .map(|entry| entry.path())
        .chain(["/sys/fs/cgroup".into()]);
    roots
        .map(|root| root.join(cgroup))
        .filter(|path| path.exists())
        .collect()
}
