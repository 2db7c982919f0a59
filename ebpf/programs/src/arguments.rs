//! The arguments of a process.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_probe_read_user;
use traceherd_ebpf_common::{ExecHeader, MAX_ARGS_BYTES, PAGE_BYTES, exec_flags};

use crate::{
    kernel::{Ptr, load},
    maps::offset,
    scratch::Scratch,
};

/// Pages that the longest recorded block can touch.
const MAX_PAGES: u32 = (MAX_ARGS_BYTES / PAGE_BYTES) as u32 + 1;
/// Most arguments of a failed exec that are read.
const MAX_FAILED_ARGS: u32 = 512;
const PAGE: u64 = PAGE_BYTES as u64;
/// What stands before each argument of a failed exec.
const LENGTH_BYTES: u64 = size_of::<u32>() as u64;

/// Appends the start of the process's own argument block, page by page: an absent page is marked
/// and the others are kept. This is what the process really got.
#[inline(always)]
pub unsafe fn append_block(scratch: &mut Scratch, header: *mut ExecHeader, mm: Ptr, most: u32) {
    // SAFETY: `mm` is typed.
    let (start, end): (u64, u64) = unsafe {
        (
            load(mm, offset!(mm_arg_start)),
            load(mm, offset!(mm_arg_end)),
        )
    };
    let total = end.wrapping_sub(start);
    let most = at_most(most);
    let mut left = if total < most { total } else { most };
    let recorded = left;
    let mut absent = 0u32;
    let mut address = start;
    for page in 0..MAX_PAGES {
        if left == 0 {
            break;
        }
        let to_end = PAGE - (address & (PAGE - 1));
        let bytes = if left < to_end { left } else { to_end };
        if !scratch.user_page(address, bytes) {
            absent |= 1 << page;
        }
        address += bytes;
        left -= bytes;
    }
    // SAFETY: the header was written before.
    unsafe {
        (*header).args_total = total as u32;
        (*header).args_len = (recorded - left) as u16;
        (*header).args_absent = absent;
        (*header).args_offset = (start & (PAGE - 1)) as u32;
    }
}

#[inline(always)]
fn at_most(bytes: u32) -> u64 {
    let bytes = u64::from(bytes);
    if bytes > MAX_ARGS_BYTES as u64 {
        MAX_ARGS_BYTES as u64
    } else {
        bytes
    }
}

/// Appends the arguments that a call was made with, each behind its length, until there are `most`
/// bytes of them or more: user space cuts the last. The caller may have changed them since, and pages
/// may be absent.
///
/// The loops are written so that the verifier meets one state per round: few branches, and what
/// grows is kept in the header, from where it comes back as any number at all.
#[inline(always)]
pub unsafe fn append_vector(scratch: &mut Scratch, header: *mut ExecHeader, argv: u64, most: u32) {
    let start = scratch.len;
    let most = start + at_most(most);
    let mut recorded = 0;
    let mut end = VectorEnd::TooMany;
    // SAFETY: the header was written before.
    unsafe {
        let len = &raw mut (*header).args_total;
        len.write_volatile(start as u32);
        for n in 0..MAX_FAILED_ARGS {
            let pointer = match argument(argv, n) {
                Ok(pointer) => pointer,
                Err(reached) => {
                    end = reached;
                    break;
                }
            };
            scratch.len = u64::from(len.read_volatile());
            // The lengths are no part of the limit.
            let lengths = u64::from(n) * LENGTH_BYTES;
            if scratch.len >= most + lengths || !scratch.counted_user_str(pointer) {
                break;
            }
            len.write_volatile(scratch.len as u32);
            recorded = n + 1;
        }
        scratch.len = u64::from(len.read_volatile());
    }
    let mut argc = recorded;
    if matches!(end, VectorEnd::TooMany) {
        // What is not recorded is still counted.
        for n in recorded..MAX_FAILED_ARGS {
            if let Err(reached) = argument(argv, n) {
                end = reached;
                break;
            }
            argc = n + 1;
        }
    }
    if matches!(end, VectorEnd::TooMany)
        && let Err(reached) = argument(argv, MAX_FAILED_ARGS)
    {
        end = reached;
    }
    // SAFETY: the header was written before.
    unsafe {
        (*header).argc = argc;
        (*header).flags |= match end {
            VectorEnd::Null => 0,
            VectorEnd::Unreadable => exec_flags::ARGV_UNREADABLE,
            VectorEnd::TooMany => exec_flags::ARGC_CUT,
        };
        (*header).args_total = 0;
        (*header).args_len = (scratch.len - start) as u16;
    }
}

#[derive(Clone, Copy)]
enum VectorEnd {
    Null,
    Unreadable,
    TooMany,
}

/// The n-th argument's address, or why there is none.
#[inline(always)]
fn argument(argv: u64, n: u32) -> Result<u64, VectorEnd> {
    let mut pointer = 0u64;
    // SAFETY: eight bytes of ours; the helper checks the source.
    let failed = unsafe {
        bpf_probe_read_user(
            (&raw mut pointer).cast(),
            8,
            (argv + u64::from(n) * 8) as *const c_void,
        )
    };
    match (failed, pointer) {
        (0, 0) => Err(VectorEnd::Null),
        (0, pointer) => Ok(pointer),
        _ => Err(VectorEnd::Unreadable),
    }
}
