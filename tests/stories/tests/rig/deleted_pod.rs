//! The pod of a master is deleted while clients write: it hands over before it leaves.

use std::time::{Duration, Instant};

use kube::api::DeleteParams;
use slotkeeper_stories::kubernetes::Story;
use slotkeeper_stories::patience::until;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn no_acknowledged_write_is_lost() {
    let story = Story::begin("deleted_pod");
    let cluster = story.apply(&[]);
    cluster.wait_until_ready();
    let load = cluster.load();
    until(MINUTE, "the load writes", || load.acknowledged() > 200);
    let (master, replica) = (cluster.master_of(1), cluster.replica_of(1));
    let uid = cluster.pod(&master).metadata.uid;

    cluster.delete_pod(&master, &DeleteParams::default());
    let deleted = Instant::now();
    until(MINUTE, "the replica is the master", || {
        cluster.role(&replica) == "master"
    });
    println!(
        "promoted {} ms after the deletion",
        deleted.elapsed().as_millis()
    );
    // With an address: until it has one, the status may still be the one from before.
    until(MINUTE, "there is another pod with an address", || {
        cluster.find_pod(&master).is_some_and(|pod| {
            let address = pod.status.and_then(|status| status.pod_ip);
            pod.metadata.uid != uid && address.is_some()
        })
    });
    cluster.wait_until_ready();
    assert_eq!(cluster.role(&master), "slave");
    let before = load.acknowledged();
    until(MINUTE, "writes go on", || {
        load.acknowledged() > before + 200
    });
    load.pause();
    load.check("the pod was deleted");
}
