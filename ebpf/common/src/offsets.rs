//! Where the running kernel keeps what the programs read.

/// An offset that this kernel does not have.
pub const ABSENT: u32 = u32::MAX;

macro_rules! offsets {
    ($($(#[doc = $doc:literal])* $name:ident: $kind:ident $path:literal,)*) => {
        /// Byte offsets into kernel structures, filled in from the running kernel's BTF before the
        /// programs are loaded, and constants to the verifier.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
        pub struct Offsets { $($(#[doc = $doc])* pub $name: u32,)* }

        impl Offsets {
            /// All absent.
            pub const NONE: Self = Self { $($name: ABSENT,)* };

            /// Every offset by `type.field[.field…]`, and whether the programs can do without it.
            #[cfg(feature = "user")]
            pub const TABLE: &'static [Offset] = &[$(Offset {
                path: $path,
                required: matches!(Presence::$kind, Presence::Required),
                set: |offsets, value| offsets.$name = value,
            },)*];
        }
    };
}

/// One row of [`Offsets::TABLE`].
#[cfg(feature = "user")]
#[derive(Clone, Copy, Debug)]
pub struct Offset {
    /// `type.field[.field…]`; anonymous members are looked through.
    pub path: &'static str,
    /// Whether the programs cannot work without it.
    pub required: bool,
    /// Puts the offset where it belongs.
    pub set: fn(&mut Offsets, u32),
}

#[cfg(feature = "user")]
enum Presence {
    Required,
    Optional,
}

offsets! {
    /// The process's image: argument block and executable.
    task_mm: Required "task_struct.mm",
    /// The parent, whoever traces: the thread of it that made this process.
    task_real_parent: Required "task_struct.real_parent",
    /// The first thread of a thread's process.
    task_group_leader: Required "task_struct.group_leader",
    /// Process id.
    task_tgid: Required "task_struct.tgid",
    /// Command name, 16 bytes.
    task_comm: Required "task_struct.comm",
    /// Credentials.
    task_cred: Required "task_struct.cred",
    /// Namespaces.
    task_nsproxy: Required "task_struct.nsproxy",
    /// Cgroups, as a `css_set`.
    task_cgroups: Required "task_struct.cgroups",
    /// Root and working directory.
    task_fs: Required "task_struct.fs",
    /// The thread's `struct pid`.
    task_thread_pid: Required "task_struct.thread_pid",
    /// The thread group's shared state.
    task_signal: Required "task_struct.signal",
    /// The login's user id; only with `CONFIG_AUDIT`.
    task_loginuid: Optional "task_struct.loginuid.val",
    /// The login's session id; only with `CONFIG_AUDIT`.
    task_sessionid: Optional "task_struct.sessionid",
    /// Real user id.
    cred_uid: Required "cred.uid.val",
    /// Real group id.
    cred_gid: Required "cred.gid.val",
    /// Effective user id.
    cred_euid: Required "cred.euid.val",
    /// The mount namespace.
    nsproxy_mnt_ns: Required "nsproxy.mnt_ns",
    /// Its number, as in `/proc/PID/ns/mnt`.
    mnt_namespace_inum: Required "mnt_namespace.ns.inum",
    /// The cgroup v2 membership.
    css_set_dfl_cgrp: Required "css_set.dfl_cgrp",
    /// The cgroup v1 memberships, one pointer a controller.
    css_set_subsys: Required "css_set.subsys",
    /// From a controller's state to its cgroup.
    css_cgroup: Required "cgroup_subsys_state.cgroup",
    /// From a controller's state to its parent's.
    css_parent: Required "cgroup_subsys_state.parent",
    /// The cgroup's own state, embedded.
    cgroup_self: Required "cgroup.self",
    /// The cgroup's directory.
    cgroup_kn: Required "cgroup.kn",
    /// The hierarchy that the cgroup is in.
    cgroup_root: Required "cgroup.root",
    /// The cgroups from the root down to this one; since Linux 6.1.
    cgroup_ancestors: Optional "cgroup.ancestors",
    /// The ids of the cgroups from the root down to this one; before Linux 6.1.
    cgroup_ancestor_ids: Optional "cgroup.ancestor_ids",
    /// The hierarchy's number, as in `/proc/cgroups`.
    cgroup_root_hierarchy_id: Required "cgroup_root.hierarchy_id",
    /// The directory's id: its inode number in cgroupfs.
    kernfs_node_id: Required "kernfs_node.id",
    /// Start of the argument block.
    mm_arg_start: Required "mm_struct.arg_start",
    /// End of the argument block.
    mm_arg_end: Required "mm_struct.arg_end",
    /// The executable.
    mm_exe_file: Required "mm_struct.exe_file",
    /// Where the file is: its mount.
    file_path_mnt: Required "file.f_path.mnt",
    /// Where the file is: its directory entry.
    file_path_dentry: Required "file.f_path.dentry",
    /// The process's root directory: its mount.
    fs_root_mnt: Required "fs_struct.root.mnt",
    /// The process's root directory: its directory entry.
    fs_root_dentry: Required "fs_struct.root.dentry",
    /// The root of a mounted tree.
    vfsmount_mnt_root: Required "vfsmount.mnt_root",
    /// The public part of a mount.
    mount_mnt: Required "mount.mnt",
    /// The mount that this one is mounted on.
    mount_mnt_parent: Required "mount.mnt_parent",
    /// Where on it.
    mount_mnt_mountpoint: Required "mount.mnt_mountpoint",
    /// The directory that an entry is in.
    dentry_d_parent: Required "dentry.d_parent",
    /// The entry's name.
    dentry_d_name: Required "dentry.d_name.name",
    /// What was asked to be executed.
    binprm_filename: Required "linux_binprm.filename",
    /// What is executed: another string where there is an interpreter.
    binprm_interp: Required "linux_binprm.interp",
    /// Number of arguments.
    binprm_argc: Required "linux_binprm.argc",
    /// Depth of a `struct pid` in pid namespaces.
    pid_level: Required "pid.level",
    /// Its numbers, one a namespace.
    pid_numbers: Required "pid.numbers",
    /// A number.
    upid_nr: Required "upid.nr",
    /// The session, process group and so on of a thread group.
    signal_pids: Required "signal_struct.pids",
    /// The controlling terminal.
    signal_tty: Required "signal_struct.tty",
    /// Its name, as in `pts0`.
    tty_name: Required "tty_struct.name",
}

/// What else the programs are told before they are loaded.
#[repr(C)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct Settings {
    /// The cgroup hierarchy that containers are told apart by, as in `/proc/cgroups`; 0: cgroup v2.
    pub hierarchy_id: u32,
    /// Its controller's place in `css_set.subsys`; of no meaning on cgroup v2.
    pub subsys_index: u32,
    /// Bytes in the ring at whose multiples the reader is woken; a power of two.
    pub wake_bytes: u32,
    /// Where `pt_regs` has the file that `execve` was called with.
    pub execve_file: u32,
    /// Where `pt_regs` has the arguments that `execve` was called with.
    pub execve_argv: u32,
    /// Where `pt_regs` has the file that `execveat` was called with.
    pub execveat_file: u32,
    /// Where `pt_regs` has the arguments that `execveat` was called with.
    pub execveat_argv: u32,
}

impl Settings {
    /// What stands in the object file.
    pub const NONE: Self = Self {
        hierarchy_id: ABSENT,
        subsys_index: ABSENT,
        wake_bytes: ABSENT,
        execve_file: ABSENT,
        execve_argv: ABSENT,
        execveat_file: ABSENT,
        execveat_argv: ABSENT,
    };
}
