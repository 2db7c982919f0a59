//! The OCI spec's `linux.cgroupsPath`, and whether a cgroup is the one it means.

/// Whether the cgroup at `path` (from its hierarchy's root) is the one that `cgroups_path` names
/// for the container `id`.
///
/// An absolute path names one cgroup. Where the path is relative, or missing (then the cgroup
/// has the id's name), runc puts it below its own cgroup, and under systemd a scope stands below
/// the manager's root: there the end of `path` must agree, component by component.
/// (runc: libcontainer/specconv/spec_linux.go, libcontainer/cgroups/systemd/common.go.)
pub(crate) fn agrees(cgroups_path: &str, id: &str, path: &str) -> bool {
    if let Some(unit) = systemd_unit(cgroups_path) {
        return unit.is_some_and(|unit| ends_in(path, &unit));
    }
    let named = clean(cgroups_path);
    if named.is_empty() {
        let scopes = ["runc", "crun"].map(|prefix| format!("{prefix}-{id}.scope"));
        return ends_in(path, id) || scopes.iter().any(|scope| ends_in(path, scope));
    }
    if cgroups_path.starts_with('/') {
        return path.strip_prefix('/') == Some(named.as_str());
    }
    ends_in(path, &named)
}

/// `slice:prefix:name` as the path systemd gives it. Outer `None`: not of that form; inner: of
/// that form and not valid.
fn systemd_unit(cgroups_path: &str) -> Option<Option<String>> {
    if cgroups_path.starts_with('/') {
        return None;
    }
    let parts: Vec<&str> = cgroups_path.split(':').collect();
    let &[slice, prefix, name] = parts.as_slice() else {
        return None;
    };
    if name.is_empty() || [slice, prefix, name].iter().any(|part| part.contains('/')) {
        return Some(None);
    }
    let unit = match prefix {
        _ if name.ends_with(".slice") => name.to_owned(),
        "" => format!("{name}.scope"),
        prefix => format!("{prefix}-{name}.scope"),
    };
    let slice = if slice.is_empty() {
        "system.slice"
    } else {
        slice
    };
    Some(expand_slice(slice).map(|parent| match parent.as_str() {
        "" => unit,
        parent => format!("{parent}/{unit}"),
    }))
}

/// `a-b.slice` stands in `a.slice/a-b.slice`; `-.slice` is the root.
fn expand_slice(slice: &str) -> Option<String> {
    let name = slice.strip_suffix(".slice")?;
    if name == "-" {
        return Some(String::new());
    }
    let mut path = String::new();
    let mut prefix = String::new();
    for part in name.split('-') {
        if part.is_empty() {
            return None;
        }
        prefix.push_str(part);
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(&format!("{prefix}.slice"));
        prefix.push('-');
    }
    Some(path)
}

/// Without empty and `.` components, with `..` resolved as Go's path.Clean does below a root.
fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn ends_in(path: &str, end: &str) -> bool {
    path.strip_suffix(end)
        .is_some_and(|front| front.is_empty() || front.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_agrees_with_its_cgroup_and_no_other() {
        let pod = "kubepods-besteffort-pod1_2.slice:cri-containerd:abc";
        let pod_path = "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1_2.slice/cri-containerd-abc.scope";
        let cases = [
            ("/docker/abc", "/docker/abc", true),
            ("/docker//./abc/", "/docker/abc", true),
            ("/docker/../docker/abc", "/docker/abc", true),
            ("/docker/abc", "/x/docker/abc", false),
            ("/docker/abc", "/docker/abc/nested", false),
            ("/docker/abc", "/docker/abcd", false),
            ("docker/abc", "/docker/abc", true),
            ("docker/abc", "/user/docker/abc", true),
            ("docker/abc", "/user/xdocker/abc", false),
            ("", "/abc", true),
            ("", "/user/abc", true),
            ("", "/system.slice/runc-abc.scope", true),
            ("", "/user/xabc", false),
            ("", "/", false),
            ("/", "/", false),
            (pod, pod_path, true),
            (pod, "/cri-containerd-abc.scope", false),
            (
                "system.slice:docker:abc",
                "/system.slice/docker-abc.scope",
                true,
            ),
            (":docker:abc", "/system.slice/docker-abc.scope", true),
            ("-.slice:docker:abc", "/docker-abc.scope", true),
            (
                "user.slice::abc",
                "/user.slice/user-1000.slice/user@1000.service/user.slice/abc.scope",
                true,
            ),
            ("a.slice:x:b.slice", "/a.slice/b.slice", true),
            ("a--b.slice:x:c", "/a.slice/a--b.slice/x-c.scope", false),
            ("notaslice:x:c", "/notaslice/x-c.scope", false),
            ("a.slice:x:../c", "/a.slice/x-../c.scope", false),
            ("system.slice:docker:", "/system.slice/docker-.scope", false),
        ];
        for (cgroups_path, path, expected) in cases {
            assert_eq!(
                agrees(cgroups_path, "abc", path),
                expected,
                "{cgroups_path} {path}"
            );
        }
    }
}
