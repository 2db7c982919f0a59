//! `make bench-cluster`: what Traceherd costs on a real cluster.
//!
//! One node with 100 pods. BENCH_CHURN_MINUTES (2) is how long pods come and go at the end.

mod figures;
mod load;
mod pods;

use std::{
    env,
    error::Error,
    process::ExitCode,
    thread::sleep,
    time::{Duration, Instant},
};

use traceherd_e2e::{AgentLog, Cluster, programs, statistics::Spread};

use figures::{Part, Requests};

pub(crate) type Failure = Box<dyn Error>;

const PODS: usize = 100;
const TRACES: usize = 100;
/// How often the time to the first event is taken.
const STARTS: usize = 15;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("make bench-cluster: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let minutes = match env::var("BENCH_CHURN_MINUTES") {
        Ok(minutes) => minutes
            .parse()
            .map_err(|_| format!("BENCH_CHURN_MINUTES is {minutes:?}, and must be a number"))?,
        Err(_) => 2,
    };
    eprintln!("starting a cluster, and {PODS} pods");
    let cluster = Cluster::start(1)?;
    cluster.deploy(&programs::traceherd()?, &programs::operator()?, &[])?;
    pods::start(&cluster, PODS)?;
    let agent = pods::of(&cluster, "agent")?;
    let operator = pods::leader(&cluster)?;

    println!("On one node with {PODS} pods besides Traceherd's own:");
    first_event(&cluster)?;
    at_rest(&cluster, &agent, &operator)?;
    for traces in [1, 10, 100] {
        load::under_load(&cluster, traces, &agent, &operator)?;
    }
    churn(&cluster, Duration::from_secs(60 * minutes), &agent)
}

/// Whether a figure is what it is to be at most.
fn target(figure: f64, most: f64) -> String {
    let met = if figure <= most { "met" } else { "NOT met" };
    format!(" (target: {most} at most, {met})")
}

/// From `kubectl apply` of a Trace to its first event in the agent's log.
fn first_event(cluster: &Cluster) -> Result<(), Failure> {
    let mut log = AgentLog::new(cluster);
    let mut from_start = Vec::new();
    let mut from_applied = Vec::new();
    for n in 0..STARTS {
        let name = format!("start-{n}");
        let start = Instant::now();
        cluster.apply("bench", &pods::trace(&name, "ticking", "Log"))?;
        let applied = start.elapsed();
        while log.events("Trace", &format!("bench/{name}")).is_empty() {
            if start.elapsed() > Duration::from_secs(30) {
                return Err(format!("no event of {name}").into());
            }
            sleep(Duration::from_millis(5));
        }
        let seen = start.elapsed();
        from_start.push(seen.as_secs_f64());
        from_applied.push(seen.saturating_sub(applied).as_secs_f64());
        cluster.kubectl(&["delete", "trace", &name, "-n", "bench"])?;
    }
    let [applied, start] = [from_applied, from_start].map(Spread::of);
    let (applied, start) = applied.zip(start).ok_or("no start was measured")?;
    println!(
        "Trace applied to first event in the log: median {:.2} s{}, longest {:.2} s \
         ({:.2} s and {:.2} s with the start of kubectl), of {STARTS}",
        applied.median,
        target(applied.median, 1.0),
        applied.highest,
        start.median,
        start.highest,
    );
    Ok(())
}

/// A trace for each pod, and nothing is executed.
fn at_rest(cluster: &Cluster, agent: &Part, operator: &Part) -> Result<(), Failure> {
    let manifests: Vec<_> = (0..TRACES)
        .map(|n| {
            pods::trace(
                &format!("rest-{n}"),
                &format!("sleeping-{n}"),
                "Log, Status",
            )
        })
        .collect();
    cluster.apply("bench", &manifests.join("---\n"))?;
    pods::wait_for_ready(cluster, TRACES)?;
    sleep(Duration::from_secs(20));
    let window = Duration::from_secs(60);
    let before = (agent.cpu()?, operator.cpu()?, Requests::now(cluster)?);
    sleep(window);
    let share =
        |before: u64, after: u64| 100.0 * (after - before) as f64 / window.as_nanos() as f64;
    let requests = Requests::now(cluster)?.since(&before.2);
    println!(
        "At rest, with {TRACES} traces, over {} s:",
        window.as_secs()
    );
    let (resident, idle) = (agent.resident()?, share(before.0, agent.cpu()?));
    println!(
        "  agent:    {resident:.1} MB resident{}, {:.1} MB charged with its eBPF maps, \
         {idle:.2} % of a core{}",
        target(resident, 40.0),
        agent.charged()?.now as f64 / 1e6,
        target(idle, 0.5),
    );
    let resident = operator.resident()?;
    println!(
        "  operator: {resident:.1} MB resident{}, {:.1} MB charged, {:.2} % of a core",
        target(resident, 40.0),
        operator.charged()?.now as f64 / 1e6,
        share(before.1, operator.cpu()?)
    );
    let writes = requests.traces + requests.reports;
    println!(
        "  writes:   {} of traces' statuses, {} of reports{}, {} of leases (all components')",
        requests.traces,
        requests.reports,
        target(writes as f64, 0.0),
        requests.leases
    );
    cluster.kubectl(&["delete", "traces", "--all", "-n", "bench"])?;
    Ok(())
}

/// Jobs come and go, all of them traced.
fn churn(cluster: &Cluster, time: Duration, agent: &Part) -> Result<(), Failure> {
    cluster.apply("bench", &pods::trace("churn", "", "Log, Status"))?;
    let start = Instant::now();
    let mut made = 0;
    while start.elapsed() < time {
        pods::jobs(cluster, 20)?;
        made += 20;
    }
    let charged = agent.charged()?;
    println!(
        "{made} pods came and went in {} s: the agent was charged {:.1} MB at most of its {} MB, \
         and met the limit {} times{}; {:.1} MB resident after",
        start.elapsed().as_secs(),
        charged.peak as f64 / 1e6,
        pods::memory_limit(cluster)?,
        charged.limited,
        target(charged.limited as f64, 0.0),
        agent.resident()?
    );
    Ok(())
}
