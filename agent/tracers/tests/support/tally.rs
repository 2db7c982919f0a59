//! What arrives of a storm: how much, which, and in which order.

use std::{collections::BTreeMap, env, time::Duration};

use futures::StreamExt as _;
use tokio::task::JoinHandle;
use traceherd_e2e::storm::NO_OP;
use traceherd_tracers::{Events, ExecEvent};

use super::recorder::texts;

/// How long a storm lasts.
pub fn storm_time() -> Duration {
    let seconds = env::var("STORM_SECONDS").map_or(3, |text| text.parse().unwrap());
    Duration::from_secs(seconds)
}

/// Takes a trace's events as they come.
pub struct Tally(JoinHandle<Tallied>);

/// What came.
#[derive(Debug, Default)]
pub struct Tallied {
    pub events: u64,
    /// The storm's, in their order: the number that each has, by the core that it came from.
    pub numbers: BTreeMap<u64, Vec<u64>>,
}

impl Tally {
    pub fn of(mut events: Events) -> Self {
        Self(tokio::spawn(async move {
            let mut tallied = Tallied::default();
            while let Some(event) = events.next().await {
                tallied.count(&event);
            }
            tallied
        }))
    }

    /// When the trace has ended.
    pub async fn end(self) -> Tallied {
        self.0.await.unwrap()
    }
}

impl Tallied {
    fn count(&mut self, event: &ExecEvent) {
        self.events += 1;
        if event.comm.as_bytes() != NO_OP.as_bytes() {
            return;
        }
        let argument = String::from_utf8(texts(event)[1].clone()).unwrap();
        let (core, number) = argument.split_once(':').unwrap();
        let of_core = self.numbers.entry(core.parse().unwrap()).or_default();
        of_core.push(number.parse().unwrap());
    }

    /// How many of the storm's there are, each once and in the order in which they happened.
    pub fn storm(&self) -> u64 {
        let mut count = 0;
        for (core, numbers) in &self.numbers {
            let in_order = numbers.is_sorted_by(|one, next| one < next);
            assert!(in_order, "core {core}: twice, or out of order");
            count += numbers.len() as u64;
        }
        count
    }

    /// How many are missing between the first and the last of each core.
    pub fn missing(&self) -> u64 {
        let missing = |numbers: &Vec<u64>| {
            let (first, last) = (numbers.first()?, numbers.last()?);
            Some(last - first + 1 - numbers.len() as u64)
        };
        self.numbers.values().filter_map(missing).sum()
    }
}
