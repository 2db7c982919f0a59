//! docs/security.md says what the chart asks for, all of it and nothing else.

use std::collections::BTreeSet;

use serde_yaml::Value;

use crate::helm::{manifests, template, tree, value_set};

/// The tables of the page, by their headings: the first cells of each row.
fn documented(heading: &str, cells: usize) -> BTreeSet<String> {
    let page = std::fs::read_to_string(tree().join("docs/security.md")).unwrap();
    let section = page.split(&format!("\n{heading}\n")).nth(1);
    let section = section.unwrap_or_else(|| panic!("docs/security.md has no {heading}"));
    let rows = section
        .lines()
        .take_while(|line| !line.starts_with('#'))
        .filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let mut columns = row.trim_matches('|').split('|').map(str::trim);
        let kept: Vec<_> = columns.by_ref().take(cells).collect();
        let reason = columns.collect::<String>();
        assert!(!reason.is_empty(), "{heading}: no reason for {kept:?}");
        kept.join(" ").replace('`', "")
    })
    .collect()
}

fn rendered(set: &str) -> Vec<Value> {
    manifests(&template(&["-f", &value_set(set)]).unwrap())
}

/// Every pod, by its component.
fn pods(manifests: &[Value]) -> Vec<(String, Value)> {
    let pods = manifests.iter().filter_map(|manifest| {
        let spec = match manifest["kind"].as_str()? {
            "Deployment" | "DaemonSet" => &manifest["spec"]["template"]["spec"],
            "Pod" => &manifest["spec"],
            _ => return None,
        };
        let component = &manifest["metadata"]["labels"]["app.kubernetes.io/component"];
        Some((component.as_str()?.to_owned(), spec.clone()))
    });
    pods.collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_sequence().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// `agent /sys/fs/cgroup read-only`
fn mounts(manifests: &[Value]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (component, pod) in pods(manifests) {
        for volume in list(&pod["volumes"]) {
            let path = text(&volume["hostPath"]["path"]);
            let mounts = list(&pod["containers"]).flat_map(|one| list(&one["volumeMounts"]));
            for mount in mounts.filter(|mount| mount["name"] == volume["name"]) {
                let access = if mount["readOnly"] == true {
                    "read-only"
                } else {
                    "read-write"
                };
                if !path.is_empty() {
                    found.insert(format!("{component} {path} {access}"));
                }
            }
        }
    }
    found
}

#[test]
fn every_mount_of_the_host_has_its_reason() {
    assert_eq!(
        mounts(&rendered("default")),
        documented("### Paths of the host", 3)
    );
    let asked_for = &mounts(&rendered("everything")) | &mounts(&rendered("cri-o"));
    let asked_for = &asked_for - &mounts(&rendered("default"));
    let documented = documented("### Paths that only a value mounts", 3);
    assert_eq!(asked_for, documented);
    assert!(asked_for.iter().all(|mount| mount.ends_with(" read-only")));
}

#[test]
fn every_capability_has_its_reason_and_all_others_are_dropped() {
    let mut found = BTreeSet::new();
    for (component, pod) in pods(&rendered("default")) {
        for container in list(&pod["containers"]) {
            let context = &container["securityContext"];
            assert_eq!(context["capabilities"]["drop"], Value::from(vec!["ALL"]));
            assert_eq!(context["allowPrivilegeEscalation"], false, "{component}");
            assert_eq!(context["readOnlyRootFilesystem"], true, "{component}");
            assert_eq!(context.get("privileged"), None, "{component}");
            for capability in list(&context["capabilities"]["add"]) {
                found.insert(format!("{component} {}", text(capability)));
            }
        }
        assert_eq!(pod.get("initContainers"), None, "{component}");
    }
    assert_eq!(found, documented("### Capabilities", 2));
}

#[test]
fn every_namespace_of_the_host_and_every_user_has_its_reason() {
    let mut found = BTreeSet::new();
    for (component, pod) in pods(&rendered("default")) {
        for namespace in ["hostPID", "hostNetwork", "hostIPC"] {
            if pod[namespace] == true {
                found.insert(format!("{component} {namespace}"));
            }
        }
        let context = &pod["securityContext"];
        if context["runAsUser"] == 0 {
            found.insert(format!("{component} root"));
        } else {
            assert_eq!(context["runAsNonRoot"], true, "{component}");
        }
        for profile in ["seccompProfile", "appArmorProfile"] {
            if context[profile]["type"] == "Unconfined" {
                found.insert(format!("{component} {profile}"));
            }
        }
        if context.get("seLinuxOptions").is_some() {
            found.insert(format!("{component} seLinuxOptions"));
        }
        let seccomp = &context["seccompProfile"]["type"];
        assert_eq!(seccomp, "RuntimeDefault", "{component}");
        let ports = list(&pod["containers"]).flat_map(|one| list(&one["ports"]));
        assert_eq!(
            ports.filter(|port| port.get("hostPort").is_some()).count(),
            0
        );
    }
    assert_eq!(
        found,
        documented("### Namespaces of the host, user, profiles", 2)
    );
}

/// `traces.traceherd.dev/status patch`; of a rule that is for one name, with the name.
fn rules(role: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rule in list(&role["rules"]) {
        let group = text(&rule["apiGroups"][0]);
        assert_eq!(list(&rule["apiGroups"]).count(), 1);
        for resource in list(&rule["resources"]) {
            let resource = text(resource);
            let (name, below) = resource.split_once('/').unwrap_or((&resource, ""));
            let mut row = name.to_owned();
            for (separator, part) in [(".", group.as_str()), ("/", below)] {
                if !part.is_empty() {
                    row += &format!("{separator}{part}");
                }
            }
            for name in list(&rule["resourceNames"]) {
                row += &format!(" {}", text(name));
            }
            let verbs: Vec<_> = list(&rule["verbs"]).map(text).collect();
            assert!(
                !verbs.contains(&"*".to_owned()) && resource != "*",
                "{role:?}"
            );
            found.insert(format!("{row} {}", verbs.join(" ")));
        }
    }
    found
}

#[test]
fn every_verb_of_every_role_has_its_reason() {
    let manifests = rendered("default");
    let is_role = |manifest: &&Value| {
        ["Role", "ClusterRole"].contains(&manifest["kind"].as_str().unwrap_or_default())
    };
    let mut headings = BTreeSet::new();
    for role in manifests.iter().filter(is_role) {
        let heading = format!(
            "### {} `{}`",
            text(&role["kind"]),
            text(&role["metadata"]["name"])
        );
        assert_eq!(rules(role), documented(&heading, 2), "{heading}");
        headings.insert(heading);
    }
    let page = std::fs::read_to_string(tree().join("docs/security.md")).unwrap();
    let told = page
        .lines()
        .filter(|line| line.starts_with("### Role ") || line.starts_with("### ClusterRole "));
    assert_eq!(told.map(str::to_owned).collect::<BTreeSet<_>>(), headings);
}
