//! Storms of execs: in the host and in a container, from one core and from all.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};
use traceherd_e2e::{
    Docker, Storms,
    storm::{Executed, cores},
};

use crate::Failure;

/// The container that storms.
pub const CONTAINER: &str = "bench-storm";
/// Where the programs are in there.
const INSIDE: &str = "/bench";

/// Where a storm is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Place {
    /// No container.
    Host,
    /// A docker container.
    Container,
}

/// One storm.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Storm {
    pub place: Place,
    pub cores: usize,
    /// Of each exec, besides the program's own name.
    pub argument_bytes: usize,
}

impl Storm {
    /// From all cores, in a container.
    pub fn full(argument_bytes: usize) -> Self {
        Self {
            place: Place::Container,
            cores: cores(),
            argument_bytes,
        }
    }

    /// The host and a container, each from one core and from all.
    pub fn everywhere() -> Vec<Self> {
        let mut storms = Vec::new();
        for place in [Place::Host, Place::Container] {
            for cores in [1, cores()] {
                storms.push(Self {
                    place,
                    cores,
                    argument_bytes: 0,
                });
            }
        }
        storms.dedup();
        storms
    }

    /// As a table's column is called.
    pub fn title(&self) -> String {
        let place = match self.place {
            Place::Host => "host",
            Place::Container => "container",
        };
        let cores = if self.cores == 1 { "core" } else { "cores" };
        format!("{place}, {} {cores}", self.cores)
    }
}

/// Where storms happen: the programs, and a container that has them too.
pub struct Scene {
    pub docker: Docker,
    pub storms: Storms,
}

impl Scene {
    pub fn prepare() -> Result<Self, Failure> {
        let storms = Storms::build()?;
        let docker = Docker::start()?;
        docker.run_detached(CONTAINER, &["sleep", "1000000"])?;
        // Into its own file system, where a container's programs mostly are.
        let inside = format!("{CONTAINER}:{INSIDE}");
        docker.docker(&["cp", &storms.folder().to_string_lossy(), &inside])?;
        Ok(Self { docker, storms })
    }

    pub fn storm(&self, storm: Storm, seconds: f64) -> Result<Executed, Failure> {
        let program = self.storms.storm().cores(storm.cores);
        let program = program.argument_bytes(storm.argument_bytes);
        let program = program.lasting(Duration::from_secs_f64(seconds));
        if storm.place == Place::Host {
            return Ok(program.run()?);
        }
        let line = program.line(Path::new(INSIDE));
        let line: Vec<_> = line.iter().map(String::as_str).collect();
        let said = self.docker.exec(CONTAINER, &line)?;
        Executed::parse(&said).ok_or_else(|| format!("the storm said {said:?}").into())
    }
}
