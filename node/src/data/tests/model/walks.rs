//! Walks beside the traffic of the model.

use super::*;

impl Harness {
    /// Begins a walk, over everything or over some slots, beside those that go on.
    fn start_walk(&mut self) {
        let saver = Box::new(Recorder {
            bound: [0, 300_000][self.below(2)],
            ..Recorder::default()
        });
        let mut expected = self.model.clone();
        let started = if self.data.databases() == 1 && self.below(2) == 0 {
            let (first, len) = (self.below(16384), 1 + self.below(16384));
            let within = |slot: Slot| (slot.index() + 16384 - first) % 16384 < len;
            expected.retain(|(_, name), _| within(key_slot(name)));
            let slots = Slot::all().filter(|slot| within(*slot)).collect();
            self.data.start_walk_of(slots, saver)
        } else {
            self.data.start_walk(saver)
        };
        assert_eq!(started.is_none(), !self.could_start);
        (self.running).extend(started.map(|id| (id, expected)));
    }

    /// Goes on with one of the walks, or begins one; what it hands out is what there was when it began.
    pub(super) fn walk(&mut self) {
        self.could_start = self.data.can_start_walk();
        let few = self.running.len() < 3;
        if self.running.is_empty() || few && self.could_start && self.below(20) == 0 {
            return self.start_walk();
        }
        let at = self.below(self.running.len());
        let id = self.running[at].0;
        recorder_of(&mut self.data, id).unsent = 0;
        let budget = 1 + self.below(60_000);
        if self.data.step_walk(id, budget) != WalkState::Done {
            if self.below(60) == 0 {
                self.running.remove(at);
                let half = end(&mut self.data, id);
                assert!(half.contents.len() <= half.tables.values().map(|t| t.0).sum());
            }
            return;
        }
        self.beside += usize::from(self.running.len() > 1);
        let (_, expected) = self.running.remove(at);
        let saved = end(&mut self.data, id);
        assert!(
            saved.contents == expected,
            "not the state at the start of the walk"
        );
        for (db, (keys, expires)) in saved.tables {
            let held = || expected.iter().filter(|((of, _), _)| *of == db);
            assert_eq!(
                (keys, expires),
                (held().count(), held().filter(|h| h.1.1.is_some()).count())
            );
        }
        self.walks += 1;
    }
}
