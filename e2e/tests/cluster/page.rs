//! The numbers that an agent serves for Prometheus.

use std::collections::BTreeMap;

use crate::identity::RELEASE;
use crate::scene::Scene;

/// By name and label, as they stand on the page.
#[derive(Debug)]
pub struct Page(BTreeMap<String, u64>);

impl Page {
    /// That of the one agent, by way of the API server.
    pub fn now(scene: &Scene) -> Self {
        let agents = scene.agents();
        let [agent] = &agents[..] else {
            panic!("not one agent: {agents:#?}");
        };
        let port = &agent["spec"]["containers"][0]["ports"][0];
        assert_eq!(port["name"], "metrics");
        let name = agent["metadata"]["name"].as_str().unwrap();
        let path = format!(
            "/api/v1/namespaces/{RELEASE}/pods/{name}:{}/proxy/metrics",
            port["containerPort"]
        );
        let text = scene.kubectl(&["get", "--raw", &path]).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let number = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            let name = name.strip_prefix("traceherd_")?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Self(
            lines
                .map(|line| number(line).unwrap_or_else(|| panic!("{line}")))
                .collect(),
        )
    }

    pub fn get(&self, name: &str) -> u64 {
        let found = self.0.get(name);
        *found.unwrap_or_else(|| panic!("{name} is not in {self:#?}"))
    }

    /// Of a counter's values, by their label.
    pub fn counts(&self, name: &str) -> BTreeMap<&str, u64> {
        let counts = self.0.iter().filter_map(|(key, &value)| {
            let labels = key.strip_prefix(name)?.strip_prefix("_total{")?;
            Some((labels.split('"').nth(1)?, value))
        });
        counts.collect()
    }

    /// How much these have risen since `before`.
    pub fn since<'p>(&'p self, before: &Self, name: &str) -> BTreeMap<&'p str, u64> {
        let before = before.counts(name);
        let mut counts = self.counts(name);
        assert!(!counts.is_empty(), "{name} is not in {self:#?}");
        for (label, count) in &mut counts {
            *count -= before[label];
        }
        counts
    }
}
