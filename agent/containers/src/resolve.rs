//! Asking everyone whose a cgroup is.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
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
/// How many makers and states are read at once.
const READ_AT_ONCE: usize = 16;
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

/// Answers every question, each within the deadline.
pub(crate) async fn answer_questions(
    shared: Arc<Shared>,
    runtimes: Arc<Runtimes>,
    mut questions: UnboundedReceiver<Question>,
) {
    let lines = Arc::new(Lines::default());
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            question = questions.recv() => {
                let Some(question) = question else { return };
                running.spawn(settle(shared.clone(), runtimes.clone(), lines.clone(), question));
            }
            Some(_) = running.join_next() => {}
        }
    }
}

/// Where questions wait for their turn, each line in order of coming. A flood of one kind, which
/// anybody can make who may make cgroups, holds up no other kind.
#[derive(Debug)]
struct Lines {
    /// For the host's files: short, and before all else, because the maker is soon gone.
    reading: Semaphore,
    /// For the runtimes.
    named: Semaphore,
    likely: Semaphore,
    plain: Semaphore,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            reading: Semaphore::new(READ_AT_ONCE),
            named: Semaphore::new(Line::Named.at_once()),
            likely: Semaphore::new(Line::Likely.at_once()),
            plain: Semaphore::new(Line::Plain.at_once()),
        }
    }
}

impl Lines {
    fn get(&self, line: Line) -> &Semaphore {
        match line {
            Line::Named => &self.named,
            Line::Likely => &self.likely,
            Line::Plain => &self.plain,
        }
    }
}

/// What speaks for a cgroup's being a container.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Line {
    /// Somebody's word.
    Named,
    /// The shape of its name, or that it was told as one: later rounds are not urgent.
    Likely,
    /// Nothing yet.
    Plain,
}

impl Line {
    fn of(question: &Question, evidence: &[Evidence]) -> Self {
        if question.round == 0 && !evidence.is_empty() {
            Line::Named
        } else if question.id.is_some() || shape(&question.cgroup.path).is_some() {
            Line::Likely
        } else {
            Line::Plain
        }
    }

    /// How many of these the runtimes are asked at once.
    fn at_once(self) -> usize {
        match self {
            Line::Named => 32,
            Line::Likely | Line::Plain => 16,
        }
    }
}

async fn settle(
    shared: Arc<Shared>,
    runtimes: Arc<Runtimes>,
    lines: Arc<Lines>,
    question: Question,
) {
    if let Some(delay) = ROUNDS.get(usize::from(question.round).wrapping_sub(1)) {
        sleep(*delay).await;
    }
    let deadline = Instant::now() + DEADLINE;
    let read = async {
        let _turn = lines.reading.acquire().await;
        local(&shared, &question).await
    };
    let evidence = timeout_at(deadline, read).await.unwrap_or_default();
    let line = lines.get(Line::of(&question, &evidence));
    let turn = match line.try_acquire() {
        Ok(turn) => Some(turn),
        Err(_) => {
            // What is known already does not wait.
            tell(&shared, &question, evidence.clone(), false);
            timeout_at(deadline, line.acquire())
                .await
                .ok()
                .and_then(Result::ok)
        }
    };
    if turn.is_some() {
        // Boxed, as most of those that wait never come to it.
        Box::pin(answer(&shared, &runtimes, &question, evidence, deadline)).await;
    } else {
        tell(&shared, &question, evidence, true);
    }
    drop(turn);
    let id = question.cgroup.id;
    if shared.read(|state| state.may_await_pod(id)) {
        sleep_until(deadline).await;
        shared.apply(Input::Overdue(id));
    }
}

fn tell(shared: &Shared, question: &Question, evidence: Vec<Evidence>, last: bool) {
    shared.apply(Input::Answered {
        cgroup: question.cgroup.id,
        evidence,
        last,
    });
}

/// Adds what the runtimes say to the `evidence` of the host's files.
async fn answer(
    shared: &Arc<Shared>,
    runtimes: &Runtimes,
    question: &Question,
    mut evidence: Vec<Evidence>,
    deadline: Instant,
) {
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
                Some(Some(facts)) => evidence.push(checked(shared, question, facts).await),
                Some(None) => {}
                None => break,
            },
            () = sleep_until(until) => {
                if until >= deadline {
                    break;
                }
                told = true;
                until = deadline;
                tell(shared, question, std::mem::take(&mut evidence), false);
            }
        }
    }
    tell(shared, question, evidence, true);
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

    #[test]
    fn each_waits_among_its_like() {
        let said = Evidence {
            facts: Facts::new(Source::Oci, "web"),
            process: None,
        };
        let shaped = format!("/docker/{}", "a".repeat(64));
        let said = std::slice::from_ref(&said);
        let table: [(&str, u8, &[Evidence], Line); 6] = [
            ("/web", 0, &[], Line::Plain),
            ("/web", 0, said, Line::Named),
            ("/web", 1, &[], Line::Likely),
            ("/web", 1, said, Line::Likely),
            (&shaped, 0, &[], Line::Likely),
            (&shaped, 0, said, Line::Named),
        ];
        for (path, round, evidence, line) in table {
            let question = Question {
                cgroup: Cgroup {
                    id: CgroupId(2),
                    path: path.to_owned(),
                },
                creator: None,
                id: (round > 0).then(|| "web".to_owned()),
                round,
            };
            let found = Line::of(&question, evidence);
            assert_eq!(found, line, "{path} {round} {evidence:?}");
        }
    }
}
