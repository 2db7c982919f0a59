//! What a resource says, in the libraries' words.

use traceherd_containers::{LabelExpression, LabelOperator, Selector};
use traceherd_crds::{
    ArgsMode, ClusterTraceSelector, ExecOptions, LabelSelectorOperator, LabelSelectorRequirement,
    RateLimit,
};

/// Which containers. What only a cluster knows (namespaceSelector) is not in it.
pub fn selector(wanted: &ClusterTraceSelector) -> Selector {
    let labels = wanted.pod_selector.clone().unwrap_or_default();
    Selector {
        names: wanted.container_names.clone(),
        exclude_names: wanted.exclude_container_names.clone(),
        namespaces: wanted.namespaces.clone(),
        pods: wanted.pod_name.iter().cloned().collect(),
        labels: labels.match_labels,
        label_expressions: labels
            .match_expressions
            .into_iter()
            .map(expression)
            .collect(),
        images: wanted.images.clone(),
        host: wanted.host,
        ..Selector::default()
    }
}

fn expression(wanted: LabelSelectorRequirement) -> LabelExpression {
    let operator = match wanted.operator {
        LabelSelectorOperator::In => LabelOperator::In(wanted.values),
        LabelSelectorOperator::NotIn => LabelOperator::NotIn(wanted.values),
        LabelSelectorOperator::Exists => LabelOperator::Exists,
        LabelSelectorOperator::DoesNotExist => LabelOperator::DoesNotExist,
    };
    LabelExpression {
        key: wanted.key,
        operator,
    }
}

/// What is recorded of an exec.
pub fn exec_options(wanted: &ExecOptions) -> traceherd_tracers::ExecOptions {
    traceherd_tracers::ExecOptions {
        include_failed: wanted.include_failed,
        max_args_bytes: wanted.max_args_bytes,
        args: match wanted.args {
            ArgsMode::Full => traceherd_tracers::ArgsMode::Full,
            ArgsMode::Count => traceherd_tracers::ArgsMode::Count,
            ArgsMode::None => traceherd_tracers::ArgsMode::None,
        },
    }
}

/// The limit per container.
pub fn rate_limit(wanted: &RateLimit) -> traceherd_tracers::RateLimit {
    traceherd_tracers::RateLimit {
        events_per_second: wanted.events_per_second,
        burst: wanted.burst,
    }
}
