//! The buffer that a record is put together in.
//!
//! The verifier must see that no write leaves the buffer, so every write bounds its position anew.

use aya_ebpf::helpers::{
    bpf_get_smp_processor_id,
    generated::{bpf_probe_read_kernel_str, bpf_probe_read_user, bpf_probe_read_user_str},
};
use core::ffi::c_void;
use traceherd_ebpf_common::{PAGE_BYTES, RECORD_BYTES};

use crate::{kernel::Ptr, maps::SCRATCH};

/// No write starts behind this, and none is longer than a page.
const LAST: u64 = (RECORD_BYTES - PAGE_BYTES) as u64;

/// A record in the making: where it is, and how long it is by now. Lengths are as wide as a
/// register: narrower ones are copied to be widened, and the verifier loses what it knew of them.
pub struct Scratch {
    base: *mut u8,
    pub len: u64,
}

impl Scratch {
    /// This CPU's buffer, with `header` bytes left free for a header.
    #[inline(always)]
    pub fn take(header: usize) -> Option<Self> {
        // SAFETY: the helper has no preconditions.
        let cpu = unsafe { bpf_get_smp_processor_id() } as u32;
        SCRATCH.get_ptr_mut(cpu).map(|base| Self {
            base: base.cast(),
            len: header as u64,
        })
    }

    /// The same number, but any number at all to the verifier: what comes from a map is. Older
    /// kernels (6.1 is one) follow a comparison's impossible outcome too, with bounds that contradict
    /// each other, and then refuse the access that the comparison guards; of what nothing is known
    /// nothing contradicts. The compiler does not reason about it either, so that a bound which follows
    /// is really tested, in the register that is used.
    #[inline(always)]
    fn forgotten(&self, value: u64) -> u64 {
        // SAFETY: in the buffer, aligned, and behind the longest record.
        unsafe {
            let place = self.base.add(RECORD_BYTES - size_of::<u64>()).cast::<u64>();
            place.write_volatile(value);
            place.read_volatile()
        }
    }

    /// The header's place.
    #[inline(always)]
    pub fn header<T>(&self) -> *mut T {
        self.base.cast()
    }

    /// The record as it is now, for the ring.
    #[inline(always)]
    pub fn record(&self) -> (*mut u8, u64) {
        let len = self.forgotten(self.len);
        (
            self.base,
            if len > RECORD_BYTES as u64 {
                RECORD_BYTES as u64
            } else {
                len
            },
        )
    }

    /// The place for the next write of at most a page.
    #[inline(always)]
    fn end(&self) -> Option<*mut u8> {
        let len = self.forgotten(self.len);
        if len > LAST {
            return None;
        }
        // SAFETY: in the buffer, as was just tested.
        Some(unsafe { self.base.add(len as usize) })
    }

    /// Appends a string of the kernel's with its NUL. Returns the bytes appended; 0 where it could
    /// not be read.
    #[inline(always)]
    pub fn kernel_str(&mut self, source: Ptr, most: u32) -> u64 {
        let Some(end) = self.end() else { return 0 };
        // SAFETY: `most` bytes fit, and the helper checks the source.
        let got = unsafe { bpf_probe_read_kernel_str(end.cast(), most, source.cast::<c_void>()) };
        self.grow(got)
    }

    /// As [`Scratch::kernel_str`], from the process's memory.
    #[inline(always)]
    pub fn user_str(&mut self, source: u64, most: u32) -> u64 {
        let Some(end) = self.end() else { return 0 };
        // SAFETY: `most` bytes fit, and the helper checks the source.
        let got = unsafe { bpf_probe_read_user_str(end.cast(), most, source as *const c_void) };
        self.grow(got)
    }

    /// Appends at most a page of the process's memory; zeros where it is absent. Returns whether
    /// it was there.
    #[inline(always)]
    pub fn user_page(&mut self, source: u64, bytes: u64) -> bool {
        let Some(end) = self.end() else { return false };
        let bytes = self.forgotten(bytes);
        if bytes > PAGE_BYTES as u64 {
            return false;
        }
        // SAFETY: a page fits, and the helper checks the source.
        let failed =
            unsafe { bpf_probe_read_user(end.cast(), bytes as u32, source as *const c_void) };
        self.len += bytes;
        failed == 0
    }

    /// Appends a string of the process's memory behind its length (4 bytes; with the NUL, at most
    /// a page; 0 where it could not be read). Returns whether there was room.
    #[inline(always)]
    pub fn counted_user_str(&mut self, source: u64) -> bool {
        let len = self.forgotten(self.len);
        if len > LAST - 4 {
            return false;
        }
        // SAFETY: in the buffer, as was just tested, and a page more fits; the helper checks the
        // source.
        unsafe {
            let at = self.base.add(len as usize);
            let got = bpf_probe_read_user_str(
                at.add(4).cast(),
                PAGE_BYTES as u32,
                source as *const c_void,
            );
            // 0 where it is negative, without a branch.
            let got = got & !(got >> 63);
            at.cast::<u32>().write_unaligned(got as u32);
            self.len = len + 4 + got as u64;
        }
        true
    }

    #[inline(always)]
    fn grow(&mut self, got: i64) -> u64 {
        let got = self.forgotten(got as u64);
        if got > PAGE_BYTES as u64 {
            return 0; // an error: negative
        }
        self.len += got;
        got
    }
}
