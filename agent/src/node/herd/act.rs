//! Making the tracer collection do what each trace should.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use futures::StreamExt;
use k8s_openapi::jiff::Timestamp;
use tokio::sync::mpsc::Sender;
use traceherd_columns::Filter;
use traceherd_crds::NodePhase;
use traceherd_tracers::{Events, TraceSpec};

use super::member::Active;
use super::{Herd, run_of};
use crate::node::account::sum;
use crate::node::desired::{Here, Outputs, Tracing, Wish};
use crate::node::life::{Life, Stage};
use crate::node::sink::{Flow, Outlet, Printing};
use crate::node::which::Which;

/// Events of one trace that may wait for its outlet: many traces must not hold many.
const QUEUE: usize = 1024;
/// Events that an outlet is given at once.
const BATCH: usize = 256;
/// When a trace that could not be started is tried again.
const RETRY: Duration = Duration::from_secs(30);

impl Herd {
    /// Decides about every trace that something has changed of, and does it.
    pub(super) async fn decide(&mut self) {
        let now = Timestamp::now();
        let due = self.members.iter().filter(|(_, member)| {
            member.undecided || member.decide_at.is_some_and(|then| then <= now)
        });
        for which in due.map(|(which, _)| which.clone()).collect::<Vec<_>>() {
            self.settle(&which, now).await;
        }
    }

    /// Decides about a trace, and does it.
    async fn settle(&mut self, which: &Which, now: Timestamp) {
        let Some(member) = self.members.get_mut(which) else {
            return;
        };
        member.undecided = false;
        member.decide_at = None;
        member.report.due = true;
        let strange = member.strange.clone();
        let Some(run) = &mut member.run else {
            return;
        };
        if strange.is_some() {
            run.failure = strange;
            run.phase = NodePhase::Failed;
            return self.stop(which).await;
        }
        let Some(read) = &member.read else {
            return;
        };
        let life = Life {
            run: read.spec.run.as_deref(),
            duration: read.spec.duration.map(Duration::from),
            suspend: read.spec.suspend,
            status: &read.status,
            first_seen: run.first_seen,
            had_enough: run.over,
        };
        let stage = life.stage(now);
        let here = Here {
            node: &self.settings.node,
            labels: self.labels.as_ref(),
            namespaces: self.namespaces.as_ref(),
            ceilings: &self.settings.ceilings,
        };
        let wish = here.wish(which.kind, &read.spec, stage);
        if !matches!(wish, Wish::Run { .. }) {
            run.failure = None;
        }
        run.phase = match (&wish, stage) {
            (Wish::Over, _) | (Wish::Nothing, Stage::Finished) => NodePhase::Completed,
            (Wish::Hold | Wish::Nothing, _) => NodePhase::Suspended,
            (Wish::Run { .. }, _) => NodePhase::Running,
        };
        match wish {
            Wish::Run {
                tracing,
                outputs,
                until,
            } => {
                member.decide_at = until;
                self.run(which, *tracing, outputs, now).await;
            }
            Wish::Over => {
                run.over = true;
                self.stop(which).await;
            }
            Wish::Hold | Wish::Nothing => self.stop(which).await,
        }
    }

    async fn run(&mut self, which: &Which, tracing: Tracing, outputs: Outputs, now: Timestamp) {
        let Some(run) = self.run_of(which) else {
            return;
        };
        if run.outputs != outputs {
            run.outputs = outputs;
            run.outlet.set(outputs);
        }
        if run.outlet.had_enough() {
            run.over = true;
            run.phase = NodePhase::Completed;
            return self.stop(which).await;
        }
        let failure = match self.trace(which, tracing).await {
            Ok(()) => None,
            Err(error) => Some(format!("{error:#}")),
        };
        if failure.is_some() {
            self.stop(which).await;
        }
        let Some(member) = self.members.get_mut(which) else {
            return;
        };
        let Some(run) = &mut member.run else {
            return;
        };
        if let Some(failure) = &failure {
            if run.failure.as_ref() != Some(failure) {
                tracing::warn!(error = failure, "{which} does not run");
            }
            run.phase = NodePhase::Failed;
            member.decide_at = now.checked_add(RETRY).ok();
        }
        run.failure = failure;
    }

    /// Has it traced so. What does not change goes on without a gap.
    async fn trace(&mut self, which: &Which, tracing: Tracing) -> anyhow::Result<()> {
        let Some(member) = self.members.get_mut(which) else {
            return Ok(());
        };
        let Some(run) = &mut member.run else {
            return Ok(());
        };
        if let Some(active) = &mut run.active {
            if active.tracing != tracing {
                let spec = spec(&tracing, &self.settings.columns)?;
                self.tracers.change(&active.id, spec).await?;
                active.tracing = tracing;
                tracing::info!("{which} is changed");
            }
            return Ok(());
        }
        let spec = spec(&tracing, &self.settings.columns)?;
        let id = which.id(&member.seen.uid);
        let unattributed_before = self.tracers.unattributed().total();
        let events = self.tracers.add(&id, spec).await?;
        tokio::spawn(pump(
            events,
            Arc::clone(&run.outlet),
            Arc::clone(&self.settings.printing),
            id.clone(),
            self.enough.0.clone(),
        ));
        run.active_since.get_or_insert_with(Timestamp::now);
        run.active = Some(Active {
            id,
            tracing,
            unattributed_before,
        });
        tracing::info!("{which} runs");
        Ok(())
    }

    /// Has it traced no more. What happened before goes to its outputs.
    pub(super) async fn stop(&mut self, which: &Which) {
        let Some(run) = run_of(&mut self.members, which) else {
            return;
        };
        let Some(active) = run.active.take() else {
            return;
        };
        // It is there: who adds and removes is the herd alone.
        if let Ok(counts) = self.tracers.remove(&active.id).await {
            run.closed = sum(run.closed, counts);
            run.tracer = run.closed;
        }
        let unattributed = self.tracers.unattributed().total();
        run.unattributed += unattributed.saturating_sub(active.unattributed_before);
        tracing::info!("{which} is stopped");
    }

    /// The trace of that id has had its last event.
    pub(super) fn has_had_enough(&mut self, id: &str) {
        for member in self.members.values_mut() {
            let active = member.run.as_ref().and_then(|run| run.active.as_ref());
            if active.is_some_and(|active| active.id == id) {
                member.undecided = true;
            }
        }
    }
}

fn spec(
    tracing: &Tracing,
    columns: &traceherd_columns::ColumnSet<traceherd_tracers::ExecEvent>,
) -> anyhow::Result<TraceSpec> {
    let filter = if tracing.filter.is_empty() {
        None
    } else {
        let filter = Filter::parse(columns, &tracing.filter).map_err(|error| {
            let place = error.position - 1;
            anyhow!("spec.filter[{place}]: {:?}: {}", error.text, error.reason)
        });
        Some(filter?)
    };
    Ok(TraceSpec {
        selector: tracing.selector.clone(),
        exec: tracing.exec,
        filter,
        rate_limit: tracing.rate_limit,
        // Counted where events are let through to the outputs, which may hold some back.
        max_events: None,
        queue: QUEUE,
    })
}

/// Brings a trace's events to its outlet, until the trace ends or has had enough.
async fn pump(
    events: Events,
    outlet: Arc<Outlet>,
    printing: Arc<Printing>,
    id: String,
    enough: Sender<String>,
) {
    let mut batches = events.ready_chunks(BATCH);
    while let Some(batch) = batches.next().await {
        if outlet.take(&batch, &printing) == Flow::Enough {
            drop(batches);
            // The herd ends before its traces only when all of them do.
            let _ = enough.send(id).await;
            return;
        }
        tokio::task::yield_now().await;
    }
}
