//! Parsing of replies: what is read, what is refused, and that no text makes it panic.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const NODES: &str = "07c37dfeb235213a872192d90877d0cd55635b91 127.0.0.1:7000@17000,a \
                     myself,slave 67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1 0 0 3 connected\n\
                     67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1 127.0.0.1:7001@17001,b \
                     master - 0 5 3 connected 0-16383\n";
const CLUSTER: &str = "cluster_enabled:1\r\ncluster_state:ok\r\n\
                       cluster_current_epoch:6\r\ncluster_my_epoch:3\r\n";
const INFO: &str = "# Server\r\nrun_id:abc\r\n# Persistence\r\nloading:0\r\n\
                    # Replication\r\nrole:slave\r\nmaster_host:127.0.0.1\r\n\
                    master_port:7001\r\nmaster_link_status:up\r\n\
                    master_sync_in_progress:0\r\nslave_repl_offset:90\r\n\
                    master_replid:aa\r\nmaster_replid2:0000\r\nsecond_repl_offset:-1\r\n\
                    master_repl_offset:90\r\n# Keyspace\r\n\
                    db0:keys=3,expires=0,avg_ttl=0\r\n";

#[test]
fn replies_of_a_replica_are_read() {
    let facts = NodeFacts::parse(NODES, CLUSTER, INFO, Moment(5)).unwrap();
    assert_eq!(facts.run_id, "abc");
    assert!(facts.link_up() && !facts.is_master() && !facts.alone());
    assert_eq!(facts.master(), facts.peers().next().map(|line| line.id));
    assert_eq!((facts.keys, facts.replication.offset), (3, 90));
    assert_eq!(facts.replication.replid2, None);
    assert!(!facts.withholding);
    assert_eq!(facts.snapshots, Snapshots::default());
    assert_eq!(facts.nodes_conf_error, None);
}

#[test]
fn a_node_that_cannot_store_nodes_conf_is_seen_with_the_reason() {
    let said = |status: &str| {
        let info = format!(
            "{INFO}slotkeeper_nodes_conf_status:{status}\r\nslotkeeper_nodes_conf_error:No room\r\n"
        );
        let facts = NodeFacts::parse(NODES, CLUSTER, &info, Moment(5)).unwrap();
        facts.nodes_conf_error
    };
    assert_eq!(said("err").as_deref(), Some("No room"));
    assert_eq!(said("ok"), None);
}

#[test]
fn a_failed_snapshot_is_seen_with_its_reason() {
    let snapshots = |fields: &str| {
        let info = INFO.replace("loading:0\r\n", fields);
        NodeFacts::parse(NODES, CLUSTER, &info, Moment(5))
            .unwrap()
            .snapshots
    };
    let redis = "rdb_last_save_time:7\r\nrdb_last_bgsave_status:err\r\n";
    let failed = Snapshots {
        failing: true,
        last_saved_unix: 7,
        error: None,
    };
    assert_eq!(snapshots(redis), failed);
    let ours = format!("{redis}slotkeeper_snapshot_error:No space left on device\r\n");
    let error = Some("No space left on device".to_owned());
    assert_eq!(snapshots(&ours), Snapshots { error, ..failed });
    let good = "rdb_last_bgsave_status:ok\r\nslotkeeper_snapshot_error:\r\n";
    assert_eq!(snapshots(good), Snapshots::default());
}

#[test]
fn elections_are_read_where_a_node_tells_of_them() {
    let read = |told: &str| {
        let cluster = format!("{CLUSTER}{told}");
        NodeFacts::parse(NODES, &cluster, INFO, Moment(5_000))
    };
    assert_eq!(read("").unwrap().candidacies, None);
    let none = read("slotkeeper_elections:0\r\n").unwrap();
    assert_eq!(none.candidacies, Some(Vec::new()));
    let (master, candidate) = ("a".repeat(40), "b".repeat(40));
    let line = format!("master={master},candidate={candidate},epoch=7,age_ms=1200");
    let told = format!("slotkeeper_elections:1\r\nslotkeeper_election0:{line}\r\n");
    let candidacy = Candidacy {
        master: master.parse().unwrap(),
        candidate: candidate.parse().unwrap(),
        epoch: Epoch(7),
        since: Moment(3_800),
    };
    assert_eq!(read(&told).unwrap().candidacies, Some(vec![candidacy]));
    assert_eq!(
        read(&told.replace("epoch=7", "epoch=x")),
        Err(InvalidReply::Field("slotkeeper_election"))
    );
}

#[test]
fn a_missing_field_is_named() {
    let info = INFO.replace("master_replid:aa\r\n", "");
    assert_eq!(
        NodeFacts::parse(NODES, CLUSTER, &info, Moment(5)),
        Err(InvalidReply::Field("master_replid"))
    );
    assert_eq!(
        NodeFacts::parse("", CLUSTER, INFO, Moment(5)),
        Err(InvalidReply::NoMyself)
    );
}

/// A text with some characters replaced, and cut.
fn changed(text: &str) -> impl Strategy<Value = String> + use<> {
    let text: Vec<char> = text.chars().collect();
    let change = (
        any::<Index>(),
        prop::sample::select("\r\n :,=-@[]<>/09az\0\u{e4}".chars().collect::<Vec<_>>()),
    );
    let changes = prop::collection::vec(change, 0..6);
    (changes, any::<Index>(), any::<bool>()).prop_map(move |(changes, end, cut)| {
        let mut text = text.clone();
        for (at, character) in changes {
            let at = at.index(text.len());
            text[at] = character;
        }
        if cut {
            text.truncate(end.index(text.len()));
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn no_reply_makes_it_panic(nodes in changed(NODES), cluster in changed(CLUSTER), info in changed(INFO)) {
        for (nodes, cluster, info) in [
            (&*nodes, CLUSTER, INFO),
            (NODES, &*cluster, INFO),
            (NODES, CLUSTER, &*info),
        ] {
            if let Ok(facts) = NodeFacts::parse(nodes, cluster, info, Moment(5)) {
                // The accessors must not panic, whatever the facts are.
                let _ = (facts.link_up(), facts.is_master(), facts.alone(), facts.master());
                let _ = (facts.peers().count(), facts.myself());
            }
        }
    }
}
