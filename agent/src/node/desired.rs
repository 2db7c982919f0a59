//! What is to be done about a trace on this node: a function of the trace, the node, the
//! namespaces, the administrator's ceilings and the clock.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use traceherd_containers::Selector;
use traceherd_crds::{
    Ceilings, ClusterTraceSpec, LabelSelector, LabelSelectorOperator, Output, TraceKind,
};
use traceherd_tracers::{ExecOptions, RateLimit};

use super::life::Stage;
use crate::words;

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// What this node is, and knows.
#[derive(Clone, Copy, Debug)]
pub struct Here<'a> {
    /// The node's name.
    pub node: &'a str,
    /// Its labels, once they are known.
    pub labels: Option<&'a Labels>,
    /// Every namespace's labels, once they are known.
    pub namespaces: Option<&'a BTreeMap<String, Labels>>,
    /// What the administrator allows.
    pub ceilings: &'a Ceilings,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// Nothing: another node's, refused, or ended.
    Nothing,
    /// Nothing for now: it is held.
    Hold,
    /// Nothing any more: this node's part is over.
    Over,
    /// To trace.
    Run {
        /// What the tracer collection is to do.
        tracing: Box<Tracing>,
        /// Where its events go.
        outputs: Outputs,
        /// When to decide again though nothing changes.
        until: Option<Timestamp>,
    },
}

/// The part of a trace that is the tracer collection's.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracing {
    /// Whose events.
    pub selector: Selector,
    /// What of them.
    pub exec: ExecOptions,
    /// Conditions on columns, not parsed yet.
    pub filter: Vec<String>,
    /// The limit per container.
    pub rate_limit: Option<RateLimit>,
}

/// The part of a trace that is its outlet's.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Outputs {
    /// Whether events are logged.
    pub log: bool,
    /// How many of the newest the report has.
    pub status_events: usize,
    /// With how many delivered events it ends on this node.
    pub max_events: Option<u64>,
}

impl Here<'_> {
    /// What is to be done about a trace of that kind at that stage of its life.
    pub fn wish(&self, kind: TraceKind, spec: &ClusterTraceSpec, stage: Stage) -> Wish {
        if !self.is_selected(spec) || self.ceilings.refusal(kind, spec).is_some() {
            return Wish::Nothing;
        }
        match stage {
            Stage::Finished => Wish::Nothing,
            Stage::Over => Wish::Over,
            Stage::Suspended => Wish::Hold,
            Stage::Runs(until) => Wish::Run {
                tracing: Box::new(self.tracing(kind, spec)),
                outputs: outputs(spec),
                until,
            },
        }
    }

    /// Whether the trace is about this node. What is not known yet does not match.
    fn is_selected(&self, spec: &ClusterTraceSpec) -> bool {
        let named = spec.node_name.as_deref().unwrap_or_default();
        let has = |labels: &Labels| {
            let mut wanted = spec.node_selector.iter();
            wanted.all(|(key, value)| labels.get(key) == Some(value))
        };
        (named.is_empty() || named == self.node)
            && (spec.node_selector.is_empty() || self.labels.is_some_and(has))
    }

    fn tracing(&self, kind: TraceKind, spec: &ClusterTraceSpec) -> Tracing {
        let mut selector = Selector {
            // What a container says of its pod does not open a namespace.
            confirmed_pods: kind == TraceKind::Trace,
            ..words::selector(&spec.selector)
        };
        if let Some(wanted) = namespace_selector(spec) {
            let labelled = self.namespaces.into_iter().flatten();
            let labelled = labelled.filter(|(_, labels)| matches(wanted, labels));
            let among = |name: &&String| {
                spec.selector.namespaces.is_empty() || spec.selector.namespaces.contains(name)
            };
            let names = labelled.map(|(name, _)| name).filter(among);
            selector.namespaces = names.cloned().collect();
            // An empty list would mean every namespace.
            selector.no_containers = selector.namespaces.is_empty();
        }
        Tracing {
            selector,
            exec: words::exec_options(&spec.exec.clone().unwrap_or_default()),
            filter: spec.filter.clone(),
            rate_limit: spec.rate_limit.as_ref().map(words::rate_limit),
        }
    }
}

/// What a trace asks of namespaces' labels, if anything.
pub fn namespace_selector(spec: &ClusterTraceSpec) -> Option<&LabelSelector> {
    let selector = spec.selector.namespace_selector.as_ref();
    selector.filter(|selector| **selector != LabelSelector::default())
}

fn outputs(spec: &ClusterTraceSpec) -> Outputs {
    let status = spec.outputs.contains(&Output::Status);
    Outputs {
        log: spec.outputs.contains(&Output::Log),
        status_events: if status {
            spec.status_events as usize
        } else {
            0
        },
        max_events: spec.max_events_per_node,
    }
}

/// As the API server matches labels.
fn matches(selector: &LabelSelector, labels: &Labels) -> bool {
    let mut pairs = selector.match_labels.iter();
    let pairs = pairs.all(|(key, value)| labels.get(key) == Some(value));
    let mut expressions = selector.match_expressions.iter();
    pairs
        && expressions.all(|wanted| {
            let value = labels.get(&wanted.key);
            let listed = value.is_some_and(|value| wanted.values.contains(value));
            match wanted.operator {
                LabelSelectorOperator::In => listed,
                LabelSelectorOperator::NotIn => !listed,
                LabelSelectorOperator::Exists => value.is_some(),
                LabelSelectorOperator::DoesNotExist => value.is_none(),
            }
        })
}

#[cfg(test)]
mod tests;
