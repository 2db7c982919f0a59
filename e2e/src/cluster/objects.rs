use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::Cluster;

/// How often it is looked whether something has come true.
const LOOK: Duration = Duration::from_millis(100);

/// What a case says and looks at.
impl Cluster {
    /// kubectl in a namespace; what it printed, or what it complained of.
    ///
    /// # Errors
    /// When it fails, in its words.
    pub fn kubectl_in(&self, namespace: &str, args: &[&str]) -> Result<String, String> {
        let said = self.kubectl(&[&["--namespace", namespace], args].concat());
        said.map_err(|error| error.to_string())
    }

    /// An object of a namespace, if it is there.
    #[must_use]
    pub fn get(&self, namespace: &str, resource: &str, name: &str) -> Option<Value> {
        let text = self.kubectl_in(namespace, &["get", resource, name, "-o", "json"]);
        serde_json::from_str(&text.ok()?).ok()
    }

    /// All objects of a kind, in a namespace.
    #[must_use]
    pub fn list(&self, namespace: &str, resource: &str) -> Vec<Value> {
        let text = self.kubectl_in(namespace, &["get", resource, "-o", "json"]);
        let list: Value = serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default();
        list["items"].as_array().cloned().unwrap_or_default()
    }
}

/// Waits for what must come true in this time.
///
/// # Panics
/// When it does not, with `what` that is and what is `shown` then.
pub fn within(
    patience: Duration,
    what: &str,
    mut holds: impl FnMut() -> bool,
    shown: impl FnOnce() -> String,
) {
    let start = Instant::now();
    while !holds() {
        if start.elapsed() > patience {
            panic!("not within {patience:?}: {what}\n{}", shown());
        }
        sleep(LOOK);
    }
}

/// Looks for a while at what must not come true.
///
/// # Panics
/// When it does.
pub fn never(during: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < during {
        assert!(!holds(), "{what}");
        sleep(LOOK);
    }
}
