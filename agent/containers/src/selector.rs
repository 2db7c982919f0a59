//! Which containers.

use std::collections::BTreeMap;

use crate::container::Container;
use crate::image::ImagePattern;

/// Which containers: all that is given must match, and an empty selector is every container.
/// Sandboxes ("pause" containers) match none.
///
/// What a selector asks for and nobody has told yet does not match; an exclusion neither.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Selector {
    /// The container's name is one of these.
    pub names: Vec<String>,
    /// The container's name is none of these.
    pub exclude_names: Vec<String>,
    /// The namespace of the container's pod is one of these.
    pub namespaces: Vec<String>,
    /// The name of the container's pod is one of these.
    pub pods: Vec<String>,
    /// The pod's labels, or without a pod the container's own, have each of these.
    pub labels: BTreeMap<String, String>,
    /// The same labels fulfil each of these.
    pub label_expressions: Vec<LabelExpression>,
    /// The container was made from one of these: a repository (`nginx`, which
    /// `docker.io/library/nginx:1.25` is of), `repository:tag`, a digest (`sha256:…`) or
    /// `repository@digest`.
    pub images: Vec<String>,
    /// The API server knows the container's pod ([`Pod::confirmed`](crate::Pod::confirmed)):
    /// what a runtime or a label says of it does not suffice.
    pub confirmed_pods: bool,
    /// No container at all, whatever else is given.
    pub no_containers: bool,
    /// The host's own processes too.
    pub host: bool,
}

/// A requirement on one label, as in Kubernetes' label selectors.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LabelExpression {
    /// The label's key.
    pub key: String,
    /// What it must be.
    pub operator: LabelOperator,
}

/// What a label must be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LabelOperator {
    /// There, with one of these values.
    In(Vec<String>),
    /// Not there, or with none of these values.
    NotIn(Vec<String>),
    /// There.
    Exists,
    /// Not there.
    DoesNotExist,
}

impl Selector {
    /// The containers of that name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            names: vec![name.to_owned()],
            ..Self::default()
        }
    }

    /// True when the container is selected, as far as it is known.
    #[must_use]
    pub fn matches(&self, container: &Container) -> bool {
        if container.sandbox || self.no_containers {
            return false;
        }
        let pod = container.pod.as_ref();
        if self.confirmed_pods && !pod.is_some_and(|pod| pod.confirmed) {
            return false;
        }
        let namespace = pod.map(|pod| pod.namespace.as_str());
        among(&self.names, container.name.as_deref())
            && not_among(&self.exclude_names, container.name.as_deref())
            && among(&self.namespaces, namespace)
            && among(&self.pods, pod.map(|pod| pod.name.as_str()))
            && self.matches_labels(container)
            && self.matches_image(container)
    }

    /// True when the host's own processes are selected.
    #[must_use]
    pub fn matches_host(&self) -> bool {
        self.host
    }

    fn matches_labels(&self, container: &Container) -> bool {
        if self.labels.is_empty() && self.label_expressions.is_empty() {
            return true;
        }
        let labels = match &container.pod {
            Some(pod) => pod.labels.as_ref(),
            None => Some(&container.labels),
        };
        labels.is_some_and(|labels| {
            let same = |(key, value): (&String, &String)| labels.get(key) == Some(value);
            let fulfils = |wanted: &LabelExpression| wanted.fulfilled_by(labels.get(&wanted.key));
            self.labels.iter().all(same) && self.label_expressions.iter().all(fulfils)
        })
    }

    fn matches_image(&self, container: &Container) -> bool {
        let of = |pattern: &String| {
            container
                .image
                .as_ref()
                .is_some_and(|image| ImagePattern::parse(pattern).matches(image))
        };
        self.images.is_empty() || self.images.iter().any(of)
    }
}

impl LabelExpression {
    fn fulfilled_by(&self, value: Option<&String>) -> bool {
        match &self.operator {
            LabelOperator::In(values) => value.is_some_and(|value| values.contains(value)),
            LabelOperator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            LabelOperator::Exists => value.is_some(),
            LabelOperator::DoesNotExist => value.is_none(),
        }
    }
}

fn among(wanted: &[String], value: Option<&str>) -> bool {
    wanted.is_empty() || value.is_some_and(|value| wanted.iter().any(|wanted| wanted == value))
}

fn not_among(excluded: &[String], value: Option<&str>) -> bool {
    excluded.is_empty() || value.is_some_and(|value| excluded.iter().all(|other| other != value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::{Image, Pod};

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    fn labels(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn web() -> Container {
        Container {
            name: Some("web".into()),
            image: Some(Image {
                name: "docker.io/library/nginx:1.25".into(),
                digest: None,
            }),
            pod: Some(Pod {
                namespace: "shop".into(),
                name: "cart-0".into(),
                labels: Some(labels(&[("app", "cart"), ("tier", "front")])),
                ..Pod::default()
            }),
            ..Container::default()
        }
    }

    fn every() -> Selector {
        Selector::default()
    }

    fn label(key: &str, operator: LabelOperator) -> Selector {
        Selector {
            label_expressions: vec![LabelExpression {
                key: key.into(),
                operator,
            }],
            ..every()
        }
    }

    #[test]
    fn all_that_is_given_must_match() {
        use LabelOperator::{DoesNotExist, Exists, In, NotIn};
        let names = |list| Selector {
            names: words(list),
            ..every()
        };
        let not = |list| Selector {
            exclude_names: words(list),
            ..every()
        };
        let spaces = |list| Selector {
            namespaces: words(list),
            ..every()
        };
        let pods = |list| Selector {
            pods: words(list),
            ..every()
        };
        let labelled = |list| Selector {
            labels: labels(list),
            ..every()
        };
        let images = |list| Selector {
            images: words(list),
            ..every()
        };
        let table = [
            (every(), true),
            (Selector::named("web"), true),
            (names(&["web"]), true),
            (names(&["other", "web"]), true),
            (names(&["we"]), false),
            (names(&["WEB"]), false),
            (not(&["web"]), false),
            (not(&["sidecar"]), true),
            (spaces(&["shop"]), true),
            (spaces(&["default"]), false),
            (pods(&["cart-0"]), true),
            (pods(&["cart-1"]), false),
            (labelled(&[("app", "cart")]), true),
            (labelled(&[("app", "cart"), ("tier", "back")]), false),
            (label("app", In(words(&["x", "cart"]))), true),
            (label("nope", In(words(&["x"]))), false),
            (label("app", NotIn(words(&["x"]))), true),
            (label("nope", NotIn(words(&["x"]))), true),
            (label("app", NotIn(words(&["cart"]))), false),
            (label("app", Exists), true),
            (label("nope", Exists), false),
            (label("app", DoesNotExist), false),
            (label("nope", DoesNotExist), true),
            (images(&["nginx"]), true),
            (images(&["redis", "nginx:1.25"]), true),
            (images(&["nginx:1.26"]), false),
            (
                Selector {
                    names: words(&["web"]),
                    pods: words(&["cart-1"]),
                    ..every()
                },
                false,
            ),
        ];
        for (selector, expected) in table {
            assert_eq!(selector.matches(&web()), expected, "{selector:?}");
        }
    }

    #[test]
    fn what_is_not_known_does_not_match() {
        let unknown = Container::default();
        let mut unlabelled = web();
        unlabelled.pod = unlabelled.pod.map(|pod| Pod {
            labels: None,
            ..pod
        });
        let absent = || label("nope", LabelOperator::DoesNotExist);
        let table = [
            (every(), &unknown, true),
            (
                Selector {
                    exclude_names: words(&["web"]),
                    ..every()
                },
                &unknown,
                false,
            ),
            (
                Selector {
                    images: words(&["nginx"]),
                    ..every()
                },
                &unknown,
                false,
            ),
            (absent(), &unknown, true),
            (absent(), &unlabelled, false),
        ];
        for (selector, container, expected) in table {
            assert_eq!(selector.matches(container), expected, "{selector:?}");
        }
    }

    #[test]
    fn only_the_api_server_confirms_a_pod() {
        let confirmed = Container {
            pod: web().pod.map(|pod| Pod {
                confirmed: true,
                ..pod
            }),
            ..web()
        };
        let in_pods = Selector {
            confirmed_pods: true,
            ..every()
        };
        let elsewhere = Selector {
            namespaces: words(&["default"]),
            ..in_pods.clone()
        };
        let table = [
            (&in_pods, &confirmed, true),
            (&in_pods, &web(), false),
            (&in_pods, &Container::default(), false),
            (&elsewhere, &confirmed, false),
        ];
        for (selector, container, expected) in table {
            assert_eq!(selector.matches(container), expected, "{selector:?}");
        }
    }

    #[test]
    fn no_container_is_none_and_leaves_the_host() {
        let none = Selector {
            no_containers: true,
            host: true,
            ..every()
        };
        assert!(!none.matches(&web()) && !none.matches(&Container::default()));
        assert!(none.matches_host());
    }

    #[test]
    fn sandboxes_match_nothing_and_the_host_only_when_asked_for() {
        let pause = Container {
            sandbox: true,
            ..web()
        };
        assert!(!every().matches(&pause));
        assert!(!every().matches_host());
        let host = Selector {
            host: true,
            ..every()
        };
        assert!(host.matches_host() && host.matches(&web()));
    }
}
