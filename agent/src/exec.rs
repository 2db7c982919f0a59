//! `traceherd exec`.

use crate::cli::{ExecArgs, Runtimes};
use crate::failure::Failure;
use crate::plan::Plan;
use crate::session::{self, parse_filters};

/// Shows execs until the end is asked for, or reached.
///
/// # Errors
/// A bad filter or column, or that nothing can be traced here.
pub fn exec(args: &ExecArgs, runtimes: &Runtimes) -> Result<(), Failure> {
    let plan = Plan::of_options(args);
    let filter = parse_filters(&plan.filters).map_err(Failure::usage)?;
    for note in &plan.notes {
        eprintln!("traceherd: {note}");
    }
    session::run("exec", plan, filter, &args.output.format, runtimes)
}
