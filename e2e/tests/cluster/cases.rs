//! All cases, by what they do to the cluster.

use crate::scene::Scene;
use crate::{
    admission, ceilings, command_line, edits, followed, healing, helm_test, isolation, lifecycle,
    limits, names, necessities, nodes, permissions, pod_security, refused, release, resources,
    short_pods, storms, two_nodes,
};

/// A case: its name, which is also its namespace's, and what it does there.
pub type Case = (&'static str, fn(&Scene));

/// Those that keep to their namespaces, and then those that need the cluster for themselves, in
/// this order.
pub fn of(nodes: u32) -> (&'static [Case], &'static [Case]) {
    if nodes == 1 {
        (TOGETHER, ALONE)
    } else {
        (&[], TWO_NODES)
    }
}

const TOGETHER: &[Case] = &[
    (
        "examples-are-accepted",
        resources::every_example_is_accepted,
    ),
    ("bad-manifests", resources::bad_manifests_are_refused),
    ("status-is-not-claimed", resources::a_status_is_not_claimed),
    (
        "report-stays-of-its-trace",
        resources::a_report_stays_about_its_trace,
    ),
    (
        "short-pods-command-line",
        command_line::short_pods_have_their_names,
    ),
    (
        "run-shows-its-namespace",
        command_line::a_trace_shows_its_namespace,
    ),
    ("trace-before-its-pod", lifecycle::a_trace_before_its_pod),
    ("trace-after-its-pod", lifecycle::a_trace_after_its_pod),
    ("outputs", lifecycle::events_go_where_they_are_wanted),
    ("deleted", lifecycle::a_deleted_trace_stops),
    (
        "created-again",
        lifecycle::a_trace_created_again_starts_anew,
    ),
    ("same-name", lifecycle::traces_of_the_same_name),
    ("names", names::workloads_have_their_names),
    ("edit-selector", edits::of_the_selector),
    ("edit-filter", edits::of_the_filter),
    ("edit-outputs", edits::of_the_outputs),
    ("edit-options", edits::of_the_options),
    ("suspended", edits::suspended),
    ("edit-without-a-gap", edits::without_a_gap),
    (
        "other-namespaces",
        isolation::a_trace_shows_no_other_namespace,
    ),
    (
        "namespace-labels",
        isolation::a_cluster_trace_follows_namespace_labels,
    ),
    ("refused", refused::what_cannot_run_is_stalled_until_edited),
    ("duration", limits::a_duration_ends_it),
    ("max-events", limits::the_number_of_events_is_exact),
    ("retention", limits::reports_go_and_the_trace_stays),
    (
        "forged-reports",
        admission::reports_are_of_the_agents_own_node,
    ),
    ("agents-token", admission::an_agents_pod_says_its_node),
    ("forged-statuses", admission::statuses_are_the_operators),
    (
        "reports-are-collected",
        admission::reports_go_with_their_trace_and_their_namespace,
    ),
    ("roles-of-traceherd", permissions::of_traceherd_itself),
    ("roles-of-people", permissions::of_people),
    ("nothing-in-vain", necessities::each_is_needed),
    (
        "pod-security",
        pod_security::only_agents_need_a_privileged_namespace,
    ),
];

const ALONE: &[Case] = &[
    ("hundred-jobs", short_pods::every_job_is_seen),
    ("two-hundred-traces", lifecycle::two_hundred_traces),
    ("helm-test", helm_test::it_tells_whether_the_release_works),
    ("readme", followed::the_readme_is_true),
    ("notes", followed::the_notes_lead_to_an_event),
    ("scripted-node", nodes::a_second_node_counts),
    ("storm", storms::are_told_alike_everywhere),
    ("redacted", ceilings::what_is_redacted_is_nowhere),
    ("agent-restarted", healing::the_agent_restarts),
    ("operator-restarted", healing::the_operator_restarts),
    ("deleted-behind", healing::what_is_deleted_behind_its_back),
    ("api-away", healing::the_api_server_is_away),
    ("api-refuses", healing::the_api_server_refuses),
    ("watch-expired", healing::a_watch_expires),
    ("upgrade", release::an_upgrade_over_a_running_trace),
    ("namespace-deleted", release::a_namespace_is_deleted),
    ("definitions-deleted", release::the_definitions_are_deleted),
    ("uninstalled", release::nothing_stays_after_the_release),
];

/// Of what all the others did.
pub const AT_THE_END: &[Case] = &[("rights-are-used", permissions::are_all_used)];

const TWO_NODES: &[Case] = &[
    ("both-nodes-report", two_nodes::both_report),
    ("node-removed", two_nodes::a_node_is_removed),
    ("node-lost", two_nodes::a_node_is_lost),
];
