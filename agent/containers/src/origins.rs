//! Where a container's fields came from.

use crate::facts::Source;

/// Which [`Source`] told each field of a [`Container`](crate::Container); `None` for a field
/// that is not known.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Origins {
    /// Who says that this is a container at all: of several the one whose word counts most.
    pub container: Option<Source>,
    /// Origin of `cgroup`.
    pub cgroup: Option<Source>,
    /// Origin of `name`.
    pub name: Option<Source>,
    /// Origin of `runtime`.
    pub runtime: Option<Source>,
    /// Origin of `pid`.
    pub pid: Option<Source>,
    /// Origin of `started_at`.
    pub started_at: Option<Source>,
    /// Origin of `image`.
    pub image: Option<Source>,
    /// Origin of `namespaces`.
    pub namespaces: Option<Source>,
    /// Origin of `labels`.
    pub labels: Option<Source>,
    /// Origin of `runtime_namespace`.
    pub runtime_namespace: Option<Source>,
    /// Origin of `pod`.
    pub pod: Option<Source>,
}
