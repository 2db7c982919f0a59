//! A storm, and the trace that it is told by.

use std::future::Future;

use traceherd_e2e::storm::{Executed, Storm};
use traceherd_tracers::{Counts, TraceSpec};

use super::{
    stage::{Ground, Stage, assert_adds_up, on, since},
    tally::{Tallied, Tally},
};

/// Runs a storm there while `meanwhile` goes on.
pub async fn run<T>(
    storm: Storm,
    place: &Ground,
    meanwhile: impl Future<Output = T>,
) -> (Executed, T) {
    let storm = storm.joining(&place.procs).numbered();
    let over = tokio::task::spawn_blocking(move || storm.run().unwrap());
    let done = meanwhile.await;
    (over.await.unwrap(), done)
}

/// A trace, and what it has had until now.
pub struct Watched<'a> {
    stage: &'a Stage,
    id: &'static str,
    tally: Tally,
    before: Counts,
}

impl<'a> Watched<'a> {
    pub async fn start(stage: &'a Stage, id: &'static str, spec: TraceSpec) -> Self {
        let tally = Tally::of(stage.tracers.add(id, spec).await.unwrap());
        Self {
            stage,
            id,
            tally,
            before: Counts::default(),
        }
    }

    pub async fn begin(&mut self) {
        self.stage.tracers.flush().await;
        self.before = self.stage.tracers.counts(self.id).unwrap();
    }

    /// What happened since it began, and all that ever came.
    pub async fn end(self) -> (Counts, Tallied) {
        let all = self.stage.tracers.remove(self.id).await.unwrap();
        assert_adds_up(&all);
        let tallied = self.tally.end().await;
        assert_eq!(tallied.events, all.delivered);
        (since(self.before, all), tallied)
    }
}

/// A container on a stage of its own, and a trace on it.
pub async fn container<'a>(
    stage: &'a Stage,
    id: &'static str,
    spec: TraceSpec,
) -> (Ground, Watched<'a>) {
    let name = stage.name();
    let mut watched = Watched::start(stage, id, on(&name, spec)).await;
    let ground = stage.start(&name);
    watched.begin().await;
    (ground, watched)
}

pub fn tell(what: &str, executed: Executed, counts: &Counts) {
    println!("{what}: {executed:?}, {:.0}/s: {counts:?}", executed.rate());
}
