//! MEMORY: what the memory is spent on, in numbers and in words.

use std::fmt::Write;

use crate::engine::Engine;
use crate::io::Level;
use crate::request::MemoryRequest;
use crate::resp::Reply;

/// Below this there is nothing to say about the memory.
const LITTLE: usize = 5 << 20;

/// The node's memory at one moment, in bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    used: usize,
    peak: usize,
    startup: usize,
    /// Keys and values, and what leads to them.
    dataset: usize,
    data: usize,
    overhead: usize,
    backlog: usize,
    replicas: usize,
    clients: usize,
    links: usize,
    keys: usize,
    /// What the heap has of the system, for blocks in use, and in all.
    held: usize,
    kept: usize,
    resident: usize,
}

impl Figures {
    /// Resident memory to what is used.
    fn fragmentation(&self) -> f64 {
        self.resident as f64 / self.used.max(1) as f64
    }

    /// What comes before the databases, and after them.
    fn fields(&self) -> [Vec<(&'static str, Figure)>; 2] {
        let percent = |part: usize, whole: usize| part as f64 * 100.0 / whole.max(1) as f64;
        let ratio = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let net = self.used.saturating_sub(self.startup);
        let bytes = |value: usize| Figure::Bytes(value as i64);
        let more = |part: usize, whole: usize| Figure::Bytes(part as i64 - whole as i64);
        let before = vec![
            ("peak.allocated", bytes(self.peak)),
            ("total.allocated", bytes(self.used)),
            ("startup.allocated", bytes(self.startup)),
            ("replication.backlog", bytes(self.backlog)),
            ("clients.slaves", bytes(self.replicas)),
            ("clients.normal", bytes(self.clients)),
            ("cluster.links", bytes(self.links)),
            ("aof.buffer", bytes(0)),
            ("lua.caches", bytes(0)),
            ("functions.caches", bytes(0)),
        ];
        let after = vec![
            ("overhead.total", bytes(self.overhead)),
            ("keys.count", bytes(self.keys)),
            ("keys.bytes-per-key", bytes(net / self.keys.max(1))),
            ("dataset.bytes", bytes(self.dataset)),
            (
                "dataset.percentage",
                Figure::Part(percent(self.dataset, net)),
            ),
            (
                "peak.percentage",
                Figure::Part(percent(self.used, self.peak)),
            ),
            ("allocator.allocated", bytes(self.data)),
            ("allocator.active", bytes(self.held)),
            ("allocator.resident", bytes(self.kept)),
            (
                "allocator-fragmentation.ratio",
                Figure::Part(ratio(self.held, self.data)),
            ),
            ("allocator-fragmentation.bytes", more(self.held, self.data)),
            (
                "allocator-rss.ratio",
                Figure::Part(ratio(self.kept, self.held)),
            ),
            ("allocator-rss.bytes", more(self.kept, self.held)),
            (
                "rss-overhead.ratio",
                Figure::Part(ratio(self.resident, self.kept)),
            ),
            ("rss-overhead.bytes", more(self.resident, self.kept)),
            ("fragmentation", Figure::Part(self.fragmentation())),
            ("fragmentation.bytes", more(self.resident, self.used)),
        ];
        [before, after]
    }
}

enum Figure {
    Bytes(i64),
    Part(f64),
}

impl Engine {
    /// MEMORY, but for USAGE.
    pub(in crate::engine) fn memory_request(&mut self, request: MemoryRequest, reply: &mut Reply) {
        match request {
            MemoryRequest::Doctor => reply.verbatim(&doctor(&self.figures())),
            MemoryRequest::MallocStats => reply.verbatim(&self.malloc_stats()),
            MemoryRequest::Purge => {
                let bytes = self.data.purge();
                self.log(
                    Level::Notice,
                    format!("MEMORY PURGE has given back {bytes} bytes"),
                );
                reply.ok();
            }
            MemoryRequest::Stats => self.memory_stats(reply),
        }
    }

    fn memory_stats(&self, reply: &mut Reply) {
        let [before, after] = self.figures().fields();
        let with_keys = |db: &usize| self.data.len(*db) > 0;
        let databases: Vec<usize> = (0..self.data.databases()).filter(with_keys).collect();
        reply.map(before.len() + databases.len() + after.len());
        show(before, reply);
        for db in databases {
            let (tables, times) = self.data.overhead(db);
            reply.bulk(format!("db.{db}").as_bytes());
            reply.map(3);
            for (name, bytes) in [
                ("overhead.hashtable.main", tables),
                ("overhead.hashtable.expires", times),
                // Each slot has a table of its own, which is part of the first.
                ("overhead.hashtable.slot-to-keys", 0),
            ] {
                reply.bulk(name.as_bytes());
                reply.integer(bytes as i64);
            }
        }
        show(after, reply);
    }

    fn figures(&self) -> Figures {
        let memory = self.memory();
        let heap = self.data.heap_usage();
        let used = memory.total();
        Figures {
            used,
            peak: used.max(self.stats.peak_memory),
            startup: self.memory.startup,
            dataset: memory.dataset,
            data: self.data.stats().memory,
            overhead: memory.overhead(),
            backlog: memory.backlog,
            replicas: memory.replicas,
            clients: memory.clients,
            links: memory.links,
            keys: (0..self.data.databases()).map(|db| self.data.len(db)).sum(),
            held: heap.held,
            kept: heap.resident,
            resident: self.stopwatch.usage().resident as usize,
        }
    }

    fn malloc_stats(&self) -> String {
        let Figures {
            data,
            held,
            kept,
            resident,
            ..
        } = self.figures();
        format!(
            "Keys and values: {data} bytes in use\n\
             Their heap: {held} bytes of chunks in use, {kept} bytes resident\n\
             The process: {resident} bytes resident\n\
             What is neither a key nor a value comes from the system's allocator, which keeps no \
             account.\n"
        )
    }
}

fn show(fields: Vec<(&'static str, Figure)>, reply: &mut Reply) {
    for (name, figure) in fields {
        reply.bulk(name.as_bytes());
        match figure {
            Figure::Bytes(bytes) => reply.integer(bytes),
            Figure::Part(part) => reply.double(part),
        }
    }
}

/// What is unusual, and what to do about it.
fn doctor(figures: &Figures) -> String {
    if figures.used < LITTLE {
        return format!(
            "Only {} bytes are used: there is nothing to say about that.\n",
            figures.used
        );
    }
    let mut found = String::new();
    let mut say = |unusual: bool, text: String| {
        if unusual {
            writeln!(found, "* {text}").expect("a string takes all text");
        }
    };
    let Figures { used, peak, .. } = *figures;
    say(
        peak > used + used / 2,
        format!(
            "At its peak the node used {peak} bytes, now {used}. What is resident beyond that may be \
             memory that was freed: MEMORY PURGE gives it back."
        ),
    );
    say(
        figures.fragmentation() > 1.4 && figures.resident > used + (10 << 20),
        format!(
            "{} bytes are resident, {:.2} times what is used.",
            figures.resident,
            figures.fragmentation()
        ),
    );
    say(
        figures.clients > used / 4,
        format!(
            "Clients take {} bytes. CLIENT LIST shows which (tot-mem); maxmemory-clients limits them.",
            figures.clients
        ),
    );
    say(
        figures.replicas > (10 << 20).max(used / 10),
        format!(
            "{} bytes wait for replicas: they, or the network, are too slow.",
            figures.replicas
        ),
    );
    if found.is_empty() {
        return "Nothing is unusual about the memory of this node.\n".to_owned();
    }
    format!("What is unusual about the memory of this node:\n\n{found}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doctor_names_what_is_unusual() {
        let usual = Figures {
            used: 100 << 20,
            peak: 100 << 20,
            resident: 110 << 20,
            ..Figures::default()
        };
        assert_eq!(
            doctor(&usual),
            "Nothing is unusual about the memory of this node.\n"
        );
        assert!(doctor(&Figures::default()).starts_with("Only 0 bytes"));
        for (figures, wanted) in [
            (
                Figures {
                    peak: 200 << 20,
                    ..usual
                },
                "At its peak",
            ),
            (
                Figures {
                    resident: 150 << 20,
                    ..usual
                },
                "1.50 times",
            ),
            (
                Figures {
                    clients: 30 << 20,
                    ..usual
                },
                "Clients take",
            ),
            (
                Figures {
                    replicas: 11 << 20,
                    ..usual
                },
                "wait for replicas",
            ),
        ] {
            let text = doctor(&figures);
            assert!(
                text.contains(wanted) && text.matches('*').count() == 1,
                "{text}"
            );
        }
    }
}
