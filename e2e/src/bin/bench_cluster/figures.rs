//! What is measured, of Traceherd's pods and of the API server.

use traceherd_e2e::{
    Cluster,
    process::{self, Charged},
};

use crate::Failure;

/// A process of Traceherd's.
pub(crate) struct Part {
    pub(crate) pid: u32,
}

impl Part {
    /// Nanoseconds.
    pub(crate) fn cpu(&self) -> Result<u64, Failure> {
        Ok(process::cpu_time(self.pid)?)
    }

    /// Megabytes.
    pub(crate) fn resident(&self) -> Result<f64, Failure> {
        Ok(process::resident(self.pid)? as f64 / 1e6)
    }

    pub(crate) fn charged(&self) -> Result<Charged, Failure> {
        Ok(process::charged(self.pid)?)
    }

    /// Bytes from the network.
    pub(crate) fn received(&self) -> Result<u64, Failure> {
        Ok(process::received(self.pid)?)
    }
}

/// Write requests that the API server has served.
pub(crate) struct Requests {
    /// Of traces of both kinds and their statuses.
    pub(crate) traces: u64,
    /// Of reports and their statuses.
    pub(crate) reports: u64,
    /// Of leases.
    pub(crate) leases: u64,
}

impl Requests {
    pub(crate) fn now(cluster: &Cluster) -> Result<Self, Failure> {
        let metrics = cluster.kubectl(&["get", "--raw=/metrics"])?;
        let writes = metrics
            .lines()
            .filter(|line| line.starts_with("apiserver_request_total{"))
            .filter(|line| {
                !["GET", "LIST", "WATCH"]
                    .iter()
                    .any(|verb| line.contains(&format!("verb=\"{verb}\"")))
            });
        let mut requests = Self {
            traces: 0,
            reports: 0,
            leases: 0,
        };
        for line in writes {
            let count: f64 = line.rsplit(' ').next().unwrap_or_default().parse()?;
            let of = |resource: &str| line.contains(&format!("resource=\"{resource}\""));
            if of("traces") || of("clustertraces") {
                requests.traces += count as u64;
            } else if of("tracereports") {
                requests.reports += count as u64;
            } else if of("leases") {
                requests.leases += count as u64;
            }
        }
        Ok(requests)
    }

    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            traces: self.traces - before.traces,
            reports: self.reports - before.reports,
            leases: self.leases - before.leases,
        }
    }
}
