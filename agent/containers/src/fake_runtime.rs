//! For tests of the sources: runtimes that misbehave, and a door to a real one that can be shut.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::facts::{Facts, SourceEvent};

/// How a server treats those who connect.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// Takes what they say and never answers.
    Silent,
    /// Answers with these bytes, once it has been asked, and hangs up.
    Says(Vec<u8>),
    /// Answers with these bytes for ever.
    Floods(Vec<u8>),
    /// Lets them through to the socket of a real runtime.
    Door(PathBuf),
}

/// A listening unix socket. Dropping it hangs up on everybody and removes the socket.
#[derive(Debug)]
pub(crate) struct FakeRuntime {
    socket: PathBuf,
    // Its tasks end with it.
    _tasks: JoinSet<()>,
}

impl FakeRuntime {
    pub(crate) fn listen(socket: &Path, manner: Manner) -> Self {
        let listener = UnixListener::bind(socket).expect("a socket to listen at");
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, manner.clone()));
            }
        });
        Self {
            socket: socket.to_owned(),
            _tasks: tasks,
        }
    }
}

impl Drop for FakeRuntime {
    fn drop(&mut self) {
        std::fs::remove_file(&self.socket).expect("the socket is there");
    }
}

async fn serve(mut stream: UnixStream, manner: Manner) {
    let mut request = [0; 4096];
    match manner {
        Manner::Silent => while stream.read(&mut request).await.is_ok_and(|count| count > 0) {},
        Manner::Says(bytes) => {
            if stream.read(&mut request).await.is_ok() {
                let _ = stream.write_all(&bytes).await;
            }
        }
        Manner::Floods(bytes) => while stream.write_all(&bytes).await.is_ok() {},
        Manner::Door(socket) => {
            if let Ok(mut real) = UnixStream::connect(socket).await {
                let _ = copy_bidirectional(&mut stream, &mut real).await;
            }
        }
    }
}

/// What a source tells, in order.
pub(crate) struct Told(pub(crate) mpsc::Receiver<SourceEvent>);

impl Told {
    /// The next event, whatever it is.
    pub(crate) async fn next(&mut self) -> SourceEvent {
        let event = timeout(Duration::from_secs(60), self.0.recv()).await;
        event
            .expect("the source tells something")
            .expect("the source runs")
    }

    /// The first event of which `pick` makes something; the others are dropped.
    pub(crate) async fn until<T>(&mut self, mut pick: impl FnMut(SourceEvent) -> Option<T>) -> T {
        loop {
            if let Some(picked) = pick(self.next().await) {
                return picked;
            }
        }
    }

    pub(crate) async fn listed(&mut self) -> Vec<Facts> {
        self.until(|event| match event {
            SourceEvent::Listed { all, .. } => Some(all),
            _ => None,
        })
        .await
    }

    /// Facts of which `is` holds.
    pub(crate) async fn known(&mut self, is: impl Fn(&Facts) -> bool) -> Facts {
        self.until(|event| match event {
            SourceEvent::Known(facts) => Some(facts).filter(&is),
            _ => None,
        })
        .await
    }

    pub(crate) async fn ended(&mut self, container: &str) -> Option<u32> {
        self.until(|event| match event {
            SourceEvent::Ended { id, pid, .. } if id == container => Some(pid),
            _ => None,
        })
        .await
    }

    pub(crate) async fn down(&mut self) -> String {
        self.until(|event| match event {
            SourceEvent::Down { reason, .. } => Some(reason),
            _ => None,
        })
        .await
    }

    /// Holds if nothing is told for so long.
    pub(crate) async fn silence(&mut self, duration: Duration) {
        if let Ok(event) = timeout(duration, self.0.recv()).await {
            panic!("told {event:?}");
        }
    }
}
