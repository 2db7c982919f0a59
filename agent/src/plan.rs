//! What a trace is to do on this host: from options or a manifest, decided and nothing done yet.

mod notes;

use std::time::Duration;

use traceherd_columns::Filter;
use traceherd_containers::Selector;
use traceherd_crds::{ExecOptions, LabelSelector, RateLimit};
use traceherd_tracers::{ExecEvent, TraceSpec};

use crate::cli::{ExecArgs, Selection};
use crate::manifest::{Manifest, ManifestError};
use crate::words::{exec_options, rate_limit, selector};

/// One trace on this host.
#[derive(Debug, PartialEq)]
pub struct Plan {
    /// Which containers.
    pub selector: Selector,
    /// What is recorded.
    pub exec: ExecOptions,
    /// Conditions on columns, not parsed yet.
    pub filters: Vec<String>,
    /// The limit per container.
    pub rate_limit: Option<RateLimit>,
    /// Events after which it ends.
    pub max_events: Option<u64>,
    /// Time after which it ends.
    pub duration: Option<Duration>,
    /// True when nothing is to be traced at all for now.
    pub suspended: bool,
    /// What the user should know, a line each.
    pub notes: Vec<String>,
}

impl Plan {
    /// The plan of `traceherd exec`.
    pub fn of_options(args: &ExecArgs) -> Self {
        Self {
            selector: selection(&args.selection),
            exec: ExecOptions {
                include_failed: args.failed,
                max_args_bytes: args.max_args_bytes,
                ..ExecOptions::default()
            },
            filters: args.filters.clone(),
            rate_limit: args.rate_limit.clone(),
            max_events: args.max_events,
            duration: args.duration,
            suspended: false,
            notes: notes::of_options(&args.selection),
        }
    }

    /// The plan of a manifest on the host called `hostname`, where no cluster is.
    ///
    /// # Errors
    /// What cannot be done without a cluster, or not on this host.
    pub fn of_manifest(manifest: &Manifest, hostname: &str) -> Result<Self, ManifestError> {
        let spec = &manifest.spec;
        if let Some(node) = spec.node_name.as_deref().filter(|node| !node.is_empty())
            && !same_host(node, hostname)
        {
            let message = format!(
                "is {node}, and this host is {hostname}: run it there, or remove the field"
            );
            return Err(manifest.refuse("spec.nodeName", message));
        }
        if spec
            .selector
            .namespace_selector
            .as_ref()
            .is_some_and(wants_something)
        {
            return Err(manifest.refuse(
                "spec.selector.namespaceSelector",
                "only a cluster knows the labels of namespaces: name them in namespaces",
            ));
        }
        Ok(Self {
            selector: selector(&spec.selector),
            exec: spec.exec.clone().unwrap_or_default(),
            filters: spec.filter.clone(),
            rate_limit: spec.rate_limit.clone(),
            max_events: spec.max_events_per_node,
            duration: spec.duration.map(Duration::from),
            suspended: spec.suspend,
            notes: notes::of_manifest(manifest),
        })
    }

    /// The trace that does it.
    pub fn spec(&self, filter: Option<Filter<ExecEvent>>) -> TraceSpec {
        TraceSpec {
            selector: self.selector.clone(),
            exec: exec_options(&self.exec),
            filter,
            rate_limit: self.rate_limit.as_ref().map(rate_limit),
            max_events: self.max_events,
            ..TraceSpec::default()
        }
    }
}

/// Without any option: every container, and the host.
fn selection(chosen: &Selection) -> Selector {
    let selector = Selector {
        names: chosen.names.clone(),
        namespaces: chosen.namespaces.clone(),
        pods: chosen.pods.clone(),
        labels: chosen.labels.iter().cloned().collect(),
        ..Selector::default()
    };
    let everything = selector == Selector::default();
    Selector {
        host: chosen.host || everything,
        ..selector
    }
}

fn wants_something(selector: &LabelSelector) -> bool {
    *selector != LabelSelector::default()
}

/// Nodes often go by the short form of their host's name.
fn same_host(node: &str, hostname: &str) -> bool {
    let hostname = hostname.to_lowercase();
    let short = hostname.split('.').next().unwrap_or_default();
    node == hostname || node == short || node.split('.').next() == Some(hostname.as_str())
}

#[cfg(test)]
mod tests;
