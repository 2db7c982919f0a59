//! The cgroup hierarchy that tells this host's containers apart.

use std::fs;
use std::io;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use procfs::process::MountInfo;
use procfs::{FromBufRead, ProcessCGroups};
use thiserror::Error;

use crate::cgroup::{Cgroup, CgroupId};

/// The cgroup v1 controllers by which containers can be told apart, best first: every runtime
/// puts each container into a cgroup of its own in all of them.
const V1_CONTROLLERS: [&str; 7] = [
    "memory", "pids", "cpu", "devices", "freezer", "cpuacct", "cpuset",
];

/// Which kind of hierarchy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CgroupVersion {
    /// A cgroup v1 hierarchy, named by one controller bound to it (also on hybrid hosts).
    V1 {
        /// For example `memory`; the kernel calls its subsystem `memory_cgrp_id`.
        controller: String,
    },
    /// The unified hierarchy.
    V2,
}

/// One cgroup hierarchy, mounted whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hierarchy {
    /// v1 with its controller, or v2.
    pub version: CgroupVersion,
    /// Where cgroupfs is mounted, in this process's mount namespace.
    pub mount_point: PathBuf,
    /// What `/proc/PID/cgroup` puts before a path of the hierarchy's root: empty, or `/..` as
    /// often as this process's cgroup namespace is deep.
    outside: String,
}

/// No usable hierarchy.
#[derive(Debug, Error)]
pub enum HierarchyError {
    /// `/proc/self/mountinfo` could not be read.
    #[error("cannot read /proc/self/mountinfo")]
    Mounts(#[source] io::Error),
    /// No cgroupfs is mounted with the hierarchy's own root.
    #[error(
        "cannot find a cgroup hierarchy: neither cgroup2 nor a cgroup v1 controller ({}) is mounted with its root; mount the host's /sys/fs/cgroup",
        V1_CONTROLLERS.join(", ")
    )]
    NotMounted,
}

impl Hierarchy {
    /// Chooses from `/proc/self/mountinfo`: cgroup2 where it is the only one or mounted at
    /// `/sys/fs/cgroup`, else the first v1 controller mounted of memory, pids, cpu, devices,
    /// freezer, cpuacct, cpuset.
    ///
    /// # Errors
    /// When the mounts cannot be read, or no hierarchy is mounted with its own root.
    pub fn detect() -> Result<Self, HierarchyError> {
        let mounts = fs::read("/proc/self/mountinfo").map_err(HierarchyError::Mounts)?;
        choose(&String::from_utf8_lossy(&mounts)).ok_or(HierarchyError::NotMounted)
    }

    /// The hierarchy's root cgroup, the host's own.
    ///
    /// # Errors
    /// When its directory cannot be read.
    pub fn root(&self) -> io::Result<Cgroup> {
        self.cgroup_at("/")
    }

    /// The cgroup at `path` (from the hierarchy's root).
    ///
    /// # Errors
    /// `InvalidInput` for a path with `..` in it, `NotFound` where there is none.
    pub fn cgroup_at(&self, path: &str) -> io::Result<Cgroup> {
        let metadata = fs::symlink_metadata(self.directory(path)?)?;
        if !metadata.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        Ok(Cgroup {
            id: CgroupId(metadata.ino()),
            path: format!("/{}", names.join("/")),
        })
    }

    /// The cgroup that process `pid` is in now, from `/proc/PID/cgroup`.
    ///
    /// # Errors
    /// When the process or its cgroup is gone, or lies outside this hierarchy.
    pub fn cgroup_of(&self, pid: u32) -> io::Result<Cgroup> {
        self.cgroup_at(&self.path_of(pid)?)
    }

    /// The path of the cgroup that process `pid` is in now.
    pub(crate) fn path_of(&self, pid: u32) -> io::Result<String> {
        let lines = fs::read(format!("/proc/{pid}/cgroup"))?;
        let all = ProcessCGroups::from_buf_read(String::from_utf8_lossy(&lines).as_bytes())
            .map_err(io::Error::other)?;
        let line = all.into_iter().find(|line| match &self.version {
            CgroupVersion::V2 => line.hierarchy == 0,
            CgroupVersion::V1 { controller } => line.controllers.contains(controller),
        });
        // What is still `..` lies outside of what is mounted.
        line.and_then(|line| Some(line.pathname.strip_prefix(&self.outside)?.to_owned()))
            .filter(|path| !path.starts_with("/.."))
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The processes (thread group ids) directly in `cgroup`; those below are not counted.
    ///
    /// # Errors
    /// When the cgroup is gone.
    pub fn processes(&self, cgroup: &Cgroup) -> io::Result<Vec<u32>> {
        let list = fs::read_to_string(self.directory(&cgroup.path)?.join("cgroup.procs"))?;
        Ok(list.lines().filter_map(|pid| pid.parse().ok()).collect())
    }

    /// Every cgroup of the hierarchy, the root first and parents before their children. What
    /// vanishes meanwhile is left out.
    ///
    /// # Errors
    /// When the root cannot be read.
    pub fn walk(&self) -> io::Result<Vec<Cgroup>> {
        self.walk_from(&self.root()?)
    }

    /// As [`walk`](Self::walk), of `top` and what is below it.
    pub(crate) fn walk_from(&self, top: &Cgroup) -> io::Result<Vec<Cgroup>> {
        let mut found = vec![self.cgroup_at(&top.path)?];
        let mut next = 0;
        while let Some(parent) = found.get(next).cloned() {
            next += 1;
            let Ok(entries) = fs::read_dir(self.directory(&parent.path)?) else {
                continue;
            };
            for entry in entries.flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    let name = entry.file_name();
                    found.push(Cgroup {
                        id: CgroupId(entry.ino()),
                        path: child(&parent.path, &name.to_string_lossy()),
                    });
                }
            }
        }
        Ok(found)
    }

    /// True while the very cgroup (not another at its path) is there.
    pub(crate) fn has(&self, cgroup: &Cgroup) -> bool {
        self.cgroup_at(&cgroup.path)
            .is_ok_and(|now| now.id == cgroup.id)
    }

    /// True when a process is in `cgroup` or anywhere below it.
    pub(crate) fn populated(&self, cgroup: &Cgroup) -> bool {
        let mut queue = vec![cgroup.clone()];
        while let Some(cgroup) = queue.pop() {
            // An unreadable list (a threaded cgroup has none) counts as populated.
            match self.processes(&cgroup) {
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => continue,
                Ok(processes) if processes.is_empty() => {}
                _ => return true,
            }
            let Ok(directory) = self.directory(&cgroup.path) else {
                continue;
            };
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    queue.push(Cgroup {
                        id: CgroupId(entry.ino()),
                        path: child(&cgroup.path, &entry.file_name().to_string_lossy()),
                    });
                }
            }
        }
        false
    }

    fn directory(&self, path: &str) -> io::Result<PathBuf> {
        let below = path.trim_matches('/');
        let plain = Path::new(below)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !plain {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(self.mount_point.join(below))
    }
}

fn child(parent: &str, name: &str) -> String {
    format!("{}/{name}", parent.trim_end_matches('/'))
}

/// Chooses among the mounts of a mountinfo file.
fn choose(mountinfo: &str) -> Option<Hierarchy> {
    let mounts: Vec<MountInfo> = mountinfo
        .lines()
        .filter(|line| line.contains(" - cgroup"))
        .filter_map(|line| MountInfo::from_line(line).ok())
        .filter(|mount| outside(&mount.root).is_some())
        .collect();
    let hierarchy = |mount: &MountInfo, version| Hierarchy {
        version,
        mount_point: mount.mount_point.clone(),
        outside: outside(&mount.root).unwrap_or_default().to_owned(),
    };
    let v1 = V1_CONTROLLERS.iter().find_map(|controller| {
        let mount = mounts.iter().rev().find(|mount| {
            mount.fs_type == "cgroup" && mount.super_options.contains_key(*controller)
        })?;
        let controller = (*controller).to_owned();
        Some(hierarchy(mount, CgroupVersion::V1 { controller }))
    });
    let v2 = mounts
        .iter()
        .rev()
        .filter(|mount| mount.fs_type == "cgroup2");
    let primary = v2
        .clone()
        .find(|mount| mount.mount_point == Path::new("/sys/fs/cgroup"));
    match (primary, v1) {
        (Some(mount), _) => Some(hierarchy(mount, CgroupVersion::V2)),
        (None, Some(v1)) => Some(v1),
        (None, None) => v2
            .clone()
            .next()
            .map(|mount| hierarchy(mount, CgroupVersion::V2)),
    }
}

/// `Some` when a mount shows the hierarchy's true root. From within a cgroup namespace that
/// root reads as `/..`, once per level, and so do the paths in `/proc/PID/cgroup`.
fn outside(root: &str) -> Option<&str> {
    match root {
        "/" => Some(""),
        _ if root.split('/').skip(1).all(|part| part == "..") => Some(root),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(mountinfo: &str) -> Option<(CgroupVersion, String)> {
        choose(mountinfo).map(|chosen| {
            let mount_point = chosen.mount_point.display().to_string();
            (chosen.version, mount_point)
        })
    }

    fn v1(controller: &str) -> CgroupVersion {
        CgroupVersion::V1 {
            controller: controller.into(),
        }
    }

    #[test]
    fn the_hierarchy_is_chosen_by_what_is_mounted() {
        let pure_v2 = "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let v1_only = "\
            32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
            36 31 0:33 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";
        let hybrid = "\
            31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
            35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let elsewhere = "41 31 0:38 / /mnt/two rw - cgroup2 cgroup2 rw\n";
        let part = "35 31 0:32 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let namespaced = "30 23 0:26 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let table = [
            (pure_v2, Some((CgroupVersion::V2, "/sys/fs/cgroup"))),
            (v1_only, Some((v1("pids"), "/sys/fs/cgroup/pids"))),
            (hybrid, Some((v1("memory"), "/sys/fs/cgroup/memory"))),
            (elsewhere, Some((CgroupVersion::V2, "/mnt/two"))),
            (part, None),
            (namespaced, Some((CgroupVersion::V2, "/sys/fs/cgroup"))),
            ("", None),
        ];
        for (mountinfo, expected) in table {
            let expected = expected.map(|(version, at)| (version, at.to_owned()));
            assert_eq!(chosen(mountinfo), expected, "{mountinfo}");
        }
    }

    #[test]
    fn the_host_has_a_hierarchy_and_this_process_is_in_it() {
        let hierarchy = Hierarchy::detect().unwrap();
        let own = hierarchy.cgroup_of(std::process::id()).unwrap();
        assert!(hierarchy.has(&own));
        assert!(hierarchy.populated(&own));
        let pids = hierarchy.processes(&own).unwrap();
        assert!(pids.contains(&std::process::id()));
        let all = hierarchy.walk().unwrap();
        assert_eq!(all[0], hierarchy.root().unwrap());
        assert!(all.contains(&own));
    }

    #[test]
    fn a_path_cannot_leave_the_hierarchy() {
        let hierarchy = Hierarchy::detect().unwrap();
        let refused = hierarchy.cgroup_at("/../../etc").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    }
}
