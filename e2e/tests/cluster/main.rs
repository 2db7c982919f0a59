//! On a real cluster with Traceherd installed by its chart. One cluster serves all cases; each has
//! a namespace of its own. With TEST_NODES=2 it has two nodes, and the cases are those of two.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod admission;
mod cases;
mod ceilings;
mod command_line;
mod edits;
mod followed;
mod healing;
mod helm_test;
mod identity;
mod isolation;
mod lifecycle;
mod limits;
mod manifests;
mod names;
mod necessities;
mod nodes;
mod page;
mod permissions;
mod pod_security;
mod refused;
mod release;
mod resources;
mod scene;
mod short_pods;
mod stage;
mod storms;
mod two_nodes;

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Trial};

use crate::cases::Case;
use crate::scene::Scene;
use crate::stage::Stage;

/// So many cases at once: they mostly wait, and the machine is small.
const AT_ONCE: usize = 3;

/// Set when the first case begins: a filter may leave none.
type Shared = Arc<OnceLock<Arc<Stage>>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let nodes = std::env::var("TEST_NODES").map_or(1, |nodes| nodes.parse().expect("TEST_NODES"));
    let (together, alone) = cases::of(nodes);
    let stage = Shared::default();
    let mut failed = false;
    let whole = nodes == 1 && arguments.filter.is_none() && arguments.skip.is_empty();
    let at_the_end = if whole { cases::AT_THE_END } else { &[] };
    for (cases, at_once) in [(together, AT_ONCE), (alone, 1), (at_the_end, 1)] {
        let mut arguments = arguments.clone();
        arguments.test_threads = Some(at_once);
        let trials = cases.iter().map(|case| trial(case, nodes, &stage));
        failed |= libtest_mimic::run(&arguments, trials.collect()).has_failed();
    }
    if let Some(stage) = Arc::into_inner(stage).and_then(OnceLock::into_inner) {
        let stage = Arc::into_inner(stage).expect("every case has ended");
        stage.strike();
    }
    ExitCode::from(if failed { 101 } else { 0 })
}

fn trial(&(name, case): &Case, nodes: u32, stage: &Shared) -> Trial {
    let stage = Arc::clone(stage);
    Trial::test(name, move || {
        let stage = stage.get_or_init(|| Arc::new(Stage::set(nodes)));
        case(&Scene::new(Arc::clone(stage), name));
        Ok(())
    })
}
