//! Random faults: no panic, never two owners of one slot at one epoch, one view after healing.

use super::*;

fn draw(random: &mut Random, below: usize) -> usize {
    usize::try_from(random.below(below as u64)).unwrap()
}

/// Every node's claim on its own slots carries an epoch of its own.
fn check_one_owner_per_epoch(world: &World, seed: u64) {
    let mut claims: BTreeMap<(Slot, u64), NodeId> = BTreeMap::new();
    for m in world
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

fn views(world: &mut World) -> Vec<String> {
    let mut all = Vec::new();
    for viewer in 0..world.members.len() {
        let ids: Vec<NodeId> = (0..world.members.len()).map(|i| world.id(i)).collect();
        let cluster = &world.members[viewer].cluster;
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
        let mut world = World::formed(3, 3);
        let mut random = Random::new(seed);
        for _ in 0..12 {
            let i = draw(&mut random, 6);
            match random.below(5) {
                0 => world.kill(i),
                1 if !world.members[i].up => world.restart(i),
                2 => world.partition(&[i, draw(&mut random, 6)]),
                3 => world.cut.clear(),
                _ if world.members[i].up => {
                    world.failover(
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
            world.run(random.below(4000));
            check_one_owner_per_epoch(&world, seed);
        }
        world.cut.clear();
        for i in 0..6 {
            if !world.members[i].up {
                world.restart(i);
            }
        }
        world.run(TIMEOUT * 12);
        check_one_owner_per_epoch(&world, seed);
        let views = views(&mut world);
        for (i, view) in views.iter().enumerate() {
            assert_eq!(view, &views[0], "seed {seed}: node {i}");
            assert!(
                world.members[i].cluster.state_ok(),
                "seed {seed}: node {i} serves"
            );
        }
    }
}

#[test]
fn garbled_messages_never_make_it_panic() {
    let mut random = Random::new(7);
    let mut world = World::formed(3, 3);
    for _ in 0..200 {
        world.now.mono_us += 50_000;
        world.now.unix_us += 50_000;
        for i in 0..6 {
            if world.members[i].cluster.next_timer() <= world.now.mono_ms() {
                world.with_facts(i, Cluster::on_timer);
            }
        }
        for (_, _, arrival) in &mut world.queue {
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
        world.deliver();
    }
    let text = world.nodes_text(0);
    assert!(text.contains("myself"), "{text}");
}
