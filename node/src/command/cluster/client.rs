//! READONLY, READWRITE and ASKING.

use super::enabled;
use crate::command::{Definition, Effect};
use crate::spec::Flag::{Fast, Loading, Stale};
use crate::spec::{Category, Flags, Group, Spec};

pub(super) static READONLY: Definition = Definition {
    spec: Spec {
        name: "readonly",
        flags: Flags::of(&[Loading, Stale, Fast]),
        categories: &[Category::Connection],
        since: "3.0.0",
        summary: "Allows this connection to read from a replica",
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, _, reply| {
        enabled(exec)?;
        exec.session.readonly = true;
        reply.ok();
        Ok(Effect::None)
    })
};

pub(super) static READWRITE: Definition = Definition {
    spec: Spec {
        name: "readwrite",
        flags: Flags::of(&[Loading, Stale, Fast]),
        categories: &[Category::Connection],
        since: "3.0.0",
        summary: "Reverts READONLY",
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, _, reply| {
        enabled(exec)?;
        exec.session.readonly = false;
        reply.ok();
        Ok(Effect::None)
    })
};

pub(super) static ASKING: Definition = Definition {
    spec: Spec {
        name: "asking",
        flags: Flags::of(&[Fast]),
        categories: &[Category::Connection],
        since: "3.0.0",
        summary: "Says that the next command follows an ASK redirection",
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, _, reply| {
        enabled(exec)?;
        exec.session.asking = true;
        reply.ok();
        Ok(Effect::None)
    })
};

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn switch_in_a_cluster_only() {
        let mut bench = Bench::new();
        for line in ["readonly", "readwrite", "asking"] {
            assert_eq!(
                bench.reply(line),
                "-ERR This instance has cluster support disabled"
            );
        }
        bench.config.cluster_enabled = true;
        assert_eq!(bench.reply("readonly"), "+OK");
        assert!(bench.session.readonly);
        assert_eq!(bench.reply("readwrite"), "+OK");
        assert!(!bench.session.readonly);
        assert_eq!(bench.reply("asking"), "+OK");
        assert!(bench.session.asking);
    }
}
