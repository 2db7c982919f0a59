//! What an administrator allows traces at most. The operator says so in the status, and the
//! agents keep to it by themselves: both ask here.

use std::time::Duration;

use crate::{ArgsMode, ClusterTraceSpec, ExecOptions, Output, TraceKind};

/// What traces may ask for at most.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ceilings {
    /// The longest duration. With one, a trace must have a duration.
    pub max_duration: Option<Duration>,
    /// The longest arguments of one event, in bytes.
    pub max_args_bytes: Option<u32>,
    /// Whether a Trace of a namespace may have its events in the agents' log.
    pub namespaced_log: bool,
}

impl Default for Ceilings {
    /// No ceilings.
    fn default() -> Self {
        Self {
            max_duration: None,
            max_args_bytes: None,
            namespaced_log: true,
        }
    }
}

impl Ceilings {
    /// Why a trace asks for too much, with the fields and the remedies; `None` when it does not.
    #[must_use]
    pub fn refusal(&self, kind: TraceKind, spec: &ClusterTraceSpec) -> Option<String> {
        let problems = [self.duration(spec), self.args(spec), self.log(kind, spec)];
        let problems: Vec<_> = problems.into_iter().flatten().collect();
        (!problems.is_empty()).then(|| problems.join("; "))
    }

    fn duration(&self, spec: &ClusterTraceSpec) -> Option<String> {
        let most = self.max_duration?;
        let problem = match spec.duration.map(Duration::from) {
            None => "there is none".to_owned(),
            Some(asked) if asked > most => format!("{} is too long", written(asked)),
            Some(_) => return None,
        };
        let remedy = if spec.duration.is_none() {
            "add one"
        } else {
            "shorten it"
        };
        let most = written(most);
        Some(format!(
            "spec.duration: {problem}, the administrator allows at most {most}: {remedy}"
        ))
    }

    fn args(&self, spec: &ClusterTraceSpec) -> Option<String> {
        let most = self.max_args_bytes?;
        let default = ExecOptions::default();
        let exec = spec.exec.as_ref().unwrap_or(&default);
        let asked = exec.max_args_bytes;
        (exec.args == ArgsMode::Full && asked > most).then(|| {
            format!(
                "spec.exec.maxArgsBytes: {asked} is too many, the administrator allows at most \
                 {most}: set {most} or fewer"
            )
        })
    }

    fn log(&self, kind: TraceKind, spec: &ClusterTraceSpec) -> Option<String> {
        let refused = !self.namespaced_log && kind == TraceKind::Trace;
        (refused && spec.outputs.contains(&Output::Log)).then(|| {
            "spec.outputs: the administrator does not allow Log for a Trace: set [Status]"
                .to_owned()
        })
    }
}

/// A duration as a manifest has it: 90m is 1h30m.
fn written(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(duration.subsec_millis()), "ms"),
    ];
    let text: String = units
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(yaml: &str) -> ClusterTraceSpec {
        serde_yaml::from_str(&format!("gadget: exec\n{yaml}")).unwrap()
    }

    fn low() -> Ceilings {
        Ceilings {
            max_duration: Some(Duration::from_secs(5400)),
            max_args_bytes: Some(1024),
            namespaced_log: false,
        }
    }

    const SMALL: &str = "duration: 90m\nexec: {maxArgsBytes: 1024}\n";

    #[test]
    fn without_ceilings_everything_is_allowed() {
        for yaml in ["", "duration: 720h\nexec: {maxArgsBytes: 32768}\n"] {
            for kind in [TraceKind::Trace, TraceKind::ClusterTrace] {
                assert_eq!(Ceilings::default().refusal(kind, &spec(yaml)), None);
            }
        }
    }

    #[test]
    fn what_is_within_the_ceilings_is_allowed() {
        let cluster = TraceKind::ClusterTrace;
        assert_eq!(low().refusal(cluster, &spec(SMALL)), None);
        let counted = spec("duration: 1s\nexec: {args: Count}\n");
        assert_eq!(low().refusal(cluster, &counted), None);
        let unlogged = spec(&format!("{SMALL}outputs: [Status]\n"));
        assert_eq!(low().refusal(TraceKind::Trace, &unlogged), None);
    }

    #[test]
    fn what_is_above_is_told_with_the_field_and_the_remedy() {
        let cases = [
            (
                "exec: {args: None}\n",
                "spec.duration: there is none, the administrator allows at most 1h30m: add one",
            ),
            (
                "duration: 90m1ms\nexec: {args: None}\n",
                "spec.duration: 1h30m1ms is too long, the administrator allows at most 1h30m: \
                 shorten it",
            ),
            (
                "duration: 1m\n",
                "spec.exec.maxArgsBytes: 4096 is too many, the administrator allows at most 1024: \
                 set 1024 or fewer",
            ),
            (
                "duration: 1m\nexec: {maxArgsBytes: 1025}\n",
                "spec.exec.maxArgsBytes: 1025 is too many, the administrator allows at most 1024: \
                 set 1024 or fewer",
            ),
        ];
        for (yaml, told) in cases {
            let found = low().refusal(TraceKind::ClusterTrace, &spec(yaml));
            assert_eq!(found.as_deref(), Some(told), "{yaml}");
        }
        assert_eq!(
            low().refusal(TraceKind::Trace, &spec(SMALL)).as_deref(),
            Some("spec.outputs: the administrator does not allow Log for a Trace: set [Status]")
        );
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let told = low().refusal(TraceKind::Trace, &spec("")).unwrap();
        assert_eq!(told.matches("; ").count(), 2, "{told}");
    }
}
