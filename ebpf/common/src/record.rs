//! The records in the ring. A record is a header followed by bytes of the lengths it names.

/// Length of a command name in the kernel (`TASK_COMM_LEN`), the closing NUL included.
pub const COMM_BYTES: usize = 16;
/// Most bytes of a terminal's name, the closing NUL included.
pub const TTY_BYTES: usize = 16;
/// Most bytes of the file as it was given (`PATH_MAX`).
pub const FILE_BYTES: usize = 4096;
/// Most bytes of an interpreter's path (`BINPRM_BUF_SIZE`).
pub const INTERPRETER_BYTES: usize = 256;
/// Most bytes of a resolved path.
pub const PATH_BYTES: usize = 4096;
/// Most components of a resolved path.
pub const MAX_PATH_COMPONENTS: u32 = 48;
/// Most bytes of the argument block.
pub const MAX_ARGS_BYTES: usize = 32 * 1024;
/// The unit in which arguments are read: one of them may be absent, the others are kept.
pub const PAGE_BYTES: usize = 4096;
/// Room for the longest record, and for one more page: the verifier adds up worst cases.
pub const RECORD_BYTES: usize = 48 * 1024;

/// The first four bytes of a record.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// An [`ExecHeader`]: a process runs a new image.
    Exec = 1,
    /// An [`ExecHeader`]: a process tried to, and could not.
    ExecFailed = 2,
    /// A [`CgroupHeader`]: a cgroup was made that is in no container.
    CgroupCreated = 3,
    /// A [`CgroupHeader`]: a cgroup was removed.
    CgroupRemoved = 4,
}

/// Bits of [`ExecHeader::flags`].
pub mod exec_flags {
    /// The cgroup was still pending.
    pub const PENDING: u32 = 1;
    /// The resolved path has more components, or bytes, than are recorded: its start is missing.
    pub const PATH_CUT: u32 = 1 << 1;
    /// The resolved path is not in the file tree (a memfd).
    pub const PATH_ANONYMOUS: u32 = 1 << 2;
    /// The file as given could not be read.
    pub const FILE_UNREADABLE: u32 = 1 << 3;
    /// There are more arguments than could be counted.
    pub const ARGC_CUT: u32 = 1 << 4;
    /// The list of arguments itself could not be read to its end.
    pub const ARGV_UNREADABLE: u32 = 1 << 5;
}

/// An exec. Followed by `file_len` bytes of the file as given, `interpreter_len` of the
/// interpreter, `path_len` of the resolved path (its components from the last to the first, each
/// closed by NUL), and `args_len` of arguments.
///
/// The arguments of [`Kind::Exec`] are the start of the process's argument block, strings closed
/// by NUL; those of [`Kind::ExecFailed`] stand behind their
/// length each: four bytes, the NUL counted, 0 for one that could not be read, [`PAGE_BYTES`] for
/// one that goes on.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct ExecHeader {
    /// A [`Kind`].
    pub kind: u32,
    /// Bits of [`exec_flags`].
    pub flags: u32,
    /// Nanoseconds since boot, sleep included (`CLOCK_BOOTTIME`).
    pub boot_ns: u64,
    /// The cgroup of the process.
    pub cgroup: u64,
    /// The cgroup at or above it whose verdict held.
    pub entry: u64,
    /// Process id.
    pub pid: u32,
    /// The thread that called.
    pub tid: u32,
    /// Process id in the process's own pid namespace.
    pub ns_pid: u32,
    /// The parent's process id.
    pub ppid: u32,
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Effective user id.
    pub euid: u32,
    /// The login's user id; `u32::MAX` where unset or unknown.
    pub loginuid: u32,
    /// The login's session id; `u32::MAX` where unset or unknown.
    pub sessionid: u32,
    /// The process's session (`getsid`), as a number of the host's pid namespace.
    pub sid: u32,
    /// Number of the mount namespace.
    pub mountnsid: u32,
    /// What the system call returned: 0, or a negated error number.
    pub ret: i32,
    /// Number of arguments.
    pub argc: u32,
    /// Length of the whole argument block, in bytes; 0 where unknown.
    pub args_total: u32,
    /// Bit n: the n-th page that the recorded arguments touch was absent, and reads as zeros.
    pub args_absent: u32,
    /// Offset of the argument block in its first page.
    pub args_offset: u32,
    /// Command name of the process.
    pub comm: [u8; COMM_BYTES],
    /// Command name of its parent.
    pub pcomm: [u8; COMM_BYTES],
    /// Name of the controlling terminal.
    pub tty: [u8; TTY_BYTES],
    /// Bytes of the file as given.
    pub file_len: u16,
    /// Bytes of the interpreter; 0 where there is none.
    pub interpreter_len: u16,
    /// Bytes of the resolved path.
    pub path_len: u16,
    /// Bytes of the arguments.
    pub args_len: u16,
}

/// A cgroup's creation or removal. Followed by `path_len` bytes of its path below the hierarchy's
/// root.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct CgroupHeader {
    /// A [`Kind`].
    pub kind: u32,
    /// Bytes of the path.
    pub path_len: u32,
    /// The cgroup.
    pub id: u64,
    /// The cgroup it is in.
    pub parent: u64,
    /// The process that made or removed it.
    pub pid: u32,
    /// Zero.
    pub reserved: u32,
}
