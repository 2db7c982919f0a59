//! One trace's events on their way to its outputs, and its account of them.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use k8s_openapi::jiff::SignedDuration;
use traceherd_columns::{ColumnSet, Encoder, Encoding, Value};
use traceherd_crds::{EventSummary, RateLimit};
use traceherd_tracers::ExecEvent;

use super::log::{Chunk, Log};
use super::summary::summary;
use crate::node::desired::Outputs;
use crate::node::redact::Redactor;
use crate::node::which::Which;

/// Lines that are given to the log at once, in bytes.
const CHUNK: usize = 16 << 10;
/// Two accounts of one event are no further apart.
const SAME: SignedDuration = SignedDuration::from_millis(10);

/// What all traces' outlets share.
pub struct Printing {
    columns: ColumnSet<ExecEvent>,
    redactor: Redactor,
    log: Log,
    log_rate: RateLimit,
}

impl Printing {
    /// Prints to `log`, redacted, each trace no more than `log_rate`.
    pub fn new(redactor: Redactor, log: Log, log_rate: RateLimit) -> Self {
        Self {
            columns: redactor.columns(),
            redactor,
            log,
            log_rate,
        }
    }
}

/// A trace's outlet, for one run of it.
pub struct Outlet {
    /// Writes lines that begin with the trace's name.
    encoder: Encoder<ExecEvent>,
    limiter: DefaultDirectRateLimiter,
    state: Mutex<State>,
    /// Delivered without the log.
    unlogged: AtomicU64,
    /// Given to the log, which has written or lost them, or will.
    offered: AtomicU64,
    logged: AtomicU64,
    suppressed: AtomicU64,
    lost: AtomicU64,
}

struct State {
    outputs: Outputs,
    /// Events let through by an earlier agent, and by this one: what maxEventsPerNode is about.
    before: u64,
    granted: u64,
    /// The newest events, newest first.
    latest: VecDeque<EventSummary>,
}

/// What became of the events that the outlet was given.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OutletCounts {
    /// Written, or put into the status where they are not logged.
    pub delivered: u64,
    /// Held back by the log's rate limit.
    pub suppressed: u64,
    /// The log had no room for them, or could not be written.
    pub lost: u64,
    /// They wait for the log.
    pub waiting: u64,
}

/// Whether the trace goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flow {
    /// It does.
    On,
    /// It has had its last event.
    Enough,
}

impl Outlet {
    /// The outlet of a trace.
    pub fn new(which: &Which, outputs: Outputs, printing: &Printing) -> Self {
        let limit = &printing.log_rate;
        let rate = NonZeroU32::new(limit.events_per_second).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(limit.burst).unwrap_or(NonZeroU32::MIN);
        Self {
            encoder: encoder(which, &printing.columns),
            limiter: RateLimiter::direct(Quota::per_second(rate).allow_burst(burst)),
            state: Mutex::new(State {
                outputs,
                before: 0,
                granted: 0,
                latest: VecDeque::new(),
            }),
            unlogged: AtomicU64::new(0),
            offered: AtomicU64::new(0),
            logged: AtomicU64::new(0),
            suppressed: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// Follows an edit.
    pub fn set(&self, outputs: Outputs) {
        let mut state = self.state();
        state.outputs = outputs;
        state.latest.truncate(outputs.status_events);
    }

    /// Takes over what was before this agent's start: so many delivered events, and the newest.
    pub fn resume(&self, delivered: u64, latest: Vec<EventSummary>) {
        let mut state = self.state();
        state.before = delivered;
        let all = merged(std::mem::take(&mut state.latest), latest);
        state.latest = all;
        let most = state.outputs.status_events;
        state.latest.truncate(most);
    }

    /// Whether the trace has had its last event.
    pub fn had_enough(&self) -> bool {
        self.state().had_enough()
    }

    /// What became of the events until now.
    pub fn counts(&self) -> OutletCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (logged, lost) = (read(&self.logged), read(&self.lost));
        OutletCounts {
            delivered: read(&self.unlogged) + logged,
            suppressed: read(&self.suppressed),
            lost,
            waiting: read(&self.offered).saturating_sub(logged + lost),
        }
    }

    /// The newest events, newest first.
    pub fn latest(&self) -> Vec<EventSummary> {
        self.state().latest.iter().cloned().collect()
    }

    /// Takes events, oldest first.
    pub fn take(self: &Arc<Self>, events: &[Arc<ExecEvent>], printing: &Printing) -> Flow {
        let mut state = self.state();
        let mut lines = Lines::default();
        let mut taken = 0;
        for event in events {
            if state.had_enough() {
                break;
            }
            taken += 1;
            if !state.outputs.log {
                state.granted += 1;
                self.unlogged.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            if self.limiter.check().is_err() {
                self.suppressed.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            state.granted += 1;
            self.offered.fetch_add(1, Ordering::Relaxed);
            self.encoder.write(event, &mut lines.text);
            lines.events += 1;
            if lines.text.len() >= CHUNK {
                printing.log.offer(lines.chunk(self));
            }
        }
        if lines.events > 0 {
            printing.log.offer(lines.chunk(self));
        }
        // However many there were, only the newest are put into words.
        let most = state.outputs.status_events;
        let newest = events[..taken].iter().rev().take(most);
        let newest: Vec<_> = newest
            .map(|event| summary(event, &printing.redactor))
            .collect();
        for summary in newest.into_iter().rev() {
            state.latest.push_front(summary);
        }
        state.latest.truncate(most);
        if state.had_enough() {
            Flow::Enough
        } else {
            Flow::On
        }
    }

    /// The log has written so many of its events.
    pub fn logged(&self, events: u64) {
        self.logged.fetch_add(events, Ordering::Relaxed);
    }

    /// The log has not.
    pub fn not_logged(&self, events: u64) {
        self.lost.fetch_add(events, Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in it is half-done between two statements that can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn had_enough(&self) -> bool {
        let most = self.outputs.max_events;
        most.is_some_and(|most| self.before + self.granted >= most)
    }
}

/// These events and an earlier agent's, which may have seen some of them too, newest first.
fn merged(mut ours: VecDeque<EventSummary>, theirs: Vec<EventSummary>) -> VecDeque<EventSummary> {
    let mut new = Vec::new();
    for event in theirs {
        // Each agent puts the kernel's time to the wall's by itself.
        let is_same = |one: &EventSummary| {
            let apart = one.timestamp.0.duration_since(event.timestamp.0);
            one.pid == event.pid && one.args == event.args && apart.abs() < SAME
        };
        if !ours.iter().any(is_same) {
            new.push(event);
        }
    }
    ours.extend(new);
    ours.make_contiguous()
        .sort_by_key(|event| std::cmp::Reverse(event.timestamp.0));
    ours
}

#[derive(Default)]
struct Lines {
    text: String,
    events: u64,
}

impl Lines {
    fn chunk(&mut self, outlet: &Arc<Outlet>) -> Chunk {
        let lines = std::mem::take(self);
        Chunk {
            text: lines.text,
            events: lines.events,
            outlet: Arc::clone(outlet),
        }
    }
}

fn encoder(which: &Which, columns: &ColumnSet<ExecEvent>) -> Encoder<ExecEvent> {
    let mut encoder = Encoder::new(columns, Encoding::Json);
    for (name, value) in which.members() {
        encoder = encoder.constant(name, &Value::Text(value.into()));
    }
    encoder
}

#[cfg(test)]
mod tests;
