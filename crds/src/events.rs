//! Events as a status tells them: how many, and the newest few.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounds;

/// What became of a trace's events: observed = delivered + filtered + suppressed + lost.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EventCounts {
    /// Events of the selected containers.
    #[schemars(schema_with = "bounds::count")]
    pub observed: u64,
    /// Events that went to the outputs.
    #[schemars(schema_with = "bounds::count")]
    pub delivered: u64,
    /// Events that did not pass the filter.
    #[schemars(schema_with = "bounds::count")]
    pub filtered: u64,
    /// Events held back by the rate limit.
    #[schemars(schema_with = "bounds::count")]
    pub suppressed: u64,
    /// Events that were lost.
    #[schemars(schema_with = "bounds::count")]
    pub lost: u64,
    /// Of those lost, how many for which reason.
    #[serde(skip_serializing_if = "Losses::is_none")]
    pub losses: Losses,
}

/// Why a trace's events were lost.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Losses {
    /// The kernel's ring was full: the node's agent had no time to read it.
    #[schemars(schema_with = "bounds::count")]
    pub ring: u64,
    /// The trace's queue was full: its filter and outputs were too slow.
    #[schemars(schema_with = "bounds::count")]
    pub queue: u64,
    /// The agent's log had no room, or could not be written.
    #[schemars(schema_with = "bounds::count")]
    pub log: u64,
}

impl EventCounts {
    /// Each count, and its counterpart's, as far as a count goes.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.each(other, bounded_sum)
    }

    /// Of each count the larger.
    #[must_use]
    pub fn at_least(self, other: Self) -> Self {
        self.each(other, u64::max)
    }

    /// Each count without its counterpart; observed is the sum of the rest.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        self.each(other, u64::saturating_sub).summed()
    }

    /// With observed as the sum of what became of the events.
    #[must_use]
    pub fn summed(self) -> Self {
        let parts = [self.delivered, self.filtered, self.suppressed, self.lost];
        Self {
            observed: parts.into_iter().fold(0, bounded_sum),
            ..self
        }
    }

    fn each(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            observed: of(self.observed, other.observed),
            delivered: of(self.delivered, other.delivered),
            filtered: of(self.filtered, other.filtered),
            suppressed: of(self.suppressed, other.suppressed),
            lost: of(self.lost, other.lost),
            losses: Losses {
                ring: of(self.losses.ring, other.losses.ring),
                queue: of(self.losses.queue, other.losses.queue),
                log: of(self.losses.log, other.losses.log),
            },
        }
    }
}

impl Losses {
    /// Of all reasons together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_reason()
            .into_iter()
            .fold(0, |sum, (_, count)| bounded_sum(sum, count))
    }

    /// Each reason, called as its field is, with its count.
    #[must_use]
    pub const fn by_reason(&self) -> [(&'static str, u64); 3] {
        let Self { ring, queue, log } = *self;
        [("ring", ring), ("queue", queue), ("log", log)]
    }

    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

fn bounded_sum(one: u64, other: u64) -> u64 {
    one.saturating_add(other).min(bounds::MAX_COUNT)
}

/// One event, shortened for a status. The agent's log has the whole of it.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventSummary {
    /// When it happened.
    #[schemars(schema_with = "bounds::time")]
    pub timestamp: MicroTime,
    /// The node it happened on.
    #[schemars(schema_with = "bounds::told_node_name")]
    pub node: String,
    /// The pod's namespace; empty for the host's own processes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 63))]
    pub namespace: String,
    /// The pod's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub pod: String,
    /// The container's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub container: String,
    /// The process, as the node counts.
    #[schemars(schema_with = "bounds::id")]
    pub pid: u32,
    /// Its user id.
    #[schemars(schema_with = "bounds::id")]
    pub uid: u32,
    /// The program's short name.
    #[schemars(length(max = 64))]
    pub comm: String,
    /// The arguments as readable text, shortened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::summary_args")]
    pub args: Vec<String>,
    /// True when args is not all there was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub args_cut: bool,
    /// 0, or the negative error number of an exec that failed.
    #[schemars(range(min = -4095, max = 0))]
    pub ret: i32,
}
