//! One trace on this host, from its start to the summary.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use traceherd_columns::{Columns, Filter, FilterError};
use traceherd_containers::{Container, ContainerCollection, Selector};
use traceherd_tracers::{Config, ExecEvent, TracerCollection, check_capabilities};

use crate::cli::Runtimes;
use crate::failure::Failure;
use crate::format::{Format, Renderer};
use crate::plan::Plan;
use crate::signals::Signals;
use crate::summary::summary;
use crate::writer::Writer;
use crate::{sources, stdout};

/// The usual columns but for those of Kubernetes.
const WITHOUT_PODS: &str = "container,pid,ppid,comm,ret,args";
/// How long somebody who takes nothing from standard output is waited for once the trace has ended.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads conditions on an exec's columns.
///
/// # Errors
/// The first that cannot be followed.
pub fn parse_filters(filters: &[String]) -> Result<Option<Filter<ExecEvent>>, FilterError> {
    if filters.is_empty() {
        return Ok(None);
    }
    Filter::parse(&ExecEvent::columns(), filters).map(Some)
}

/// Runs `plan` until it ends, a signal comes, or nobody reads its events any more.
///
/// # Errors
/// A bad choice of columns, or that nothing can be traced here.
pub fn run(
    name: &str,
    plan: Plan,
    filter: Option<Filter<ExecEvent>>,
    format: &Format,
    runtimes: &Runtimes,
) -> Result<(), Failure> {
    // A wrong name is told before anything is set up.
    Renderer::new(&ExecEvent::columns(), format).map_err(Failure::usage)?;
    // Before the runtimes are asked, which would complain first.
    check_capabilities().map_err(Failure::runtime)?;
    sources::tokio()?.block_on(async {
        let mut signals = Signals::catch().map_err(Failure::runtime)?;
        let containers = tokio::select! {
            started = sources::collection(runtimes).kernel().start() => {
                started.map_err(Failure::runtime)?
            }
            () = signals.asked_to_end() => return Ok(()),
        };
        let pods = shows_pods(&plan.selector, &containers.containers());
        let renderer = Renderer::new(&ExecEvent::columns(), &shown(format, pods));
        let renderer = renderer.map_err(Failure::usage)?;
        trace(name, &plan, filter, renderer, &containers, &mut signals).await
    })
}

/// Whether pods mean anything here: they are asked for, or there are some.
fn shows_pods(selector: &Selector, containers: &[Arc<Container>]) -> bool {
    !selector.namespaces.is_empty()
        || !selector.pods.is_empty()
        || containers.iter().any(|container| container.pod.is_some())
}

/// The usual columns leave the room of those for pods to the others where there are none.
fn shown(format: &Format, pods: bool) -> Format {
    match format {
        Format::Columns(None) if !pods => Format::Columns(Some(WITHOUT_PODS.to_owned())),
        format => format.clone(),
    }
}

async fn trace(
    name: &str,
    plan: &Plan,
    filter: Option<Filter<ExecEvent>>,
    renderer: Renderer<ExecEvent>,
    containers: &ContainerCollection,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let config = Config {
        node: Some(sources::hostname()),
        ..Config::default()
    };
    let tracers = TracerCollection::start(config, containers).map_err(Failure::runtime)?;
    let events = tracers
        .add(name, plan.spec(filter))
        .await
        .map_err(Failure::runtime)?;
    let mut writer = Writer::start(events, renderer).map_err(Failure::runtime)?;
    tracing::info!("tracing");

    let mut result = None;
    tokio::select! {
        () = signals.asked_to_end() => {}
        () = elapsed(plan.duration) => {}
        () = stdout::nobody_reads() => return Ok(()),
        written = writer.ended() => result = Some(written),
    }
    // From here on nothing is attached; what happened before is still in the writer's hands.
    let counts = tracers.remove(name).await.map_err(Failure::runtime)?;
    if result.is_none() {
        result = tokio::select! {
            written = writer.read_out(PATIENCE) => written,
            () = signals.asked_to_end() => None,
        };
        writer.halt().await;
    }
    match result.unwrap_or(Ok(())).map_err(Failure::stdout) {
        Err(Failure::ClosedPipe) => Ok(()),
        result => {
            let summary = summary(&counts, &tracers.unattributed(), writer.written());
            eprintln!("traceherd: {summary}");
            result
        }
    }
}

/// Waits for the end of the trace's time, if it has one.
async fn elapsed(duration: Option<Duration>) {
    match duration {
        Some(duration) => sleep(duration).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use traceherd_containers::Pod;

    use super::*;

    #[test]
    fn the_usual_columns_have_pods_where_there_are_any() {
        let usual = ExecEvent::columns();
        let without: Vec<_> = WITHOUT_PODS.split(',').collect();
        let all: Vec<_> = usual.iter().filter(|column| !column.is_hidden()).collect();
        assert_eq!(all.len(), without.len() + 2);
        assert!(
            all[2..]
                .iter()
                .zip(&without)
                .all(|(one, other)| one.name() == *other)
        );

        assert_eq!(shown(&Format::Columns(None), true), Format::Columns(None));
        assert_eq!(shown(&Format::Json, false), Format::Json);
        let chosen = Format::Columns(Some("pid".to_owned()));
        assert_eq!(shown(&chosen, false), chosen);

        let plain = Container::default();
        let in_pod = Container {
            pod: Some(Pod::default()),
            ..Container::default()
        };
        let everything = Selector::default();
        assert!(!shows_pods(&everything, &[Arc::new(plain)]));
        assert!(shows_pods(&everything, &[Arc::new(in_pod)]));
        let asked = Selector {
            pods: vec!["cart-0".into()],
            ..Selector::default()
        };
        assert!(shows_pods(&asked, &[]));
    }
}
