//! WATCH and UNWATCH.

use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{AllowBusy, Fast, Loading, NoScript, Stale};
use crate::spec::KeyFlag::RO;
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static WATCH: Definition = Definition {
    spec: Spec {
        name: "watch",
        arity: -2,
        flags: Flags::of(&[NoScript, Loading, Stale, Fast, AllowBusy]),
        keys: &[KeySpec::rest(1, &[RO])],
        since: "2.2.0",
        complexity: "O(1) for every key",
        summary: "Makes the next EXEC fail if one of these keys changes",
        arguments: &[Argument::key("key").multiple()],
        ..Spec::new(Group::Transactions)
    },
    ..Definition::run(watch)
};

pub(super) static UNWATCH: Definition = Definition {
    spec: Spec {
        name: "unwatch",
        flags: Flags::of(&[NoScript, Loading, Stale, Fast, AllowBusy]),
        since: "2.2.0",
        summary: "Forgets all watched keys",
        ..Spec::new(Group::Transactions)
    },
    ..Definition::run(unwatch)
};

fn watch(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    if exec.session.multi.is_some() {
        return Err(Refused::new("ERR WATCH inside MULTI is not allowed"));
    }
    let db = exec.session.db;
    for index in 1..args.len() {
        let key = args.key(exec.data, index);
        let mut watched = exec.session.watched.iter();
        if watched.any(|watched| watched.db == db && watched.key == key.bytes) {
            continue;
        }
        let watched = exec.data.watch(db, &key);
        exec.session.watched.push(watched);
    }
    reply.ok();
    Ok(Effect::None)
}

fn unwatch(exec: &mut Exec<'_>, _: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    for watched in exec.session.watched.take() {
        exec.data.unwatch(&watched);
    }
    reply.ok();
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn remembers_each_key_once_and_notices_its_change() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("watch a b a"), "+OK");
        assert_eq!(bench.session.watched.len(), 2);
        bench.reply("set b 1");
        bench.data.drain_changes();
        let watched = bench.session.watched.iter();
        let changed: Vec<bool> = watched.map(|w| bench.data.watched_changed(w)).collect();
        assert_eq!(changed, [false, true]);
        assert!(bench.session.transaction_memory() > 0);
        assert_eq!(bench.reply("unwatch"), "+OK");
        assert!(bench.session.watched.is_empty());
        assert_eq!(bench.session.transaction_memory(), 0);
    }

    #[test]
    fn is_refused_within_a_transaction() {
        let mut bench = Bench::new();
        bench.session.multi = Some(Default::default());
        assert_eq!(
            bench.reply("watch a"),
            "-ERR WATCH inside MULTI is not allowed"
        );
    }
}
