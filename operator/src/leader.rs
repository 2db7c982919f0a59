//! Which of several operators acts: the one that holds a Lease. Two that do so at once, because
//! clocks differ or the network does, do no harm; it is only not meant to last.

use std::time::Duration;

use kube::{Client, Config};
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError};
use tokio::sync::watch::Sender;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

/// How long a Lease is held after it was renewed, in seconds.
const HELD: u64 = 15;
/// How long before its end it is renewed, in seconds.
const GRACE: u64 = 5;
/// A request about the Lease that takes longer has failed: less than the grace, so that an
/// operator that cannot renew has stopped acting before another may begin.
const REQUEST: Duration = Duration::from_secs(4);
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// A Lease, and who would hold it.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The Lease's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub lease: String,
    /// The operator's name among all operators.
    pub identity: String,
}

/// A client for the Lease, whose requests do not hang.
///
/// # Errors
/// When no client can be made of the configuration.
pub fn client(mut config: Config) -> Result<Client, kube::Error> {
    config.connect_timeout = Some(REQUEST);
    config.read_timeout = Some(REQUEST);
    config.write_timeout = Some(REQUEST);
    config.reset_reader_on_write = true;
    Client::try_from(config)
}

/// Strives for the Lease until `stop`, tells whether it is held, and leaves it at the end.
pub async fn elect(
    client: Client,
    seat: Seat,
    leads: &Sender<bool>,
    stop: impl Future<Output = ()>,
) {
    let mut held = None;
    tokio::select! {
        () = stop => {}
        () = strive(client, &seat, leads, &mut held) => {}
    }
    leads.send_replace(false);
    if let Some(manager) = held {
        match timeout(REQUEST, manager.release()).await {
            Ok(Ok(())) => info!("left the Lease {}", seat.lease),
            Ok(Err(error)) => warn!(%error, "cannot leave the Lease {}", seat.lease),
            Err(_) => warn!("cannot leave the Lease {}: no answer", seat.lease),
        }
    }
}

async fn strive(
    client: Client,
    seat: &Seat,
    leads: &Sender<bool>,
    held: &mut Option<LeaseManager>,
) {
    let mut fails = false;
    loop {
        let Err(error) = hold(client.clone(), seat, leads, held, &mut fails).await;
        // Whoever cannot tell whether it still holds the Lease does not act.
        *held = None;
        leads.send_replace(false);
        if !std::mem::replace(&mut fails, true) {
            warn!(%error, "cannot hold the Lease {}, trying on", seat.lease);
        }
        sleep(PAUSE).await;
    }
}

/// Holds the Lease, or waits for it, until that fails. A Lease that somebody deletes fails: the
/// next try makes it again.
async fn hold(
    client: Client,
    seat: &Seat,
    leads: &Sender<bool>,
    held: &mut Option<LeaseManager>,
    fails: &mut bool,
) -> Result<std::convert::Infallible, LeaseManagerError> {
    let builder = LeaseManagerBuilder::new(client, &seat.lease)
        .with_namespace(&seat.namespace)
        .with_identity(&seat.identity)
        .with_duration(HELD)
        .with_grace(GRACE);
    let manager = held.insert(builder.build().await?);
    loop {
        let leading = manager.changed().await?;
        *fails = false;
        if leading {
            info!("holding the Lease {}: acting", seat.lease);
        } else {
            warn!("lost the Lease {}: standing by", seat.lease);
        }
        leads.send_replace(leading);
    }
}
