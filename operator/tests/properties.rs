//! The planner's properties: random clusters of model nodes, random faults between steps, thousands
//! of seeds. At every step an independent checker compares with the real state, and after the last
//! fault every cluster must converge. One seed: `SEED=7 cargo test -p slotkeeper --test
//! properties`; more of them: `SEEDS=10000`.

#[path = "model/acting.rs"]
mod acting;
#[path = "model/cluster.rs"]
mod cluster;
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

use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use story::{End, Story};

/// The number of seeds of a plain run.
const SEEDS: u64 = 100;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn the_nevers_hold_and_every_cluster_comes_to_rest() {
    let (first, last) = match number("SEED") {
        Some(seed) => (seed, seed),
        None => {
            let first = number("FIRST").unwrap_or(1);
            (first, first + number("SEEDS").unwrap_or(SEEDS) - 1)
        }
    };
    let verbose = first == last;
    let next = AtomicU64::new(first);
    let ready = AtomicU64::new(0);
    let failures = Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > last {
                return;
            }
            match tell(seed, verbose) {
                Ok(true) => drop(ready.fetch_add(1, Ordering::Relaxed)),
                Ok(false) => {}
                Err(why) => failures
                    .lock()
                    .expect("no story holds it")
                    .push((seed, why)),
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let mut failures = failures.into_inner().expect("no story holds it");
    failures.sort();
    for (seed, why) in &failures {
        println!("SEED={seed}: {why}");
    }
    let (ready, tried) = (ready.into_inner(), last - first + 1);
    println!("{ready} of {tried} clusters are as desired in the end, the others wait for a person");
    assert!(
        failures.is_empty(),
        "{} of {tried} seeds failed",
        failures.len()
    );
    assert!(
        verbose || 100 * ready >= 80 * tried,
        "only {ready} of {tried} are as desired"
    );
}

/// Whether the cluster of that seed converges; if not, it waits for a person.
fn tell(seed: u64, verbose: bool) -> Result<bool, String> {
    let end = catch_unwind(|| Story::new(seed, verbose).run());
    match end.unwrap_or_else(|_| Err("the story broke off".to_owned()))? {
        End::Ready => Ok(true),
        End::Waiting(why) => {
            if verbose {
                println!("rests, waiting: {why}");
            }
            Ok(false)
        }
    }
}
