//! The one owner of traces, places and the kernel's verdicts. Called from the ring's reader, from
//! the container collection, and from whoever changes traces; never calls back into any of them.

mod kernel;
mod traces;

use std::{
    collections::{HashMap, HashSet},
    os::fd::RawFd,
    sync::Arc,
    time::{Duration, Instant},
};

use traceherd_containers::{Cgroup, CgroupChange, CgroupId, Container};
use traceherd_ebpf_common::{DecodeError, Exec, Stat};

use self::kernel::settle;
use super::{
    counts::{KernelCounts, Unattributed},
    held::Held,
    places::{Place, Whose},
    spares::Spares,
    trace::Trace,
};
use crate::{
    exec::{Clock, ExecEvent, decode, decode_into},
    kernel::{
        programs::{Attached, Maps},
        ring::tell_malformed,
    },
};

/// How long a removed cgroup stays known to late records, and to those that wait for its name.
const LINGER: Duration = Duration::from_secs(15);
/// How often cgroups are compared with cgroupfs though nothing was lost: one that went while it
/// was being told may have been missed.
const COMPARE: Duration = Duration::from_secs(60);
/// How long after they are compared those that are there have certainly been told.
const TOLD: Duration = Duration::from_secs(5);

/// See the module.
pub struct Core {
    pub maps: Maps,
    /// The descriptors of the programs that are loaded.
    programs: Vec<RawFd>,
    traces: Vec<Option<Trace>>,
    names: HashMap<Arc<str>, usize>,
    places: HashMap<CgroupId, Place>,
    /// Cgroups that turned out to lie inside a container, until their records are through.
    inside: HashMap<CgroupId, (CgroupId, Instant)>,
    held: Held,
    spares: Spares,
    clock: Clock,
    node: Option<Arc<str>>,
    unattributed: Unattributed,
    /// The kernel's counts of cgroups that are gone.
    departed: KernelCounts,
    /// What is needed for a trace that is being added or changed.
    preparing: Attached,
    cgroups_lost: u64,
    tidied: Instant,
    compared: Instant,
    /// Cgroups that only the kernel's maps knew when they were compared.
    strays: HashSet<CgroupId>,
    warned_full: bool,
}

impl Core {
    pub fn new(maps: Maps, held: Held, node: Option<Arc<str>>, root: Cgroup) -> Self {
        let mut core = Self {
            maps,
            programs: Vec::new(),
            traces: Vec::new(),
            names: HashMap::new(),
            places: HashMap::new(),
            inside: HashMap::new(),
            held,
            spares: Spares::default(),
            clock: Clock::now(),
            node,
            unattributed: Unattributed::default(),
            departed: KernelCounts::default(),
            preparing: Attached::default(),
            cgroups_lost: 0,
            tidied: Instant::now(),
            compared: Instant::now(),
            strays: HashSet::new(),
            warned_full: false,
        };
        core.place(root, Whose::Host);
        core
    }

    /// But for what the kernel tells of the [programs](Self::programs), which takes a while to read.
    pub fn unattributed(&self) -> Unattributed {
        let known = self.unattributed;
        Unattributed {
            pending_lost: known.pending_lost + self.maps.stat(Stat::LostUncounted),
            too_deep: self.maps.stat(Stat::TooDeep),
            // Those that the kernel found no room for are told here too, and find none either.
            cgroups: known.cgroups.max(self.maps.stat(Stat::VerdictsFull)),
            ..known
        }
    }

    /// The descriptors of the programs that are loaded.
    pub fn programs(&self) -> Vec<RawFd> {
        self.programs.clone()
    }

    pub fn container_counts(&self, id: CgroupId) -> Option<KernelCounts> {
        let place = self.places.get(&id)?;
        place.gone.is_none().then(|| self.maps.counters(id).into())
    }

    pub fn kernel_counts(&self) -> KernelCounts {
        let there = self.places.keys().map(|&id| self.maps.counters(id).into());
        there.fold(self.departed, |sum, counts: KernelCounts| sum + counts)
    }

    // What the ring says.

    pub fn exec(&mut self, exec: &Exec<'_>) {
        let entry = CgroupId(exec.header.entry);
        let entry = self
            .inside
            .get(&entry)
            .map_or(entry, |(container, _)| *container);
        let Some(place) = self.places.get(&entry) else {
            // Its creation was lost, or is not told yet.
            return self.hold(entry, exec);
        };
        if !place.is_known() {
            return self.hold(entry, exec);
        }
        if place.wanted_by.is_empty() {
            return;
        }
        let mut event = self.spares.take();
        decode_into(
            Arc::make_mut(&mut event),
            exec,
            self.clock,
            self.node.as_ref(),
            place.whose.container(),
        );
        deliver(&mut self.traces, place, &event);
        self.spares.keep(event);
    }

    pub fn malformed(&mut self, error: DecodeError) {
        if self.unattributed.malformed == 0 {
            tell_malformed(&error);
        }
        self.unattributed.malformed += 1;
    }

    /// The reader has time. About once a second it tidies up, and returns whether cgroups must be
    /// compared with cgroupfs.
    pub fn pause(&mut self) -> Option<bool> {
        self.clock = Clock::now();
        let now = Instant::now();
        if !self.held.is_empty() {
            self.unattributed.pending_expired += self.held.expire(now);
        }
        if now.duration_since(self.tidied) < Duration::from_secs(1) {
            return None;
        }
        self.tidied = now;
        Some(self.tidy(now))
    }

    fn hold(&mut self, entry: CgroupId, exec: &Exec<'_>) {
        let event = decode(exec, self.clock, self.node.as_ref(), None);
        if !self.held.push(entry, Instant::now(), event) {
            self.unattributed.pending_full += 1;
        }
    }

    fn tidy(&mut self, now: Instant) -> bool {
        let old = |since: Instant| now.duration_since(since) >= LINGER;
        let inside = self.inside.extract_if(|_, (_, since)| old(*since));
        for id in inside.map(|(id, _)| id).collect::<Vec<_>>() {
            // A program that had its verdict already may have counted since.
            self.depart(id);
        }
        self.places.retain(|_, place| !place.gone.is_some_and(old));
        for index in 0..self.traces.len() {
            if self.traces[index]
                .as_ref()
                .is_some_and(|trace| !trace.is_live())
            {
                self.reconsider_trace(index);
            }
        }
        if self.maps.stat(Stat::VerdictsFull) > 0 {
            self.warn_full();
        }
        let ago = now.duration_since(self.compared);
        if ago >= TOLD {
            self.bury_strays();
        }
        let lost = self.maps.stat(Stat::CgroupLost);
        let due = std::mem::replace(&mut self.cgroups_lost, lost) != lost || ago >= COMPARE;
        if due {
            self.compared = now;
            self.strays = self.unheard_of();
        }
        due
    }

    /// Cgroups in the kernel's maps that nobody has told of: they are about to be told, or came and
    /// went while that was lost.
    fn unheard_of(&self) -> HashSet<CgroupId> {
        let heard_of = |id: &CgroupId| self.places.contains_key(id) || self.inside.contains_key(id);
        let mut all = self.maps.cgroups();
        all.retain(|id| !heard_of(id));
        all
    }

    /// What came and went unheard of is nobody's, and leaves the kernel's maps.
    fn bury_strays(&mut self) {
        if self.strays.is_empty() {
            return;
        }
        let unheard_of = self.unheard_of();
        for id in std::mem::take(&mut self.strays).intersection(&unheard_of) {
            self.maps.remove_verdict(*id);
            let lost = self.maps.counters(*id).lost;
            self.unattributed.pending_lost += lost.iter().sum::<u64>();
            self.depart(*id);
        }
    }

    // What the container collection says.

    pub fn cgroup(&mut self, change: CgroupChange) {
        match change {
            CgroupChange::Pending(cgroup) => self.place(cgroup, Whose::Pending),
            CgroupChange::Host(cgroup) => self.place(cgroup, Whose::Host),
            CgroupChange::Container(cgroup, container) => {
                self.place(cgroup, Whose::Container(container));
            }
            CgroupChange::Inside { cgroup, container } => self.enclose(cgroup, &container),
            CgroupChange::Gone(id) => self.gone(id),
        }
    }

    /// A cgroup is known, or known better.
    fn place(&mut self, cgroup: Cgroup, whose: Whose) {
        let id = cgroup.id;
        let wanted_by = self.wanted_by(&whose);
        let place = self.places.entry(id).or_insert_with(|| Place::new(cgroup));
        let was_known = place.is_known();
        place.whose = whose;
        let before = std::mem::replace(&mut place.wanted_by, wanted_by);
        let is_known = place.is_known();
        self.tell_kernel(id, None);
        if was_known {
            self.settle(id, Some(&before));
        } else if is_known {
            // Until it was known, what was lost in it was nobody's: now it is its own.
            self.settle(id, None);
            self.release(id, id);
        }
    }

    /// A cgroup is a part of a container's: it needs no verdict, and its events are the
    /// container's.
    fn enclose(&mut self, cgroup: Cgroup, container: &Container) {
        let id = cgroup.id;
        let Some(outer) = container.cgroup.as_ref().map(|cgroup| cgroup.id) else {
            return;
        };
        self.maps.remove_verdict(id);
        // The kernel may have counted in it before anyone heard of it.
        let place = self.places.remove(&id);
        let mut place = place.unwrap_or_else(|| Place::new(cgroup));
        if let Some(into) = self.places.get(&outer) {
            place.wanted_by.clone_from(&into.wanted_by);
        }
        settle(&mut self.traces, &mut place, None, &self.maps);
        self.depart(id);
        self.inside.insert(id, (outer, Instant::now()));
        self.release(id, outer);
    }

    /// A cgroup is no more. What waits for it goes on waiting for a name.
    fn gone(&mut self, id: CgroupId) {
        let Some(place) = self.places.get_mut(&id) else {
            return;
        };
        if place.is_known() {
            settle(&mut self.traces, place, None, &self.maps);
        } else {
            self.unattributed.pending_lost += lost_unnamed(place, &self.maps);
        }
        place.gone = Some(Instant::now());
        self.maps.remove_verdict(id);
        self.depart(id);
        for trace in self.traces.iter_mut().flatten() {
            trace.forget(id);
        }
    }

    /// The last trace has ended: nobody's is what waits for a name, and what was lost meanwhile.
    fn abandon_unnamed(&mut self) {
        self.unattributed.pending_expired += self.held.abandon();
        for place in self.places.values_mut() {
            if place.gone.is_none() && !place.is_known() {
                self.unattributed.pending_lost += lost_unnamed(place, &self.maps);
            }
        }
    }

    fn depart(&mut self, id: CgroupId) {
        self.departed += self.maps.counters(id).into();
        self.maps.remove_counters(id);
    }

    fn release(&mut self, waiting: CgroupId, place: CgroupId) {
        let Some(place) = self.places.get(&place) else {
            return;
        };
        for mut event in self.held.take(waiting) {
            event.container = place.whose.container().cloned();
            deliver(&mut self.traces, place, &Arc::new(event));
        }
    }
}

/// What was lost of a cgroup that nobody has named yet, since the last time.
fn lost_unnamed(place: &mut Place, maps: &Maps) -> u64 {
    let (_, lost) = place.unsettled(maps.counters(place.cgroup.id));
    lost.iter().sum()
}

fn deliver(traces: &mut [Option<Trace>], place: &Place, event: &Arc<ExecEvent>) {
    for &index in &place.wanted_by {
        if let Some(trace) = &mut traces[index] {
            trace.offer(event, place.cgroup.id);
        }
    }
}
