//! The limit on events per container.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most events, a second or at once, that a limit may allow.
pub const MAX_RATE: u32 = 1_000_000;

/// How many events a second one container may add to the trace. It is enforced in the kernel;
/// what is held back is counted as suppressed.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    /// Events a second, averaged over time.
    #[schemars(with = "i32", range(min = 1, max = MAX_RATE))]
    pub events_per_second: u32,
    /// How many events may come at once before the limit is felt.
    #[schemars(with = "i32", range(min = 1, max = MAX_RATE))]
    pub burst: u32,
}
