//! Reading a trace, and what this node reported of it before.

use std::time::Duration;

use kube::{Api, Client};
use tokio::time::timeout;
use traceherd_crds::{ClusterTrace, ClusterTraceSpec, Trace, TraceKind, TraceReport, TraceStatus};

use super::watch::Sighting;
use super::which::Which;
use crate::answer::reason;

/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A trace as it was read.
#[derive(Clone, Debug)]
pub struct Read {
    /// Its uid.
    pub uid: String,
    /// The generation of its spec.
    pub generation: i64,
    /// What it wants; a Trace's as a ClusterTrace of its namespace would say it.
    pub spec: ClusterTraceSpec,
    /// What the operator said of it: the times, and what they are about.
    pub status: TraceStatus,
}

/// What came of reading a trace.
#[derive(Debug)]
pub enum Outcome {
    /// It was read.
    Read(Box<Read>),
    /// It is not there any more.
    Gone,
    /// It says what this agent does not understand.
    Strange(String),
    /// Nobody could be asked: to be tried again.
    Failed(String),
}

/// Reads a trace.
pub async fn read(client: Client, which: Which) -> Outcome {
    let read = async {
        match which.kind {
            TraceKind::Trace => {
                let api: Api<Trace> = Api::namespaced(client, &which.namespace);
                let trace = api.get(&which.name).await?;
                let spec = trace.spec.in_namespace(&which.namespace);
                Ok((trace.metadata, spec, trace.status))
            }
            TraceKind::ClusterTrace => {
                let api: Api<ClusterTrace> = Api::all(client);
                let trace = api.get(&which.name).await?;
                Ok((trace.metadata, trace.spec, trace.status))
            }
        }
    };
    match timeout(PATIENCE, read).await {
        Ok(Ok((metadata, spec, status))) => Outcome::Read(Box::new(Read {
            uid: metadata.uid.unwrap_or_default(),
            generation: metadata.generation.unwrap_or_default(),
            spec,
            status: times(status.unwrap_or_default()),
        })),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Outcome::Gone,
        Ok(Err(kube::Error::SerdeError(error))) => Outcome::Strange(format!(
            "this agent does not understand the spec, which may be for a newer one: {error}"
        )),
        Ok(Err(error)) => Outcome::Failed(reason(&error)),
        Err(_) => Outcome::Failed("the API server does not answer".to_owned()),
    }
}

/// Only what is needed here: a status can be large.
fn times(status: TraceStatus) -> TraceStatus {
    TraceStatus {
        observed_generation: status.observed_generation,
        run: status.run,
        start_time: status.start_time,
        completion_time: status.completion_time,
        ..TraceStatus::default()
    }
}

/// What came of looking for a report.
#[derive(Debug)]
pub enum Former {
    /// There is none.
    None,
    /// The report about this trace.
    Ours(Box<TraceReport>),
    /// One about an earlier trace of the same name, which goes by itself.
    Anothers,
    /// Nobody could be asked.
    Failed(kube::Error),
}

/// Looks for the report of this node about a trace.
pub async fn former(client: Client, namespace: String, name: String, uid: String) -> Former {
    let api: Api<TraceReport> = Api::namespaced(client, &namespace);
    match api.get_opt(&name).await {
        Ok(None) => Former::None,
        Ok(Some(report)) if report.spec.trace_ref.uid == uid => Former::Ours(Box::new(report)),
        Ok(Some(_)) => Former::Anothers,
        Err(error) => Former::Failed(error),
    }
}

/// Whether a trace must be read (again): it is not the one that was read, or the operator has not
/// told its start yet and has written something since. The latter a limited number of times.
pub fn is_due(seen: &Sighting, read: Option<&Read>, version_read: &str, rereads: u32) -> bool {
    let Some(read) = read else {
        return true;
    };
    if read.uid != seen.uid || read.generation < seen.generation {
        return true;
    }
    let told = super::life::is_told(
        &read.status,
        read.generation,
        read.spec.run.as_deref(),
        read.spec.suspend,
    );
    !told && version_read != seen.version && rereads < MOST_REREADS
}

/// Times that a generation is read again for the operator's word.
const MOST_REREADS: u32 = 10;

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;

    use super::*;

    fn seen(uid: &str, generation: i64, version: &str) -> Sighting {
        Sighting {
            which: Which {
                kind: TraceKind::Trace,
                namespace: "shop".into(),
                name: "shells".into(),
            },
            uid: uid.into(),
            generation,
            version: version.into(),
        }
    }

    /// Of generation 2, whose start the operator has told or not.
    fn read(told: bool) -> Read {
        Read {
            uid: "u".into(),
            generation: 2,
            spec: serde_json::from_value(json!({"gadget": "exec"})).unwrap(),
            status: TraceStatus {
                observed_generation: if told { 2 } else { 1 },
                start_time: Some(Time(Timestamp::UNIX_EPOCH)),
                ..TraceStatus::default()
            },
        }
    }

    #[test]
    fn a_trace_is_read_when_its_spec_is_another() {
        let told = read(true);
        for (seen, due) in [
            (seen("u", 2, "7"), false),
            (seen("u", 3, "8"), true),
            (seen("v", 1, "8"), true),
            // As an API server may tell it that lags behind.
            (seen("u", 1, "6"), false),
        ] {
            assert_eq!(is_due(&seen, Some(&told), "7", 0), due, "{seen:?}");
        }
        assert!(is_due(&seen("u", 2, "7"), None, "", 0));
    }

    /// However often the status is written.
    #[test]
    fn a_status_that_is_written_is_not_read_once_the_start_is_told() {
        let told = read(true);
        for version in 8..1000 {
            let seen = seen("u", 2, &version.to_string());
            assert!(!is_due(&seen, Some(&told), "7", 0), "{seen:?}");
        }
    }

    #[test]
    fn until_the_start_is_told_it_is_read_when_something_was_written_and_not_for_ever() {
        let untold = read(false);
        let written = seen("u", 2, "8");
        assert!(is_due(&written, Some(&untold), "7", 0));
        assert!(is_due(&written, Some(&untold), "7", MOST_REREADS - 1));
        assert!(!is_due(&written, Some(&untold), "7", MOST_REREADS));
        assert!(!is_due(&written, Some(&untold), "8", 0));
    }
}
