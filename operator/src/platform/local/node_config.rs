use std::collections::BTreeMap;
use std::fmt::Write as _;

use slotkeeper_crds::RedisClusterSpec;

use super::layout::Layout;
use crate::model::{Address, Desired, Place};

/// The redis.conf of the node of a place.
#[must_use]
pub fn render(
    layout: &Layout,
    place: Place,
    address: &Address,
    spec: &RedisClusterSpec,
    password: Option<&str>,
) -> String {
    let mut text = String::from("# Written by slotkeeper; the next pass replaces it.\n");
    let mut line = |directive: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{directive} {value}");
    };
    line("bind", &address.ip);
    line("port", &address.port.to_string());
    line("protected-mode", "yes");
    line("daemonize", "no");
    line("dir", &quoted(&layout.pod_dir(place).to_string_lossy()));
    line("cluster-enabled", "yes");
    line("cluster-config-file", "nodes.conf");
    line("cluster-port", &address.bus_port.to_string());
    line("cluster-announce-ip", &address.ip);
    line("cluster-announce-hostname", &layout.hostname(place));
    line("cluster-empty-master-wait", "-1");
    line("shutdown-handover", "yes");
    line("health-bind", &address.ip);
    line("health-port", &Layout::health_port(address).to_string());
    if let Some(password) = password {
        line("requirepass", &quoted(password));
        line("masterauth", &quoted(password));
    }
    if !spec.config.contains_key("cluster-node-timeout") {
        let default = Desired::DEFAULT_NODE_TIMEOUT_MS.to_string();
        line("cluster-node-timeout", &default);
    }
    text + &lines(&spec.config)
}

/// The lines of redis.conf for the directives of a manifest.
#[must_use]
pub fn lines(config: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (directive, value) in config {
        // A value may be several words, so it is not quoted; an empty one has to be.
        let empty = value.trim().is_empty();
        let value = if empty { "\"\"" } else { value };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{directive} {value}");
    }
    text
}

/// A word of redis.conf, whatever is in it.
fn quoted(word: &str) -> String {
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use slotkeeper_crds::owned::OWNED;

    use super::*;

    fn rendered(config: &[(&str, &str)]) -> String {
        let layout = Layout {
            name: "tour".to_owned(),
            dir: PathBuf::from("/d"),
            base_port: 6379,
            shards: 3,
        };
        let place = Place::new(1, 1);
        let spec = RedisClusterSpec {
            config: config
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
            ..RedisClusterSpec::default()
        };
        let address = layout.address(place).unwrap();
        render(&layout, place, &address, &spec, Some("a \"b\" \\c"))
    }

    #[test]
    fn has_what_the_operator_relies_on() {
        let text = rendered(&[("save", "3600 1"), ("dbfilename", "")]);
        for line in [
            "port 6383",
            "cluster-port 16383",
            "cluster-announce-hostname tour-1-1.local",
            "dir \"/d/tour-1-1\"",
            "requirepass \"a \\\"b\\\" \\\\c\"",
            "cluster-node-timeout 15000",
            "cluster-empty-master-wait -1",
            "shutdown-handover yes",
            "save 3600 1",
            "dbfilename \"\"",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        let own = rendered(&[("cluster-node-timeout", "2000")]);
        assert_eq!(own.matches("cluster-node-timeout").count(), 1);
    }

    #[test]
    fn every_directive_written_here_is_one_that_users_may_not_set() {
        for line in rendered(&[]).lines().filter(|line| !line.starts_with('#')) {
            let directive = line.split(' ').next().unwrap();
            let owned = OWNED.iter().any(|owned| owned.directive == directive);
            assert!(owned || directive == "cluster-node-timeout", "{directive}");
        }
    }
}
