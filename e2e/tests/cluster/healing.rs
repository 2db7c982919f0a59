//! What breaks, and heals by itself; and what the status says meanwhile.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::identity::RELEASE;
use crate::manifests::saying;
use crate::scene::Scene;

fn delivered(scene: &Scene, trace: &str) -> u64 {
    scene.status(trace)["events"]["delivered"]
        .as_u64()
        .unwrap_or(0)
}

fn pods_of(scene: &Scene, component: &str) -> Vec<Value> {
    let mut pods = scene.list_in(RELEASE, "pods");
    pods.retain(|pod| {
        pod["metadata"]["labels"]["app.kubernetes.io/component"] == component
            && pod["metadata"]["deletionTimestamp"].is_null()
    });
    pods
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions
        .into_iter()
        .any(|each| each["type"] == "Ready" && each["status"] == "True")
}

/// Totals do not fall, and the gap is told.
pub fn the_agent_restarts(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.accepted("t", "");
    scene.until("it counts", || delivered(scene, "t") > 10);
    let before = scene.report("t", "node-1").unwrap()["status"].clone();
    assert_eq!(before["gaps"], 0);
    let old = pods_of(scene, "agent").pop().unwrap()["metadata"]["name"].clone();
    let old = old.as_str().unwrap();
    scene
        .kubectl_in(
            RELEASE,
            &["delete", "pod", old, "--grace-period=0", "--force"],
        )
        .unwrap();
    let mut most = 0;
    let mut truthful = |scene: &Scene| {
        let now = delivered(scene, "t");
        assert!(now >= most, "the total fell from {most} to {now}");
        most = now;
    };
    scene.until("the new one is ready", || {
        truthful(scene);
        pods_of(scene, "agent")
            .iter()
            .any(|pod| is_ready(pod) && pod["metadata"]["name"] != *old)
    });
    scene.until("its report goes on", || {
        truthful(scene);
        let report = scene.report("t", "node-1").unwrap_or_default();
        report["status"]["epoch"] != before["epoch"]
            && report["status"]["events"]["delivered"].as_u64()
                > before["events"]["delivered"].as_u64()
    });
    let after = scene.report("t", "node-1").unwrap()["status"].clone();
    assert_eq!(after["gaps"], 1, "{after:#}");
    assert!(after["gapSeconds"].as_u64() >= Some(1), "{after:#}");
    scene.until("it is ready and counts", || {
        truthful(scene);
        scene.is_ready("t")
            && delivered(scene, "t") > before["events"]["delivered"].as_u64().unwrap()
    });
    assert_eq!(scene.condition("t", "Lossless")["status"], "False");
}

pub fn the_operator_restarts(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.accepted("t", "");
    scene.until("it counts", || delivered(scene, "t") > 5);
    let before = delivered(scene, "t");
    let old = pods_of(scene, "operator");
    scene
        .kubectl_in(
            RELEASE,
            &[
                "delete",
                "pods",
                "-l",
                "app.kubernetes.io/component=operator",
                "--grace-period=0",
                "--force",
            ],
        )
        .unwrap();
    // An edit while nobody is there.
    scene.trace("t", "  filter: ['comm:echo']\n");
    scene.trace("new", "");
    scene.until("a new one is ready", || {
        let pods = pods_of(scene, "operator");
        !pods.is_empty()
            && pods.iter().all(|pod| {
                is_ready(pod)
                    && !old
                        .iter()
                        .any(|old| old["metadata"]["uid"] == pod["metadata"]["uid"])
            })
    });
    scene.until("it takes up both", || {
        scene.is_ready("t") && scene.is_ready("new")
    });
    scene.until("it counts on", || {
        delivered(scene, "t") > before && delivered(scene, "new") > 0
    });
}

pub fn what_is_deleted_behind_its_back(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.accepted("t", "");
    scene.until("it counts", || delivered(scene, "t") > 5);
    let old = scene.report("t", "node-1").unwrap();
    let before = delivered(scene, "t");
    scene
        .kubectl(&["delete", "tracereport", "trace.t.node-1"])
        .unwrap();
    scene.until("the report comes back", || {
        scene.report("t", "node-1").is_some_and(|new| {
            new["metadata"]["uid"] != old["metadata"]["uid"]
                && new["status"]["events"]["delivered"].as_u64() >= Some(before)
        })
    });
    scene.until("the total goes on", || delivered(scene, "t") > before);
    let now = delivered(scene, "t");
    let logged = scene.logged("t").len() as u64;
    assert!(now <= logged + 5, "counted twice: {now} of {logged} logged");

    scene
        .kubectl_in(RELEASE, &["delete", "leases", "--all"])
        .unwrap();
    scene.until("the lease comes back", || {
        !scene.list_in(RELEASE, "leases").is_empty()
    });
    scene.accepted("after", "");
    scene.until("and somebody leads", || delivered(scene, "after") > 0);
}

/// Longer than a request may take, and than a lease lasts.
const AWAY: Duration = Duration::from_secs(60);
/// Longer than a report is tried again after the first failures.
const REFUSED: Duration = Duration::from_secs(8);

/// It takes seconds of CPU to start, which on a busy machine are minutes.
fn is_back(scene: &Scene) {
    let minutes = Duration::from_secs(300);
    scene.within(minutes, "the API server is back", || {
        scene.kubectl(&["get", "--raw=/readyz"]).is_ok()
    });
}

/// Nobody restarted them.
fn are_the_same(agents: &[Value], scene: &Scene) {
    let lives = |pods: &[Value]| -> Vec<_> {
        let life = |pod: &Value| {
            let restarts = &pod["status"]["containerStatuses"][0]["restartCount"];
            (pod["metadata"]["uid"].clone(), restarts.clone())
        };
        pods.iter().map(life).collect()
    };
    let now = pods_of(scene, "agent");
    assert_eq!(lives(&now), lives(agents), "the agent restarted");
}

/// The trace was there all the time, and everything that it logged counts.
fn all_is_told(scene: &Scene) {
    let logged = scene.logged("t").len() as u64;
    scene.until("all that was logged counts", || {
        delivered(scene, "t") >= logged
    });
    scene.until("all is well", || {
        scene.is_ready("t")
            && scene.status("t")["nodes"]
                == json!({"desired": 1, "ready": 1, "stale": 0, "failed": 0})
    });
    let report = scene.report("t", "node-1").unwrap();
    assert_eq!(report["status"]["gaps"], 0, "it was there all the time");
    assert_eq!(scene.condition("t", "Lossless")["status"], "True");
}

pub fn the_api_server_is_away(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.accepted("t", "");
    scene.accepted("bounded", "  duration: 20s\n");
    scene.until("it counts", || delivered(scene, "t") > 5);
    let before = delivered(scene, "t");
    let agents = pods_of(scene, "agent");
    scene.cluster().kill_daemon("apiserver").unwrap();
    let away = Instant::now();
    let logged = scene.logged("t").len();
    while away.elapsed() < AWAY {
        std::thread::sleep(Duration::from_millis(500));
    }
    // It went on tracing, and what has a duration ended without being told.
    assert!(scene.logged("t").len() > logged + 50, "it stopped");
    let bounded = scene.logged("bounded").len();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(
        scene.logged("bounded").len(),
        bounded,
        "its duration is over"
    );

    scene.cluster().start_daemon("apiserver").unwrap();
    is_back(scene);
    scene.until("the account goes on", || {
        delivered(scene, "t") > before + 50
    });
    scene.until("the bounded one is over", || {
        scene.status("bounded")["phase"] == "Completed"
    });
    all_is_told(scene);
    let stale = || scene.report("t", "node-1").unwrap()["status"]["staleSeconds"].as_u64();
    scene.until("what it did not hear is told", || {
        stale() >= Some(AWAY.as_secs() - 10)
    });
    scene.accepted("new", "");
    scene.until("a new one traces", || !scene.echoed("new", "on").is_empty());
    are_the_same(&agents, scene);
}

/// It is there, and answers what it should not: 403, 5xx, 401.
pub fn the_api_server_refuses(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.accepted("t", "");
    scene.until("it counts", || delivered(scene, "t") > 5);
    let agents = pods_of(scene, "agent");
    let goes_on = |what: &str| {
        let before = scene.logged("t").len();
        std::thread::sleep(REFUSED);
        scene.until(&format!("it goes on though {what}"), || {
            scene.logged("t").len() > before + 10
        });
    };
    let heals = || {
        is_back(scene);
        all_is_told(scene);
    };

    let binding = scene.get("clusterrolebinding", "traceherd-agent").unwrap();
    let bind = |subjects: &Value| {
        let patch = json!({"subjects": subjects}).to_string();
        let args = [
            "patch",
            "clusterrolebinding",
            "traceherd-agent",
            "-p",
            &patch,
        ];
        scene.kubectl(&args).unwrap();
    };
    bind(&json!([]));
    goes_on("403");
    bind(&binding["subjects"]);
    heals();

    scene.cluster().kill_daemon("etcd").unwrap();
    goes_on("5xx");
    scene.cluster().start_daemon("etcd").unwrap();
    heals();

    // It does not know its own tokens any more.
    let folder = scene.cluster().folder();
    let other_key = "openssl rsa -in $0/pki/admin.key -pubout -out $0/pki/other.pub";
    let made = scene.on_node("sh", &["-c", other_key, &folder.to_string_lossy()]);
    assert!({ made }.status().unwrap().success());
    let script = folder.join("daemons/apiserver");
    let right = std::fs::read_to_string(&script).unwrap();
    let wrong = right.replace("/pki/sa.pub", "/pki/other.pub");
    assert_ne!(right, wrong);
    for (text, refuses) in [(wrong, true), (right, false)] {
        std::fs::write(&script, text).unwrap();
        scene.cluster().kill_daemon("apiserver").unwrap();
        scene.cluster().start_daemon("apiserver").unwrap();
        if refuses {
            goes_on("401");
        }
    }
    heals();
    are_the_same(&agents, scene);
}

/// Everything that a watch could go on from is gone when the API server comes back.
pub fn a_watch_expires(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.accepted("t", "");
    scene.accepted("gone", "");
    scene.until("it counts", || delivered(scene, "t") > 5);
    scene.cluster().kill_daemon("apiserver").unwrap();
    // What somebody else wrote meanwhile, and a compaction up to that. A trace was deleted.
    let etcd = |path: &str, body: Value| {
        let url = format!("http://127.0.0.1:2379/v3/kv/{path}");
        let output = scene
            .on_node("curl", &["-sf", &url, "-d", &body.to_string()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{path}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["header"]["revision"].clone()
    };
    // Keys and values are in base64, there.
    let key = format!("/registry/traceherd.dev/traces/{}/gone", scene.namespace);
    let encode = |text: &str| base64(text.as_bytes());
    etcd("deleterange", json!({"key": encode(&key)}));
    let mut revision = Value::Null;
    for n in 0..20 {
        revision = etcd(
            "put",
            json!({"key": encode("/registry/of-a-test"), "value": encode(&n.to_string())}),
        );
    }
    etcd("deleterange", json!({"key": encode("/registry/of-a-test")}));
    etcd(
        "compaction",
        json!({"revision": revision, "physical": true}),
    );
    scene.cluster().start_daemon("apiserver").unwrap();
    is_back(scene);
    assert!(scene.get("trace", "gone").is_none());
    scene.until("the one that went has stopped", || {
        let before = scene.logged("gone").len();
        std::thread::sleep(Duration::from_secs(2));
        scene.logged("gone").len() == before
    });
    scene.accepted("new", "");
    scene.until("a new one traces", || !scene.echoed("new", "on").is_empty());
    let before = delivered(scene, "t");
    scene.until("the old one counts on", || delivered(scene, "t") > before);
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let number = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for digit in 0..4 {
            let at = (number >> (18 - 6 * digit)) & 63;
            text.push(if digit > chunk.len() as u32 {
                '='
            } else {
                DIGITS[at as usize].into()
            });
        }
    }
    text
}
