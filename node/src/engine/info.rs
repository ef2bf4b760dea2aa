//! INFO: sections, fields and their order as Redis 7.0 has them.

mod constant;
mod data;
mod server;

use std::fmt::{Display, Write};

pub(super) use self::constant::{COPY_ON_WRITE, Constant, NO_LOG};
use crate::engine::Engine;
use crate::time::Now;

/// The sections in their order.
const SECTIONS: [&str; 13] = [
    "server",
    "clients",
    "memory",
    "persistence",
    "stats",
    "replication",
    "cpu",
    "modules",
    "commandstats",
    "errorstats",
    "latencystats",
    "cluster",
    "keyspace",
];

/// Those that only show when they, or `all`, are asked for.
const EXTRA: [&str; 2] = ["commandstats", "latencystats"];

/// A section's text under construction.
pub(super) struct Fields(String);

impl Fields {
    pub(super) fn field(&mut self, name: &str, value: impl Display) {
        write!(self.0, "{name}:{value}\r\n").expect("a string takes all text");
    }

    /// Fields whose values never change.
    pub(super) fn constant(&mut self, fields: Constant) {
        fields
            .iter()
            .for_each(|(name, value)| self.field(name, value));
    }

    /// A number of bytes with a second field for people.
    fn bytes(&mut self, name: &str, value: u64) {
        self.field(name, value);
        self.field(&format!("{name}_human"), human(value));
    }

    /// A part of a whole, in percent.
    fn percent(&mut self, name: &str, part: u64, whole: u64) {
        let percent = if whole == 0 {
            0.0
        } else {
            part as f64 * 100.0 / whole as f64
        };
        self.field(name, format!("{percent:.2}%"));
    }
}

impl Engine {
    /// INFO with its section names, lowercase; empty for the default ones.
    pub(super) fn info(&self, wanted: &[String], now: Now) -> String {
        let asks = |name: &str| wanted.iter().any(|section| section == name);
        let all = asks("all") || asks("everything");
        let default = wanted.is_empty() || asks("default");
        let mut text = String::new();
        for section in SECTIONS {
            let shown = all || asks(section) || (default && !EXTRA.contains(&section));
            if !shown || (section == "modules" && all && !asks("everything")) {
                continue;
            }
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            let mut fields = Fields(text);
            self.info_section(section, now, &mut fields);
            text = fields.0;
        }
        text
    }

    fn info_section(&self, section: &str, now: Now, fields: &mut Fields) {
        let title = match section {
            "cpu" => "CPU".to_owned(),
            name => name[..1].to_ascii_uppercase() + &name[1..],
        };
        write!(fields.0, "# {title}\r\n").expect("a string takes all text");
        match section {
            "server" => self.info_server(now, fields),
            "clients" => self.info_clients(fields),
            "memory" => self.info_memory(fields),
            "persistence" => self.info_persistence(now, fields),
            "stats" => self.info_stats(now, fields),
            "replication" => {
                self.info_replication(now, &mut fields.0);
                fields.field("slotkeeper_withholding", u8::from(self.is_withholding()));
                fields.field("slotkeeper_holding", u8::from(self.pause.by_sleep()));
                fields.field("slotkeeper_sleeps", self.sleep.count);
            }
            "cpu" => self.info_cpu(fields),
            "commandstats" => self.info_commands(fields),
            "errorstats" => self.info_errors(fields),
            "latencystats" => self.info_latencies(fields),
            "cluster" => self.info_cluster(fields),
            "keyspace" => self.info_keyspace(fields),
            _ => {}
        }
    }
}

/// A number of bytes for people: `1.50M`.
fn human(bytes: u64) -> String {
    const UNITS: [(u64, char); 4] = [
        (1 << 40, 'T'),
        (1 << 30, 'G'),
        (1 << 20, 'M'),
        (1 << 10, 'K'),
    ];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.2}{name}", bytes as f64 / *unit as f64),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_for_people() {
        assert_eq!(human(0), "0B");
        assert_eq!(human(1023), "1023B");
        assert_eq!(human(1536), "1.50K");
        assert_eq!(human(3 << 30), "3.00G");
    }
}
