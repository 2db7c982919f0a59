//! Writes the CustomResourceDefinitions into the folders of a source tree (default: the current
//! one): `crds`, and the chart's templates.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let tree = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| ".".into()));
    let templates = tree.join("charts/traceherd/templates/crds");
    for (name, crd) in traceherd_crds::crd_files() {
        std::fs::write(
            tree.join("crds").join(&name),
            traceherd_crds::file_of(&crd)?,
        )?;
        std::fs::write(templates.join(&name), traceherd_crds::template_of(&crd)?)?;
    }
    Ok(())
}
