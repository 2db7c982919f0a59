use super::{Creation, Spec, agrees, is_container_id, state};
use crate::facts::Source;

/// A `config.json`.
pub fn config(bytes: &[u8]) {
    let Ok(spec) = Spec::parse(bytes) else {
        return;
    };
    for bundle in [
        "/b",
        "/run/containerd/io.containerd.runtime.v2.task/k8s.io/abc",
        "/var/lib/containers/storage/overlay-containers/abc/userdata",
    ] {
        let facts = spec.facts(Source::Oci, "abc", bundle);
        let cgroup = facts.cgroup_path.unwrap_or_default();
        agrees(&cgroup, &facts.id, &cgroup);
        agrees(
            &cgroup,
            &facts.id,
            "/kubepods.slice/cri-containerd-abc.scope",
        );
    }
}

/// runc's `state.json`, crun's `status`.
pub fn state(bytes: &[u8]) {
    let _ = state::crun("abc", bytes);
    if let Ok(state) = state::runc("abc", bytes) {
        assert!(state.cgroup_paths.iter().all(|path| path.starts_with('/')));
    }
}

/// The command line of a process.
pub fn command_line(bytes: &[u8]) {
    if let Some(creation) = Creation::parse(bytes) {
        assert!(is_container_id(&creation.id), "{creation:?}");
    }
}
