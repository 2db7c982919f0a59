//! The checks that trace.

use std::{error::Error, fs, process::Command};

use nix::sys::utsname::uname;
use serde_json::{Value, json};
use traceherd_e2e::{
    Runc, Traceherd, programs,
    traceherd::{Ended, Options},
};

pub type Failure = Box<dyn Error>;
type Check = fn() -> Result<String, Failure>;

pub const CHECKS: [(&str, Check); 4] = [
    ("execs", execs),
    ("container", one_container),
    ("filter", filter),
    ("failures", failures),
];

/// Execs on the host, and in the container.
const ON_HOST: usize = 200;
const INSIDE: usize = 50;

/// The argument of what is executed until it is seen.
const READY: &str = "ready";

/// The first kernel that tells of failed execs.
const FAILURES_SINCE: (u32, u32) = (5, 15);

/// Everybody's: each exec of the host and of a container, once, as whose it is.
fn execs() -> Result<String, Failure> {
    let traceherd = Options::exec(&[])?.start()?;
    until_it_sees(&traceherd, "/bin/true")?;
    let runc = Runc::start()?;
    for n in 0..ON_HOST {
        on_host(&["/bin/true", &format!("host-{n}")])?;
    }
    start_busy(&runc, "web")?;
    runc.exec("web", &["/bin/true", "by-exec"])?;
    on_host(&["/bin/true", "last"])?;
    traceherd.eventually(|events| events.iter().any(|event| has_args(event, "last")));
    let ended = in_order(traceherd.stop()?)?;
    drop(runc);

    let of_host = named(&ended.events, "host-");
    let of_container = named(&ended.events, "inside-");
    count("the host's", of_host.len(), ON_HOST)?;
    count("the container's", of_container.len(), INSIDE)?;
    count("runc exec's", named(&ended.events, "by-exec").len(), 1)?;
    all(&of_host, |event| {
        event["container"].is_null() && event["ret"] == 0 && event["comm"] == "true"
    })?;
    all(&of_container, |event| {
        event["container"] == "web"
            && event["containerid"] == "web"
            && event["runtime"] == "runc"
            && event["pcomm"] == "sh"
            && event["nspid"].as_u64() != event["pid"].as_u64()
    })?;
    Ok(format!("{} events, 0 lost", ended.events.len()))
}

/// One container's, of two: its own from the first exec on, and nobody else's.
fn one_container() -> Result<String, Failure> {
    let traceherd = Options::exec(&["-c", "web"])?.start()?;
    let runc = Runc::start()?;
    for name in ["other", "web"] {
        start_busy(&runc, name)?;
    }
    on_host(&["/bin/true", "host"])?;
    runc.exec("other", &["/bin/true", "by-exec"])?;
    runc.exec("web", &["/bin/true", "last"])?;
    traceherd.eventually(|events| events.iter().any(|event| has_args(event, "last")));
    let ended = in_order(traceherd.stop()?)?;

    let all_events: Vec<_> = ended.events.iter().collect();
    all(&all_events, |event| event["container"] == "web")?;
    count("web's", named(&ended.events, "inside-").len(), INSIDE)?;
    let first = ended.events.iter().find(|event| event["comm"] == "sh");
    if first.is_none() {
        return Err("the container's very first exec is missing".into());
    }
    Ok(format!("{} events, 0 lost", ended.events.len()))
}

/// A column filter, and arguments longer than a page.
fn filter() -> Result<String, Failure> {
    let traceherd = Options::exec(&["-F", "comm:true", "--max-args-bytes", "20000"])?.start()?;
    until_it_sees(&traceherd, "/bin/true")?;
    let long = "x".repeat(15_000);
    on_host(&["/bin/true", &long])?;
    on_host(&["/bin/sleep", "0"])?;
    on_host(&["/bin/true", "last"])?;
    traceherd.eventually(|events| events.iter().any(|event| has_args(event, "last")));
    let ended = in_order(traceherd.stop()?)?;
    let told: Vec<_> = ended
        .events
        .iter()
        .filter(|event| !has_args(event, READY))
        .map(|event| &event["args"])
        .collect();
    if told != [&json!(["/bin/true", long]), &json!(["/bin/true", "last"])] {
        return Err(format!("{told:?}").into());
    }
    Ok("2 events, 15,000 bytes of arguments".into())
}

/// What could not be executed, and why; or the word that this kernel is too old for that.
fn failures() -> Result<String, Failure> {
    let release = uname()?.release().to_string_lossy().into_owned();
    if version(&release).ok_or("no kernel version")? < FAILURES_SINCE {
        return refused(&release);
    }
    let traceherd = Options::exec(&["--failed"])?.start()?;
    until_it_sees(&traceherd, "/no/such/file")?;
    let runc = Runc::start()?;
    fs::write("/tmp/not-executable", "")?;
    for file in ["/no/such/file", "/tmp/not-executable"] {
        if on_host(&[file, "failing"]).is_ok() {
            return Err(format!("{file} was executed").into());
        }
    }
    runc.run_detached(
        "web",
        &[],
        &["sh", "-c", "/no/such/inside failing; exec /bin/sleep 1000"],
    )?;
    on_host(&["/bin/true", "last"])?;
    let seen = |events: &[Value]| {
        events.iter().any(|event| has_args(event, "last")) && named(events, "failing").len() >= 3
    };
    traceherd.eventually(seen);
    let ended = in_order(traceherd.stop()?)?;
    let failed = named(&ended.events, "failing");
    let told: Vec<_> = failed
        .iter()
        .map(|event| json!([event["file"], event["ret"], event["container"]]))
        .collect();
    let expected = [
        json!(["/no/such/file", -libc::ENOENT, null]),
        json!(["/tmp/not-executable", -libc::EACCES, null]),
        json!(["/no/such/inside", -libc::ENOENT, "web"]),
    ];
    if told != expected {
        return Err(format!("{told:?}").into());
    }
    Ok("3 failures, of the host and inside".into())
}

/// That failures cannot be had is an error that names this kernel, and the one that can.
fn refused(release: &str) -> Result<String, Failure> {
    let output = Command::new(programs::traceherd()?)
        .args(["exec", "--failed", "--duration", "1s"])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && said.contains(release) && said.contains("5.15 or newer") {
        Ok("refused, with the kernel's version".into())
    } else {
        Err(format!("{}: {said}", output.status).into())
    }
}

/// Starts a container that executes as often as it should, and waits until it has.
fn start_busy(runc: &Runc, name: &str) -> Result<(), Failure> {
    let script = format!(
        "i=0; while [ $i -lt {INSIDE} ]; do /bin/true inside-$i; i=$((i + 1)); done; \
         : >/tmp/done; exec /bin/sleep 1000"
    );
    runc.run_detached(name, &[], &["sh", "-c", &script])?;
    // A shell's own test: no exec for each look.
    runc.exec(
        name,
        &[
            "sh",
            "-c",
            "while ! [ -e /tmp/done ]; do usleep 10000; done",
        ],
    )?;
    Ok(())
}

/// Tracing has begun once an exec of `program`, successful or not, is seen.
fn until_it_sees(traceherd: &Traceherd, program: &str) -> Result<(), Failure> {
    let seen = traceherd.eventually(|events| {
        // Whether it succeeds is not what is asked.
        let _ = on_host(&[program, READY]);
        named(events, READY)
            .iter()
            .any(|event| event["file"] == program)
    });
    seen.then_some(()).ok_or_else(|| traceherd.stderr().into())
}

fn on_host(command: &[&str]) -> Result<(), Failure> {
    let [program, args @ ..] = command else {
        return Ok(());
    };
    let status = Command::new(program).args(args).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}

/// Ended well, and nothing was lost.
fn in_order(ended: Ended) -> Result<Ended, Failure> {
    if ended.is_complete() {
        Ok(ended)
    } else {
        Err(format!("{}: {}", ended.status, ended.stderr).into())
    }
}

/// The events with an argument that starts so.
fn named<'a>(events: &'a [Value], start: &str) -> Vec<&'a Value> {
    let is = |event: &&Value| {
        let arg = event["args"][1].as_str();
        arg.is_some_and(|arg| arg.starts_with(start))
    };
    events.iter().filter(is).collect()
}

fn has_args(event: &Value, first: &str) -> bool {
    event["args"][1] == first
}

fn count(what: &str, found: usize, expected: usize) -> Result<(), Failure> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{found} execs are {what}, not {expected}").into())
    }
}

fn all(events: &[&Value], hold: impl Fn(&Value) -> bool) -> Result<(), Failure> {
    match events.iter().find(|event| !hold(event)) {
        None => Ok(()),
        Some(wrong) => Err(wrong.to_string().into()),
    }
}

/// Major and minor of `5.10.0-46-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(['.', '-']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
