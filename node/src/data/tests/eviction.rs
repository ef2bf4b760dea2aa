//! What an eviction looks at.

use super::*;
use crate::config::EvictionPolicy;

#[test]
fn an_eviction_looks_at_a_bounded_number_of_keys_whatever_there_is_to_search() {
    let mut data = partition(Layout::Databases(16));
    for db in 0..16 {
        for number in 0..1000 {
            let name = format!("{db}:{number}");
            let expire = match number % 16 {
                0 => Expire::At(9_000_000_000_000),
                _ => Expire::Never,
            };
            data.set(db, &data.key(name.as_bytes()), b"value", expire);
        }
    }
    let how = Eviction {
        policy: EvictionPolicy::VolatileLru,
        samples: 64,
        decay_minutes: 1,
        now: Now::default(),
    };
    let mut gone = 0;
    for random in 0..100 {
        let before = data.eviction_looks();
        let evicted = data.evict(&how, random);
        gone += usize::from(matches!(evicted, Evicted::Key(_)));
        let looks = data.eviction_looks() - before;
        // Of one database all that may be looked at, and little more.
        assert!((64..=2200).contains(&looks), "{looks}");
    }
    assert!(gone > 90, "{gone}");
}
