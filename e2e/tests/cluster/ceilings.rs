//! What the administrator sets for every trace.

use serde_json::{Value, json};

use crate::identity::RELEASE;
use crate::scene::{Scene, restoring};

/// As docs/security.md has it.
const REDACT: &str = r#"ceilings.redact=["(?i)--?(password|token|secret)[= ]\\S+"]"#;
const SECRET: &str = "hunter2";

pub fn what_is_redacted_is_nowhere(scene: &Scene) {
    restoring(|| scene.stage.deploy(&[]), || redacted(scene));
}

fn redacted(scene: &Scene) {
    scene.stage.deploy(&["--set-json", REDACT]);
    // The one before does not redact.
    scene.until("there is one agent", || scene.agents().len() == 1);
    scene.accepted("t", "");
    scene.accepted("guess", &format!("  filter: ['args:~{SECRET}']\n"));
    // It is in the shell's own arguments, too.
    let script = format!(
        "while true; do /bin/echo --password={SECRET} --token {SECRET} on; sleep 0.2; done"
    );
    scene.pod("p", "web", &script);

    let hidden = "[redacted]";
    let shown = json!(["/bin/echo", hidden, hidden, hidden, "on"]);
    let shows = |events: &Value| {
        let events = events.as_array().into_iter().flatten();
        events.filter(|event| event["args"] == shown).count() > 0
    };
    scene.until("the log shows it", || shows(&scene.logged("t").into()));
    let report = || scene.report("t", "node-1").unwrap_or_default()["status"].clone();
    scene.until("the report shows it", || shows(&report()["latest"]));
    scene.until("the status shows it", || {
        shows(&scene.status("t")["latest"])
    });
    let shell = json!([
        "sh",
        "-c",
        format!("while true; do /bin/echo {hidden} {hidden} on; sleep 0.2; done")
    ]);
    let logged = scene.logged("t");
    assert!(
        logged.iter().any(|event| event["args"] == shell),
        "{logged:#?}"
    );
    // Whoever filters for it learns nothing.
    scene.until("the guess is counted", || {
        scene.status("guess")["events"]["filtered"].as_u64() > Some(5)
    });
    assert_eq!(scene.status("guess")["events"]["delivered"], 0);

    let agents = [
        "logs",
        "-l",
        "app.kubernetes.io/component=agent",
        "--tail=-1",
    ];
    for told in [
        scene.kubectl_in(RELEASE, &agents).unwrap(),
        report().to_string(),
        scene.status("t").to_string(),
    ] {
        assert!(told.contains(hidden) && !told.contains(SECRET), "{told}");
    }
}
