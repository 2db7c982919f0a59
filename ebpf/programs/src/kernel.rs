//! Reading the kernel's structures by the offsets that user space found in its BTF.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use core::{ffi::c_void, mem::MaybeUninit};

/// A pointer into a structure of the kernel.
pub type Ptr = *const u8;

/// Loads a pointer-sized or smaller field directly. `base` must be a pointer whose type the
/// verifier knows, and `offset` one of the constants.
#[inline(always)]
pub unsafe fn load<T: Copy>(base: Ptr, offset: u32) -> T {
    // SAFETY: the verifier checks the access, and a fault reads as zero.
    unsafe { core::ptr::read_volatile(base.add(offset as usize).cast::<T>()) }
}

/// Loads a field from behind a pointer whose type the verifier does not know. `None` where there
/// is nothing.
#[inline(always)]
pub unsafe fn probe<T: Copy>(base: Ptr, offset: u32) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the helper checks the source, and the destination is ours.
    let failed = unsafe {
        bpf_probe_read_kernel(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            base.wrapping_add(offset as usize).cast::<c_void>(),
        )
    };
    // SAFETY: the helper filled it.
    (failed == 0).then(|| unsafe { value.assume_init() })
}
