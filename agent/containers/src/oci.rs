//! What OCI runtimes leave on the host: their command line, the bundle it names, their state.

mod annotations;
mod bundle;
mod cgroups_path;
mod command_line;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod init;
mod malformed;
mod process_root;
mod state;

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tracing::debug;

pub(crate) use annotations::{
    CRI_NAMESPACE, Labels, Words, annotated_sandbox, container_name, containerd_runtime,
    named_image, nerdctl_name, pod,
};
pub(crate) use bundle::Spec;
pub(crate) use cgroups_path::agrees;
pub(crate) use command_line::{Creation, is_container_id};
pub(crate) use init::Init;
pub(crate) use process_root::ProcessRoot;
pub(crate) use state::{State, directories, usual_roots};

use crate::facts::{Facts, Source};

/// The largest `config.json` or state file that is read.
const JSON_LIMIT: u64 = 4 << 20;
/// The largest command line that is read; a runtime's has a few hundred bytes.
const COMMAND_LINE_LIMIT: u64 = 64 << 10;

#[derive(Debug, Error)]
pub(crate) enum OciError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not the JSON it should be")]
    Json {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("cannot open the root directory of process {pid}")]
    Root { pid: u32, source: io::Error },
}

/// What the bundle says whose container the process `creator_pid` is making, where that process
/// is an OCI runtime at `create` or `run`.
///
/// Whoever may start a process can imitate this: it is proof only where the facts' cgroup path
/// [`agrees`] with a cgroup that this process made.
pub(crate) fn creator_bundle(creator_pid: u32) -> Option<Facts> {
    let creation = Creation::parse(&command_line(creator_pid)?)?;
    let facts = ProcessRoot::of(creator_pid)
        .map_err(|source| OciError::Root {
            pid: creator_pid,
            source,
        })
        .and_then(|root| bundle_facts(&root, &creation, Source::Oci));
    or_told(facts)
}

/// What runc's or crun's state of the container `id` says, where that state names the cgroup
/// `cgroup_path` (from its hierarchy's root) as the container's.
pub(crate) fn state_files(id: &str, cgroup_path: &str) -> Option<Facts> {
    if !is_container_id(id) {
        return None;
    }
    usual_roots().iter().find_map(|root| {
        let state = state_told(root, id)?;
        let path = state
            .cgroup_paths
            .iter()
            .find(|path| *path == cgroup_path)?;
        let mut facts = state.facts.clone();
        facts.cgroup_path = Some(path.clone());
        facts.pid = state.init.filter(|init| init.lives()).map(|init| init.pid);
        Some(facts)
    })
}

/// Where containerd's shims (docker's, too) keep `<namespace>/<id>/config.json`, by distribution.
const SHIMS_BUNDLES: [&str; 4] = [
    "/run/containerd/io.containerd.runtime.v2.task",
    "/run/k3s/containerd/io.containerd.runtime.v2.task",
    "/run/k0s/containerd/io.containerd.runtime.v2.task",
    "/var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task",
];
/// Where CRI-O keeps `<id>/userdata/config.json`.
const CRIO_BUNDLES: &str = "/run/containers/storage/overlay-containers";

/// What the bundle of the container `id` says, where it lies in a usual place and names the
/// cgroup `cgroup_path` as the container's. It is there before the cgroup and stays as long, and
/// no other process need be looked at for it.
pub(crate) fn usual_bundle(id: &str, cgroup_path: &str) -> Option<Facts> {
    if !is_container_id(id) {
        return None;
    }
    let shims = SHIMS_BUNDLES.iter().map(Path::new).flat_map(directories);
    let bundles = shims
        .map(|namespace| namespace.join(id))
        .chain([Path::new(CRIO_BUNDLES).join(id).join("userdata")]);
    first_bundle(bundles, id, cgroup_path)
}

fn first_bundle(
    mut bundles: impl Iterator<Item = PathBuf>,
    id: &str,
    cgroup_path: &str,
) -> Option<Facts> {
    let own = ProcessRoot::own().ok()?;
    bundles.find_map(|bundle| {
        let creation = Creation::of(id, bundle);
        let facts = or_told(bundle_facts(&own, &creation, Source::Oci))?;
        let agrees = agrees(facts.cgroup_path.as_deref()?, id, cgroup_path);
        agrees.then_some(facts)
    })
}

/// The process's command line, NUL-terminated words; `None` where it is gone or has none.
pub(crate) fn command_line(pid: u32) -> Option<Vec<u8>> {
    use std::io::Read;
    let file = std::fs::File::open(format!("/proc/{pid}/cmdline")).ok()?;
    let mut line = Vec::new();
    file.take(COMMAND_LINE_LIMIT).read_to_end(&mut line).ok()?;
    (!line.is_empty()).then_some(line)
}

/// What the bundle of a container in the making says.
pub(crate) fn bundle_facts(
    root: &ProcessRoot,
    creation: &Creation,
    origin: Source,
) -> Result<Facts, OciError> {
    let bundle = root.absolute(&creation.bundle);
    let path = bundle.join("config.json");
    let json = read(root, &path)?;
    let spec = Spec::parse(&json).map_err(|source| OciError::Json { path, source })?;
    Ok(spec.facts(origin, &creation.id, &bundle.to_string_lossy()))
}

/// The state of the container `id` below a runtime's root; `Ok(None)` where there is none.
pub(crate) fn state_below(root: &Path, id: &str) -> Result<Option<State>, OciError> {
    let own = ProcessRoot::own().map_err(|source| OciError::Root {
        pid: std::process::id(),
        source,
    })?;
    let folder = root.join(id);
    let parsed = |path: PathBuf, state: Result<State, serde_json::Error>| {
        state.map_err(|source| OciError::Json { path, source })
    };
    let path = folder.join("state.json");
    if let Some(json) = read_if_there(&own, &path)? {
        return parsed(path, state::runc(id, &json)).map(Some);
    }
    let path = folder.join("status");
    let Some(json) = read_if_there(&own, &path)? else {
        return Ok(None);
    };
    let mut state = parsed(path, state::crun(id, &json))?;
    // crun's status has no annotations: it names the bundle that has.
    if let Some(creation) = state.bundle.take().map(|bundle| Creation::of(id, bundle))
        && let Some(facts) = or_told(bundle_facts(&own, &creation, Source::RuncState))
    {
        state.facts = facts;
    }
    Ok(Some(state))
}

fn read_if_there(root: &ProcessRoot, path: &Path) -> Result<Option<Vec<u8>>, OciError> {
    match read(root, path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(OciError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(root: &ProcessRoot, path: &Path) -> Result<Vec<u8>, OciError> {
    root.read(path, JSON_LIMIT)
        .map_err(|source| OciError::Read {
            path: path.to_owned(),
            source,
        })
}

/// [`state_below`], where malformed state is told, once for each file.
pub(crate) fn state_told(root: &Path, id: &str) -> Option<State> {
    or_told(state_below(root, id).transpose()?)
}

fn or_told<T>(result: Result<T, OciError>) -> Option<T> {
    result
        .map_err(|error| match &error {
            OciError::Json { path, .. } => malformed::tell(path, &error),
            // A process that has ended since, mostly.
            _ => debug!(error = &error as &dyn std::error::Error, "no OCI facts"),
        })
        .ok()
}

#[cfg(test)]
mod tests;
