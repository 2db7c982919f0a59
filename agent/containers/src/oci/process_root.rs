//! Files as another process sees them: its root directory, its working directory.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;

/// How often a path is resolved again when a rename on its way interferes (EAGAIN).
const ATTEMPTS: usize = 8;

/// A process's root directory, usable after the process has ended.
#[derive(Debug)]
pub(crate) struct ProcessRoot {
    directory: OwnedFd,
    working_directory: PathBuf,
}

impl ProcessRoot {
    /// Of the process `pid`, which may live in another mount namespace.
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        Ok(Self {
            directory: open_directory(&proc.join("root"))?,
            working_directory: std::fs::read_link(proc.join("cwd"))?,
        })
    }

    /// Of this process.
    pub(crate) fn own() -> io::Result<Self> {
        Ok(Self {
            directory: open_directory(Path::new("/"))?,
            working_directory: std::env::current_dir()?,
        })
    }

    /// The path from the root, without the relative part.
    pub(crate) fn absolute(&self, path: &Path) -> PathBuf {
        self.working_directory.join(path)
    }

    /// The regular file's content. Symbolic links stay below the root. A file larger than
    /// `limit` bytes, a FIFO or a device is an error; opening never waits.
    pub(crate) fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let how = OpenHow::new()
            .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        let path = self.absolute(path);
        let mut opened = Err(Errno::EAGAIN);
        for _ in 0..ATTEMPTS {
            opened = openat2(&self.directory, &path, how);
            if !matches!(opened, Err(Errno::EAGAIN)) {
                break;
            }
        }
        read_regular(File::from(opened?), limit)
    }
}

fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Ok(open(path, flags, Mode::empty())?)
}

fn read_regular(file: File, limit: u64) -> io::Result<Vec<u8>> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(io::Error::other(format!("larger than {limit} bytes")));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::mkfifo;

    #[test]
    fn only_a_regular_file_of_bounded_size_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = ProcessRoot::own().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, b"12345").unwrap();
        assert_eq!(root.read(&file, 5).unwrap(), b"12345");
        assert!(root.read(&file, 4).is_err());

        let fifo = dir.path().join("fifo");
        mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        assert!(root.read(&fifo, 5).is_err());
        assert!(root.read(Path::new("/dev/zero"), 5).is_err());
        assert!(root.read(dir.path(), 5).is_err());
    }

    #[test]
    fn links_stay_below_the_processs_root() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("run")).unwrap();
        std::fs::write(dir.path().join("run/file"), b"inside").unwrap();
        std::os::unix::fs::symlink("/run", dir.path().join("var")).unwrap();
        let root = ProcessRoot {
            directory: open_directory(dir.path()).unwrap(),
            working_directory: PathBuf::from("/run"),
        };
        assert_eq!(root.read(Path::new("/var/file"), 100).unwrap(), b"inside");
        assert_eq!(root.read(Path::new("file"), 100).unwrap(), b"inside");
        assert_eq!(
            root.read(Path::new("../../run/file"), 100).unwrap(),
            b"inside"
        );
    }

    #[test]
    fn a_process_of_ones_own_is_seen_as_it_sees_itself() {
        let own = ProcessRoot::of(std::process::id()).unwrap();
        assert!(own.read(Path::new("Cargo.toml"), 1 << 20).is_ok());
    }
}
