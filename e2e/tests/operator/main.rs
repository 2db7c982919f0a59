//! The operator on a real API server. Agents are pods that only sleep, and what the nodes say is
//! written by the cases: so they have it say what a node would say once in a year.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod counting;
mod judging;
mod life;
mod operators;
mod process;
mod rest;
mod scene;

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Trial};
use traceherd_e2e::Cluster;

use crate::scene::{HOME, Scene};

/// A case: its name, which is also its namespace's, and what it does there.
type Case = (&'static str, fn(&Scene));

const CASES: &[Case] = &[
    (
        "a-trace-is-judged-at-once",
        judging::a_trace_is_judged_at_once,
    ),
    (
        "what-is-refused-says-why-and-heals",
        judging::what_is_refused_says_why_and_heals,
    ),
    ("ceilings-are-kept", judging::ceilings_are_kept),
    (
        "what-nodes-say-is-summed-up",
        counting::what_nodes_say_is_summed_up,
    ),
    (
        "a-cluster-trace-is-told-of-at-home",
        counting::a_cluster_trace_is_told_of_at_home,
    ),
    (
        "what-no-agent-would-write-is-ignored",
        counting::what_no_agent_would_write_is_ignored,
    ),
    ("a-node-comes-and-goes", counting::a_node_comes_and_goes),
    ("it-ends-and-runs-again", life::it_ends_and_runs_again),
    (
        "what-is-told-late-counts-once",
        life::what_is_told_late_counts_once,
    ),
    (
        "another-of-the-same-name-starts-fresh",
        life::another_of_the_same_name_starts_fresh,
    ),
    (
        "at-rest-nothing-is-written",
        rest::at_rest_nothing_is_written,
    ),
    (
        "a-namespace-that-goes-is-no-error",
        rest::a_namespace_that_goes_is_no_error,
    ),
    (
        "another-acts-when-one-is-gone",
        operators::another_acts_when_one_is_gone,
    ),
    (
        "two-that-act-at-once-do-no-harm",
        operators::two_that_act_at_once_do_no_harm,
    ),
    (
        "a-lease-that-is-deleted-is-made-again",
        operators::a_lease_that_is_deleted_is_made_again,
    ),
    (
        "definitions-may-go-and-come-back",
        operators::definitions_may_go_and_come_back,
    ),
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One at a time: an operator sees the traces of all.
    arguments.test_threads = Some(1);
    let shared: Arc<OnceLock<Arc<Cluster>>> = Arc::default();
    let trials = CASES.iter().map(|&(name, case)| {
        let shared = Arc::clone(&shared);
        Trial::test(name, move || {
            let cluster = shared.get_or_init(|| Arc::new(started()));
            case(&Scene::new(Arc::clone(cluster), name));
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// A cluster that knows the definitions, and has an agent.
fn started() -> Cluster {
    let cluster = Cluster::start(1).expect("a cluster");
    scene::define(&cluster);
    let kubectl = |args: &[&str]| cluster.kubectl(args).expect("kubectl");
    kubectl(&["create", "namespace", HOME]);
    let agent = scene::agent("agent-1", "node-1").to_string();
    cluster.apply(HOME, &agent).expect("an agent's pod");
    let ready = ["wait", "--for=condition=Ready", "pod/agent-1", "-n", HOME];
    kubectl(&[&ready[..], &["--timeout=60s"]].concat());
    cluster
}
