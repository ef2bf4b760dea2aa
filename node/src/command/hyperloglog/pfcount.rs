//! PFCOUNT. Of one key, it writes the estimate into the string, and replicas do the same; as in
//! Redis it counts as a command that only reads.

use super::{ESTIMATE, Hll, REGISTERS, estimate};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{Event, Key};
use crate::resp::{Args, Reply};
use crate::session::SessionRole;
use crate::spec::Flag::{MayReplicate, ReadOnly};
use crate::spec::KeyFlag::{Access, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static PFCOUNT: Definition = Definition {
    spec: Spec {
        name: "pfcount",
        arity: -2,
        flags: Flags::of(&[ReadOnly, MayReplicate]),
        keys: &[KeySpec::rest(1, &[RW, Access])
            .note("Of a single key it may renew the estimate that is kept in it")],
        since: "2.8.9",
        complexity: "O(N) with N the number of keys",
        summary: "Returns about how many different elements HyperLogLogs have seen together",
        arguments: &[Argument::key("key").multiple()],
        ..Spec::new(Group::HyperLogLog)
    },
    ..Definition::run(pfcount)
};

fn pfcount(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    if args.len() == 2 {
        let key = args.key(exec.data, 1);
        return count_one(exec, &key, reply);
    }
    let mut registers = [0; REGISTERS];
    for index in 1..args.len() {
        let key = args.key(exec.data, index);
        if let Some(string) = exec.data.get_str(exec.session.db, &key)? {
            Hll::of(string)?.merge_into(&mut registers)?;
        }
    }
    let mut histogram = [0; 64];
    for value in registers {
        histogram[usize::from(value)] += 1;
    }
    reply.integer(estimate::of(&histogram).cast_signed());
    Ok(Effect::None)
}

fn count_one(exec: &mut Exec<'_>, key: &Key<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let db = exec.session.db;
    let Some(string) = exec.data.get_str(db, key)? else {
        reply.integer(0);
        return Ok(Effect::None);
    };
    let hll = Hll::of(string)?;
    if let Some(known) = hll.known_estimate() {
        reply.integer(known.cast_signed());
        return Ok(Effect::None);
    }
    let estimate = hll.estimate()?;
    reply.integer(estimate.cast_signed());
    // A replica has what its master has. And what a writer would wait for, a reader leaves alone.
    let is_masters = exec.session.role == SessionRole::Master;
    if exec.node.is_replica && !is_masters || exec.data.must_wait(db, key) {
        return Ok(Effect::None);
    }
    let (bytes, event) = (estimate.to_le_bytes(), Some(Event::Touched));
    exec.data.set_range(db, key, ESTIMATE, &bytes, event);
    Ok(Effect::AsWritten)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn counts_one_or_several_together() {
        let mut bench = Bench::new();
        bench.reply("pfadd a 1 2 3");
        bench.reply("pfadd b 3 4 5");
        bench.reply("pfdebug todense b");
        bench.replies(&[
            ("pfcount a", ":3"),
            ("pfcount b", ":3"),
            ("pfcount a b", ":5"),
            ("pfcount a missing", ":3"),
            ("pfcount missing", ":0"),
            ("pfcount missing missing", ":0"),
        ]);
    }

    #[test]
    fn keeps_the_estimate_until_the_next_change() {
        let mut bench = Bench::new();
        bench.reply("pfadd a 1 2 3");
        assert_eq!(bench.effect("pfcount a"), "pfcount a");
        assert_eq!(bench.effect("pfcount a"), "");
        // A client that knows the format may write there what it likes.
        bench.reply("setrange a 8 \x07");
        assert_eq!(bench.reply("pfcount a"), ":7");
        bench.reply("pfadd a 4");
        bench.is_replica = true;
        assert_eq!(bench.effect("pfcount a"), "");
        assert_eq!(bench.reply("pfcount a"), ":4");
        bench.is_replica = false;
        assert_eq!(bench.effect("pfcount a"), "pfcount a");
    }

    /// The estimates are those of redis-server 7.0.
    #[test]
    fn estimates_as_redis_does() {
        let mut bench = Bench::new();
        let mut found = Vec::new();
        for element in 0..20_000 {
            bench.reply(&format!("pfadd h element:{element}"));
            if [10, 100, 1000, 5000, 19_999].contains(&element) {
                found.push(bench.reply("pfcount h"));
            }
        }
        assert_eq!(found, ESTIMATES);
    }

    const ESTIMATES: [&str; 5] = [":11", ":100", ":998", ":5006", ":19986"];
}
