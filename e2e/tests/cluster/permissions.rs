//! What RBAC permits to whom, as `kubectl auth can-i --list` tells it: all of it, so that what is
//! added is seen here too.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::identity::{AGENT, CHECK, OPERATOR, RELEASE};
use crate::scene::Scene;

/// By resource, the verbs; where they hold for some names only, these are with the resource.
type Permitted = BTreeMap<String, BTreeSet<String>>;

/// What everybody may is left out.
const EVERYBODY: &[&str] = &[
    "selfsubjectreviews.authentication.k8s.io",
    "selfsubjectaccessreviews.authorization.k8s.io",
    "selfsubjectrulesreviews.authorization.k8s.io",
];

fn permitted(scene: &Scene, who: &str, namespace: &str) -> Permitted {
    let list = ["auth", "can-i", "--list", "--no-headers"];
    let of = ["--as", who, "--namespace", namespace];
    let text = scene.kubectl(&[list, of].concat()).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with(' '));
    let mut permitted = Permitted::new();
    for line in lines {
        // Resource, URLs, names, verbs; the last three in brackets.
        let (resource, rest) = line.split_once(' ').unwrap();
        let columns: Vec<_> = rest.split(['[', ']']).map(str::trim).collect();
        let (names, verbs) = (columns[3], columns[5]);
        let key = format!("{resource} {names}").trim().to_owned();
        permitted.entry(key).or_default().extend(words(verbs));
    }
    permitted.retain(|resource, _| !EVERYBODY.contains(&resource.as_str()));
    permitted
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(' ').map(str::to_owned)
}

fn table(rows: &[(&str, &str)]) -> Permitted {
    let rows = rows.iter();
    rows.map(|(resource, verbs)| ((*resource).into(), words(verbs).collect()))
        .collect()
}

fn expect(scene: &Scene, who: &str, namespace: &str, rows: &[(&str, &str)]) {
    let found = permitted(scene, who, namespace);
    assert_eq!(found, table(rows), "{who} in {namespace}");
}

fn account(name: &str) -> String {
    format!("system:serviceaccount:{RELEASE}:{name}")
}

const AGENTS: &[(&str, &str)] = &[
    ("clustertraces.traceherd.dev", "get list watch"),
    ("jobs.batch", "get"),
    ("namespaces", "list watch"),
    ("nodes", "list watch"),
    ("pods", "list watch"),
    ("replicasets.apps", "get"),
    ("tracereports.traceherd.dev", "create get"),
    ("tracereports.traceherd.dev/status", "patch"),
    ("traces.traceherd.dev", "get list watch"),
];

const OPERATORS: &[(&str, &str)] = &[
    ("clustertraces.traceherd.dev", "list watch"),
    ("clustertraces.traceherd.dev/status", "patch"),
    ("events.events.k8s.io", "create"),
    ("nodes", "list watch"),
    ("tracereports.traceherd.dev", "delete list watch"),
    ("traces.traceherd.dev", "list watch"),
    ("traces.traceherd.dev/status", "patch"),
];

const OPERATORS_AT_HOME: &[(&str, &str)] = &[
    ("leases.coordination.k8s.io", "create"),
    ("leases.coordination.k8s.io traceherd-operator", "get patch"),
    ("pods", "list watch"),
];

const CHECKS: &[(&str, &str)] = &[("traces.traceherd.dev", "create delete get")];

/// The agents' and the operator's accounts: these rules and no other, anywhere.
pub fn of_traceherd_itself(scene: &Scene) {
    for namespace in [&scene.namespace, RELEASE, "kube-system"] {
        expect(scene, &account(AGENT), namespace, AGENTS);
    }
    let operator = account(OPERATOR);
    for namespace in [&scene.namespace, "kube-system"] {
        expect(scene, &operator, namespace, OPERATORS);
    }
    let at_home = [OPERATORS, OPERATORS_AT_HOME].concat();
    expect(scene, &operator, RELEASE, &at_home);
}

/// The account of `helm test`, which is there while that runs.
pub fn of_the_check(scene: &Scene) {
    expect(scene, &account(CHECK), RELEASE, CHECKS);
    expect(scene, &account(CHECK), &scene.namespace, &[]);
}

/// Every right was used in what went before, as the API server's audit log tells: what is granted
/// in vain is seen here. What the tests did in the accounts' names does not count.
pub fn are_all_used(scene: &Scene) {
    let log = scene.cluster().folder().join("audit.json");
    let operators = [OPERATORS, OPERATORS_AT_HOME].concat();
    for (account, granted) in [(AGENT, AGENTS), (OPERATOR, &operators), (CHECK, CHECKS)] {
        let mut granted = rights(granted);
        for right in used(&std::fs::read_to_string(&log).unwrap(), account) {
            granted.remove(&right);
        }
        assert_eq!(granted, BTreeSet::new(), "{account} never used");
    }
}

/// A verb on a resource.
type Right = (String, String);

fn rights(rows: &[(&str, &str)]) -> BTreeSet<Right> {
    let each = rows.iter().flat_map(|(resource, verbs)| {
        // A name does not matter here.
        let resource = resource.split(' ').next().unwrap_or_default();
        words(verbs).map(move |verb| (resource.to_owned(), verb))
    });
    each.collect()
}

fn used<'l>(log: &'l str, account_name: &str) -> impl Iterator<Item = Right> + use<'l> {
    let user = account(account_name);
    // The last line may be on its way.
    let entries = log
        .lines()
        .map_while(|line| serde_json::from_str(line).ok());
    entries
        .filter(move |entry: &Value| {
            entry["user"]["username"] == user
                && !entry["userAgent"]
                    .as_str()
                    .unwrap_or_default()
                    .starts_with("kubectl")
                && entry["responseStatus"]["code"]
                    .as_u64()
                    .is_some_and(|code| code != 403)
        })
        .map(|entry| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let of = &entry["objectRef"];
            let mut resource = text(&of["resource"]);
            for (separator, part) in [('.', "apiGroup"), ('/', "subresource")] {
                if let Some(part) = of[part].as_str() {
                    resource.push(separator);
                    resource += part;
                }
            }
            (resource, text(&entry["verb"]))
        })
}

const ALL: &str = "create delete deletecollection get list patch update watch";
const READ: &str = "get list watch";

/// Of Kubernetes' own roles for people, and of those that are bound by hand.
pub fn of_people(scene: &Scene) {
    let edit = [
        ("traces.traceherd.dev", ALL),
        ("tracereports.traceherd.dev", READ),
    ];
    let view = [
        ("traces.traceherd.dev", READ),
        ("tracereports.traceherd.dev", READ),
    ];
    let roles: &[(&str, &[(&str, &str)])] = &[
        ("admin", &edit),
        ("edit", &edit),
        // Command lines may hold what these are not to see.
        ("view", &[]),
        ("traceherd-view", &view),
    ];
    let of_ours = |user: &str, namespace: &str| {
        let mut found = permitted(scene, user, namespace);
        found.retain(|resource, _| resource.contains("traceherd.dev"));
        found
    };
    for (role, rows) in roles {
        let user = &format!("{role}-of-{}", scene.namespace);
        let bind = ["create", "rolebinding", user, "--user", user];
        let role = ["--clusterrole", role];
        scene.kubectl(&[&bind[..], &role].concat()).unwrap();
        // Roles are aggregated, and bindings take effect, a moment later.
        scene.until(&format!("{role:?} is {rows:?}"), || {
            of_ours(user, &scene.namespace) == table(rows)
        });
        assert_eq!(of_ours(user, "default"), Permitted::new(), "{role:?}");
    }

    let user = &format!("ada-of-{}", scene.namespace);
    let bind = ["create", "clusterrolebinding", user, "--user", user];
    let role = ["--clusterrole", "traceherd-clustertraces"];
    scene.kubectl(&[&bind[..], &role].concat()).unwrap();
    let rows = [("clustertraces.traceherd.dev", ALL)];
    scene.until("ClusterTraces are hers", || {
        permitted(scene, user, "default") == table(&rows)
    });
    scene
        .kubectl(&["delete", "clusterrolebinding", user])
        .unwrap();
}
