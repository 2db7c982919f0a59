//! An exec call, ready to be made: with any bytes, and without searching for the file.

use std::{
    ffi::{CStr, CString},
    os::{
        fd::{BorrowedFd, RawFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

use nix::{
    errno::Errno,
    fcntl::AtFlags,
    unistd::{execve, execveat},
};

/// `execve`, or `execveat` where a descriptor is given.
#[derive(Clone, Debug)]
pub struct Call {
    file: CString,
    args: Vec<CString>,
    at: Option<(RawFd, AtFlags)>,
}

impl Call {
    pub fn new<A: AsRef<[u8]>>(file: impl AsRef<Path>, args: impl IntoIterator<Item = A>) -> Self {
        let text = |bytes: &[u8]| CString::new(bytes).unwrap();
        Self {
            file: text(file.as_ref().as_os_str().as_bytes()),
            args: args.into_iter().map(|arg| text(arg.as_ref())).collect(),
            at: None,
        }
    }

    /// A process that stays until it is killed.
    pub fn sleep(file: impl AsRef<Path>) -> Self {
        Self::new(file, ["sleep", "1000"])
    }

    pub fn at(self, fd: RawFd, flags: AtFlags) -> Self {
        Self {
            at: Some((fd, flags)),
            ..self
        }
    }

    /// Replaces the process. Returns why it could not.
    pub fn make(&self) -> Errno {
        const ENVIRONMENT: [&CStr; 1] = [c"PATH=/bin"];
        let Err(errno) = match self.at {
            // SAFETY: the tests keep what they name open.
            Some((fd, flags)) => execveat(
                unsafe { BorrowedFd::borrow_raw(fd) },
                &self.file,
                &self.args,
                &ENVIRONMENT,
                flags,
            ),
            None => execve(&self.file, &self.args, &ENVIRONMENT),
        };
        errno
    }
}

/// `execve` with the very pointers.
///
/// # Safety
/// The call may replace the process; whatever the pointers are, the kernel checks them.
pub unsafe fn execve_raw(file: *const libc::c_char, argv: *const *const libc::c_char) -> Errno {
    // SAFETY: as above.
    unsafe {
        libc::syscall(
            libc::SYS_execve,
            file,
            argv,
            std::ptr::null::<*const libc::c_char>(),
        )
    };
    Errno::last()
}
