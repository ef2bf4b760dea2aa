//! What replicas run instead of a command that depends on the time, on what was pending, or on what
//! had been read: commands with ids, times and counts in them.

use slotkeeper_tree::StreamId;

use super::ids::IdText;
use crate::command::Effect;

/// No command names more ids.
const IDS_AT_ONCE: usize = 1024;

/// Commands about one group.
pub(super) struct Told {
    key: Vec<u8>,
    group: Vec<u8>,
    commands: Vec<Vec<Vec<u8>>>,
}

/// A run of messages that a consumer got at the same time, each as often.
struct Run<'a> {
    consumer: &'a [u8],
    time: i64,
    count: u64,
    last_id: StreamId,
}

impl Told {
    pub(super) fn new(key: &[u8], group: &[u8]) -> Told {
        Told {
            key: key.to_vec(),
            group: group.to_vec(),
            commands: Vec::new(),
        }
    }

    fn tell(&mut self, command: &[&[u8]], rest: impl IntoIterator<Item = Vec<u8>>) {
        let mut argv: Vec<_> = command.iter().map(|word| word.to_vec()).collect();
        argv.push(self.key.clone());
        argv.push(self.group.clone());
        argv.extend(rest);
        self.commands.push(argv);
    }

    /// A consumer was made.
    pub(super) fn made(&mut self, consumer: &[u8]) {
        self.tell(&[b"XGROUP", b"CREATECONSUMER"], [consumer.to_vec()]);
    }

    /// The group has come so far.
    pub(super) fn set_id(&mut self, last_id: StreamId, entries_read: Option<u64>) {
        let read = entries_read.map_or("-1".to_owned(), |read| read.to_string());
        let rest = [
            IdText::new(last_id).to_vec(),
            b"ENTRIESREAD".to_vec(),
            read.into_bytes(),
        ];
        self.tell(&[b"XGROUP", b"SETID"], rest);
    }

    /// These messages are pending no more.
    pub(super) fn acknowledged(&mut self, ids: &[StreamId]) {
        for some in ids.chunks(IDS_AT_ONCE) {
            self.tell(&[b"XACK"], some.iter().map(|id| IdText::new(*id).to_vec()));
        }
    }

    /// These messages, each with how often it was delivered, are pending with a consumer since that
    /// time.
    pub(super) fn claimed(
        &mut self,
        consumer: &[u8],
        time: i64,
        messages: &[(StreamId, u64)],
        last_id: StreamId,
    ) {
        for same in messages.chunk_by(|one, other| one.1 == other.1) {
            for some in same.chunks(IDS_AT_ONCE) {
                let run = Run {
                    consumer,
                    time,
                    count: some[0].1,
                    last_id,
                };
                self.tell(&[b"XCLAIM"], run.arguments(some));
            }
        }
    }

    /// The effect of a command that has told all this.
    pub(super) fn into_effect(self) -> Effect {
        Effect::rewritten_all(self.commands)
    }

    /// The commands.
    pub(super) fn into_commands(self) -> Vec<Vec<Vec<u8>>> {
        self.commands
    }
}

impl Run<'_> {
    fn arguments(&self, messages: &[(StreamId, u64)]) -> Vec<Vec<u8>> {
        let ids = messages.iter().map(|(id, _)| IdText::new(*id).to_vec());
        let number = |number: String| number.into_bytes();
        let mut all = vec![self.consumer.to_vec(), b"0".to_vec()];
        all.extend(ids);
        all.extend([
            b"TIME".to_vec(),
            number(self.time.to_string()),
            b"RETRYCOUNT".to_vec(),
            number(self.count.to_string()),
            b"FORCE".to_vec(),
            b"JUSTID".to_vec(),
            b"LASTID".to_vec(),
            IdText::new(self.last_id).to_vec(),
        ]);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_messages_are_told_in_few_commands() {
        let id = |ms| StreamId { ms, seq: 1 };
        let mut told = Told::new(b"k", b"g");
        let messages: Vec<_> = (0..2000).map(|ms| (id(ms), 1 + ms / 1500)).collect();
        told.claimed(b"c", 5, &messages, id(7));
        let lens: Vec<_> = told.into_commands().iter().map(Vec::len).collect();
        assert_eq!(lens, [5 + 1024 + 8, 5 + 476 + 8, 5 + 500 + 8]);
        assert!(matches!(Told::new(b"k", b"g").into_effect(), Effect::None));
    }
}
