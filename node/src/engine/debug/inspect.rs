//! DEBUG OBJECT, LISTPACK and HTSTATS-KEY: how a value is held.

use crate::data::{Entry, Type, Value};
use crate::engine::Engine;
use crate::engine::requests::Call;
use crate::io::Level;
use crate::resp::Reply;

impl Engine {
    /// Asks something of a key; the reply of redis-server when there is none.
    fn inspect(
        &mut self,
        name: &[u8],
        call: &Call<'_>,
        reply: &mut Reply,
        ask: impl FnOnce(&Entry<'_>) -> Result<String, &'static str>,
    ) -> Option<String> {
        let key = self.data.key(name);
        let found = self.data.peek(self.sessions.at(call.id).db, &key);
        match found.ok_or("ERR no such key").and_then(|entry| ask(&entry)) {
            Ok(text) => Some(text),
            Err(refusal) => {
                reply.error(refusal);
                None
            }
        }
    }

    pub(super) fn debug_object(&mut self, name: &[u8], call: &Call<'_>, reply: &mut Reply) {
        let shown = self.inspect(name, call, reply, |entry| {
            Ok(format!(
                "Value at:0x0 refcount:1 encoding:{} serializedlength:{} lru:{} \
                 lru_seconds_idle:{}",
                entry.encoding(),
                entry.value_len(),
                entry.remembered_use(),
                entry.idle_secs(call.now),
            ))
        });
        if let Some(text) = shown {
            reply.simple(&text);
        }
    }

    /// DEBUG LISTPACK: the elements of a small value, in the log.
    pub(super) fn debug_listpack(&mut self, name: &[u8], call: &Call<'_>, reply: &mut Reply) {
        let shown = self.inspect(name, call, reply, |entry| {
            if entry.kind() == Type::String || entry.encoding() != "listpack" {
                return Err("ERR Not a listpack encoded object.");
            }
            Ok(format!(
                "DEBUG LISTPACK: {} of {} elements in {} bytes",
                entry.kind().name(),
                elements(entry),
                entry.value_len()
            ))
        });
        if let Some(text) = shown {
            self.log(Level::Warning, text);
            reply.simple("Listpack structure printed on stdout");
        }
    }

    /// DEBUG HTSTATS-KEY: the tree of a big value.
    pub(super) fn debug_tree(&mut self, name: &[u8], call: &Call<'_>, reply: &mut Reply) {
        let shown = self.inspect(name, call, reply, |entry| {
            if !entry.is_big() {
                return Err(
                    "ERR The value stored at the specified key is not represented using an hash table",
                );
            }
            Ok(format!(
                "[Tree]\n type: {}\n elements: {}\n bytes in pages: {}\n bytes in all: {}\n",
                entry.kind().name(),
                elements(entry),
                entry.value_len(),
                entry.memory()
            ))
        });
        if let Some(text) = shown {
            reply.verbatim(&text);
        }
    }
}

fn elements(entry: &Entry<'_>) -> usize {
    match entry.value() {
        Value::Str(text) => text.len(),
        Value::Hash(hash) => hash.len(),
        Value::Set(set) => set.len(),
        Value::List(list) => list.len(),
        Value::Zset(zset) => zset.len(),
        Value::Stream(stream) => stream.len(),
    }
}
