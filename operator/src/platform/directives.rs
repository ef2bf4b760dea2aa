//! The part of redis.conf that is the same on every platform.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::Desired;

/// The redis.conf of a node: the directives of its platform, those of every node, and those of the
/// manifest.
#[must_use]
pub fn render(own: &[(&str, String)], config: &BTreeMap<String, String>) -> String {
    let mut text = String::from("# Written by slotkeeper; the next pass replaces it.\n");
    let own = own.iter().map(|(directive, value)| (*directive, &**value));
    for (directive, value) in own.chain(EVERYWHERE) {
        line(&mut text, directive, value);
    }
    text + &lines(config)
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

/// The directives of a manifest, completed with the operator's defaults.
#[must_use]
pub fn complete(config: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let defaults = [
        (
            "cluster-node-timeout",
            Desired::DEFAULT_NODE_TIMEOUT_MS.to_string(),
        ),
        // A lost shard must not stop the others.
        ("cluster-require-full-coverage", "no".to_owned()),
    ];
    let mut all = config.clone();
    for (directive, value) in defaults {
        all.entry(directive.to_owned()).or_insert(value);
    }
    all
}

/// The lines of redis.conf for the directives of a manifest.
#[must_use]
pub fn lines(config: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (directive, value) in &complete(config) {
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

    use super::*;

    fn config(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_manifest_comes_after_what_everybody_is_told() {
        let own = [("port", "6379".to_owned())];
        let text = render(&own, &config(&[("save", "3600 1"), ("dbfilename", "")]));
        let expected = "# Written by slotkeeper; the next pass replaces it.\n\
            port 6379\ndaemonize no\ncluster-enabled yes\ncluster-config-file nodes.conf\n\
            cluster-empty-master-wait -1\nshutdown-handover yes\n\
            cluster-allow-replica-migration no\ncluster-node-timeout 15000\n\
            cluster-require-full-coverage no\ndbfilename \"\"\nsave 3600 1\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_manifest_may_say_otherwise_where_it_may_speak() {
        let said = config(&[
            ("cluster-node-timeout", "2000"),
            ("cluster-require-full-coverage", "yes"),
        ]);
        assert_eq!(complete(&said), said);
        assert_eq!(complete(&complete(&config(&[]))), complete(&config(&[])));
        for (directive, _) in EVERYWHERE {
            let owned = OWNED.iter().any(|owned| owned.directive == directive);
            assert!(owned, "{directive}");
        }
    }

    #[test]
    fn a_quoted_word_may_hold_anything() {
        assert_eq!(quoted(r#"a "b" \c"#), r#""a \"b\" \\c""#);
    }
}
