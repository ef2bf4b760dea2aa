//! The planner's properties: random clusters of model nodes, random faults between steps,
//! thousands of seeds. On every step an independent checker compares with the world as it is, and
//! after the last fault every cluster must come to rest. One seed: `SEED=7 cargo test -p slotkeeper
//! --test properties`; more of them: `SEEDS=10000`.

#[path = "model/acting.rs"]
mod acting;
#[path = "model/gossip.rs"]
mod gossip;
#[path = "model/node.rs"]
mod node;
#[path = "model/observing.rs"]
mod observing;
#[path = "model/random.rs"]
mod random;
#[path = "model/replication.rs"]
mod replication;
#[path = "model/story.rs"]
mod story;
#[path = "model/world.rs"]
mod world;

use story::{End, Story};

/// How many seeds a plain run tries.
const SEEDS: u64 = 1_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn the_nevers_hold_and_every_cluster_comes_to_rest() {
    let (first, last) = match number("SEED") {
        Some(seed) => (seed, seed),
        None => (1, number("SEEDS").unwrap_or(SEEDS)),
    };
    let verbose = number("SEED").is_some();
    let mut ready = 0;
    for seed in first..=last {
        let outcome = std::panic::catch_unwind(|| Story::new(seed, verbose).run());
        match outcome {
            Ok(Ok(End::Ready)) => ready += 1,
            Ok(Ok(End::Waiting(why))) => {
                if verbose {
                    println!("rests, waiting: {why}");
                }
            }
            Ok(Err(why)) => panic!("SEED={seed}: {why}"),
            Err(_) => panic!("SEED={seed}: the story broke off"),
        }
    }
    let tried = last - first + 1;
    println!("{ready} of {tried} clusters are as desired, the others wait for a person");
    assert!(
        verbose || 100 * ready >= 80 * tried,
        "only {ready} of {tried} are as desired"
    );
}
