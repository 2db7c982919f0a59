//! A container makes namespaces or cgroups without number, while another one is traced.

use std::env;

use traceherd_e2e::{Traceherd, kernel, process};

use crate::stage::{
    MAY_GO_ASTRAY, OWN_CGROUPS, Stage, assert_complete, assert_none, name, wait_for,
};

/// So many at a time, by one call of docker's.
const BATCH: u32 = 1000;
const NAMESPACES: u32 = 5000;
const CGROUPS: u32 = 10_000;
/// Growth that is none: an allocator's page here and there,
const FLAT: u64 = 2 << 20;
/// and the entries of a few containers, of other cases too.
const FLAT_MAPS: u64 = 16 << 10;

pub fn of_namespaces(stage: &Stage) {
    let made = env::var("FLOOD_NAMESPACES").map_or(NAMESPACES, |number| {
        number.parse().expect("FLOOD_NAMESPACES: a number")
    });
    let half = BATCH / 2;
    let script = format!(
        "make() {{ i=0; while [ $i -lt {half} ]; do unshare -m /bin/true || exit 1; \
         i=$((i + 1)); done; }}; make & make; wait"
    );
    let batches = vec![script; made.div_ceil(BATCH) as usize];
    another_is_traced_exactly(stage, &batches);
}

pub fn of_cgroups(stage: &Stage) {
    let mut batches: Vec<_> = (0..CGROUPS / BATCH)
        .map(|batch| {
            let (first, last) = (batch * BATCH, (batch + 1) * BATCH - 1);
            // An exec in some of them; all of them stay.
            format!(
                "{OWN_CGROUPS} cd $cg; seq {first} {last} | xargs mkdir; \
                 for i in {first} {last}; do echo $$ >$i/cgroup.procs; /bin/true; done"
            )
        })
        .collect();
    batches.push(format!(
        "{OWN_CGROUPS} cd $cg; seq 0 {} | xargs rmdir",
        CGROUPS - 1
    ));
    another_is_traced_exactly(stage, &batches);
}

/// Runs the scripts in one container, one after the other, while another one executes.
fn another_is_traced_exactly(stage: &Stage, batches: &[String]) {
    let (quiet, storm) = (&*name("quiet"), &*name("storm"));
    stage.sleeps(quiet);
    stage
        .docker
        .run_with(storm, &MAY_GO_ASTRAY, &["sleep", "1000"])
        .unwrap();
    // Not the machine's other containers: what nobody could name is to be none.
    let root = stage.docker.cgroup_parent();
    let traceherd = stage.trace(&["-c", quiet, "--cgroup-root", &root]);
    stage.docker.exec(quiet, &["/bin/echo", "begin"]).unwrap();
    wait_for(&traceherd, &["begin"]);

    let before = Memory::of(&traceherd);
    let mut most = before;
    let script = "i=0; while [ ! -e /tmp/end ]; do /bin/echo n$i; i=$((i + 1)); done; \
        echo $i >/tmp/executed";
    let detached = ["exec", "--detach", quiet, "sh", "-c", script];
    stage.docker.docker(&detached).unwrap();
    for batch in batches {
        stage.script(storm, batch);
        most = most.max(Memory::of(&traceherd));
    }
    let end = ">/tmp/end; while [ ! -s /tmp/executed ]; do sleep 0.1; done; cat /tmp/executed";
    let executed: usize = stage.script(quiet, end).trim().parse().unwrap();
    stage.docker.exec(quiet, &["/bin/echo", "end"]).unwrap();
    wait_for(&traceherd, &["end"]);
    most = most.max(Memory::of(&traceherd));

    let ended = traceherd.stop().unwrap();
    let numbers: Vec<_> = ended
        .events
        .iter()
        .filter(|event| event["args"][0] == "/bin/echo")
        .filter_map(|event| {
            event["args"][1]
                .as_str()?
                .strip_prefix('n')?
                .parse::<usize>()
                .ok()
        })
        .collect();
    assert!(executed > 100, "{executed}");
    assert_eq!(numbers, (0..executed).collect::<Vec<_>>());
    assert!(ended.events.iter().all(|event| event["container"] == quiet));
    assert_none(&ended, &["true"]);
    assert_complete(&ended);
    println!("{executed} execs traced; {before:?}, at most {most:?}");
    assert!(
        most.resident < before.resident + FLAT,
        "{before:?} {most:?}"
    );
    assert!(most.maps < before.maps + FLAT_MAPS, "{before:?} {most:?}");
    for name in [quiet, storm] {
        stage.docker.rm(name).unwrap();
    }
}

/// What `traceherd` takes, in bytes.
#[derive(Clone, Copy, Debug)]
struct Memory {
    resident: u64,
    /// Grows with each entry.
    maps: u64,
}

impl Memory {
    fn of(traceherd: &Traceherd) -> Self {
        Self {
            resident: process::resident(traceherd.pid()).unwrap(),
            maps: kernel::map_memory(traceherd.pid()).unwrap(),
        }
    }

    fn max(self, other: Self) -> Self {
        Self {
            resident: self.resident.max(other.resident),
            maps: self.maps.max(other.maps),
        }
    }
}
