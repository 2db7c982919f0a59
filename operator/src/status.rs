//! Writes a trace's status.

use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use traceherd_crds::TraceStatus;

use crate::kinds::AnyTrace;

/// The name under which the operator writes.
const MANAGER: &str = "traceherd-operator";

/// Writes the status of the object that was seen, in the version that was seen, and of no other:
/// what another operator wrote meanwhile is never written over. Tells whether that made another
/// version of it: what somebody else owns of a status stays as it is.
pub async fn write<K: AnyTrace>(
    traces: &Api<K>,
    seen: &K,
    status: &TraceStatus,
) -> Result<bool, kube::Error> {
    let metadata = seen.meta();
    let name = metadata.name.as_deref().unwrap_or_default();
    let apply = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {
            "name": name,
            "uid": metadata.uid,
            "resourceVersion": metadata.resource_version,
        },
        "status": status,
    });
    let params = PatchParams::apply(MANAGER).force();
    let patch = Patch::Apply(apply);
    let written = traces.patch_status(name, &params, &patch).await?;
    Ok(written.meta().resource_version != metadata.resource_version)
}
