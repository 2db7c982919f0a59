use std::{
    collections::HashMap,
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::Cluster;

/// One line that an agent wrote.
#[derive(Clone, Debug)]
pub struct Line {
    /// The node that it ran on.
    pub node: String,
    /// The agent's pod.
    pub pod: String,
    /// What it says.
    pub value: Value,
}

/// What the agents of a cluster have written since the cluster is there, as `kubectl logs` would
/// tell it; also of pods that are gone, when they were looked at before.
#[derive(Debug)]
pub struct AgentLog {
    folder: PathBuf,
    files: HashMap<PathBuf, Place>,
    /// Events, by the trace that they are of: its kind and its name, `shop/shells` or `shells`.
    events: HashMap<(String, String), Vec<Line>>,
    /// The agents' own messages.
    messages: Vec<Line>,
    /// What is neither.
    strange: Vec<String>,
}

/// How far a file was read, and the start of a line whose end was not there.
#[derive(Debug, Default)]
struct Place {
    offset: u64,
    rest: Vec<u8>,
    /// Parts of a long record, of stdout.
    partial: String,
}

impl AgentLog {
    /// Of this cluster.
    #[must_use]
    pub fn new(cluster: &Cluster) -> Self {
        Self {
            folder: cluster.folder(),
            files: HashMap::new(),
            events: HashMap::new(),
            messages: Vec::new(),
            strange: Vec::new(),
        }
    }

    /// The events of a trace, oldest first on each node. `name` has the namespace of a Trace.
    pub fn events(&mut self, kind: &str, name: &str) -> &[Line] {
        self.catch_up();
        let events = self.events.get(&(kind.to_owned(), name.to_owned()));
        events.map_or(&[], Vec::as_slice)
    }

    /// What the agents say of themselves.
    pub fn messages(&mut self) -> &[Line] {
        self.catch_up();
        &self.messages
    }

    /// Lines that are neither an event nor a message: there should be none.
    pub fn strange(&mut self) -> &[String] {
        self.catch_up();
        &self.strange
    }

    /// Reads what is new. A file that vanishes meanwhile has been read as far as possible.
    fn catch_up(&mut self) {
        for node in entries(&self.folder) {
            let pods = entries(&node.join("pods"));
            for pod in pods.filter(|pod| name(pod).starts_with("traceherd_traceherd-agent-")) {
                for container in entries(&pod) {
                    for file in entries(&container) {
                        self.read(&file, &name(&node), &name(&pod));
                    }
                }
            }
        }
    }

    fn read(&mut self, path: &Path, node: &str, pod: &str) {
        let place = self.files.entry(path.to_owned()).or_default();
        let mut bytes = std::mem::take(&mut place.rest);
        let read = File::open(path).and_then(|mut file| {
            file.seek(SeekFrom::Start(place.offset))?;
            file.read_to_end(&mut bytes)
        });
        place.offset += read.unwrap_or(0) as u64;
        let whole = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        place.rest = bytes.split_off(whole);
        let pod = pod.split('_').nth(1).unwrap_or_default();
        for line in String::from_utf8_lossy(&bytes).lines() {
            // As the kubelet's runtimes write it: time, stream, F or P (a part), what was written.
            let mut fields = line.splitn(4, ' ').skip(1);
            let (stream, tag) = (fields.next(), fields.next());
            let text = fields.next().unwrap_or_default();
            let text = if stream == Some("stdout") {
                place.partial += text;
                if tag == Some("P") {
                    continue;
                }
                std::mem::take(&mut place.partial)
            } else {
                text.to_owned()
            };
            let line = |value| Line {
                node: node.to_owned(),
                pod: pod.to_owned(),
                value,
            };
            match serde_json::from_str::<Value>(&text) {
                Ok(value) if stream == Some("stdout") && value["trace"].is_string() => {
                    let word = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
                    let name = match word("tracenamespace") {
                        none if none.is_empty() => word("trace"),
                        namespace => format!("{namespace}/{}", word("trace")),
                    };
                    let trace = (word("tracekind"), name);
                    self.events.entry(trace).or_default().push(line(value));
                }
                Ok(value) if stream == Some("stderr") => self.messages.push(line(value)),
                _ => self.strange.push(text),
            }
        }
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
