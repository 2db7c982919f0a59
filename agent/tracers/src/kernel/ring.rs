//! Reading the ring: one thread, in batches, never waiting for anybody else.

mod deadline;
mod positions;

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd as _},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use aya::maps::{MapData, RingBuf};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::eventfd::{EfdFlags, EventFd},
};
use traceherd_ebpf_common::{DecodeError, Record};

use self::positions::Positions;
use super::memory::map_bytes;

/// How long a record waits in the ring at most, in milliseconds: the kernel side wakes the reader
/// only when much has gathered.
const LOOK_EVERY_MS: u8 = 50;
/// How often the reader shows that it is there while nothing is attached, in milliseconds.
const IDLE_MS: u16 = 500;
/// How many records are read at most between two marks of how far the reader is.
const MARK_EVERY: u32 = 64;
/// How long the reader reads at most, where the ring is never empty, before it says so.
const PAUSE_EVERY: Duration = Duration::from_millis(100);

/// A ring and its size.
pub struct Ring {
    /// The ring.
    pub buffer: RingBuf<MapData>,
    /// Its size in bytes.
    pub bytes: u32,
}

/// How the ring between the kernel and its reader does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RingState {
    /// Whether programs are attached that write to it.
    pub live: bool,
    /// How long ago its reader last read from it or found it empty: under a second as long as the
    /// reader works, whether there is anything to read or not. It grows when the reader is stuck
    /// or gone.
    pub last_read: Duration,
    /// Bytes that wait in it.
    pub used_bytes: u64,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Whether the kernel has promised its reader to run it in time, whoever else would run: Linux
    /// 6.12 or newer, with `CAP_SYS_NICE`, on a thread that may run on every CPU.
    pub has_deadline: bool,
}

/// How the reader comes to run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheduling {
    /// As any other thread.
    Fair,
    /// With a deadline, where the kernel grants one.
    Deadline,
}

/// What the reader hands over, in the ring's order.
pub enum Input<'a> {
    /// A record.
    Record(Record<'a>),
    /// Something that is none.
    Malformed(DecodeError),
    /// The ring is empty for now, or has not been for a while: time for what else is to be done.
    Pause,
}

/// Tells of a record that is none. Whoever counts them tells the first alone.
pub fn tell_malformed(error: &DecodeError) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "a record from the kernel is ignored"
    );
}

/// The thread that reads a ring. Dropping it reads what is there and ends it.
pub struct RingReader {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    bytes: u32,
}

struct Shared {
    state: Mutex<State>,
    /// The reader is farther.
    farther: Condvar,
    positions: Positions,
    nudge: EventFd,
    began: Instant,
    /// When the reader last read, in nanoseconds since it began.
    read_at: AtomicU64,
    has_deadline: AtomicBool,
}

#[derive(Default)]
struct State {
    /// Whether records may come by themselves: whether to look without being woken.
    live: bool,
    stop: bool,
    /// How far everything has been handed over, as a position in the ring.
    handed_over: usize,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is four independent words: as good after a panic as before.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows that the reader lives, and how far it is.
    fn mark_read(&self) {
        let since = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.read_at.store(since, Ordering::Relaxed);
        self.state().handed_over = self.positions.read();
        self.farther.notify_all();
    }

    /// For the calling thread.
    fn ask_for_a_deadline(&self) {
        match deadline::ask() {
            Ok(()) => self.has_deadline.store(true, Ordering::Relaxed),
            Err(error) => {
                tracing::debug!(%error, "no deadline for the ring's reader: a storm may keep it waiting");
            }
        }
    }

    fn wake(&self) {
        // Fails only when the counter is full, and then the reader is woken already.
        let _ = self.nudge.write(1);
    }
}

impl RingReader {
    /// Starts reading.
    pub fn start(
        ring: Ring,
        scheduling: Scheduling,
        handle: impl FnMut(Input<'_>) + Send + 'static,
    ) -> io::Result<Self> {
        let Ring { buffer, bytes } = ring;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            farther: Condvar::new(),
            positions: Positions::of(&buffer)?,
            nudge: EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?,
            began: Instant::now(),
            read_at: AtomicU64::new(0),
            has_deadline: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("traceherd-ring".into())
            .spawn(move || {
                if scheduling == Scheduling::Deadline {
                    theirs.ask_for_a_deadline();
                }
                read(buffer, &theirs, handle);
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
            bytes,
        })
    }

    /// How the ring does. Waits for nobody, the reader least of all.
    pub fn ring_state(&self) -> RingState {
        let read_at = Duration::from_nanos(self.shared.read_at.load(Ordering::Relaxed));
        RingState {
            live: self.shared.state().live,
            last_read: self.shared.began.elapsed().saturating_sub(read_at),
            used_bytes: self.shared.positions.used_bytes(),
            size_bytes: self.bytes.into(),
            has_deadline: self.shared.has_deadline.load(Ordering::Relaxed),
        }
    }

    /// Bytes of kernel memory that the ring takes.
    pub fn map_bytes(&self) -> u64 {
        map_bytes(self.shared.positions.ring().as_raw_fd())
    }

    /// Says whether programs are attached that write to the ring.
    pub fn set_live(&self, live: bool) {
        self.shared.state().live = live;
        self.shared.wake();
    }

    /// Returns when everything that is in the ring now has been handed over, whatever comes
    /// meanwhile. Must not be called from the reader's own thread, nor under a lock that its
    /// handler takes.
    pub fn flush(&self) {
        let written = self.shared.positions.written();
        self.shared.wake();
        let mut state = self.shared.state();
        // Positions only grow, and may wrap.
        while (written.wrapping_sub(state.handed_over) as isize) > 0 && !state.stop {
            state = self
                .shared
                .farther
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for RingReader {
    fn drop(&mut self) {
        self.shared.state().stop = true;
        self.shared.wake();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // A panic of the handler has been reported by then.
            let _ = thread.join();
        }
    }
}

/// Lets nobody wait for a reader that is gone, be it by a panic of its handler.
struct Gone<'a>(&'a Shared);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.state().stop = true;
        self.0.farther.notify_all();
    }
}

fn read(mut ring: RingBuf<MapData>, shared: &Shared, mut handle: impl FnMut(Input<'_>)) {
    let _gone = Gone(shared);
    loop {
        let (stop, live) = {
            let state = shared.state();
            (state.stop, state.live)
        };
        let (mut unmarked, mut paused) = (0, Instant::now());
        while let Some(item) = ring.next() {
            handle(match Record::decode(&item) {
                Ok(record) => Input::Record(record),
                Err(error) => Input::Malformed(error),
            });
            // From here on it counts as read.
            drop(item);
            unmarked += 1;
            if unmarked == MARK_EVERY {
                unmarked = 0;
                shared.mark_read();
                if paused.elapsed() >= PAUSE_EVERY {
                    handle(Input::Pause);
                    paused = Instant::now();
                }
            }
        }
        handle(Input::Pause);
        shared.mark_read();
        if stop {
            return;
        }
        wait(&ring, &shared.nudge, live);
    }
}

/// Until the ring's mark is passed, a nudge, or the time has come to look.
fn wait(ring: &RingBuf<MapData>, nudge: &EventFd, live: bool) {
    let mut fds = [
        PollFd::new(ring.as_fd(), PollFlags::POLLIN),
        PollFd::new(nudge.as_fd(), PollFlags::POLLIN),
    ];
    let timeout = if live {
        PollTimeout::from(LOOK_EVERY_MS)
    } else {
        PollTimeout::from(IDLE_MS)
    };
    // Interrupted or not: the caller looks in any case.
    let _ = poll(&mut fds, timeout);
    let _ = nudge.read();
}
