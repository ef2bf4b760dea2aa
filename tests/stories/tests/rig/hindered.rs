//! A webhook that never answers delays everything that the operator writes. A master dies, and its
//! replica takes over all the same.

use std::time::Duration;

use slotkeeper_stories::kubernetes::cluster::{container_id, ip};
use slotkeeper_stories::kubernetes::{Story, kill_container};
use slotkeeper_stories::patience::{until, within};

const MINUTE: Duration = Duration::from_secs(60);

/// A webhook for all writes in a namespace, at an address that does not exist.
fn webhook(namespace: &str, address: &str) -> String {
    format!(
        "apiVersion: admissionregistration.k8s.io/v1\n\
         kind: ValidatingWebhookConfiguration\n\
         metadata: {{name: {namespace}}}\n\
         webhooks:\n\
         - name: nobody.slotkeeper.dev\n  \
           admissionReviewVersions: [v1]\n  \
           sideEffects: None\n  \
           timeoutSeconds: 10\n  \
           clientConfig: {{url: \"https://{address}/\"}}\n  \
           namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}\n  \
           rules:\n  \
           - apiGroups: [\"*\"]\n    \
             apiVersions: [\"*\"]\n    \
             operations: [CREATE, UPDATE]\n    \
             resources: [configmaps, statefulsets, services, redisclusters/status, events]\n"
    )
}

#[test]
fn no_webhook_stands_between_a_dead_master_and_its_successor() {
    let story = Story::begin("hindered");
    let cluster = story.apply(&[]);
    cluster.wait_until_ready();
    let (master, replica) = (cluster.master_of(1), cluster.replica_of(1));
    let heir = cluster.at(&ip(&cluster.pod(&replica)));
    let container = container_id(&cluster.pod(&master));
    // In the network of a node's pods, where a silent address costs seconds.
    let address = ip(&cluster.pod(&replica));
    let (network, _) = address
        .rsplit_once('.')
        .expect("the pods have IPv4 addresses");
    let text = webhook(story.namespace(), &format!("{network}.250"));
    let applied = story.try_apply(story.namespace(), &text);
    applied.unwrap_or_else(|error| panic!("{error}"));
    let remove = [
        "delete",
        "validatingwebhookconfiguration",
        story.namespace(),
    ];
    within(MINUTE, "the webhook is in force", || {
        let refused = story.try_apply(story.namespace(), CONFIG_MAP);
        refused.err().map(drop).ok_or("not yet".to_owned())
    });

    kill_container(&container);
    let promoted = std::panic::catch_unwind(|| {
        until(Duration::from_secs(3), "the replica is promoted", || {
            let role = heir.info("role");
            role.is_ok_and(|role| role == "master")
        });
    });
    // It would also block the clean-up.
    let _ = story.kubectl(&remove);
    if let Err(why) = promoted {
        std::panic::resume_unwind(why);
    }
    until(MINUTE, "the old master is a replica", || {
        cluster.role(&master) == "slave"
    });
    cluster.wait_until_ready();
}

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: any}\n";
