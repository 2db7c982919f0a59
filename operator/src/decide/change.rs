//! How much a status differs from the one before.

use traceherd_crds::{Condition, TraceStatus};

/// How much.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// Not at all: nothing is to be written.
    None,
    /// In counts and events, which change all the time.
    Counts,
    /// In what somebody may be waiting for.
    Matters,
}

impl Change {
    /// The change from one status to the next.
    pub fn between(before: &TraceStatus, after: &TraceStatus) -> Self {
        let said = |condition: &Condition| {
            let Condition {
                type_,
                status,
                reason,
                ..
            } = condition;
            (type_.clone(), *status, reason.clone())
        };
        let ours = |condition: &&Condition| {
            let mut all = after.conditions.iter();
            all.any(|one| one.type_ == condition.type_)
        };
        // Another's conditions are not ours to take away.
        let conditions: Vec<_> = before.conditions.iter().filter(ours).collect();
        let same = TraceStatus {
            conditions: after.conditions.clone(),
            ..before.clone()
        } == *after
            && conditions.iter().copied().eq(&after.conditions);
        let waited_for = before.observed_generation != after.observed_generation
            || before.phase != after.phase
            || before.run != after.run
            || before.start_time != after.start_time
            || before.completion_time != after.completion_time
            || !conditions
                .into_iter()
                .map(said)
                .eq(after.conditions.iter().map(said));
        match (same, waited_for) {
            (true, _) => Self::None,
            (false, true) => Self::Matters,
            (false, false) => Self::Counts,
        }
    }
}
