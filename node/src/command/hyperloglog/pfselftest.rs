//! PFSELFTEST: whether this build computes HyperLogLogs as it should.

use super::hash::register_of;
use super::{Hll, HllMut, REGISTERS, Registers, empty};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::Admin;
use crate::spec::{Flags, Group, Spec};

pub(super) static PFSELFTEST: Definition = Definition {
    spec: Spec {
        name: "pfselftest",
        is_internal: true,
        flags: Flags::of(&[Admin]),
        since: "2.8.9",
        complexity: "O(1)",
        summary: "Checks that registers and estimates of HyperLogLogs are computed rightly",
        ..Spec::new(Group::HyperLogLog)
    },
    ..Definition::run(pfselftest)
};

/// How many elements are added. They take less than a millisecond.
const ELEMENTS: u64 = 2000;
/// How far an estimate may be from them: seven times the standard error of 0.81 %.
const ERROR_MAX: u64 = ELEMENTS * 57 / 1000;

fn pfselftest(_: &mut Exec<'_>, _: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    if let Some(wrong) = find_wrong()? {
        return Err(Refused::text(format!("ERR TESTFAILED {wrong}")));
    }
    reply.ok();
    Ok(Effect::None)
}

/// Adds the same elements to plain registers, to a sparse and to a dense one, and says what differs.
fn find_wrong() -> Result<Option<&'static str>, Refused> {
    let mut plain: Registers = [0; REGISTERS];
    let mut sparse = HllMut::of(empty(), usize::MAX)?;
    let mut dense = HllMut::of(empty(), usize::MAX)?;
    dense.promote()?;
    for element in 0..ELEMENTS {
        let (index, value) = register_of(&element.to_le_bytes());
        plain[index] = plain[index].max(value);
        if sparse.raise(index, value)? != dense.raise(index, value)? {
            return Ok(Some("a register was raised in one encoding only"));
        }
    }
    for made in [sparse.into_changed(), dense.into_changed()] {
        let hll = Hll::of(&made)?;
        let mut registers: Registers = [0; REGISTERS];
        hll.merge_into(&mut registers)?;
        if registers != plain {
            return Ok(Some(
                "registers differ from the values that they were given",
            ));
        }
        if hll.estimate()?.abs_diff(ELEMENTS) > ERROR_MAX {
            return Ok(Some("an estimate is too far from the number of elements"));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn finds_nothing_wrong() {
        assert_eq!(Bench::new().reply("pfselftest"), "+OK");
    }
}
