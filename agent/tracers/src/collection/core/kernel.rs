//! The kernel's half: what is attached, its verdicts, and putting its counters to the traces'
//! accounts.

use std::os::fd::RawFd;

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
use crate::kernel::programs::{Attached, Maps};

impl Core {
    /// What the traces need to be attached. Cgroups are followed before execs are.
    pub fn needs(&self) -> Attached {
        let live = || self.traces.iter().flatten().filter(|trace| trace.is_live());
        let exec = live().next().is_some();
        Attached {
            cgroups: exec || self.preparing.cgroups,
            exec,
            failed: self.preparing.failed
                || live().any(|trace| gadgets(&trace.spec) & gadget::EXEC_FAILED != 0),
        }
    }

    /// These programs are loaded.
    pub fn loaded(&mut self, programs: Vec<RawFd>) {
        self.programs = programs;
    }

    /// What is needed besides, for a trace that is about to come.
    pub fn prepare(&mut self, preparing: Attached) {
        self.preparing = preparing;
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
        match self.maps.set_verdict(id, verdict) {
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
        if let Err(error) = self.maps.set_pending(template) {
            warn!(
                error = &error as &dyn std::error::Error,
                "new containers are not followed"
            );
        }
    }

    /// Puts what the kernel suppressed and lost in a cgroup to the accounts of those who want it.
    /// After a verdict has changed it is put to `wanted_by`, those who wanted it before: what the
    /// kernel did by the old verdict is theirs.
    pub(super) fn settle(&mut self, id: CgroupId, wanted_by: Option<&[usize]>) {
        if let Some(place) = self.places.get_mut(&id)
            && place.gone.is_none()
            && place.is_known()
        {
            settle(&mut self.traces, place, wanted_by, &self.maps);
        }
    }

    pub(super) fn warn_full(&mut self) {
        if !self.warned_full {
            warn!(
                "the kernel has no room for more than {} cgroups: newer ones are not told apart",
                self.maps.most_cgroups()
            );
            self.warned_full = true;
        }
    }
}

/// To the accounts of `wanted_by`, or of those who want it now.
pub(super) fn settle(
    traces: &mut [Option<Trace>],
    place: &mut Place,
    wanted_by: Option<&[usize]>,
    maps: &Maps,
) {
    let (suppressed, lost) = place.unsettled(maps.counters(place.cgroup.id));
    if suppressed == [0, 0] && lost == [0, 0] {
        return;
    }
    for &index in wanted_by.unwrap_or(&place.wanted_by) {
        if let Some(trace) = &mut traces[index] {
            trace.settle(suppressed, lost);
        }
    }
}
