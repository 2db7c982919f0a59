//! The path of a file, as the process that runs it sees it: a bounded walk up its directories.
//! (`bpf_d_path` may not be called where execs are seen.)

use traceherd_ebpf_common::{MAX_PATH_COMPONENTS, PATH_BYTES, exec_flags};

use crate::{
    kernel::{Ptr, load, probe},
    maps::offset,
    scratch::Scratch,
};

/// Longest name of a directory entry (`NAME_MAX`) and its NUL.
const NAME_BYTES: u32 = 256;

/// Appends the components of the executable's path, last first. Returns flags.
#[inline(always)]
pub unsafe fn append_executable(scratch: &mut Scratch, task: Ptr, mm: Ptr) -> u32 {
    // SAFETY: typed pointers.
    unsafe {
        let file: Ptr = load(mm, offset!(mm_exe_file));
        let fs: Ptr = load(task, offset!(task_fs));
        if file.is_null() || fs.is_null() {
            return 0;
        }
        let root = Place {
            mnt: load::<u64>(fs, offset!(fs_root_mnt)),
            dentry: load::<u64>(fs, offset!(fs_root_dentry)),
        };
        let mnt: Ptr = load(file, offset!(file_path_mnt));
        let dentry: Ptr = load(file, offset!(file_path_dentry));
        if mnt.is_null() || dentry.is_null() {
            return 0;
        }
        let most = scratch.len + (PATH_BYTES as u64 - u64::from(NAME_BYTES));
        match within_mount(scratch, mnt, dentry, &root, most) {
            Some(flags) => flags,
            None => across_mounts(scratch, mnt as u64, &root, most),
        }
    }
}

/// A place in the file tree.
struct Place {
    mnt: u64,
    dentry: u64,
}

/// Walks up to the root of the mount that the file is in, which in a container is mostly the root
/// of all: by pointers whose types the verifier knows, without a helper's call for each. Returns
/// flags if that was the end of it.
#[inline(always)]
unsafe fn within_mount(
    scratch: &mut Scratch,
    mnt: Ptr,
    mut dentry: Ptr,
    root: &Place,
    most: u64,
) -> Option<u32> {
    // SAFETY: typed pointers.
    unsafe {
        let mnt_root: u64 = load(mnt, offset!(vfsmount_mnt_root));
        for components in 0..=MAX_PATH_COMPONENTS {
            if dentry as u64 == root.dentry && mnt as u64 == root.mnt {
                return Some(0);
            }
            if dentry as u64 == mnt_root {
                return None;
            }
            if components == MAX_PATH_COMPONENTS {
                break;
            }
            let name: Ptr = load(dentry, offset!(dentry_d_name));
            if scratch.len > most || scratch.kernel_str(name, NAME_BYTES) == 0 {
                return Some(exec_flags::PATH_CUT);
            }
            let parent: Ptr = load(dentry, offset!(dentry_d_parent));
            if parent == dentry {
                return Some(exec_flags::PATH_ANONYMOUS);
            }
            dentry = parent;
        }
        Some(exec_flags::PATH_CUT)
    }
}

/// Goes on from the root of a mount: a mount's place in another is behind its public part, where
/// no type leads.
#[inline(always)]
unsafe fn across_mounts(scratch: &mut Scratch, mut mnt: u64, root: &Place, most: u64) -> u32 {
    let mut mnt_root = 0;
    let mut dentry = 0;
    for _ in 0..MAX_PATH_COMPONENTS {
        // SAFETY: probed.
        unsafe {
            if dentry == mnt_root {
                // `struct vfsmount` is embedded in `struct mount`.
                let mount = mnt.wrapping_sub(u64::from(offset!(mount_mnt)));
                let above: u64 = probe(mount as Ptr, offset!(mount_mnt_parent)).unwrap_or(mount);
                if above == mount {
                    return 0;
                }
                dentry = probe(mount as Ptr, offset!(mount_mnt_mountpoint)).unwrap_or(0);
                mnt = above.wrapping_add(u64::from(offset!(mount_mnt)));
                mnt_root = probe(mnt as Ptr, offset!(vfsmount_mnt_root)).unwrap_or(0);
            } else {
                let name = probe::<Ptr>(dentry as Ptr, offset!(dentry_d_name));
                let name = name.unwrap_or_default();
                if scratch.len > most || scratch.kernel_str(name, NAME_BYTES) == 0 {
                    return exec_flags::PATH_CUT;
                }
                dentry = probe(dentry as Ptr, offset!(dentry_d_parent)).unwrap_or(mnt_root);
            }
            if dentry == root.dentry && mnt == root.mnt {
                return 0;
            }
        }
    }
    exec_flags::PATH_CUT
}
