//! Sorted sets in random traffic.

use super::*;

impl Harness {
    pub(super) fn change_zset(&mut self, db: usize, name: &[u8]) {
        let Some(name) = self.one_of_few(8, db, name) else {
            return;
        };
        let (removes, count) = (self.below(5) < 2, 1 + self.below(30));
        let members: Vec<_> = (0..count)
            .map(|_| match self.below(10) {
                0 => (vec![b'm'; self.below(300)], 0.5),
                1..=4 => (format!("member:{}", self.below(200)).into_bytes(), 0.0),
                score => (format!("{}", self.below(500)).into_bytes(), score as f64),
            })
            .collect();
        let limits = ZsetLimits {
            entries: 20,
            value: 50,
        };
        let owned = name.clone();
        let key = self.data.key(&owned);
        let changed = self.data.change_zset(db, &key, limits, |zset| {
            let change = |(member, score): &&(Vec<u8>, f64)| match removes {
                true => zset.remove(member).is_some(),
                false => zset.set(member, *score) != Some(*score),
            };
            let changed = members.iter().filter(change).count();
            let event = if removes { Event::ZRem } else { Event::ZAdd };
            (changed, (changed > 0).then_some(event))
        });
        self.learn_expired();
        let at = (db, name);
        let (held, time) = match self.model.remove(&at) {
            Some((Content::Zset(held), time)) => (held, time),
            None => Default::default(),
            Some(other) => {
                assert_eq!(changed, Err(WrongType));
                self.model.insert(at, other);
                return;
            }
        };
        let mut held: BTreeMap<_, _> = held.into_iter().collect();
        let change = |(member, score): &&(Vec<u8>, f64)| match removes {
            true => held.remove(member).is_some(),
            false => {
                let score = score.to_le_bytes();
                held.insert(member.clone(), score) != Some(score)
            }
        };
        let expected = members.iter().filter(change).count();
        assert_eq!(changed, Ok(expected));
        let mut held: Vec<_> = held.into_iter().collect();
        let place =
            |(member, score): &(Vec<u8>, [u8; 8])| (f64::from_le_bytes(*score), member.clone());
        held.sort_by(|one, other| place(one).partial_cmp(&place(other)).expect("no NaN"));
        if !held.is_empty() {
            self.model.insert(at, (Content::Zset(held), time));
        }
    }
}
