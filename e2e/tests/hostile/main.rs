//! Real containers that do not want to be known, or that want to be known as somebody else, and
//! runtimes that fail. All of it on the host's cgroups and, where those are v1, once more with
//! nothing but cgroup v2 in sight.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod claims;
mod daemons;
mod escapes;
mod floods;
mod hierarchy;
mod imitations;
mod lives;
mod nested;
mod nodes;
mod runtimes;
mod stage;
mod systemd;

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Trial};

use crate::hierarchy::Version;
use crate::stage::Stage;

/// A case: what holds, and the function that shows it.
type Case = (&'static str, fn(&Stage));

const CASES: &[Case] = &[
    (
        "a_container_stays_itself_wherever_it_goes",
        escapes::a_container_stays_itself,
    ),
    (
        "an_init_with_slices_of_its_own_is_the_containers",
        nested::an_init_with_slices,
    ),
    (
        "what_systemd_runs_in_a_container_is_the_containers",
        systemd::its_units_are_the_containers,
    ),
    (
        "a_container_in_a_container_is_the_outer_one",
        nested::a_container_in_a_container,
    ),
    (
        "a_cgroup_named_as_anothers_is_not_the_others",
        imitations::cgroups_named_as_anothers,
    ),
    (
        "labels_and_annotations_make_nobody_a_pods",
        claims::labels_and_annotations,
    ),
    (
        "a_container_keeps_its_name_through_its_lives",
        lives::restarted_renamed_and_paused,
    ),
    (
        "a_container_that_is_killed_for_memory_starts_anew",
        lives::killed_for_memory,
    ),
    (
        "runc_is_replaced_while_it_is_watched",
        daemons::runc_is_replaced,
    ),
    ("docker_restarts", daemons::docker_restarts),
    ("containerd_restarts", daemons::containerd_restarts),
    (
        "a_runtime_that_fails_holds_nobody_up_and_is_told_once",
        runtimes::failing,
    ),
    (
        "two_nodes_on_one_kernel_see_their_own_containers",
        nodes::two_nodes,
    ),
    (
        "namespaces_without_number_cost_nobody_else",
        floods::of_namespaces,
    ),
    (
        "cgroups_without_number_cost_nobody_else",
        floods::of_cgroups,
    ),
];

/// So many cases at once: they mostly wait.
const AT_ONCE: usize = 3;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let version = Version::here();
    // Set by the first case: a filter may leave none.
    let stage = Arc::<OnceLock<Stage>>::default();
    let trial = |&(name, case): &Case| {
        let stage = Arc::clone(&stage);
        let run = move || {
            case(stage.get_or_init(|| Stage::new(version)));
            Ok(())
        };
        Trial::test(name, run).with_kind(version.name())
    };
    let trials = CASES.iter().map(trial).collect();
    let mut failed = libtest_mimic::run(&arguments, trials).has_failed();
    drop(stage);
    if version == Version::V1 {
        failed |= !hierarchy::again_on_v2();
    }
    ExitCode::from(if failed { 101 } else { 0 })
}
