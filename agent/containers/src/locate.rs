//! Where a source's word holds: the cgroup and the process of the container it speaks of.

use crate::cgroup::Cgroup;
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::hierarchy::Hierarchy;
use crate::process::{Process, ending};
use crate::shape::{agrees, below, own_cgroup};
use crate::state::Input;

/// What the word means for the collection; nothing for a container that runs outside of the
/// cgroup `root`. Reads `/proc` and cgroupfs.
pub(crate) fn locate(hierarchy: &Hierarchy, root: &Cgroup, facts: Facts) -> Option<Input> {
    let spec = facts.cgroup_path.clone();
    let said = facts.pid.map(|pid| (pid, hierarchy.path_of(pid)));
    let input = match said {
        Some((pid, Ok(path))) => {
            let own = own_cgroup(spec.as_deref(), &facts.id, &path);
            let cgroup = own.and_then(|own| hierarchy.cgroup_at(own).ok());
            if own.is_none() && ending(pid) {
                return Some(said_only(facts));
            }
            below(&root.path, &path)?;
            let evidence = Evidence {
                facts,
                process: Some(Process::read(pid)),
            };
            match (own, cgroup) {
                (Some(_), Some(cgroup)) => Input::Located { cgroup, evidence },
                (Some(_), None) => said_only(evidence.facts),
                (None, _) => Input::Homeless(evidence),
            }
        }
        // It ended before it was looked at.
        Some((_, Err(_))) => said_only(facts),
        None => match cgroup_of_spec(hierarchy, &facts) {
            Some(cgroup) => Input::Located {
                cgroup,
                evidence: without_process(facts),
            },
            None => said_only(facts),
        },
    };
    Some(input)
}

/// A word on the container that `cgroup` is asked to be, with its process if that is in it.
pub(crate) fn verify(hierarchy: &Hierarchy, cgroup: &Cgroup, facts: Facts) -> Evidence {
    let process = facts
        .pid
        .filter(|pid| is_in(hierarchy, *pid, cgroup))
        .map(Process::read);
    Evidence { facts, process }
}

/// True while process `pid` is in `cgroup` or below.
pub(crate) fn is_in(hierarchy: &Hierarchy, pid: u32, cgroup: &Cgroup) -> bool {
    let Ok(path) = hierarchy.path_of(pid) else {
        return false;
    };
    path.strip_prefix(&cgroup.path)
        .is_some_and(|below| below.is_empty() || below.starts_with('/'))
        && hierarchy.has(cgroup)
}

/// An absolute path in the spec is the cgroup's, if somebody runs there.
fn cgroup_of_spec(hierarchy: &Hierarchy, facts: &Facts) -> Option<Cgroup> {
    let spec = facts
        .cgroup_path
        .as_deref()
        .filter(|spec| spec.starts_with('/'))?;
    let cgroup = hierarchy.cgroup_at(spec).ok()?;
    (agrees(Some(spec), &facts.id, &cgroup.path) && hierarchy.populated(&cgroup)).then_some(cgroup)
}

fn said_only(facts: Facts) -> Input {
    Input::Said(without_process(facts))
}

fn without_process(facts: Facts) -> Evidence {
    Evidence {
        facts,
        process: None,
    }
}
