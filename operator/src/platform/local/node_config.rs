//! The redis.conf of a local node.

use slotkeeper_crds::RedisClusterSpec;

use super::layout::Layout;
use crate::model::{Address, PodIndex};
use crate::platform::directives::{self, quoted};

/// The redis.conf of the node of a pod.
#[must_use]
pub fn render(
    layout: &Layout,
    index: PodIndex,
    address: &Address,
    spec: &RedisClusterSpec,
    password: Option<&str>,
) -> String {
    let mut own = vec![
        ("bind", address.ip.clone()),
        ("port", address.port.to_string()),
        ("protected-mode", "yes".to_owned()),
        ("dir", quoted(&layout.pod_dir(index).to_string_lossy())),
        ("cluster-port", address.bus_port.to_string()),
        ("cluster-announce-ip", address.ip.clone()),
        ("cluster-announce-hostname", layout.hostname(index)),
        ("health-bind", address.ip.clone()),
        ("health-port", Layout::health_port(address).to_string()),
    ];
    if let Some(password) = password {
        own.push(("requirepass", quoted(password)));
        own.push(("masterauth", quoted(password)));
    }
    directives::render(&own, spec)
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
        let index = PodIndex::new(1, 1);
        let spec = RedisClusterSpec {
            config: config
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
            ..RedisClusterSpec::default()
        };
        let address = layout.address(index).unwrap();
        render(&layout, index, &address, &spec, Some("a \"b\" \\c"))
    }

    #[test]
    fn has_what_the_operator_relies_on() {
        let text = rendered(&[("save", "3600 1")]);
        for line in [
            "port 6383",
            "cluster-port 16383",
            "cluster-announce-hostname tour-1-1.local",
            "dir \"/d/tour-1-1\"",
            "requirepass \"a \\\"b\\\" \\\\c\"",
            "cluster-node-timeout 15000",
            "save 3600 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn every_directive_written_here_is_one_that_users_may_not_set() {
        let text = rendered(&[]);
        let defaults = directives::lines(&directives::complete(&RedisClusterSpec::default()));
        for line in text.trim_end_matches(&defaults).lines().skip(1) {
            let directive = line.split(' ').next().unwrap();
            let owned = OWNED.iter().any(|owned| owned.directive == directive);
            assert!(owned, "{directive}");
        }
    }
}
