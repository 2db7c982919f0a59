//! The command line.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum};
use kube::core::Selector;
use traceherd_crds::{Ceilings, MAX_ARGS_BYTES, parse_duration};

/// Traceherd's operator: judges traces, and sums up what the nodes report of them.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// The namespace that Traceherd runs in.
    #[arg(long, env = "POD_NAMESPACE")]
    pub namespace: String,
    /// This pod's name: what it is called among several operators.
    #[arg(long, env = "POD_NAME")]
    pub pod_name: String,
    /// Where health and metrics are served.
    #[arg(long, default_value = "0.0.0.0:8080")]
    pub address: SocketAddr,
    /// The labels of the agents' pods.
    #[arg(
        long,
        value_parser = selector,
        default_value = "app.kubernetes.io/name=traceherd,app.kubernetes.io/component=agent"
    )]
    pub agent_selector: Selector,
    /// Whether to act only while holding a Lease, so that there may be several operators.
    #[arg(
        long,
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true"
    )]
    pub leader_elect: bool,
    /// The Lease.
    #[arg(long, default_value = "traceherd-operator")]
    pub lease_name: String,
    /// The longest duration that a trace may have, as in 1h: one without a duration is refused.
    #[arg(long, value_parser = parse_duration)]
    pub max_duration: Option<Duration>,
    /// The largest exec.maxArgsBytes that a trace may have.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_ARGS_BYTES)))]
    pub max_args_bytes: Option<u32>,
    /// Refuse Traces of a namespace that have Log among their outputs.
    #[arg(long)]
    pub deny_namespaced_log: bool,
    /// What is logged: error, warn, info, debug or trace.
    #[arg(long, default_value = "info")]
    pub log_level: tracing::Level,
    /// How it is logged.
    #[arg(long, default_value = "text")]
    pub log_format: LogFormat,
}

/// How messages are logged.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Lines for people.
    Text,
}

impl Args {
    /// What the administrator allows.
    pub fn ceilings(&self) -> Ceilings {
        Ceilings {
            max_duration: self.max_duration,
            max_args_bytes: self.max_args_bytes,
            namespaced_log: !self.deny_namespaced_log,
        }
    }
}

/// Reads `key=value,key=value`.
fn selector(text: &str) -> Result<Selector, String> {
    let label = |pair: &str| {
        let pair = pair.trim().split_once('=');
        let pair = pair.filter(|(key, _)| !key.is_empty());
        let (key, value) = pair.ok_or("write key=value, or several with commas between them")?;
        Ok((key.to_owned(), value.to_owned()))
    };
    let labels: Result<Vec<_>, &str> = text.split(',').map(label).collect();
    Ok(Selector::from_iter(labels?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: [&str; 5] = ["operator", "--namespace", "traceherd", "--pod-name", "one"];

    fn parsed(args: &[&str]) -> Result<Args, String> {
        let all = PLACE.iter().chain(args);
        Args::try_parse_from(all).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_is_as_the_chart_has_it() {
        let args = parsed(&[]).unwrap();
        assert!(args.leader_elect);
        assert_eq!(args.ceilings(), Ceilings::default());
        assert_eq!(
            args.agent_selector.to_string(),
            "app.kubernetes.io/component=agent,app.kubernetes.io/name=traceherd"
        );
    }

    #[test]
    fn ceilings_are_read() {
        let args = [
            "--max-duration",
            "1h",
            "--max-args-bytes",
            "9",
            "--deny-namespaced-log",
        ];
        let wanted = Ceilings {
            max_duration: Some(Duration::from_secs(3600)),
            max_args_bytes: Some(9),
            namespaced_log: false,
        };
        assert_eq!(parsed(&args).unwrap().ceilings(), wanted);
    }

    #[test]
    fn leader_election_may_be_off() {
        assert!(!parsed(&["--leader-elect=false"]).unwrap().leader_elect);
        assert!(parsed(&["--leader-elect"]).unwrap().leader_elect);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (args, told) in [
            (["--max-duration", "1 hour"], "write it with units"),
            (["--max-duration", "0s"], "must be longer than nothing"),
            (["--max-args-bytes", "32769"], "32769 is not in 1..=32768"),
            (["--agent-selector", "app"], "write key=value"),
            (["--agent-selector", "=x"], "write key=value"),
            (["--log-level", "loud"], "error parsing level"),
            (["--address", "8080"], "invalid socket address"),
        ] {
            let found = parsed(&args).err().unwrap_or_default();
            assert!(found.contains(told), "{args:?}: {found}");
        }
    }
}
