//! Which trace is meant.

use std::fmt;

use traceherd_crds::{TraceKind, TraceRef, report_name};

/// A trace's name: there is one object of it at a time.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Which {
    /// Trace or ClusterTrace.
    pub kind: TraceKind,
    /// The namespace of a Trace; empty for a ClusterTrace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Which {
    /// The object that has the name now, as the tracer collection calls it: one that is deleted
    /// and made again is another.
    pub fn id(&self, uid: &str) -> String {
        format!("{self} {uid}")
    }

    /// As reports refer to it.
    pub fn reference(&self, uid: &str) -> TraceRef {
        TraceRef {
            kind: self.kind,
            name: self.name.clone(),
            uid: uid.to_owned(),
        }
    }

    /// Namespace and name of the report of `node` about it. `own` is Traceherd's namespace.
    pub fn report(&self, node: &str, own: &str) -> (String, String) {
        let namespace = match self.kind {
            TraceKind::Trace => &self.namespace,
            TraceKind::ClusterTrace => own,
        };
        let name = report_name(self.kind, &self.name, node);
        (namespace.to_owned(), name)
    }

    /// What every line of its log begins with.
    pub fn members(&self) -> Vec<(&'static str, &str)> {
        let mut members = vec![("trace", self.name.as_str())];
        if self.kind == TraceKind::Trace {
            members.push(("tracenamespace", &self.namespace));
        }
        members.push(("tracekind", kind_name(self.kind)));
        members
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TraceKind::Trace => write!(f, "Trace/{}/{}", self.namespace, self.name),
            TraceKind::ClusterTrace => write!(f, "ClusterTrace/{}", self.name),
        }
    }
}

/// The kind's name.
pub fn kind_name(kind: TraceKind) -> &'static str {
    match kind {
        TraceKind::Trace => "Trace",
        TraceKind::ClusterTrace => "ClusterTrace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_told_apart_by_kind_namespace_and_uid() {
        let which = |kind, namespace: &str| Which {
            kind,
            namespace: namespace.to_owned(),
            name: "shells".to_owned(),
        };
        let ids = [
            which(TraceKind::Trace, "shop").id("1"),
            which(TraceKind::Trace, "shop").id("2"),
            which(TraceKind::Trace, "bank").id("1"),
            which(TraceKind::ClusterTrace, "").id("1"),
        ];
        let different: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len(), "{ids:?}");
    }

    #[test]
    fn the_report_of_a_cluster_trace_is_in_traceherds_namespace() {
        let cluster = Which {
            kind: TraceKind::ClusterTrace,
            namespace: String::new(),
            name: "shells".into(),
        };
        let of = |namespace: &str, name: &str| (namespace.to_owned(), name.to_owned());
        assert_eq!(
            cluster.report("n1", "traceherd"),
            of("traceherd", "clustertrace.shells.n1")
        );
        let spaced = Which {
            kind: TraceKind::Trace,
            namespace: "shop".into(),
            ..cluster
        };
        assert_eq!(
            spaced.report("n1", "traceherd"),
            of("shop", "trace.shells.n1")
        );
    }
}
