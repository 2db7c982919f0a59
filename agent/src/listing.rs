//! One line of the list of containers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use traceherd_columns::Columns;
use traceherd_containers::{Change, Container};

/// Characters of an id that tell it from all others on a host, as docker and crictl show it.
const SHORT_ID: usize = 12;

/// A container as the list shows it, and what happened to it.
#[derive(Columns)]
pub struct Line {
    /// What happened: added, updated or removed.
    #[column(width = 7, fixed)]
    change: &'static str,
    /// The container runtime.
    #[column(width = 10, max_width = 10)]
    runtime: Option<String>,
    /// The container's id.
    #[column(width = 12, fixed, ellipsis = none)]
    id: String,
    /// The Kubernetes namespace of its pod.
    #[column(width = 16)]
    namespace: Option<String>,
    /// Its pod.
    #[column(width = 20)]
    pod: Option<String>,
    /// Its name.
    #[column(width = 20)]
    name: Option<String>,
    /// Process id of its first process, on the host.
    #[column(width = 7, fixed, align = right)]
    pid: Option<u32>,
    /// The image it was made from.
    #[column(width = 24)]
    image: Option<String>,
    /// When it started.
    #[column(hidden)]
    started: Option<SystemTime>,
    /// Its cgroup, below the hierarchy's root.
    #[column(hidden)]
    cgroup: Option<String>,
    /// The cgroup's id.
    #[column(hidden)]
    cgroupid: Option<u64>,
    /// Its mount namespace.
    #[column(hidden)]
    mntns: Option<u64>,
    /// Its labels.
    #[column(hidden)]
    labels: BTreeMap<String, String>,
    /// Whether it is a pod's sandbox.
    #[column(hidden)]
    sandbox: bool,
}

impl Line {
    /// The line of a change; in a table ids are short, whoever reads it.
    pub fn of(change: &Change, in_table: bool) -> Self {
        let name = match change {
            Change::Added(_) => "added",
            Change::Updated(_) => "updated",
            Change::Removed(_) => "removed",
        };
        let mut line = Self::new(name, change.container());
        if in_table {
            line.id = line.id.chars().take(SHORT_ID).collect();
        }
        line
    }

    fn new(change: &'static str, container: &Arc<Container>) -> Self {
        let pod = container.pod.as_ref();
        Self {
            change,
            runtime: container.runtime.map(|runtime| runtime.to_string()),
            id: container.id.clone(),
            namespace: pod.map(|pod| pod.namespace.clone()),
            pod: pod.map(|pod| pod.name.clone()),
            name: container.name.clone(),
            pid: container.pid,
            image: container.image.as_ref().map(|image| image.name.clone()),
            started: container.started_at,
            cgroup: container.cgroup.as_ref().map(|cgroup| cgroup.path.clone()),
            cgroupid: container.cgroup.as_ref().map(|cgroup| cgroup.id.0),
            mntns: container.namespaces.map(|namespaces| namespaces.mnt),
            labels: container.labels.clone(),
            sandbox: container.sandbox,
        }
    }
}

#[cfg(test)]
mod tests {
    use traceherd_columns::{Encoder, Encoding, Table};
    use traceherd_containers::{Pod, Runtime};

    use super::*;

    #[test]
    fn ids_are_short_in_a_table_whoever_reads_it() {
        let container = Arc::new(Container {
            id: "0123456789abcdef".repeat(4),
            ..Container::default()
        });
        let line = Line::of(&Change::Added(container), true);
        for width in [None, Some(80), Some(500)] {
            let columns = Line::columns().select("id,sandbox").unwrap();
            let mut table = Table::new(&columns);
            table.fit(width);
            let mut text = String::new();
            table.write_header(&mut text);
            table.write_row(&line, &mut text);
            let rows: Vec<_> = text.lines().collect();
            assert!(rows[1].starts_with("0123456789ab "), "{width:?}: {text}");
            assert_eq!(rows[0].find("SANDBOX"), rows[1].find("false"), "{text}");
        }
    }

    #[test]
    fn a_container_is_one_line() {
        let container = Arc::new(Container {
            id: "0123456789abcdef".repeat(4),
            name: Some("web\x1b[2J".into()),
            runtime: Some(Runtime::Containerd),
            pid: Some(42),
            labels: [("app".to_owned(), "cart".to_owned())].into(),
            pod: Some(Pod {
                namespace: "shop".into(),
                name: "cart-0".into(),
                ..Pod::default()
            }),
            ..Container::default()
        });
        let line = Line::of(&Change::Removed(container), false);
        let columns = Line::columns();
        let mut text = String::new();
        let mut table = Table::new(&columns);
        table.fit(Some(120));
        table.write_row(&line, &mut text);
        assert!(
            text.starts_with("removed containerd 0123456789ab"),
            "{text}"
        );
        assert!(
            text.contains("shop") && text.contains("cart-0") && text.contains(" 42 "),
            "{text}"
        );
        assert!(text.contains("web\\x1b[2J"), "{text}");
        text.clear();
        Encoder::new(&columns, Encoding::Json).write(&line, &mut text);
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(record["id"], "0123456789abcdef".repeat(4));
        assert_eq!(record["labels"], serde_json::json!({"app": "cart"}));
    }
}
