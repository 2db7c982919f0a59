//! Asking everyone whose a cgroup is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::debug;

use crate::containerd::Containerd;
use crate::docker::Docker;
use crate::evidence::{Evidence, names_finally};
use crate::facts::{Facts, Source, reason};
use crate::locate::verify;
use crate::oci;
use crate::shape::{agrees, candidate_id, shape};
use crate::shared::Shared;
use crate::state::{Input, Question};

/// Within this a cgroup that was pending is somebody's.
const DEADLINE: Duration = Duration::from_secs(2);
/// How long the others are waited for when the name is known.
const GRACE: Duration = Duration::from_millis(50);
/// Reading the maker's command line and bundle, and the runtimes' state.
const LOCAL: Duration = Duration::from_millis(500);
/// How many questions are asked at once; the others wait their turn.
const AT_ONCE: usize = 64;
/// How many of these may be about cgroups that do not look like containers.
const UNLIKELY_AT_ONCE: usize = 32;
/// How long each later round waits.
const ROUNDS: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// Whom to ask.
#[derive(Debug, Default)]
pub(crate) struct Runtimes {
    pub(crate) docker: Option<Arc<Docker>>,
    pub(crate) containerd: Option<Arc<Containerd>>,
}

/// Answers every question, each within the deadline once it is its turn.
pub(crate) async fn answer_questions(
    shared: Arc<Shared>,
    runtimes: Arc<Runtimes>,
    mut questions: UnboundedReceiver<Question>,
) {
    let mut later = FuturesUnordered::new();
    let mut turns = Turns::default();
    let mut running = JoinSet::new();
    loop {
        while let Some((question, likely, asked)) = turns.next(running.len()) {
            let (shared, runtimes) = (shared.clone(), runtimes.clone());
            running.spawn(async move {
                answer(&shared, &runtimes, question, asked + DEADLINE).await;
                likely
            });
        }
        tokio::select! {
            question = questions.recv() => match question {
                Some(question) => match ROUNDS.get(usize::from(question.round).wrapping_sub(1)) {
                    Some(delay) => later.push(async move {
                        sleep(*delay).await;
                        question
                    }),
                    None => turns.push(question),
                },
                None => return,
            },
            Some(question) = later.next() => turns.push(question),
            Some(done) = running.join_next() => turns.done(matches!(done, Ok(true))),
        }
    }
}

/// Who is next: what looks like a container before what does not, in order of coming.
#[derive(Debug, Default)]
struct Turns {
    likely: VecDeque<(Question, Instant)>,
    unlikely: VecDeque<(Question, Instant)>,
    unlikely_running: usize,
}

impl Turns {
    fn push(&mut self, question: Question) {
        let likely = question.id.is_some() || shape(&question.cgroup.path).is_some();
        let queue = if likely {
            &mut self.likely
        } else {
            &mut self.unlikely
        };
        queue.push_back((question, Instant::now()));
    }

    fn next(&mut self, running: usize) -> Option<(Question, bool, Instant)> {
        if running >= AT_ONCE {
            return None;
        }
        if let Some((question, asked)) = self.likely.pop_front() {
            return Some((question, true, asked));
        }
        if self.unlikely_running >= UNLIKELY_AT_ONCE {
            return None;
        }
        let (question, asked) = self.unlikely.pop_front()?;
        self.unlikely_running += 1;
        Some((question, false, asked))
    }

    fn done(&mut self, likely: bool) {
        if !likely {
            self.unlikely_running = self.unlikely_running.saturating_sub(1);
        }
    }
}

async fn answer(shared: &Arc<Shared>, runtimes: &Runtimes, question: Question, deadline: Instant) {
    let cgroup = question.cgroup.id;
    let tell = |evidence, last| {
        shared.apply(Input::Answered {
            cgroup,
            evidence,
            last,
        });
    };
    if Instant::now() >= deadline {
        tell(Vec::new(), true);
        return;
    }
    let mut evidence = local(shared, &question).await;
    let id = evidence
        .first()
        .map(|known| known.facts.id.clone())
        .or(question.id.clone())
        .unwrap_or_else(|| candidate_id(&question.cgroup.path));
    let mut answers = ask(runtimes, &id, &question.cgroup.path);
    let mut until = deadline;
    let mut told = false;
    loop {
        let named = evidence.iter().any(|known| names_finally(&known.facts));
        if named && !told {
            until = until.min(Instant::now() + GRACE);
        }
        tokio::select! {
            answered = answers.next() => match answered {
                Some(Some(facts)) => evidence.push(checked(shared, &question, facts).await),
                Some(None) => {}
                None => break,
            },
            () = sleep_until(until) => {
                if until >= deadline {
                    break;
                }
                told = true;
                until = deadline;
                tell(std::mem::take(&mut evidence), false);
            }
        }
    }
    tell(evidence, true);
}

/// What the maker's command line and bundle say, and the runtimes' state on disk.
async fn local(shared: &Arc<Shared>, question: &Question) -> Vec<Evidence> {
    let (shared, question) = (shared.clone(), question.clone());
    let read = spawn_blocking(move || {
        let path = &question.cgroup.path;
        let id = question.id.clone().unwrap_or_else(|| candidate_id(path));
        // The maker lives until the state is on disk: one of the two is there.
        let bundle = question
            .creator
            .and_then(oci::creator_bundle)
            .filter(|facts| agrees(facts.cgroup_path.as_deref(), &facts.id, path));
        let id = bundle.as_ref().map_or(id, |facts| facts.id.clone());
        let state = oci::state_files(&id, path);
        bundle
            .into_iter()
            .chain(state)
            .map(|facts| verify(&shared.hierarchy, &question.cgroup, facts))
            .collect()
    });
    match timeout(LOCAL, read).await {
        Ok(Ok(evidence)) => evidence,
        _ => Vec::new(),
    }
}

fn ask<'r>(
    runtimes: &'r Runtimes,
    id: &'r str,
    path: &'r str,
) -> FuturesUnordered<BoxFuture<'r, Option<Facts>>> {
    let answers = FuturesUnordered::new();
    if let Some(docker) = &runtimes.docker {
        let asked = async move { known(Source::Docker, docker.lookup(id, path).await) };
        answers.push(Box::pin(asked) as BoxFuture<'r, _>);
    }
    if let Some(containerd) = &runtimes.containerd {
        let asked = async move { known(Source::Containerd, containerd.lookup(id, path).await) };
        answers.push(Box::pin(asked) as BoxFuture<'r, _>);
    }
    answers
}

/// Who cannot say is as good as who says no: its trouble was told when it began.
fn known<E: std::error::Error>(source: Source, answer: Result<Option<Facts>, E>) -> Option<Facts> {
    answer.unwrap_or_else(|error| {
        debug!(%source, error = reason(&error), "no answer");
        None
    })
}

async fn checked(shared: &Arc<Shared>, question: &Question, facts: Facts) -> Evidence {
    let (shared, cgroup) = (shared.clone(), question.cgroup.clone());
    let unchecked = Evidence {
        facts: facts.clone(),
        process: None,
    };
    spawn_blocking(move || verify(&shared.hierarchy, &cgroup, facts))
        .await
        .unwrap_or(unchecked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::{Cgroup, CgroupId};

    fn question(number: u64, leaf: &str) -> Question {
        Question {
            cgroup: Cgroup {
                id: CgroupId(number),
                path: format!("/{leaf}"),
            },
            creator: None,
            id: None,
            round: 0,
        }
    }

    #[tokio::test]
    async fn what_looks_like_a_container_overtakes_and_all_are_bounded() {
        let mut turns = Turns::default();
        for number in 0..1000 {
            turns.push(question(number, &format!("session-{number}.scope")));
        }
        for number in 1000..1100 {
            turns.push(question(number, &"a".repeat(64)));
        }
        let mut running = Vec::new();
        while let Some((question, likely, _)) = turns.next(running.len()) {
            running.push((question.cgroup.id.0, likely));
        }
        assert_eq!(running.len(), AT_ONCE);
        assert!(running.iter().all(|(id, likely)| *likely && *id >= 1000));

        let mut rest = 0;
        while let Some((_, likely, _)) = turns.next(0) {
            rest += usize::from(!likely);
        }
        assert_eq!(rest, UNLIKELY_AT_ONCE);
        turns.done(false);
        let next = turns
            .next(0)
            .map(|(question, likely, _)| (question.cgroup.id.0, likely));
        assert_eq!(next, Some((UNLIKELY_AT_ONCE as u64, false)));
    }
}
