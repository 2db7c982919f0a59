//! What the environment asks for.

use std::{env, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::Failure;

/// How much is measured.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Amounts {
    /// Times that everything is measured.
    pub rounds: usize,
    /// Length of each storm.
    pub storm_seconds: f64,
    /// Length of each look at an idle trace.
    pub idle_seconds: f64,
    /// Single execs whose way to the output is timed.
    pub single_execs: usize,
    /// Containers that are started with a trace, and as many without.
    pub containers: usize,
    /// How often a peer runs at once, where its traces are counted.
    pub peers: usize,
}

impl Amounts {
    const FULL: Self = Self {
        rounds: 5,
        storm_seconds: 0.7,
        idle_seconds: 5.0,
        single_execs: 100,
        containers: 50,
        peers: 10,
    };
    /// To see that everything works: its figures say little.
    const QUICK: Self = Self {
        rounds: 1,
        storm_seconds: 0.2,
        idle_seconds: 1.0,
        single_execs: 10,
        containers: 4,
        peers: 2,
    };
}

/// Another tracer.
#[derive(Clone, Debug)]
pub struct Peer {
    pub name: String,
    /// A line for the shell.
    pub command: String,
}

/// All of it.
#[derive(Debug)]
pub struct Settings {
    pub amounts: Amounts,
    pub peers: Vec<Peer>,
    /// Where the results go.
    pub folder: PathBuf,
    /// The page whose tables are replaced.
    pub page: Option<PathBuf>,
}

impl Settings {
    /// BENCH_QUICK, BENCH_ROUNDS, BENCH_PEERS, BENCH_OUT and BENCH_PUBLISH.
    pub fn from_environment() -> Result<Self, Failure> {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let mut amounts = if is_set("BENCH_QUICK") {
            Amounts::QUICK
        } else {
            Amounts::FULL
        };
        if let Ok(rounds) = env::var("BENCH_ROUNDS") {
            amounts.rounds = match rounds.parse() {
                Ok(rounds @ 1..) => rounds,
                _ => {
                    return Err(
                        format!("BENCH_ROUNDS is {rounds:?}, and must be a number from 1").into(),
                    );
                }
            };
        }
        let docs = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"));
        let publish = is_set("BENCH_PUBLISH");
        let folder = env::var_os("BENCH_OUT").map_or("target/bench".into(), PathBuf::from);
        Ok(Self {
            amounts,
            peers: peers(&env::var("BENCH_PEERS").unwrap_or_default())?,
            folder: if publish {
                docs.join("benchmarks")
            } else {
                folder
            },
            page: publish.then(|| docs.join("benchmarks.md")),
        })
    }
}

/// `name=command`, one a line.
fn peers(text: &str) -> Result<Vec<Peer>, Failure> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| match line.split_once('=') {
            Some((name, command)) if !name.is_empty() && !command.is_empty() => Ok(Peer {
                name: name.into(),
                command: command.into(),
            }),
            _ => Err(
                format!("BENCH_PEERS has {line:?}, and must have name=command, one a line").into(),
            ),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::peers;

    #[test]
    fn peers_are_named_commands() {
        let found = peers("a=b c=d\n\n other = x -y\n").unwrap_or_default();
        let found: Vec<_> = found
            .iter()
            .map(|peer| (peer.name.as_str(), peer.command.as_str()))
            .collect();
        assert_eq!(found, [("a", "b c=d"), ("other ", " x -y")]);
        assert!(peers("nothing").is_err());
        assert!(peers("=command").is_err());
    }
}
