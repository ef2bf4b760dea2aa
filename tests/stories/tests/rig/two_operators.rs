//! Two operators run; one acts, and when it is gone, the other one takes over.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::DeleteParams;
use slotkeeper_stories::kubernetes::{OPERATOR_NAMESPACE, Story};
use slotkeeper_stories::patience::{until, within};

const MINUTE: Duration = Duration::from_secs(60);

/// The pod that leads, by the Lease.
fn leader(story: &Story) -> Option<String> {
    let leases: Api<Lease> = story.api(OPERATOR_NAMESPACE);
    let lease = story.wait(leases.get("slotkeeper")).ok()?;
    let holder = lease.spec?.holder_identity?;
    holder.split('_').next().map(str::to_owned)
}

#[test]
fn one_leads_and_the_other_takes_over() {
    let story = Story::alone("two_operators");
    let first = within(MINUTE, "one leads", || {
        leader(&story).ok_or("none yet".to_owned())
    });
    let cluster = story.apply(&[]);
    cluster.wait_until_ready();

    let pods: Api<Pod> = story.api(OPERATOR_NAMESPACE);
    let deleted = story.wait(pods.delete(&first, &DeleteParams::default()));
    deleted.expect("the leader's pod can be deleted");
    until(MINUTE, "another one leads", || {
        leader(&story).is_some_and(|now| !now.is_empty() && now != first)
    });
    // What is declared from now on is the work of the second.
    let text =
        slotkeeper_stories::kubernetes::story::manifest(&[("name: tour\n", "name: second\n")]);
    let applied = story.try_apply(story.namespace(), &text);
    applied.unwrap_or_else(|error| panic!("{error}"));
    story.cluster("second").wait_until_ready();
    cluster.wait_until_ready();
}
