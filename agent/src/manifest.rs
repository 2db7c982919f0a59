//! Reads a Trace or ClusterTrace manifest as strictly as the API server would.
//!
//! The schema of the CustomResourceDefinition is the one source of what is allowed, rules in CEL
//! included; the first violation ends it, with its place, its field and the remedy.

mod definition;
mod metadata;
mod place;
mod scalar;
mod schema;
mod tree;

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

use kube::{CustomResourceExt, Resource};
use serde_json::Value as Json;
use thiserror::Error;
use traceherd_crds::{ClusterTrace, ClusterTraceSpec, Trace};

use definition::Definition;
use place::{Place, Problem};
use tree::Node;

/// The largest manifest that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// A manifest that was read and found right.
#[derive(Debug)]
pub struct Manifest {
    /// The resource's kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its namespace, if the manifest says one.
    pub namespace: Option<String>,
    /// What it wants; a namespaced Trace's as a ClusterTrace would say it.
    pub spec: ClusterTraceSpec,
    file: String,
    places: HashMap<String, Place>,
}

/// A resource's kind.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Of one namespace.
    Trace,
    /// Of the whole cluster.
    ClusterTrace,
}

/// Why a manifest was not taken.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// It could not be read.
    #[error("cannot read {file}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("{file}:{problem}")]
    Invalid {
        /// The file.
        file: String,
        /// What is wrong, and where.
        problem: Problem,
    },
}

impl Manifest {
    /// Reads `file`; `-` is standard input.
    ///
    /// # Errors
    /// That it cannot be read, or the first thing that is wrong in it.
    pub fn read(file: &Path) -> Result<Self, ManifestError> {
        let name = if file == Path::new("-") {
            "stdin".into()
        } else {
            file.display().to_string()
        };
        let bytes = read_bounded(file).map_err(|source| ManifestError::Read {
            file: name.clone(),
            source,
        })?;
        Self::parse(&name, &bytes)
    }

    /// Reads the text of the manifest that is called `file` in errors.
    ///
    /// # Errors
    /// The first thing that is wrong in it.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, ManifestError> {
        read_resource(bytes)
            .map(|resource| Self {
                file: file.to_owned(),
                ..resource
            })
            .map_err(|problem| ManifestError::Invalid {
                file: file.to_owned(),
                problem,
            })
    }

    /// The error for something that no schema can say, about the field at `path`.
    pub fn refuse(&self, path: &str, message: impl Into<String>) -> ManifestError {
        let place = self.places.get(path).copied().unwrap_or(Place::START);
        let problem = Problem {
            place,
            path: path.to_owned(),
            message: message.into(),
        };
        ManifestError::Invalid {
            file: self.file.clone(),
            problem,
        }
    }
}

fn read_bounded(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        io::stdin()
            .lock()
            .take(LARGEST + 1)
            .read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(file)?
            .take(LARGEST + 1)
            .read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// A manifest whose file has no name yet.
fn read_resource(bytes: &[u8]) -> Result<Manifest, Problem> {
    if bytes.len() as u64 > LARGEST {
        return Err(Problem::of_document(
            Place::START,
            format!(
                "larger than {} KiB: this is no manifest of one resource",
                LARGEST >> 10
            ),
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        Problem::of_document(Place::after(&good), "not UTF-8: save the file as UTF-8")
    })?;
    let mut document = tree::parse(text)?;
    // As the API server does with what `kubectl get -o yaml` printed.
    document.remove("status");
    let trace = Definition::new(&Trace::crd());
    let cluster_trace = Definition::new(&ClusterTrace::crd());
    let kind = kind(&document)?;
    let (checked, metadata, spec) = match kind {
        Kind::Trace => {
            let checked = trace.check(&document, &cluster_trace)?;
            let trace: Trace = typed(&checked.json)?;
            let namespace = trace
                .metadata
                .namespace
                .as_deref()
                .unwrap_or(DEFAULT_NAMESPACE);
            let spec = trace.spec.in_namespace(namespace);
            (checked, trace.metadata, spec)
        }
        Kind::ClusterTrace => {
            let checked = cluster_trace.check(&document, &trace)?;
            let trace: ClusterTrace = typed(&checked.json)?;
            (checked, trace.metadata, trace.spec)
        }
    };
    Ok(Manifest {
        kind,
        name: metadata.name.unwrap_or_default(),
        namespace: metadata.namespace,
        spec,
        file: String::new(),
        places: checked.places,
    })
}

/// The namespace of a Trace whose manifest says none, as for kubectl.
pub const DEFAULT_NAMESPACE: &str = "default";

fn kind(document: &Node) -> Result<Kind, Problem> {
    let refuse = |field: &str, message: String| {
        let place = document
            .get(field)
            .map_or(document.place, |node| node.place);
        Err(Problem {
            place,
            path: field.to_owned(),
            message,
        })
    };
    if !matches!(document.value, tree::Value::Map(_)) {
        return Err(Problem::of_document(
            document.place,
            "must be a map that begins with apiVersion: and kind:",
        ));
    }
    let version = Trace::api_version(&());
    match document.get("apiVersion").and_then(Node::text) {
        Some(found) if found == version => {}
        Some(found) => return refuse("apiVersion", format!("must be {version}, not {found:?}")),
        None => {
            return refuse(
                "apiVersion",
                format!("is missing: write apiVersion: {version}"),
            );
        }
    }
    match document.get("kind").and_then(Node::text) {
        Some("Trace") => Ok(Kind::Trace),
        Some("ClusterTrace") => Ok(Kind::ClusterTrace),
        Some(found) => refuse(
            "kind",
            format!("must be Trace or ClusterTrace, not {found:?}"),
        ),
        None => refuse(
            "kind",
            "is missing: write kind: Trace or kind: ClusterTrace".to_owned(),
        ),
    }
}

fn typed<T: serde::de::DeserializeOwned>(json: &Json) -> Result<T, Problem> {
    T::deserialize(json).map_err(|error| Problem::of_document(Place::START, error.to_string()))
}

#[cfg(test)]
mod tests;
