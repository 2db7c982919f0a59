//! The kernel's half: what is attached, its verdicts, and putting its counters to the traces'
//! accounts.

use traceherd_containers::CgroupId;
use traceherd_ebpf_common::{Class, Verdict, gadget};
use tracing::warn;

use super::{
    super::{
        places::Place,
        trace::Trace,
        verdict::{gadgets, verdict},
    },
    Core,
};
use crate::kernel::programs::{Programs, ProgramsError};

impl Core {
    /// Attaches what the traces need, and nothing else. Cgroups are followed before execs are.
    pub fn attach(&mut self) -> Result<(), ProgramsError> {
        let live = || self.traces.iter().flatten().filter(|trace| trace.is_live());
        let (any, failed) = (
            live().next().is_some(),
            live().any(|trace| gadgets(&trace.spec) & gadget::EXEC_FAILED != 0),
        );
        self.programs.set_failed(failed)?;
        self.programs.set_exec(any)?;
        self.programs.set_cgroups(any || self.preparing)
    }

    /// Before the first trace: follows cgroups, until there is one.
    pub fn follow_cgroups(&mut self) -> Result<(), ProgramsError> {
        self.programs.set_cgroups(true)?;
        self.preparing = true;
        Ok(())
    }

    /// The first trace is there, or was given up: what nobody needs is detached. Returns whether
    /// anything is attached.
    pub fn end_preparing(&mut self) -> bool {
        if std::mem::take(&mut self.preparing) {
            // Only detaching can be left to do, and that does not fail.
            let _ = self.attach();
        }
        self.programs.live()
    }

    pub(super) fn tell_kernel(&mut self, id: CgroupId, without: Option<usize>) {
        let Some(place) = self.places.get_mut(&id) else {
            return;
        };
        if place.gone.is_some() {
            return;
        }
        let wanted_by = place
            .wanted_by
            .iter()
            .filter(|&&index| Some(index) != without);
        let specs = wanted_by.filter_map(|&index| Some(&self.traces[index].as_ref()?.spec));
        let verdict = verdict(place.whose.class(), specs);
        if place.verdict == Some(verdict) {
            return;
        }
        match self.programs.set_verdict(id, verdict) {
            Ok(()) => place.verdict = Some(verdict),
            Err(error) => {
                // It is tried again with every change, and is one cgroup all the same.
                let first = !std::mem::replace(&mut place.found_no_room, true);
                self.unattributed.cgroups += u64::from(first);
                if !self.warned_full {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        path = place.cgroup.path
                    );
                    self.warned_full = true;
                }
            }
        }
    }

    /// Of a pending cgroup everything is recorded that any trace may want of it.
    pub(super) fn tell_pending(&mut self, without: Option<usize>) {
        let live = (0..).zip(&self.traces).filter_map(|(index, trace)| {
            let trace = trace.as_ref().filter(|trace| trace.is_live())?;
            (Some(index) != without).then_some(&trace.spec)
        });
        let template = Verdict {
            interval_ns: 0,
            burst_ns: 0,
            ..verdict(Class::Pending, live)
        };
        if let Err(error) = self.programs.set_pending(template) {
            warn!(
                error = &error as &dyn std::error::Error,
                "new containers are not followed"
            );
        }
    }

    /// Puts what the kernel suppressed and lost in a cgroup to the accounts of those who want it.
    pub(super) fn settle(&mut self, id: CgroupId) {
        if let Some(place) = self.places.get_mut(&id)
            && place.gone.is_none()
            && place.is_known()
        {
            settle(&mut self.traces, place, &self.programs);
        }
    }

    pub(super) fn warn_full(&mut self) {
        if !self.warned_full {
            warn!(
                "the kernel has no room for more than {} cgroups: newer ones are not told apart",
                self.programs.most_cgroups()
            );
            self.warned_full = true;
        }
    }
}

pub(super) fn settle(traces: &mut [Option<Trace>], place: &mut Place, programs: &Programs) {
    let (suppressed, lost) = place.unsettled(programs.counters(place.cgroup.id));
    if suppressed == [0, 0] && lost == [0, 0] {
        return;
    }
    for &index in &place.wanted_by {
        if let Some(trace) = &mut traces[index] {
            trace.settle(suppressed, lost);
        }
    }
}
