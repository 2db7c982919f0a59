//! Which processes are about to execute one of some programs, seen through fanotify.
//!
//! Plain notification: nothing here can hold or refuse an exec.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::sys::fanotify::{EventFFlags, Fanotify, FanotifyEvent, InitFlags, MarkFlags, MaskFlags};
use nix::sys::inotify::{AddWatchFlags, InitFlags as InotifyFlags, Inotify};
use nix::sys::stat::fstat;
use thiserror::Error;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A file, whatever its name: device and inode number.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// Of the file at `path`, following links.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

/// What was seen.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Seen {
    /// The process opened the program in order to execute it; it is still its old self.
    Opened { pid: u32, program: FileId },
    /// The kernel dropped notifications.
    Lost,
    /// Another file stands, or may stand, where a program stood: [`ExecWatch::mark`] is due.
    Replaced,
}

#[derive(Debug, Error)]
pub(crate) enum FanotifyError {
    #[error("cannot make a fanotify group (this needs CAP_SYS_ADMIN)")]
    Group(#[source] Errno),
    #[error("cannot make an inotify instance")]
    Inotify(#[source] Errno),
    #[error("cannot wait for notifications")]
    Wait(#[source] io::Error),
    #[error("cannot read notifications")]
    Read(#[source] Errno),
    #[error("the kernel's fanotify speaks version {0}")]
    Version(u8),
}

/// One fanotify group, closed when this is dropped, with a mark on each program that exists.
///
/// A mark is on an inode: it goes blind when the program is replaced by rename. So the
/// directories are watched too, with inotify: it tells names without an open file for each exec
/// of every program in `/usr/bin`.
#[derive(Debug)]
pub(crate) struct ExecWatch {
    group: AsyncFd<Fanotify>,
    names: AsyncFd<OwnedFd>,
    inotify: Inotify,
    programs: Vec<PathBuf>,
    marked: HashMap<PathBuf, FileId>,
}

impl ExecWatch {
    /// Marks nothing yet: call [`mark`](Self::mark).
    pub(crate) fn new(programs: Vec<PathBuf>) -> Result<Self, FanotifyError> {
        let group = Fanotify::init(
            InitFlags::FAN_CLASS_NOTIF | InitFlags::FAN_CLOEXEC | InitFlags::FAN_NONBLOCK,
            EventFFlags::O_RDONLY | EventFFlags::O_LARGEFILE | EventFFlags::O_CLOEXEC,
        )
        .map_err(FanotifyError::Group)?;
        let inotify = Inotify::init(InotifyFlags::IN_CLOEXEC | InotifyFlags::IN_NONBLOCK)
            .map_err(FanotifyError::Inotify)?;
        let names = inotify
            .as_fd()
            .try_clone_to_owned()
            .map_err(FanotifyError::Wait)?;
        Ok(Self {
            group: readable(group)?,
            names: readable(names)?,
            inotify,
            programs,
            marked: HashMap::new(),
        })
    }

    /// Marks each program that is there and not marked yet, and watches its directories. True
    /// when a mark was added: what was executed before it has not been seen.
    pub(crate) fn mark(&mut self) -> bool {
        let directories: HashSet<PathBuf> = self
            .programs
            .iter()
            .flat_map(|program| parents(program))
            .collect();
        for directory in &directories {
            // Adding the same watch again changes nothing; a directory may come later.
            let _ = self.inotify.add_watch(
                directory,
                AddWatchFlags::IN_ONLYDIR
                    | AddWatchFlags::IN_CREATE
                    | AddWatchFlags::IN_MOVED_TO
                    | AddWatchFlags::IN_DELETE_SELF
                    | AddWatchFlags::IN_MOVE_SELF,
            );
        }
        let mut added = false;
        for program in &self.programs {
            // What stood here before the mark may be gone after it.
            while let Ok(file) = FileId::at(program)
                && self.marked.get(program) != Some(&file)
                && self.group.get_ref().mark(
                    MarkFlags::FAN_MARK_ADD,
                    MaskFlags::FAN_OPEN_EXEC,
                    AT_FDCWD,
                    Some(program),
                ) == Ok(())
            {
                self.marked.insert(program.clone(), file);
                added = true;
            }
        }
        added
    }

    /// Waits for notifications; never empty.
    pub(crate) async fn next(&self) -> Result<Vec<Seen>, FanotifyError> {
        loop {
            let seen = tokio::select! {
                ready = self.group.readable() => {
                    let mut ready = ready.map_err(FanotifyError::Wait)?;
                    match ready.get_inner().read_events() {
                        Ok(events) => events.iter().map(seen).collect::<Result<Vec<_>, _>>()?,
                        Err(Errno::EAGAIN) => {
                            ready.clear_ready();
                            continue;
                        }
                        Err(Errno::EINTR) => continue,
                        // The notification's file could not be opened: it is lost, not the group.
                        Err(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ETXTBSY) => {
                            vec![Seen::Lost]
                        }
                        Err(error) => return Err(FanotifyError::Read(error)),
                    }
                }
                ready = self.names.readable() => {
                    let mut ready = ready.map_err(FanotifyError::Wait)?;
                    match self.inotify.read_events() {
                        Ok(events) => {
                            let due = events.iter().any(|event| match &event.name {
                                Some(name) => self.programs.iter().any(|program| {
                                    // A link's target may have another name.
                                    program.file_name() == Some(name)
                                        || is_target(program, name)
                                }),
                                // A directory itself went, or inotify's own queue overflowed.
                                None => true,
                            });
                            match due {
                                true => vec![Seen::Replaced],
                                false => continue,
                            }
                        }
                        Err(Errno::EAGAIN) => {
                            ready.clear_ready();
                            continue;
                        }
                        Err(Errno::EINTR) => continue,
                        Err(error) => return Err(FanotifyError::Read(error)),
                    }
                }
            };
            if !seen.is_empty() {
                return Ok(seen);
            }
        }
    }
}

fn readable<T: AsRawFd>(fd: T) -> Result<AsyncFd<T>, FanotifyError> {
    // SAFETY: only called with a Fanotify and an OwnedFd, which have their one descriptor open
    // until they are dropped.
    unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }
        .map_err(|error| FanotifyError::Wait(error.into()))
}

/// The directories in which a rename can put another file in the program's place: its own, and
/// its target's where it is a link.
fn parents(program: &Path) -> Vec<PathBuf> {
    let target = std::fs::canonicalize(program).ok();
    [Some(program), target.as_deref()]
        .into_iter()
        .flatten()
        .filter_map(Path::parent)
        .map(Path::to_owned)
        .collect()
}

fn is_target(program: &Path, name: &std::ffi::OsStr) -> bool {
    std::fs::canonicalize(program).is_ok_and(|target| target.file_name() == Some(name))
}

fn seen(event: &FanotifyEvent) -> Result<Seen, FanotifyError> {
    if !event.check_version() {
        return Err(FanotifyError::Version(event.version()));
    }
    // The descriptor is closed when the event is dropped.
    let (Some(file), Ok(pid)) = (event.fd(), u32::try_from(event.pid())) else {
        return Ok(Seen::Lost);
    };
    Ok(fstat(file).map_or(Seen::Lost, |stat| Seen::Opened {
        pid,
        program: FileId {
            device: stat.st_dev,
            inode: stat.st_ino,
        },
    }))
}

#[cfg(test)]
mod tests;
