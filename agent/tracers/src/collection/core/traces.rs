//! Traces that come, change and go, and which cgroups they want.

use std::sync::Arc;

use traceherd_containers::CgroupId;

use super::{
    super::{counts::Counts, places::Whose, trace::Trace},
    Core,
};

impl Core {
    pub fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    pub fn insert(&mut self, name: Arc<str>, trace: Trace) {
        let free = self.traces.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            self.traces.push(None);
            self.traces.len() - 1
        });
        self.traces[index] = Some(trace);
        self.names.insert(name, index);
        self.reconsider_trace(index);
    }

    /// Takes the trace's cgroups away from it in the kernel; what is in the ring is still its own.
    pub fn wind_down(&mut self, name: &str) {
        let Some(&index) = self.names.get(name) else {
            return;
        };
        for id in self.wanted(index) {
            self.tell_kernel(id, Some(index));
            self.settle(id, None);
        }
        self.tell_pending(Some(index));
        if let Some(trace) = &mut self.traces[index] {
            trace.end();
        }
    }

    /// Takes the trace out. Returns its account.
    pub fn take(&mut self, name: &str) -> Option<Counts> {
        let index = *self.names.get(name)?;
        let counts = self.counts(name);
        self.names.remove(name);
        self.traces[index] = None;
        self.reconsider_trace(index);
        if self.names.is_empty() {
            self.abandon_unnamed();
        }
        counts
    }

    /// Gives a trace another spec. What does not change goes on without a gap.
    pub fn change(&mut self, name: &str, change: impl FnOnce(&mut Trace)) {
        let Some(&index) = self.names.get(name) else {
            return;
        };
        // What was lost until now is put to the account of the spec until now.
        for id in self.wanted(index) {
            self.settle(id, None);
        }
        if let Some(trace) = &mut self.traces[index] {
            change(trace);
        }
        self.reconsider_trace(index);
    }

    /// The account of a trace, up to now.
    pub fn counts(&mut self, name: &str) -> Option<Counts> {
        let index = *self.names.get(name)?;
        for id in self.wanted(index) {
            self.settle(id, None);
        }
        Some(self.traces[index].as_ref()?.counts)
    }

    /// How many containers a trace wants now.
    pub fn matched(&self, name: &str) -> Option<usize> {
        let index = *self.names.get(name)?;
        let there = self.places.values().filter(|place| {
            place.gone.is_none() && place.whose.container().is_some() && place.is_wanted_by(index)
        });
        Some(there.count())
    }

    /// The cgroups that a trace wants now.
    fn wanted(&self, index: usize) -> Vec<CgroupId> {
        let wanted = self
            .places
            .iter()
            .filter(|(_, place)| place.is_wanted_by(index));
        wanted.map(|(id, _)| *id).collect()
    }

    pub(super) fn wanted_by(&self, whose: &Whose) -> Vec<usize> {
        let traces = (0..).zip(&self.traces);
        traces
            .filter(|(_, trace)| wants(trace.as_ref(), whose))
            .map(|(index, _)| index)
            .collect()
    }

    /// Works out anew which cgroups a trace wants, and tells the kernel of those whose verdict
    /// changes.
    pub(super) fn reconsider_trace(&mut self, index: usize) {
        let ids: Vec<CgroupId> = self.places.keys().copied().collect();
        for id in ids {
            let Some(place) = self.places.get_mut(&id) else {
                continue;
            };
            let wanted = wants(self.traces[index].as_ref(), &place.whose);
            let before = place.wanted_by.clone();
            match (before.binary_search(&index), wanted) {
                // What it wants of it may differ.
                (Ok(_), true) => {}
                (Err(_), false) => continue,
                (Ok(at), false) => drop(place.wanted_by.remove(at)),
                (Err(at), true) => place.wanted_by.insert(at, index),
            }
            self.tell_kernel(id, None);
            self.settle(id, Some(&before));
        }
        self.tell_pending(None);
    }
}

fn wants(trace: Option<&Trace>, whose: &Whose) -> bool {
    let Some(trace) = trace.filter(|trace| trace.is_live()) else {
        return false;
    };
    match whose {
        Whose::Pending => false,
        Whose::Host => trace.spec.selector.matches_host(),
        Whose::Container(container) => trace.spec.selector.matches(container),
    }
}
