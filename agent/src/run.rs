//! `traceherd run`.

use crate::cli::{RunArgs, Runtimes};
use crate::failure::Failure;
use crate::manifest::{Manifest, ManifestError};
use crate::plan::Plan;
use crate::session::{self, parse_filters};
use crate::sources::hostname;

/// Runs a manifest until the end is asked for, or reached.
///
/// # Errors
/// A bad manifest or column, or that nothing can be traced here.
pub fn run(args: &RunArgs, runtimes: &Runtimes) -> Result<(), Failure> {
    let manifest = Manifest::read(&args.file).map_err(|error| match error {
        ManifestError::Read { .. } => Failure::runtime(error),
        ManifestError::Invalid { .. } => Failure::usage(error),
    })?;
    let plan = Plan::of_manifest(&manifest, &hostname()).map_err(Failure::usage)?;
    let filter = parse_filters(&plan.filters).map_err(|error| {
        let path = format!("spec.filter[{}]", error.position - 1);
        Failure::usage(manifest.refuse(&path, format!("{:?}: {}", error.text, error.reason)))
    })?;
    for note in &plan.notes {
        eprintln!("traceherd: {note}");
    }
    if plan.suspended {
        eprintln!("traceherd: spec.suspend is true: nothing is traced");
        return Ok(());
    }
    session::run(&manifest.name, plan, filter, &args.output.format, runtimes)
}
