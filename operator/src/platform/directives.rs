//! The part of redis.conf that is the same on every platform.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use slotkeeper_crds::{RedisClusterSpec, SavePoint};

use crate::model::{Desired, MemoryBounds};

/// The redis.conf of a node: the directives of its platform, those of every node, and those of the
/// manifest.
#[must_use]
pub fn render(own: &[(&str, String)], spec: &RedisClusterSpec) -> String {
    let mut text = String::from("# Written by slotkeeper; the next pass replaces it.\n");
    let own = own.iter().map(|(directive, value)| (*directive, &**value));
    for (directive, value) in own.chain(EVERYWHERE) {
        line(&mut text, directive, value);
    }
    text + &lines(&complete(spec))
}

/// The directives of every node, which no manifest may change.
const EVERYWHERE: [(&str, &str); 6] = [
    // The platform runs the process.
    ("daemonize", "no"),
    ("cluster-enabled", "yes"),
    ("cluster-config-file", "nodes.conf"),
    // A master that restarts without its data waits for its replicas without a limit: the operator
    // knows whether one of them may still return.
    ("cluster-empty-master-wait", "-1"),
    // A master that is asked to stop first lets a replica take over, so no acknowledged write is
    // lost.
    ("shutdown-handover", "yes"),
    // Replicas stay where the operator attaches them.
    ("cluster-allow-replica-migration", "no"),
];

/// The save points of a cluster with volumes. A snapshot writes the whole data set, so a busy node
/// makes one every five minutes, not every minute as Redis does; the replicas are the first defence.
const SAVE_POINTS: [SavePoint; 2] = [
    SavePoint {
        seconds: 3600,
        changes: 1,
    },
    SavePoint {
        seconds: 300,
        changes: 10_000,
    },
];

/// The directives of a manifest, completed with what its other fields say and with the operator's
/// defaults.
#[must_use]
pub fn complete(spec: &RedisClusterSpec) -> BTreeMap<String, String> {
    let given = spec
        .persistence
        .as_ref()
        .and_then(|persistence| persistence.snapshots.as_deref());
    let stored = spec.storage.is_some();
    let defaults = [
        (
            "cluster-node-timeout",
            Some(Desired::DEFAULT_NODE_TIMEOUT_MS.to_string()),
        ),
        // A lost shard must not stop the others.
        ("cluster-require-full-coverage", Some("no".to_owned())),
        (
            "save",
            given
                .or(stored.then_some(SAVE_POINTS.as_slice()))
                .map(save_points),
        ),
        // The volume outlives the process: the next one continues where this one ends.
        (
            "shutdown-on-sigterm",
            Some(if stored { "save" } else { "default" }.to_owned()),
        ),
    ];
    let maxmemory = MemoryBounds::from(spec).maxmemory;
    let defaults = defaults
        .into_iter()
        .chain([("maxmemory", maxmemory.map(|amount| amount.text))]);
    let mut all = spec.config.clone();
    for (directive, value) in defaults {
        if let Some(value) = value {
            all.entry(directive.to_owned()).or_insert(value);
        }
    }
    all
}

/// The value of `save`; none is the empty one.
fn save_points(points: &[SavePoint]) -> String {
    let word = |point: &SavePoint| format!("{} {}", point.seconds, point.changes);
    points.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// The lines of redis.conf for directives.
#[must_use]
pub fn lines(config: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (directive, value) in config {
        // A value may be several words, so it is not quoted, unless it is empty.
        let empty = value.trim().is_empty();
        line(&mut text, directive, if empty { "\"\"" } else { value });
    }
    text
}

/// A quoted word of redis.conf, with any content.
#[must_use]
pub fn quoted(word: &str) -> String {
    let mut text = String::from("\"");
    for c in word.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
    text
}

fn line(text: &mut String, directive: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{directive} {value}");
}

#[cfg(test)]
mod tests {
    use slotkeeper_crds::owned::OWNED;
    use slotkeeper_crds::{Persistence, Storage};

    use super::*;

    fn spec(config: &[(&str, &str)]) -> RedisClusterSpec {
        let config = config.iter();
        RedisClusterSpec {
            config: config
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..RedisClusterSpec::default()
        }
    }

    #[test]
    fn the_manifest_comes_after_what_everybody_is_told() {
        let own = [("port", "6379".to_owned())];
        let text = render(&own, &spec(&[("save", "3600 1"), ("dbfilename", "")]));
        let expected = "# Written by slotkeeper; the next pass replaces it.\n\
            port 6379\ndaemonize no\ncluster-enabled yes\ncluster-config-file nodes.conf\n\
            cluster-empty-master-wait -1\nshutdown-handover yes\n\
            cluster-allow-replica-migration no\ncluster-node-timeout 15000\n\
            cluster-require-full-coverage no\ndbfilename \"\"\nsave 3600 1\n\
            shutdown-on-sigterm default\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_manifest_may_say_otherwise_where_it_may_speak() {
        let said = spec(&[
            ("cluster-node-timeout", "2000"),
            ("cluster-require-full-coverage", "yes"),
            ("shutdown-on-sigterm", "nosave"),
        ]);
        assert_eq!(complete(&said), said.config);
        for (directive, _) in EVERYWHERE {
            let owned = OWNED.iter().any(|owned| owned.directive == directive);
            assert!(owned, "{directive}");
        }
    }

    #[test]
    fn nodes_with_volumes_save_by_themselves_and_before_they_leave() {
        let shown = |spec: &RedisClusterSpec| {
            let all = complete(spec);
            let of = |directive: &str| all.get(directive).cloned();
            (of("save"), of("shutdown-on-sigterm"))
        };
        let text = |text: &str| Some(text.to_owned());
        let mut spec = spec(&[]);
        assert_eq!(shown(&spec), (None, text("default")));
        spec.storage = Some(Storage::default());
        assert_eq!(shown(&spec), (text("3600 1 300 10000"), text("save")));
        let point = SavePoint {
            seconds: 900,
            changes: 1,
        };
        for (points, expected) in [(vec![], ""), (vec![point], "900 1")] {
            spec.persistence = Some(Persistence {
                snapshots: Some(points),
            });
            assert_eq!(shown(&spec), (text(expected), text("save")));
        }
    }

    #[test]
    fn a_quoted_word_may_hold_anything() {
        assert_eq!(quoted(r#"a "b" \c"#), r#""a \"b\" \\c""#);
    }
}
