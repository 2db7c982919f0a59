//! How much waits in a ring, as its two positions say.

use std::{
    ffi::c_void,
    io,
    num::NonZeroUsize,
    os::fd::{AsFd, OwnedFd},
    ptr::NonNull,
    sync::atomic::{AtomicUsize, Ordering},
};

use nix::{
    sys::mman::{MapFlags, ProtFlags, mmap, munmap},
    unistd::{SysconfVar, sysconf},
};

/// The two pages that a ring begins with, for reading: how far it was read, and how far it is
/// written (kernel/bpf/ringbuf.c, `struct bpf_ringbuf`). Both only ever grow.
pub struct Positions {
    pages: NonNull<c_void>,
    page_bytes: NonZeroUsize,
    /// The ring's own descriptor, for as long as this is looked at.
    ring: OwnedFd,
}

// SAFETY: the pages are only read, by atomic loads.
unsafe impl Send for Positions {}
// SAFETY: as above.
unsafe impl Sync for Positions {}

impl Positions {
    /// Of the ring behind a descriptor.
    pub fn of(ring: impl AsFd) -> io::Result<Self> {
        let ring = ring.as_fd().try_clone_to_owned()?;
        let page_bytes = sysconf(SysconfVar::PAGE_SIZE)?
            .and_then(|bytes| NonZeroUsize::new(usize::try_from(bytes).ok()?))
            .ok_or(io::ErrorKind::Unsupported)?;
        let both = page_bytes.saturating_mul(NonZeroUsize::MIN.saturating_add(1));
        // SAFETY: a new mapping, at a place of the kernel's choice.
        let pages = unsafe {
            mmap(
                None,
                both,
                ProtFlags::PROT_READ,
                MapFlags::MAP_SHARED,
                &ring,
                0,
            )
        }?;
        Ok(Self {
            pages,
            page_bytes,
            ring,
        })
    }

    /// Bytes that are written and not yet read.
    pub fn used_bytes(&self) -> u64 {
        // Read first, so that what is written meanwhile makes it no less than nothing.
        let read = self.read();
        self.written().wrapping_sub(read) as u64
    }

    /// How far it is read.
    pub fn read(&self) -> usize {
        self.position(0)
    }

    /// How far it is written, or is being written.
    pub fn written(&self) -> usize {
        self.position(self.page_bytes.get())
    }

    /// The ring's descriptor.
    pub fn ring(&self) -> &OwnedFd {
        &self.ring
    }

    fn position(&self, offset: usize) -> usize {
        // SAFETY: each of the two mapped pages begins with an aligned word that the kernel and the
        // reader change atomically.
        unsafe {
            let at = self.pages.cast::<u8>().add(offset).cast::<AtomicUsize>();
            at.as_ref().load(Ordering::Acquire)
        }
    }
}

impl Drop for Positions {
    fn drop(&mut self) {
        // SAFETY: mapped by `of`, and no reference to it is left. Unmapping what is mapped does not
        // fail.
        let _ = unsafe { munmap(self.pages, 2 * self.page_bytes.get()) };
    }
}
