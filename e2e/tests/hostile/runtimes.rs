//! Runtimes whose answers are late, never come, or are nonsense.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use traceherd_e2e::traceherd::Options;
use traceherd_e2e::{Lateness, Traceherd, process};

use crate::stage::{Stage, assert_nothing_lost, marked, name};

/// Another's container has its name by then.
const SOON: Duration = Duration::from_secs(3);
/// What a runtime that answers late takes.
const LATE: Duration = Duration::from_secs(3);
/// More than a runtime is believed to say.
const HUGE: usize = 80 << 20;
const MOST_RESIDENT: u64 = 300 << 20;
/// All are traced, the marks are shown: at once so many commands would be read too slowly here when
/// another case storms.
const MARKED: &str = "--filter=args:~^/bin/echo of-";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    Silent,
    HangsUp,
    Garbage,
    /// What is no JSON, in what is proper HTTP.
    NoJson,
    Huge,
    /// It connects and lists, and its events are nonsense; docker only.
    BadEvents,
    Late,
}

const FAULTS: [Fault; 7] = [
    Fault::Silent,
    Fault::HangsUp,
    Fault::Garbage,
    Fault::NoJson,
    Fault::Huge,
    Fault::BadEvents,
    Fault::Late,
];

/// One of each kind, in the place of docker and of containerd, beside one that works.
pub fn failing(stage: &Stage) {
    let folder = tempfile::tempdir().unwrap();
    let containerd = stage.containerd();
    let mut cases = Vec::new();
    for fault in FAULTS {
        let socket = |of: &str| folder.path().join(format!("{of}-{fault:?}.sock"));
        let docker = socket("docker");
        fault.serve(&docker, stage.docker.socket());
        let arg = format!("--docker-socket={}", docker.display());
        let options = Options::exec(&[&arg, MARKED])
            .unwrap()
            .containerd(containerd);
        cases.push((fault, docker, options));

        let other = socket("containerd");
        fault.serve(&other, containerd.socket());
        let arg = format!("--containerd-socket={}", other.display());
        let options = Options::exec(&[&arg, MARKED])
            .unwrap()
            .docker(&stage.docker);
        cases.push((fault, other, options));
    }
    let starting = cases.into_iter().map(|(fault, socket, options)| {
        thread::spawn(move || (fault, socket, options.start().unwrap()))
    });
    // All of them at once.
    let starting: Vec<_> = starting.collect();
    let running: Vec<_> = starting.into_iter().map(|it| it.join().unwrap()).collect();

    let (of_docker, of_containerd) = (&*name("of-docker"), &*name("of-containerd"));
    let machine = Lateness::watch();
    stage
        .docker
        .run(of_docker, &["/bin/echo", of_docker])
        .unwrap();
    containerd
        .run(of_containerd, &["/bin/echo", of_containerd])
        .unwrap();
    let ran = Instant::now();
    for (fault, socket, traceherd) in &running {
        let working = if is_docker(socket) {
            of_containerd
        } else {
            of_docker
        };
        let seen = traceherd.eventually(|events| !marked(events, working).is_empty());
        let took = ran.elapsed();
        assert!(
            seen,
            "{fault:?} {}: {}",
            socket.display(),
            traceherd.stderr()
        );
        let allowed = SOON + machine.allowance();
        assert!(took < allowed, "{fault:?} {}: {took:?}", socket.display());
        for event in marked(&traceherd.events(), working) {
            assert_eq!(
                event["container"],
                working,
                "{fault:?} {}",
                socket.display()
            );
        }
    }
    // Nobody's container has another's name.
    for (of, own) in [(of_docker, true), (of_containerd, false)] {
        for (fault, socket, traceherd) in &running {
            for event in marked(&traceherd.events(), of) {
                let name = &event["container"];
                // Where its runtime does not tell, its id stands for it.
                let is_id = *name == event["containerid"];
                let is_right = name == of || (is_id && is_docker(socket) == own);
                assert!(is_right, "{fault:?} {}: {event}", socket.display());
            }
        }
    }
    for (fault, socket, traceherd) in &running {
        if *fault == Fault::Late {
            assert_named_in_the_end(stage, traceherd, is_docker(socket));
        } else {
            let told = traceherd.eventually(|_| told(traceherd, socket) > 0);
            assert!(told, "{fault:?} {}", socket.display());
        }
    }
    // Meanwhile most have been tried again.
    sleep(Duration::from_secs(2));
    for (fault, socket, traceherd) in running {
        let stderr = traceherd.stderr();
        assert!(told(&traceherd, &socket) <= 1, "{fault:?}: {stderr}");
        let resident = process::resident(traceherd.pid()).unwrap();
        assert!(resident < MOST_RESIDENT, "{fault:?}: {resident}");
        assert_nothing_lost(&traceherd.stop().unwrap());
    }
}

/// A container that goes on has its name when its runtime has answered.
fn assert_named_in_the_end(stage: &Stage, traceherd: &Traceherd, of_docker: bool) {
    let long = &*name("of-the-late");
    let echo = ["/bin/echo", long];
    if of_docker {
        stage.sleeps(long);
    } else {
        let containerd = stage.containerd();
        containerd.run_detached(long, &["sleep", "1000"]).unwrap();
    }
    let mut looked = Instant::now();
    let named = traceherd.eventually(|events| {
        if looked.elapsed() > LATE {
            looked = Instant::now();
            if of_docker {
                stage.docker.exec(long, &echo).unwrap();
            } else {
                stage.containerd().exec(long, &echo).unwrap();
            }
        }
        let its = marked(events, long);
        its.iter().any(|event| event["container"] == long)
    });
    assert!(named, "of docker: {of_docker}: {}", traceherd.stderr());
}

fn is_docker(socket: &Path) -> bool {
    let name = socket.file_name().unwrap().to_string_lossy();
    name.starts_with("docker")
}

/// How often its failing was told.
fn told(traceherd: &Traceherd, socket: &Path) -> usize {
    let socket = socket.to_string_lossy();
    let stderr = traceherd.stderr();
    stderr
        .lines()
        .filter(|line| line.contains(&*socket))
        .count()
}

impl Fault {
    /// Serves it at `socket`, in the place of the one at `real`.
    fn serve(self, socket: &Path, real: &Path) {
        let listener = UnixListener::bind(socket).unwrap();
        let real = real.to_owned();
        thread::spawn(move || {
            let mut open = Vec::new();
            for connection in listener.incoming().flatten() {
                let kept = connection.try_clone();
                let real = real.clone();
                thread::spawn(move || self.talk(connection, real));
                if self != Self::HangsUp {
                    open.extend(kept);
                }
            }
        });
    }

    fn talk(self, mut connection: UnixStream, real: PathBuf) -> io::Result<()> {
        const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
        match self {
            Self::Silent => Ok(()),
            Self::HangsUp => connection.shutdown(Shutdown::Both),
            Self::Garbage => connection.write_all(&[0xff, 0xfe, 0, b'\n'].repeat(64)),
            Self::NoJson => {
                connection.write_all(HEAD)?;
                connection.write_all(b"content-length: 3\r\n\r\n]}{")
            }
            Self::Huge => {
                connection.write_all(HEAD)?;
                connection.write_all(b"\r\n[")?;
                for _ in 0..HUGE >> 16 {
                    connection.write_all(&[b' '; 1 << 16])?;
                }
                Ok(())
            }
            Self::BadEvents => {
                let mut request = [0; 4096];
                let length = connection.read(&mut request)?;
                if String::from_utf8_lossy(&request[..length]).contains("/events") {
                    connection.write_all(HEAD)?;
                    return connection.write_all(b"content-length: 4\r\n\r\n]}{\n");
                }
                let mut to = UnixStream::connect(real)?;
                to.write_all(&request[..length])?;
                io::copy(&mut to, &mut connection).map(drop)
            }
            Self::Late => {
                let to = UnixStream::connect(real)?;
                let (mut asked, mut asks) = (connection.try_clone()?, to.try_clone()?);
                thread::spawn(move || io::copy(&mut asked, &mut asks));
                late_copy(to, connection)
            }
        }
    }
}

fn late_copy(mut from: UnixStream, mut to: UnixStream) -> io::Result<()> {
    let mut buffer = [0; 1 << 16];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return to.shutdown(Shutdown::Both);
        }
        sleep(LATE);
        to.write_all(&buffer[..length])?;
    }
}
