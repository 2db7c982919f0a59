//! Into the ring, waking the reader only when enough has gathered.

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers::generated::bpf_ringbuf_output,
};

use crate::{
    maps::{RING, setting},
    scratch::Scratch,
};

/// What becomes of the reader.
pub enum Wake {
    /// Woken when the ring passes a mark; it also looks by itself 20 times a second.
    AtMark,
    /// Woken now.
    Now,
}

/// Writes the record. Returns whether there was room.
#[inline(always)]
pub fn write(scratch: &Scratch, wake: Wake) -> bool {
    let (record, len) = scratch.record();
    let flags = match wake {
        Wake::Now => BPF_RB_FORCE_WAKEUP,
        Wake::AtMark => {
            // Each multiple of the mark that is passed wakes, so that a reader which slept
            // through one is woken by the next.
            // It is a power of two.
            let mark = u64::from(setting!(wake_bytes));
            let before = RING.query(BPF_RB_AVAIL_DATA as u64);
            if (before & (mark - 1)) + len >= mark {
                BPF_RB_FORCE_WAKEUP
            } else {
                BPF_RB_NO_WAKEUP
            }
        }
    };
    // SAFETY: the record is `len` bytes of this CPU's buffer.
    let failed = unsafe {
        bpf_ringbuf_output(
            (&raw const RING).cast_mut().cast(),
            record.cast(),
            len,
            u64::from(flags),
        )
    };
    failed == 0
}
