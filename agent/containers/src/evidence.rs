//! From what the sources say of one container to the container.

use crate::cgroup::Cgroup;
use crate::claim::told;
use crate::container::{Container, Pod, Runtime};
use crate::facts::{Facts, Source};
use crate::origins::Origins;
use crate::pods::PodFacts;
use crate::process::Process;
use crate::shape::shape;

/// What one source said, and what `/proc` shows of the process it named.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Evidence {
    pub facts: Facts,
    /// The init process, seen alive in the container's cgroup. Without it `facts.pid` says
    /// nothing: the source may be late.
    pub process: Option<Process>,
}

/// Whose word counts first where several know a field.
const AUTHORITY: [Source; 7] = [
    Source::Docker,
    Source::Containerd,
    Source::Oci,
    Source::RuncState,
    Source::RuncFanotify,
    Source::Procfs,
    Source::Cgroup,
];

/// True when nobody can know a better name than this source has told.
pub(crate) fn names_finally(facts: &Facts) -> bool {
    // docker's and podman's users may write of pods what they like.
    let of_users = matches!(facts.runtime, Some(Runtime::Docker | Runtime::Podman));
    let names_pod = |pod: &Pod| pod.container.is_some();
    let in_pod = !of_users && facts.pod.as_ref().is_some_and(names_pod);
    let own = match facts.origin {
        Source::Docker => facts.name.is_some(),
        Source::Containerd => facts.name.is_some() && facts.runtime != Some(Runtime::Docker),
        _ => false,
    };
    in_pod || own || facts.sandbox
}

/// Adds a word to what is known. What the same source said before stands where the new word is
/// silent: a rename does not unsay the process, nor a list the start.
pub(crate) fn add(all: &mut Vec<Evidence>, mut new: Evidence) {
    let rank = |facts: &Facts| AUTHORITY.iter().position(|source| *source == facts.origin);
    let same = |old: &&mut Evidence| old.facts.origin == new.facts.origin;
    if let Some(old) = all.iter_mut().find(same) {
        new.process = new.process.or(old.process.take());
        new.facts = complete(new.facts, &old.facts);
        *old = new;
    } else {
        all.push(new);
        all.sort_by_key(|evidence| rank(&evidence.facts));
    }
}

fn complete(new: Facts, old: &Facts) -> Facts {
    let image = match (new.image, &old.image) {
        (Some(mut image), Some(before)) if image.name == before.name => {
            image.digest = image.digest.or_else(|| before.digest.clone());
            Some(image)
        }
        (image, before) => image.or_else(|| before.clone()),
    };
    Facts {
        runtime: new.runtime.or(old.runtime),
        name: new.name.or_else(|| old.name.clone()),
        pid: new.pid.or(old.pid),
        cgroup_path: new.cgroup_path.or_else(|| old.cgroup_path.clone()),
        image,
        labels: if new.labels.is_empty() {
            old.labels.clone()
        } else {
            new.labels
        },
        started_at: new.started_at.or(old.started_at),
        runtime_namespace: new
            .runtime_namespace
            .or_else(|| old.runtime_namespace.clone()),
        sandbox: new.sandbox || old.sandbox,
        pod: new.pod.or_else(|| old.pod.clone()),
        origin: new.origin,
        id: new.id,
    }
}

/// The container that the evidence (in order of authority, as [`add`] keeps it) describes, on the
/// node whose own cgroup is at `root`. With no evidence the cgroup's path alone speaks.
pub(crate) fn merge(root: &str, cgroup: Option<&Cgroup>, all: &[Evidence]) -> Container {
    let path = cgroup.map(|cgroup| cgroup.path.as_str());
    let pods: Vec<_> = all
        .iter()
        .filter_map(|evidence| Some((told(root, path, &evidence.facts)?, evidence.facts.origin)))
        .collect();
    let shape = cgroup.and_then(|cgroup| shape(&cgroup.path));
    let leaf = || cgroup.map(|cgroup| crate::shape::candidate_id(&cgroup.path));
    let first = all.first().map(|evidence| &evidence.facts);

    let id = first.map(|facts| facts.id.clone()).or_else(leaf);
    let name = pods
        .iter()
        .find_map(|(pod, source)| Some((pod.container.clone()?, *source)))
        .or_else(|| all.iter().find_map(own_name));
    let runtime = runtime(all).or_else(|| Some((shape.as_ref()?.runtime?, Source::Cgroup)));
    let process = all.iter().find_map(|evidence| {
        let process = evidence.process.as_ref()?;
        Some((process, evidence.facts.origin))
    });
    let started_at = pick(all, |facts| facts.started_at)
        .or_else(|| Some((process?.0.started_at?, Source::Procfs)));
    let image = pick(all, |facts| facts.image.clone());
    let labels = pick(all, |facts| {
        (!facts.labels.is_empty()).then(|| facts.labels.clone())
    });
    let runtime_namespace = pick(all, |facts| facts.runtime_namespace.clone());
    let pod = pod(&pods);

    let origins = Origins {
        container: Some(first.map_or(Source::Cgroup, |facts| facts.origin)),
        cgroup: cgroup.map(|_| Source::Cgroup),
        name: origin(&name),
        runtime: origin(&runtime),
        pid: origin(&process),
        started_at: origin(&started_at),
        image: origin(&image),
        namespaces: process.and_then(|(process, _)| process.namespaces.map(|_| Source::Procfs)),
        labels: origin(&labels),
        runtime_namespace: origin(&runtime_namespace),
        pod: origin(&pod),
    };
    Container {
        id: id.unwrap_or_default(),
        cgroup: cgroup.cloned(),
        name: value(name),
        runtime: value(runtime),
        pid: process.map(|(process, _)| process.pid),
        started_at: value(started_at),
        image: value(image),
        namespaces: process.and_then(|(process, _)| process.namespaces),
        labels: value(labels).unwrap_or_default(),
        sandbox: all.iter().any(|evidence| evidence.facts.sandbox),
        runtime_namespace: value(runtime_namespace),
        pod: value(pod),
        origins,
    }
}

/// The API server knows the pod that is claimed for the container. The claim alone tells the
/// container's name in it.
pub(crate) fn confirm(container: &mut Container, claim: &Pod, pod: &PodFacts) {
    container.pod = Some(Pod {
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        labels: Some(pod.labels.clone()),
        owner: pod.owner.clone(),
        container: claim.container.clone(),
        confirmed: true,
    });
    container.origins.pod = Some(Source::Kubernetes);
}

type Told<T> = Option<(T, Source)>;

fn pick<T>(all: &[Evidence], field: impl Fn(&Facts) -> Option<T>) -> Told<T> {
    all.iter()
        .find_map(|evidence| Some((field(&evidence.facts)?, evidence.facts.origin)))
}

fn value<T>(told: Told<T>) -> Option<T> {
    told.map(|(value, _)| value)
}

fn origin<T>(told: &Told<T>) -> Option<Source> {
    told.as_ref().map(|(_, source)| *source)
}

/// Only docker knows the names of docker's containers; below it they have none.
fn own_name(evidence: &Evidence) -> Told<String> {
    let facts = &evidence.facts;
    let entitled = facts.runtime != Some(Runtime::Docker) || facts.origin == Source::Docker;
    let name = facts.name.clone().filter(|_| entitled)?;
    Some((name, facts.origin))
}

/// runc is what the others run on: it is the answer only where nobody knows a better one.
fn runtime(all: &[Evidence]) -> Told<Runtime> {
    pick(all, |facts| {
        facts.runtime.filter(|runtime| *runtime != Runtime::Runc)
    })
    .or_else(|| pick(all, |facts| facts.runtime))
}

/// The most complete word on the pod.
fn pod(all: &[(&Pod, Source)]) -> Told<Pod> {
    let known = |pod: &Pod| {
        [
            !pod.uid.is_empty(),
            pod.container.is_some(),
            pod.labels.is_some(),
            pod.owner.is_some(),
        ]
        .into_iter()
        .filter(|known| *known)
        .count()
    };
    let mut best: Option<(&Pod, Source)> = None;
    for (pod, source) in all {
        if best.is_none_or(|(best, _)| known(pod) > known(best)) {
            best = Some((pod, *source));
        }
    }
    best.map(|(pod, source)| (pod.clone(), source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::CgroupId;

    fn facts(origin: Source, name: Option<&str>, runtime: Option<Runtime>) -> Facts {
        Facts {
            name: name.map(str::to_owned),
            runtime,
            ..Facts::new(origin, "id")
        }
    }

    fn merged(all: &[Facts]) -> Container {
        let mut evidence = Vec::new();
        for facts in all {
            add(
                &mut evidence,
                Evidence {
                    facts: facts.clone(),
                    process: None,
                },
            );
        }
        merge("/", None, &evidence)
    }

    #[test]
    fn names_come_from_who_gives_them() {
        use Source::{Containerd, Docker, Oci, RuncState};
        let docker = Some(Runtime::Docker);
        let mut in_pod = facts(Oci, None, None);
        in_pod.pod = Some(Pod {
            container: Some("web".into()),
            ..Pod::default()
        });
        let table = [
            (vec![facts(Containerd, Some("id"), docker)], None, None),
            (
                vec![
                    facts(Containerd, Some("id"), docker),
                    facts(Docker, Some("hi"), docker),
                ],
                Some("hi"),
                Some(Docker),
            ),
            (
                vec![facts(Containerd, Some("k8s_web"), None), in_pod],
                Some("web"),
                Some(Oci),
            ),
            (
                vec![facts(RuncState, Some("id"), None)],
                Some("id"),
                Some(RuncState),
            ),
        ];
        for (all, name, from) in table {
            let container = merged(&all);
            assert_eq!(container.name.as_deref(), name, "{all:?}");
            assert_eq!(container.origins.name, from, "{all:?}");
        }
    }

    #[test]
    fn what_anybody_can_write_names_no_pod() {
        let uid = "0f4b2c1d-7a3e-4d52-9c0b-1e2f3a4b5c6d";
        let in_pod = format!("/kubepods/pod{uid}/abc");
        use Runtime::{Containerd, Crio, Docker, Podman, Runc};
        let table = [
            (Docker, None, "/docker/abc", false),
            (Docker, Some("moby"), "/docker/abc", false),
            (Docker, None, in_pod.as_str(), true),
            (Podman, None, "/machine.slice/libpod-abc.scope", false),
            (Containerd, Some("default"), "/default/abc", false),
            (Containerd, Some("k8s.io"), "/k8s.io/abc", true),
            (Crio, None, &in_pod, true),
            (Runc, None, "/abc", true),
            (Runc, None, "/user.slice/user-1000.slice/abc", false),
        ];
        for (runtime, namespace, path, told) in table {
            let mut said = facts(Source::Docker, Some("evil"), Some(runtime));
            said.runtime_namespace = namespace.map(str::to_owned);
            said.pod = Some(Pod {
                namespace: "shop".into(),
                name: "cart-0".into(),
                uid: uid.into(),
                container: Some("web".into()),
                ..Pod::default()
            });
            let cgroup = Cgroup {
                id: CgroupId(3),
                path: path.into(),
            };
            let evidence = [Evidence {
                facts: said,
                process: None,
            }];
            let container = merge("/", Some(&cgroup), &evidence);
            assert_eq!(container.pod.is_some(), told, "{runtime} {path}");
            let name = if told { "web" } else { "evil" };
            assert_eq!(container.name.as_deref(), Some(name), "{runtime} {path}");
        }
    }

    #[test]
    fn runc_is_the_runtime_only_when_nobody_knows_better() {
        let runc = facts(Source::RuncState, None, Some(Runtime::Runc));
        assert_eq!(
            merged(std::slice::from_ref(&runc)).runtime,
            Some(Runtime::Runc)
        );
        let oci = facts(Source::Oci, None, Some(Runtime::Runc));
        let state = facts(Source::RuncState, None, Some(Runtime::Containerd));
        let container = merged(&[oci, state]);
        assert_eq!(container.runtime, Some(Runtime::Containerd));
        assert_eq!(container.origins.runtime, Some(Source::RuncState));
    }

    #[test]
    fn a_later_word_replaces_the_same_sources_where_it_is_not_silent() {
        let process = Process {
            pid: 7,
            namespaces: None,
            started_at: None,
        };
        let mut all = Vec::new();
        let mut started = facts(Source::Docker, Some("old"), None);
        started.started_at = Some(std::time::SystemTime::UNIX_EPOCH);
        add(
            &mut all,
            Evidence {
                facts: started,
                process: Some(process),
            },
        );
        let renamed = facts(Source::Docker, Some("new"), None);
        add(
            &mut all,
            Evidence {
                facts: renamed,
                process: None,
            },
        );
        let container = merge("/", None, &all);
        assert_eq!(
            (container.name.as_deref(), container.pid),
            (Some("new"), Some(7))
        );
        assert_eq!(container.origins.pid, Some(Source::Docker));
        assert_eq!(
            container.started_at,
            Some(std::time::SystemTime::UNIX_EPOCH)
        );
    }

    #[test]
    fn without_evidence_the_path_speaks() {
        let id = "e".repeat(64);
        let cgroup = Cgroup {
            id: CgroupId(3),
            path: format!("/system.slice/docker-{id}.scope"),
        };
        let container = merge("/", Some(&cgroup), &[]);
        assert_eq!((container.id, container.name), (id, None));
        assert_eq!(container.runtime, Some(Runtime::Docker));
        assert_eq!(container.origins.runtime, Some(Source::Cgroup));
    }
}
