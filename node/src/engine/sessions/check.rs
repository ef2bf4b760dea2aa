//! Whether the slab and the account of memory agree with the sessions.

use super::{Memory, STREAM, Sessions};

impl Sessions {
    /// Panics if they do not.
    pub(in crate::engine) fn check(&self) {
        let mut counted = Memory::default();
        let mut open = 0;
        for (slot, session) in self.slots.iter().enumerate() {
            *counted.of(session.role) += session.counted;
            assert_eq!(
                session.listed,
                session.id.number() > 0 && session.is_evictable(),
                "slot {slot}"
            );
            if session.id.number() > 0 {
                open += 1;
                assert_eq!(session.id.slot() as usize, slot, "its id says where it is");
                assert_eq!(session.counted, session.memory(), "session {}", session.id);
            }
        }
        assert_eq!(self.open, open);
        self.memory.sizes.check(|slot| {
            let session = &self.slots[slot as usize];
            session.listed.then_some(session.counted)
        });
        // The stream's session is always there, and has no number.
        assert_eq!(self.free.len() + open + 1, self.slots.len());
        for slot in &self.free {
            let session = &self.slots[*slot as usize];
            assert!(
                session.id.number() == 0 && session.id != STREAM,
                "{slot} is free"
            );
        }
        assert_eq!(counted.ordinary, self.memory.ordinary, "what clients take");
        assert_eq!(counted.replicas, self.memory.replicas, "what replicas take");
    }
}
