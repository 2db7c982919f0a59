//! What the names of cgroups say. A name is a hint, never a proof: anyone who may make a cgroup
//! may give it any name.

use crate::container::Runtime;
use crate::oci;

/// What the last component of a cgroup's path looks like.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Shape {
    /// The container id in it.
    pub id: String,
    /// The runtime that names its cgroups so, where only one does.
    pub runtime: Option<Runtime>,
}

/// `<prefix>-<id>.scope` under systemd; CRI-O and podman have `<prefix>-<id>` without it.
const PREFIXES: [(&str, Runtime); 5] = [
    ("docker-", Runtime::Docker),
    ("cri-containerd-", Runtime::Containerd),
    ("nerdctl-", Runtime::Containerd),
    ("crio-", Runtime::Crio),
    ("libpod-", Runtime::Podman),
];

/// Where podman without systemd has pods, called by an id as long as a container's.
const PODMANS_PODS: &str = "/libpod_parent/";

/// The shape of a cgroup's path, if its leaf is one that container runtimes use:
/// `<64 hex>`, or `docker-`, `cri-containerd-`, `nerdctl-`, `crio-` or `libpod-<64 hex>`, with or
/// without `.scope`. What runtimes keep beside and above their containers (`crio-conmon-…`,
/// podman's pods) has none.
pub(crate) fn shape(path: &str) -> Option<Shape> {
    let leaf = leaf(path);
    if is_id(leaf) {
        if path.strip_suffix(leaf) == Some(PODMANS_PODS) {
            return None;
        }
        let runtime = path
            .strip_suffix(leaf)
            .filter(|parent| *parent == "/docker/")
            .map(|_| Runtime::Docker);
        return Some(Shape {
            id: leaf.to_owned(),
            runtime,
        });
    }
    let name = leaf.strip_suffix(".scope").unwrap_or(leaf);
    PREFIXES.iter().find_map(|(prefix, runtime)| {
        let id = name.strip_prefix(prefix).filter(|id| is_id(id))?;
        Some(Shape {
            id: id.to_owned(),
            runtime: Some(*runtime),
        })
    })
}

/// The id to ask the runtimes for: the shape's, else what follows a scope's prefix, else the
/// whole leaf.
pub(crate) fn candidate_id(path: &str) -> String {
    if let Some(shape) = shape(path) {
        return shape.id;
    }
    let leaf = leaf(path);
    let scope = leaf
        .strip_suffix(".scope")
        .and_then(|name| name.split_once('-'));
    scope.map_or(leaf, |(_, id)| id).to_owned()
}

/// True when a runtime's word about container `id`'s cgroup means the cgroup at `path`. Without
/// a word on it the leaf must hold the id.
pub(crate) fn agrees(spec: Option<&str>, id: &str, path: &str) -> bool {
    match spec {
        Some(spec) => oci::agrees(spec, id, path),
        None => leaf(path) == id || shape(path).is_some_and(|shape| shape.id == id),
    }
}

/// The cgroup of container `id` among `path` and its ancestors, outermost first.
pub(crate) fn own_cgroup<'p>(spec: Option<&str>, id: &str, path: &'p str) -> Option<&'p str> {
    ancestors(path)
        .chain(Some(path))
        .find(|path| agrees(spec, id, path))
}

/// The ancestors of a path, outermost first, without the root and the path itself.
pub(crate) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/')
        .skip(1)
        .map(move |(slash, _)| &path[..slash])
}

/// What of `path` lies below `root`, without a slash before it, and empty for the root itself;
/// `None` for a path outside.
pub(crate) fn below<'p>(root: &str, path: &'p str) -> Option<&'p str> {
    let rest = path.strip_prefix(root.trim_end_matches('/'))?;
    if rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix('/')
}

pub(crate) fn leaf(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn is_id(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digit: char) -> String {
        digit.to_string().repeat(64)
    }

    #[test]
    fn leaf_names_of_the_field_are_known() {
        let id = hex('a');
        let table = [
            (format!("/docker/{id}"), Some(Some(Runtime::Docker))),
            (format!("/{id}"), Some(None)),
            (format!("/kubepods/besteffort/pod1-2-3/{id}"), Some(None)),
            (
                format!("/system.slice/docker-{id}.scope"),
                Some(Some(Runtime::Docker)),
            ),
            (
                format!("/kubepods.slice/kubepods-podx.slice/cri-containerd-{id}.scope"),
                Some(Some(Runtime::Containerd)),
            ),
            (format!("/a/crio-{id}.scope"), Some(Some(Runtime::Crio))),
            (format!("/a/libpod-{id}.scope"), Some(Some(Runtime::Podman))),
            (format!("/a/crio-conmon-{id}.scope"), None),
            (format!("/a/libpod-conmon-{id}.scope"), None),
            (format!("/a/crio-{id}.scope/container"), None),
            (format!("/a/{}", &id[1..]), None),
            (format!("/a/{}", id.to_uppercase()), None),
            ("/user.slice/user-0.slice/session-1.scope".into(), None),
            ("/".into(), None),
            (String::new(), None),
        ];
        for (path, expected) in table {
            let found = shape(&path);
            assert_eq!(found.clone().map(|shape| shape.runtime), expected, "{path}");
            assert!(found.is_none_or(|shape| shape.id == id), "{path}");
        }
    }

    #[test]
    fn the_id_to_ask_for_follows_from_the_leaf() {
        let id = hex('b');
        let table = [
            (format!("/x/docker-{id}.scope"), id.as_str()),
            (format!("/x/{id}"), &id),
            ("/default/web".into(), "web"),
            ("/system.slice/runc-web-1.scope".into(), "web-1"),
        ];
        for (path, expected) in table {
            assert_eq!(candidate_id(&path), expected, "{path}");
        }
    }

    #[test]
    fn without_a_spec_the_leaf_must_hold_the_id() {
        let id = hex('c');
        let table = [
            (id.as_str(), format!("/docker/{id}"), true),
            (&id, format!("/system.slice/docker-{id}.scope"), true),
            (&id, format!("/docker/{id}/below"), false),
            ("web", "/elsewhere/web".into(), true),
            ("web", "/elsewhere/web2".into(), false),
        ];
        for (id, path, expected) in table {
            assert_eq!(agrees(None, id, &path), expected, "{path}");
        }
    }

    #[test]
    fn the_outermost_cgroup_that_fits_is_the_containers() {
        let id = hex('d');
        let own = format!("/docker/{id}");
        let table = [
            (format!("/docker/{id}/init.scope"), Some(own.as_str())),
            (format!("/docker/{id}/sub/{id}"), Some(&own)),
            (own.clone(), Some(&own)),
            ("/docker/other".to_owned(), None),
            ("/".to_owned(), None),
        ];
        for (path, expected) in &table {
            assert_eq!(own_cgroup(None, &id, path), *expected, "{path}");
        }
    }

    #[test]
    fn what_lies_below_a_root_is_told_by_whole_names() {
        let table = [
            ("/", "/", Some("")),
            ("/", "/a/b", Some("a/b")),
            ("/a", "/a", Some("")),
            ("/a", "/a/b", Some("b")),
            ("/a", "/ab", None),
            ("/a", "/b", None),
            ("/a", "/", None),
        ];
        for (root, path, expected) in table {
            assert_eq!(below(root, path), expected, "{root} {path}");
        }
    }

    #[test]
    fn ancestors_come_outermost_first() {
        let table: [(&str, &[&str]); 4] = [
            ("/a/b/c", &["/a", "/a/b"]),
            ("/a", &[]),
            ("/", &[]),
            ("", &[]),
        ];
        for (path, expected) in table {
            assert_eq!(ancestors(path).collect::<Vec<_>>(), expected, "{path}");
        }
    }
}
