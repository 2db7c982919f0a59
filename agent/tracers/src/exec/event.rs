//! One exec, as it is handed out.

use std::{borrow::Cow, sync::Arc};

use traceherd_columns::{ColumnValue as _, Columns, Value};
use traceherd_containers::{CgroupId, Container, Source};

use super::{
    arguments::{ArgumentList, Arguments},
    text::Name,
};

/// One exec. Its columns are what every output shows. The default is an exec by nobody, of nothing.
#[derive(Clone, Columns, Debug, Default)]
#[columns(
    virtual(name = "namespace", value = namespace, kind = text, width = 14, order = 2, description = "The Kubernetes namespace that the container's pod is in."),
    virtual(name = "pod", value = pod, kind = text, width = 18, order = 3, description = "The Kubernetes pod that the container is in."),
    virtual(name = "image", value = image, kind = text, width = 20, hidden, order = 5, description = "The image that the container was made from."),
    virtual(name = "containerid", value = container_id, kind = text, width = 13, hidden, order = 6, description = "The container's id, as its runtime has it."),
    virtual(name = "runtime", value = runtime, kind = text, width = 10, hidden, order = 7, description = "The container's runtime."),
    virtual(name = "containersource", value = container_source, kind = text, width = 12, hidden, order = 50, description = "Who told the container's name: docker, containerd, oci bundle, …"),
    virtual(name = "poduid", value = pod_uid, kind = text, width = 36, hidden, order = 51, description = "The pod's uid."),
    virtual(name = "podlabels", value = pod_labels, kind = text, width = 24, hidden, order = 52, description = "The pod's labels, where the API server told them."),
    virtual(name = "podowner", value = pod_owner, kind = text, width = 24, hidden, order = 53, description = "What controls the pod, where that is known: Deployment/web."),
    virtual(name = "podsource", value = pod_source, kind = text, width = 12, hidden, order = 54, description = "Who told the pod: kubernetes where the API server confirmed it, else a runtime."),
    virtual(name = "argc", value = argc, kind = int, width = 5, align = right, hidden, order = 31, description = "Number of arguments, recorded or not."),
    virtual(name = "args_cut", value = args_cut, kind = int, width = 8, align = right, hidden, order = 32, description = "Bytes of arguments that were cut off; not known of a failed exec."),
    virtual(
        name = "args_list",
        value = args_list,
        kind = text,
        width = 10,
        hidden,
        order = 34,
        description = "Set where a failed exec's list of arguments could not be followed to its end: cut, unreadable."
    ),
    virtual(name = "args_unreadable", value = args_unreadable, kind = int, width = 15, hidden, order = 33, description = "Places of the arguments that could not be read."),
    virtual(name = "args_truncated", value = args_truncated, kind = int, width = 14, hidden, order = 35, description = "Places of the arguments whose end was not recorded."),
    virtual(name = "args_missing", value = args_missing, kind = int, width = 12, align = right, hidden, order = 36, description = "Number of arguments, of those in argc, that were not recorded at all.")
)]
pub struct ExecEvent {
    /// The node that it happened on.
    #[column(hidden, order = 1, width = 16)]
    pub node: Option<Arc<str>>,
    /// The container that it happened in; none for the host's own processes.
    #[column(value = container, kind = text, width = 18, order = 4)]
    pub container: Option<Arc<Container>>,
    /// The kind of event.
    #[column(name = "type", hidden, order = 8, width = 8)]
    pub kind: &'static str,
    /// Wall-clock time, nanoseconds since 1970.
    #[column(value = time, kind = time, width = 12, fixed, hidden, order = 9)]
    pub timestamp: u64,
    /// Nanoseconds since boot (`CLOCK_BOOTTIME`).
    #[column(hidden, order = 10, width = 16)]
    pub boottime: u64,
    /// Process id.
    #[column(width = 8, align = right, order = 11)]
    pub pid: u32,
    /// The thread that called, where it was not the main one.
    #[column(width = 8, align = right, hidden, order = 12)]
    pub tid: Option<u32>,
    /// Process id in the process's own pid namespace.
    #[column(width = 8, align = right, hidden, order = 13)]
    pub nspid: u32,
    /// The parent's process id.
    #[column(width = 8, align = right, order = 14)]
    pub ppid: u32,
    /// Real user id.
    #[column(width = 6, align = right, hidden, order = 15)]
    pub uid: u32,
    /// Real group id.
    #[column(width = 6, align = right, hidden, order = 16)]
    pub gid: u32,
    /// Effective user id.
    #[column(width = 6, align = right, hidden, order = 17)]
    pub euid: u32,
    /// The login's user id, where there was a login.
    #[column(width = 8, align = right, hidden, order = 18)]
    pub loginuid: Option<u32>,
    /// The login's audit session, where there was a login.
    #[column(width = 9, align = right, hidden, order = 19)]
    pub sessionid: Option<u32>,
    /// The process's session, as its leader's process id.
    #[column(width = 8, align = right, hidden, order = 20)]
    pub sid: u32,
    /// The controlling terminal, where there is one.
    #[column(width = 8, hidden, order = 21)]
    pub tty: Option<Name>,
    /// Command name; of a failed exec, that of the caller.
    #[column(width = 16, order = 22)]
    pub comm: Name,
    /// The parent's command name.
    #[column(width = 16, hidden, order = 23)]
    pub pcomm: Name,
    /// The file that was asked for.
    #[column(width = 24, ellipsis = start, hidden, order = 24)]
    pub file: Vec<u8>,
    /// Whether the file that was asked for could not be read any more.
    #[column(hidden, order = 25, value = only_true, kind = bool)]
    pub file_unreadable: bool,
    /// The path of the executable, as the process sees it. None of a failed exec.
    #[column(width = 24, ellipsis = start, hidden, order = 26)]
    pub exepath: Option<Vec<u8>>,
    /// Whether the start of that path is missing: it is longer than what is recorded.
    #[column(hidden, order = 27, value = only_true, kind = bool)]
    pub exepath_cut: bool,
    /// The interpreter, where the file is a script.
    #[column(width = 16, ellipsis = start, hidden, order = 28)]
    pub interpreter: Option<Vec<u8>>,
    /// What the system call returned: 0, or a negated error number.
    #[column(width = 4, align = right, order = 29)]
    pub ret: i32,
    /// The arguments.
    #[column(width = 40, order = 30)]
    pub args: Arguments,
    /// The process's cgroup, as an inode number in cgroupfs.
    #[column(value = cgroup, kind = int, width = 10, align = right, hidden, order = 40)]
    pub cgroupid: CgroupId,
    /// The process's mount namespace, as in `/proc/PID/ns/mnt`.
    #[column(width = 11, align = right, hidden, order = 41)]
    pub mountnsid: u32,
}

impl ExecEvent {
    /// Bytes of the file as given and of the arguments: what is as long as whoever executes likes.
    pub(crate) fn recorded_bytes(&self) -> usize {
        self.file.len() + self.args.recorded_bytes()
    }
}

fn container(container: &Option<Arc<Container>>) -> Value<'_> {
    let name = container
        .as_ref()
        .map(|found| found.name.as_deref().unwrap_or(&found.id));
    text(name)
}

fn namespace(event: &ExecEvent) -> Value<'_> {
    text(pod_of(event).map(|pod| pod.namespace.as_str()))
}

fn pod(event: &ExecEvent) -> Value<'_> {
    text(pod_of(event).map(|pod| pod.name.as_str()))
}

fn pod_of(event: &ExecEvent) -> Option<&traceherd_containers::Pod> {
    event.container.as_ref()?.pod.as_ref()
}

fn container_source(event: &ExecEvent) -> Value<'_> {
    let origins = event.container.as_ref().map(|found| found.origins);
    source(origins.and_then(|origins| origins.name.or(origins.container)))
}

fn pod_uid(event: &ExecEvent) -> Value<'_> {
    let uid = pod_of(event).map(|pod| pod.uid.as_str());
    text(uid.filter(|uid| !uid.is_empty()))
}

fn pod_labels(event: &ExecEvent) -> Value<'_> {
    pod_of(event).map_or(Value::Null, |pod| pod.labels.value())
}

fn pod_owner(event: &ExecEvent) -> Value<'_> {
    let owner = pod_of(event).and_then(|pod| pod.owner.as_ref());
    owner.map_or(Value::Null, |owner| {
        Value::Text(Cow::Owned(format!("{}/{}", owner.kind, owner.name)))
    })
}

fn pod_source(event: &ExecEvent) -> Value<'_> {
    let container = event.container.as_ref();
    source(container.and_then(|found| found.origins.pod))
}

fn source(source: Option<Source>) -> Value<'static> {
    source.map_or(Value::Null, |source| {
        Value::Text(Cow::Owned(source.to_string()))
    })
}

fn image(event: &ExecEvent) -> Value<'_> {
    text(
        event
            .container
            .as_ref()
            .and_then(|found| Some(found.image.as_ref()?.name.as_str())),
    )
}

fn container_id(event: &ExecEvent) -> Value<'_> {
    text(event.container.as_ref().map(|found| found.id.as_str()))
}

fn runtime(event: &ExecEvent) -> Value<'_> {
    let runtime = event.container.as_ref().and_then(|found| found.runtime);
    runtime.map_or(Value::Null, |runtime| {
        Value::Text(Cow::Owned(runtime.to_string()))
    })
}

fn argc(event: &ExecEvent) -> Value<'_> {
    match event.args.list() {
        ArgumentList::Unasked => Value::Null,
        _ => Value::UInt(event.args.count().into()),
    }
}

fn args_cut(event: &ExecEvent) -> Value<'_> {
    some(event.args.cut_bytes().unwrap_or_default())
}

fn args_missing(event: &ExecEvent) -> Value<'_> {
    some(event.args.missing())
}

/// Nothing for 0.
fn some(number: u32) -> Value<'static> {
    match number {
        0 => Value::Null,
        _ => Value::UInt(number.into()),
    }
}

fn args_unreadable(event: &ExecEvent) -> Value<'_> {
    places(event.args.unreadable())
}

fn args_truncated(event: &ExecEvent) -> Value<'_> {
    places(event.args.truncated())
}

fn places(places: Vec<u32>) -> Value<'static> {
    if places.is_empty() {
        return Value::Null;
    }
    Value::List(
        places
            .into_iter()
            .map(|place| Value::UInt(place.into()))
            .collect(),
    )
}

fn args_list(event: &ExecEvent) -> Value<'_> {
    match event.args.list() {
        ArgumentList::Whole | ArgumentList::Unasked => Value::Null,
        ArgumentList::Cut => text(Some("cut")),
        ArgumentList::Unreadable => text(Some("unreadable")),
    }
}

fn time(nanoseconds: &u64) -> Value<'_> {
    Value::Time(*nanoseconds)
}

fn cgroup(id: &CgroupId) -> Value<'_> {
    Value::UInt(id.0)
}

fn only_true(mark: &bool) -> Value<'_> {
    if *mark {
        Value::Bool(true)
    } else {
        Value::Null
    }
}

fn text(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Null, |text| Value::Text(Cow::Borrowed(text)))
}
