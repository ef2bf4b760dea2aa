//! Random faults: no panic, never two owners of one slot at one epoch, one view after healing.

use super::*;

fn draw(random: &mut Random, below: usize) -> usize {
    usize::try_from(random.below(below as u64)).unwrap()
}

/// Every node's claim on its own slots carries an epoch of its own.
fn check_one_owner_per_epoch(network: &Network, seed: u64) {
    let mut claims: BTreeMap<(Slot, u64), NodeId> = BTreeMap::new();
    for m in network
        .members
        .iter()
        .filter(|m| m.up && m.cluster.is_master())
    {
        let epoch = m.cluster.nodes.me().config_epoch.0;
        for range in m.cluster.my_slots().ranges() {
            let id = m.cluster.my_id();
            let other = claims.insert((*range.start(), epoch), id);
            assert!(
                other.is_none_or(|other| other == id),
                "seed {seed}: {range:?} at {epoch}"
            );
        }
    }
}

fn views(network: &mut Network) -> Vec<String> {
    let mut all = Vec::new();
    for viewer in 0..network.members.len() {
        let ids: Vec<NodeId> = (0..network.members.len()).map(|i| network.id(i)).collect();
        let cluster = &network.members[viewer].cluster;
        let seen = ids.iter().map(|id| {
            let line = cluster.line_of(cluster.nodes.find(id).unwrap());
            format!(
                "{} {:?} {:?} {}",
                line.id, line.flags.master, line.master, line.slots
            )
        });
        all.push(seen.collect::<Vec<_>>().join("\n"));
    }
    all
}

#[test]
fn kills_and_partitions_heal() {
    for seed in 0..6 {
        let mut network = Network::formed(3, 3);
        let mut random = Random::new(seed);
        for _ in 0..12 {
            let i = draw(&mut random, 6);
            match random.below(5) {
                0 => network.kill(i),
                1 if !network.members[i].up => network.restart(i),
                2 => network.partition(&[i, draw(&mut random, 6)]),
                3 => network.cut.clear(),
                _ if network.members[i].up => {
                    network.failover(
                        i,
                        if random.below(2) == 0 {
                            Failover::Plain
                        } else {
                            Failover::Force
                        },
                    );
                }
                _ => {}
            }
            network.run(random.below(4000));
            check_one_owner_per_epoch(&network, seed);
        }
        network.cut.clear();
        for i in 0..6 {
            if !network.members[i].up {
                network.restart(i);
            }
        }
        network.run(TIMEOUT * 12);
        check_one_owner_per_epoch(&network, seed);
        let views = views(&mut network);
        for (i, view) in views.iter().enumerate() {
            assert_eq!(view, &views[0], "seed {seed}: node {i}");
            assert!(
                network.members[i].cluster.state_ok(),
                "seed {seed}: node {i} serves"
            );
        }
    }
}

#[test]
fn garbled_messages_never_make_it_panic() {
    let mut random = Random::new(7);
    let mut network = Network::formed(3, 3);
    for _ in 0..200 {
        network.now.mono_us += 50_000;
        network.now.unix_us += 50_000;
        for i in 0..6 {
            if network.members[i].cluster.next_timer() <= network.now.mono_ms() {
                network.with_facts(i, Cluster::on_timer);
            }
        }
        for (_, _, arrival) in &mut network.queue {
            if let Arrival::Bytes(bytes) = arrival
                && random.below(3) == 0
            {
                let mut garbled = bytes.to_vec();
                for _ in 0..=random.below(4) {
                    // Past the signature and the length, often in the header's last part.
                    let from = if random.below(2) == 0 { 8 } else { 2200 };
                    let at = from + draw(&mut random, garbled.len() - from);
                    garbled[at] = u8::try_from(random.below(256)).unwrap();
                }
                *bytes = garbled.into();
            }
        }
        network.deliver();
    }
    let text = network.nodes_text(0);
    assert!(text.contains("myself"), "{text}");
}
