//! Writes the CustomResourceDefinitions into a folder (default: `crds`).

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "crds".into()));
    for (name, crd) in traceherd_crds::crd_files() {
        std::fs::write(folder.join(name), traceherd_crds::file_of(&crd)?)?;
    }
    Ok(())
}
