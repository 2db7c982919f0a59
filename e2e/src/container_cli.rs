use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use crate::Error;

/// What one call of a runtime's client may take.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Runs `command` to its end and returns what it wrote to stdout.
pub(crate) fn run(mut command: Command) -> Result<String, Error> {
    let line = line(&command);
    let failed = |source| Error::Spawn {
        program: line.clone(),
        source,
    };
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let stdout = child
        .stdout
        .take()
        .map(|pipe| thread::spawn(move || read_all(pipe)));
    let stderr = child
        .stderr
        .take()
        .map(|pipe| thread::spawn(move || read_all(pipe)));
    let status = wait(&mut child).map_err(failed)?;
    let [stdout, stderr] = [stdout, stderr].map(|reader| {
        reader
            .and_then(|reader| reader.join().ok())
            .unwrap_or_default()
    });
    check(&line, status, || stdout.clone() + &stderr)?;
    Ok(stdout)
}

/// Runs `command` to its end with its output in `log`, which what it leaves running may keep open.
pub(crate) fn run_logged(mut command: Command, log: &Path) -> Result<(), Error> {
    let file = |source| Error::File {
        action: "make",
        path: log.into(),
        source,
    };
    let stdout = File::create(log).map_err(file)?;
    let stderr = stdout.try_clone().map_err(file)?;
    let line = line(&command);
    let failed = |source| Error::Spawn {
        program: line.clone(),
        source,
    };
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    let status = command
        .spawn()
        .and_then(|mut child| wait(&mut child))
        .map_err(failed)?;
    check(&line, status, || {
        fs::read_to_string(log).unwrap_or_default()
    })
}

fn check(line: &str, status: ExitStatus, output: impl Fn() -> String) -> Result<(), Error> {
    if status.success() {
        return Ok(());
    }
    Err(Error::Failed {
        command: line.into(),
        status,
        output: output().trim().into(),
    })
}

fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if started.elapsed() > TIMEOUT {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("it took over {TIMEOUT:?}"),
            ));
        }
        sleep(Duration::from_millis(2));
    }
}

fn read_all(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    // What was read before an error is still worth showing.
    let _ = pipe.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}
