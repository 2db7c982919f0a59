//! The state files that runc and crun keep while a container lives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::bundle::annotated;
use super::init::Init;
use crate::facts::{Facts, Source};

/// Where a container's state stands on this host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct State {
    /// What the state says, but for the pid.
    pub facts: Facts,
    /// The container's cgroups, from their hierarchies' roots, in any order.
    pub cgroup_paths: Vec<String>,
    /// The init process, as the runtime wrote it; it may have ended.
    pub init: Option<Init>,
    /// The bundle, where it has to be asked for what the state does not say.
    pub bundle: Option<PathBuf>,
}

/// `<root>/<id>/state.json` of runc (libcontainer/container_linux.go, `State`).
#[derive(Deserialize)]
struct RuncState {
    id: String,
    #[serde(default)]
    init_process_pid: i64,
    #[serde(default)]
    init_process_start: u64,
    #[serde(default)]
    cgroup_paths: Option<BTreeMap<String, String>>,
    #[serde(default)]
    config: Option<RuncConfig>,
}

#[derive(Default, Deserialize)]
struct RuncConfig {
    /// The spec's annotations as `key=value`, and `bundle=<path>`.
    #[serde(default)]
    labels: Option<Vec<String>>,
}

/// `<root>/<id>/status` of crun (src/libcrun/status.c).
#[derive(Deserialize)]
struct CrunStatus {
    #[serde(default)]
    pid: i64,
    #[serde(default, rename = "process-start-time")]
    process_start_time: u64,
    #[serde(default, rename = "cgroup-path")]
    cgroup_path: Option<String>,
    #[serde(default)]
    bundle: Option<String>,
}

/// Reads runc's `state.json`. The id within must be the file's.
pub(crate) fn runc(id: &str, json: &[u8]) -> Result<State, serde_json::Error> {
    let state: RuncState = serde_json::from_slice(json)?;
    if state.id != id {
        return Err(serde::de::Error::custom("the state is another container's"));
    }
    let mut annotations = BTreeMap::new();
    let mut bundle = String::new();
    for label in state.config.unwrap_or_default().labels.unwrap_or_default() {
        match label.split_once('=') {
            Some(("bundle", path)) => bundle = path.to_owned(),
            Some((key, value)) => {
                annotations.insert(key.to_owned(), value.to_owned());
            }
            None => {}
        }
    }
    let cgroup_paths = state
        .cgroup_paths
        .unwrap_or_default()
        .iter()
        .filter_map(|(controller, directory)| below_mount(controller, directory))
        .collect();
    Ok(State {
        facts: annotated(Source::RuncState, id, annotations, &bundle),
        cgroup_paths,
        init: process(state.init_process_pid, state.init_process_start),
        bundle: None,
    })
}

/// Reads crun's `status`.
pub(crate) fn crun(id: &str, json: &[u8]) -> Result<State, serde_json::Error> {
    let status: CrunStatus = serde_json::from_slice(json)?;
    let mut cgroup_paths: Vec<String> = status.cgroup_path.into_iter().collect();
    // Under systemd the processes stand one below the scope, which is the container's.
    if let Some(scope) = cgroup_paths
        .first()
        .and_then(|path| path.strip_suffix("/container"))
    {
        cgroup_paths.push(scope.to_owned());
    }
    let bundle = status.bundle.unwrap_or_default();
    Ok(State {
        facts: annotated(Source::RuncState, id, BTreeMap::new(), &bundle),
        cgroup_paths,
        init: process(status.pid, status.process_start_time),
        bundle: (!bundle.is_empty()).then(|| bundle.into()),
    })
}

fn process(pid: i64, start: u64) -> Option<Init> {
    let pid = u32::try_from(pid).ok().filter(|pid| *pid > 0)?;
    Some(Init { pid, start })
}

/// `/sys/fs/cgroup/memory/a/b` is `/a/b` of memory's hierarchy; on cgroup v2 the controller's
/// name is empty and nothing stands between the mount point and the path.
fn below_mount(controller: &str, directory: &str) -> Option<String> {
    let path = directory.strip_prefix("/sys/fs/cgroup")?;
    let path = match controller {
        "" => path.strip_prefix("/unified").unwrap_or(path),
        // "cpu" may be mounted at "cpu,cpuacct": the directory's first component, whatever it is.
        _ => {
            let rest = path.strip_prefix('/')?;
            &rest[rest.find('/')?..]
        }
    };
    path.starts_with('/').then(|| path.to_owned())
}

/// The directories that hold `<id>/state.json` or `<id>/status`, on a host with the usual
/// runtimes: one for runc and crun each, one for each namespace of containerd and docker.
pub(crate) fn usual_roots() -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = ["/run/runc", "/run/crun", "/run/youki"]
        .map(PathBuf::from)
        .into();
    for parent in ["/run/containerd/runc", "/run/docker/runtime-runc"] {
        roots.extend(directories(Path::new(parent)));
    }
    roots
}

/// The directories right below `parent`; none where it cannot be read.
pub(crate) fn directories(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::Runtime;

    const RUNC: &str = r#"{"id":"abc","init_process_pid":42,"init_process_start":777,
        "created":"2026-01-01T00:00:00Z","config":{"labels":["io.kubernetes.cri.sandbox-name=cart-0",
        "io.kubernetes.cri.sandbox-namespace=shop","x=a=b","bundle=/run/containerd/io.containerd.runtime.v2.task/moby/abc"]},
        "cgroup_paths":{"memory":"/sys/fs/cgroup/memory/docker/abc","cpu":"/sys/fs/cgroup/cpu,cpuacct/docker/abc"}}"#;

    #[test]
    fn runcs_state_tells_cgroups_pid_and_annotations() {
        let state = runc("abc", RUNC.as_bytes()).unwrap();
        assert_eq!(state.cgroup_paths, ["/docker/abc", "/docker/abc"]);
        assert_eq!(
            state.init,
            Some(Init {
                pid: 42,
                start: 777
            })
        );
        assert_eq!(state.facts.runtime, Some(Runtime::Docker));
        assert_eq!(state.facts.labels["x"], "a=b");
        assert_eq!(state.facts.pod.unwrap().name, "cart-0");
    }

    #[test]
    fn cruns_status_tells_the_scope_above_its_container_cgroup() {
        let json = br#"{"pid":42,"process-start-time":777,"cgroup-path":"/machine.slice/libpod-abc.scope/container",
            "bundle":"/var/lib/containers/storage/overlay-containers/abc/userdata"}"#;
        let state = crun("abc", json).unwrap();
        assert!(
            state
                .cgroup_paths
                .contains(&"/machine.slice/libpod-abc.scope".to_owned())
        );
        assert_eq!(
            state.init,
            Some(Init {
                pid: 42,
                start: 777
            })
        );
        assert_eq!(state.facts.runtime, Some(Runtime::Podman));
    }

    #[test]
    fn nonsense_is_an_error_or_says_nothing() {
        let cases: &[&[u8]] = &[
            b"",
            b"[]",
            b"{}",
            br#"{"id":"other"}"#,
            br#"{"id":"abc","cgroup_paths":[]}"#,
            br#"{"id":"abc","init_process_pid":"1"}"#,
            b"{\"id\":\"\xff\"}",
        ];
        for json in cases {
            assert!(
                runc("abc", json).is_err(),
                "{}",
                String::from_utf8_lossy(json)
            );
        }
        let negative = runc("abc", br#"{"id":"abc","init_process_pid":-1}"#).unwrap();
        assert_eq!(negative.init, None);
        let empty = runc("abc", br#"{"id":"abc","config":null}"#).unwrap();
        assert_eq!(empty.cgroup_paths, Vec::<String>::new());
    }

    #[test]
    fn a_cgroup_directory_is_told_from_its_hierarchys_root() {
        let cases = [
            ("memory", "/sys/fs/cgroup/memory/a/b", Some("/a/b")),
            ("", "/sys/fs/cgroup/a/b", Some("/a/b")),
            ("", "/sys/fs/cgroup/unified/a", Some("/a")),
            ("memory", "/sys/fs/cgroup/memory", None),
            ("memory", "/elsewhere/memory/a", None),
            ("", "/sys/fs/cgroupx/a", None),
        ];
        for (controller, directory, expected) in cases {
            assert_eq!(
                below_mount(controller, directory).as_deref(),
                expected,
                "{directory}"
            );
        }
    }
}
