//! Finding cgroups, by id and by path, and keeping the counts of their classes.

use std::sync::Arc;

use super::instance::Instance;
use super::{Class, Entry, State};
use crate::cgroup::{Cgroup, CgroupId};
use crate::container::Container;
use crate::shape::ancestors;

impl State {
    /// The container that a new cgroup lies in, by its parent, else by its path.
    pub(super) fn container_above(
        &self,
        path: &str,
        parent: Option<CgroupId>,
    ) -> Option<(CgroupId, Arc<Container>)> {
        let by_path = || ancestors(path).filter_map(|above| self.by_path.get(above).copied());
        parent.into_iter().chain(by_path()).find_map(|above| {
            let root = match &self.cgroups.get(&above)?.class {
                Class::Container(_) => above,
                Class::Inside(root) => *root,
                Class::Pending(_) | Class::Host => return None,
            };
            Some((root, self.instance(root)?.container.clone()))
        })
    }

    pub(super) fn pending_above(&self, path: &str) -> bool {
        ancestors(path)
            .filter_map(|above| self.cgroups.get(self.by_path.get(above)?))
            .any(|entry| matches!(entry.class, Class::Pending(_)))
    }

    /// Every known cgroup below a path, parents before their children.
    pub(super) fn below(&self, path: &str) -> Vec<CgroupId> {
        let inside = format!("{}/", path.trim_end_matches('/'));
        self.by_path
            .range(inside.clone()..)
            .take_while(|(path, _)| path.starts_with(&inside))
            .filter(|(path, _)| path.len() > inside.len())
            .map(|(_, id)| *id)
            .collect()
    }

    pub(super) fn container_of(&self, id: CgroupId) -> Option<Arc<Container>> {
        let id = match self.cgroups.get(&id)?.class {
            Class::Inside(root) => root,
            _ => id,
        };
        Some(self.instance(id)?.container.clone())
    }

    pub(super) fn cgroup(&self, id: CgroupId) -> Option<Cgroup> {
        let path = self.cgroups.get(&id)?.path.clone();
        Some(Cgroup { id, path })
    }

    pub(super) fn instance(&self, id: CgroupId) -> Option<&Instance> {
        match &self.cgroups.get(&id)?.class {
            Class::Container(instance) => Some(instance),
            _ => None,
        }
    }

    pub(super) fn insert(&mut self, cgroup: &Cgroup, class: Class) {
        self.count(cgroup.id, &class);
        self.by_path.insert(cgroup.path.clone(), cgroup.id);
        let path = cgroup.path.clone();
        self.cgroups.insert(cgroup.id, Entry { path, class });
    }

    pub(super) fn set(&mut self, id: CgroupId, class: Class) {
        self.uncount(id);
        self.count(id, &class);
        if let Some(entry) = self.cgroups.get_mut(&id) {
            entry.class = class;
        }
    }

    pub(super) fn remove(&mut self, id: CgroupId) -> Option<Class> {
        self.uncount(id);
        let entry = self.cgroups.remove(&id)?;
        if self.by_path.get(&entry.path) == Some(&id) {
            self.by_path.remove(&entry.path);
        }
        Some(entry.class)
    }

    fn count(&mut self, id: CgroupId, class: &Class) {
        if let Some(pods) = &mut self.pods {
            pods.reclaim(id, None, class.claimed());
        }
        match class {
            Class::Pending(pending) => self.unanswered += usize::from(!pending.answered),
            Class::Container(_) => {
                self.containers.insert(id);
            }
            Class::Inside(_) => self.inside += 1,
            Class::Host => {}
        }
    }

    fn uncount(&mut self, id: CgroupId) {
        let class = self.cgroups.get(&id).map(|entry| &entry.class);
        if let (Some(pods), Some(class)) = (&mut self.pods, class) {
            pods.reclaim(id, class.claimed(), None);
        }
        match class {
            Some(Class::Pending(pending)) => self.unanswered -= usize::from(!pending.answered),
            Some(Class::Inside(_)) => self.inside -= 1,
            Some(Class::Container(_)) => {
                self.containers.remove(&id);
            }
            _ => {}
        }
    }
}
