//! The command line's shape.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, ValueHint};
use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use clap_complete::Shell;
use traceherd_columns::Columns;
use traceherd_crds::{MAX_ARGS_BYTES, RateLimit, parse_duration};
use traceherd_tracers::ExecEvent;

use crate::format::Format;
use crate::value::{Pattern, label, pattern, rate_limit};

/// Shows what containers and the host execute, filtered by container in the kernel.
///
/// Events go to standard output, everything else to standard error. Exit codes: 0 fine,
/// 1 something failed, 2 bad usage (a bad manifest or filter too).
#[derive(Debug, Parser)]
#[command(name = "traceherd", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Where containers are found.
    #[command(flatten)]
    pub runtimes: Runtimes,
}

/// Where containers are found. A runtime that is not there, or goes away, is looked for again and
/// again.
#[derive(Debug, Args)]
pub struct Runtimes {
    /// docker's socket, if not /run/docker.sock.
    #[arg(help_heading = "Container runtimes", long, global = true, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub docker_socket: Option<PathBuf>,
    /// containerd's socket, if not /run/containerd/containerd.sock.
    #[arg(help_heading = "Container runtimes", long, global = true, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub containerd_socket: Option<PathBuf>,
    /// The cgroup below which this node's processes and containers are. Another than / where nodes
    /// share one kernel, as in kind.
    #[arg(
        help_heading = "Container runtimes",
        long,
        global = true,
        value_name = "CGROUP",
        default_value = "/"
    )]
    pub cgroup_root: String,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the programs that are executed, in containers and by the host.
    #[command(after_long_help = columns_help())]
    Exec(ExecArgs),
    /// Run a Trace or ClusterTrace manifest on this host; no cluster is needed.
    Run(RunArgs),
    /// List the containers of this host.
    Containers(ContainersArgs),
    /// Run the traces of a Kubernetes cluster on this node: what the DaemonSet runs.
    Agent(AgentArgs),
    /// Try an installation: trace this pod, and see whether the event comes back.
    Check(CheckArgs),
    /// Print the completions of a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page, in roff: traceherd man | man -l -
    Man {
        /// The command whose page it is; without it, traceherd's own.
        command: Option<String>,
    },
}

/// Options of `traceherd exec`.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// Which containers.
    #[command(flatten)]
    pub selection: Selection,
    /// Also execs that failed, with their error. Slows every system call of the host a little.
    #[arg(long)]
    pub failed: bool,
    /// Show only events that meet this condition on a column; all of them when given again.
    #[arg(
        short = 'F',
        long = "filter",
        value_name = "COLUMN:CONDITION",
        long_help = "Show only events that meet this condition on a column; all of them when given again.\n\
            uid:0  comm:!cat  pid:>=100  'comm:~^(ba)?sh$'  'args:!~secret'"
    )]
    pub filters: Vec<String>,
    /// How events are shown.
    #[command(flatten)]
    pub output: OutputArgs,
    /// End after this time: 90s, 10m, 1h30m.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// End after this many events.
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub max_events: Option<u64>,
    /// Take this many events a second from one container at most; what it has beyond that is held
    /// back in the kernel, and counted.
    #[arg(long, value_name = "EVENTS[:BURST]", value_parser = rate_limit)]
    pub rate_limit: Option<RateLimit>,
    /// Take this many bytes of an exec's arguments at most; what is cut is counted.
    #[arg(
        long, value_name = "BYTES", default_value_t = 4096,
        value_parser = value_parser!(u32).range(1..=i64::from(MAX_ARGS_BYTES))
    )]
    pub max_args_bytes: u32,
}

const WHICH: &str = "Which containers (without any: all, and the host)";

/// Which containers. All that is given must match; an option given more than once means any of
/// its values, labels excepted.
#[derive(Debug, Default, Args)]
pub struct Selection {
    /// The container of this name.
    #[arg(help_heading = WHICH, short = 'c', long = "containername", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub names: Vec<String>,
    /// Containers of pods in this Kubernetes namespace.
    #[arg(help_heading = WHICH, short = 'n', long = "namespace", value_name = "NAMESPACE", value_parser = NonEmptyStringValueParser::new())]
    pub namespaces: Vec<String>,
    /// Containers of the pod of this name.
    #[arg(help_heading = WHICH, short = 'p', long = "podname", value_name = "POD", value_parser = NonEmptyStringValueParser::new())]
    pub pods: Vec<String>,
    /// Containers outside of pods with this label; with all of them when given again.
    #[arg(help_heading = WHICH, short = 'l', long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,
    /// Also the host's own processes.
    #[arg(help_heading = WHICH, long)]
    pub host: bool,
}

/// How events are shown.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// columns, columns=NAME,…, json, json-pretty or yaml.
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        default_value = "columns"
    )]
    pub format: Format,
}

/// Options of `traceherd run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The manifest; - is standard input.
    #[arg(short = 'f', long = "filename", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// How events are shown.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Options of `traceherd containers`.
#[derive(Debug, Args)]
pub struct ContainersArgs {
    /// Stay, and show containers as they come, change and go.
    #[arg(short = 'w', long)]
    pub watch: bool,
    /// Also the sandbox ("pause") containers of pods.
    #[arg(long)]
    pub sandboxes: bool,
    /// How containers are shown.
    #[command(flatten)]
    pub output: OutputArgs,
}

const PLACE: &str = "Where it runs";
const CEILINGS: &str = "What the administrator allows";

/// Options of `traceherd agent`.
#[derive(Debug, Args)]
#[command(
    after_help = "Events go to standard output, a JSON record a line, each with the trace's name. \
    The API server is found as in any pod, or by KUBECONFIG."
)]
pub struct AgentArgs {
    /// This node's name in Kubernetes.
    #[arg(help_heading = PLACE, long, env = "NODE_NAME", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub node_name: String,
    /// Traceherd's own namespace: where reports about ClusterTraces go.
    #[arg(help_heading = PLACE, long, env = "POD_NAMESPACE", value_name = "NAMESPACE", value_parser = NonEmptyStringValueParser::new())]
    pub namespace: String,
    /// Where /livez, /readyz and /metrics are served.
    #[arg(help_heading = PLACE, long, value_name = "ADDRESS", default_value = "0.0.0.0:8081")]
    pub address: SocketAddr,
    /// How many events a second one trace may log; what it has beyond that is counted as
    /// suppressed.
    #[arg(help_heading = CEILINGS, long, value_name = "EVENTS[:BURST]", default_value = "500:5000", value_parser = rate_limit)]
    pub log_rate: RateLimit,
    /// What traces may ask for.
    #[command(flatten)]
    pub ceilings: CeilingArgs,
    /// Replace what this regular expression matches in arguments by `[redacted]`, in every output;
    /// may be given again.
    #[arg(help_heading = CEILINGS, long, value_name = "REGEX", value_parser = pattern)]
    pub redact: Vec<Pattern>,
    /// The agent's own messages.
    #[command(flatten)]
    pub messages: Messages,
}

/// What traces may ask for. One that asks for more is refused.
#[derive(Debug, Default, Args)]
pub struct CeilingArgs {
    /// Run no trace for longer: 1h. A trace without a duration is refused then.
    #[arg(help_heading = CEILINGS, long, value_name = "TIME", value_parser = parse_duration)]
    pub max_duration: Option<Duration>,
    /// Take no more bytes of an exec's arguments.
    #[arg(
        help_heading = CEILINGS, long, value_name = "BYTES",
        value_parser = value_parser!(u32).range(1..=i64::from(MAX_ARGS_BYTES))
    )]
    pub max_args_bytes: Option<u32>,
    /// Refuse the output Log to Traces, which any user of a namespace may make. ClusterTraces may
    /// log.
    #[arg(help_heading = CEILINGS, long)]
    pub deny_namespaced_log: bool,
}

/// How the agent's own messages are written, on standard error.
#[derive(Debug, Args)]
pub struct Messages {
    /// Tell these and worse: error, warn, info, debug, trace, or a filter as RUST_LOG has it.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
    /// How they are written.
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    pub log_format: MessageFormat,
}

/// How a message is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum MessageFormat {
    /// A JSON record a line.
    Json,
    /// A line of text.
    Text,
}

/// Options of `traceherd check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The namespace of the pod that this runs in.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE", value_parser = NonEmptyStringValueParser::new())]
    pub namespace: String,
    /// The pod that this runs in.
    #[arg(long, env = "POD_NAME", value_name = "POD", value_parser = NonEmptyStringValueParser::new())]
    pub pod_name: String,
    /// Give up after this time.
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = parse_duration)]
    pub timeout: Duration,
}

/// The columns of an exec: their names and what they are.
fn columns_help() -> String {
    let columns = ExecEvent::columns();
    let lines = columns.iter().map(|column| {
        let hidden = if column.is_hidden() { "" } else { " *" };
        format!("  {:<20} {}{hidden}", column.name(), column.about())
    });
    let lines: Vec<_> = lines.collect();
    format!(
        "Columns (those with * are shown as a table without -o columns=…; records have all):\n{}",
        lines.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn bad_usage_is_refused() {
        for line in [
            "",
            "exce",
            "exec --max-events 0",
            "exec --max-events -1",
            "exec --max-args-bytes 0",
            "exec --max-args-bytes 40000",
            "exec --duration 10",
            "exec --duration 0s",
            "exec --duration 721h",
            "exec -o xml",
            "exec -o columns=",
            "exec -l app",
            "exec --rate-limit 0",
            "exec --rate-limit 5:",
            "exec -l =x",
            "exec web",
            "run",
            "agent --namespace traceherd",
            "agent --node-name a",
            "agent --node-name a --namespace b --redact (",
            "agent --node-name a --namespace b --redact x*",
            "agent --node-name a --namespace b --log-rate 0",
            "agent --node-name a --namespace b --log-format xml",
            "agent --node-name a --namespace b --address 8081",
            "check --namespace a",
            "completions tcsh-ish",
        ] {
            let words = std::iter::once("traceherd").chain(line.split_whitespace());
            let error = Cli::try_parse_from(words).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
        assert!(Cli::try_parse_from(["traceherd", "exec", "-c", ""]).is_err());
    }
}
