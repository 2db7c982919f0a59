//! What the API server says of this node's pods, and where it comes in.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::container::Owner;
use crate::shared::Shared;
use crate::state::Input;

/// One pod of this node, as the API server has it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PodFacts {
    /// Its uid, which is never used again. Pods without one are left out.
    pub uid: String,
    /// What the kubelet may call it besides. The kubelet makes up its own uid for a static pod, and
    /// writes it into the annotations `kubernetes.io/config.hash` and `kubernetes.io/config.mirror`
    /// of the pod that it shows to the API server. Whoever may make pods may write these too: such
    /// a name counts only for a container whose runtime tells this pod's namespace and name.
    pub other_uids: Vec<String>,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What controls it, where something does.
    pub owner: Option<Owner>,
}

/// Takes what the API server says of this node's pods, from any thread; no call does I/O or
/// awaits. Whoever watches the API server calls it; it confirms whose the containers are
/// ([`Pod::confirmed`](crate::Pod::confirmed)).
///
/// For a collection that was started without [`Builder::pods`](crate::Builder::pods), or is
/// dropped, the calls do nothing.
#[derive(Clone)]
pub struct PodFeed {
    pub(crate) shared: Arc<Shared>,
}

impl PodFeed {
    /// Every pod of this node there is now: after each start or break of a watch.
    pub fn listed(&self, pods: Vec<PodFacts>) {
        self.shared.apply(Input::PodsListed(pods));
    }

    /// A pod is new, or was changed.
    pub fn set(&self, pod: PodFacts) {
        self.shared.apply(Input::PodSet(pod));
    }

    /// The API server has this pod no more. Its containers may still run, and stay its own.
    pub fn removed(&self, uid: &str) {
        self.shared.apply(Input::PodRemoved(uid.to_owned()));
    }
}

impl fmt::Debug for PodFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PodFeed").finish_non_exhaustive()
    }
}
