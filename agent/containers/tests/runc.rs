//! Containers of plain runc, seen by fanotify as runc makes them.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use traceherd_containers::{
    Change, Container, ContainerCollection, RuncOptions, Runtime, Source, Subscription,
};
use traceherd_e2e::Runc;

const SOON: Duration = Duration::from_secs(30);

async fn collection(program: &Path) -> ContainerCollection {
    let options = RuncOptions {
        binaries: vec![program.to_owned()],
    };
    let builder = ContainerCollection::builder().runc(options);
    builder.start().await.unwrap()
}

/// The next change that is one of this kind, of the container of this name.
async fn next(
    changes: &mut Subscription,
    kind: fn(Arc<Container>) -> Change,
    name: &str,
) -> Arc<Container> {
    let wait = async {
        loop {
            let change = changes.next().await.unwrap();
            let container = change.container().clone();
            if change == kind(container.clone()) && container.name.as_deref() == Some(name) {
                return container;
            }
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn its_containers_are_seen_also_when_it_was_replaced() {
    let runc = Arc::new(Runc::start_with_own_program().unwrap());
    let collection = collection(runc.program()).await;
    let mut changes = collection.subscribe();
    let names = ["before", "after", "long-after"];
    for name in names {
        let daemon = runc.clone();
        let run = move || daemon.run_detached(name, &[], &["sleep", "1000"]).unwrap();
        tokio::task::spawn_blocking(run).await.unwrap();
        let container = next(&mut changes, Change::Added, name).await;
        assert_eq!(container.pid, Some(runc.container_pid(name).unwrap()));
        assert_eq!(container.runtime, Some(Runtime::Runc));
        assert_eq!(container.origins.container, Some(Source::RuncFanotify));
        runc.replace_program().unwrap();
    }
    for name in names {
        runc.rm(name).unwrap();
        next(&mut changes, Change::Removed, name).await;
    }
}
