//! GEOHASH.

use super::hash::{Place, STEPS_MAX};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static GEOHASH: Definition = Definition {
    spec: Spec {
        name: "geohash",
        arity: -2,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        since: "3.2.0",
        complexity: "O(1) for each member",
        summary: "Returns the geohashes of members, as other programs know them",
        arguments: &[
            Argument::key("key"),
            Argument::string("member").multiple().optional(),
        ],
        ..Spec::new(Group::Geo)
    },
    ..Definition::run(geohash)
};

const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
/// Bits of a letter.
const LETTER: u32 = 5;

fn geohash(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    let zset = exec.data.get_zset(exec.session.db, &key)?;
    reply.array(args.len() - 2);
    for member in args.from(2) {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => reply.bulk(&letters(Place::of_score(score))),
            None => reply.null(),
        }
    }
    Ok(Effect::None)
}

/// Ten letters of what is known, and a zero: as many as Redis has always shown.
fn letters(place: Place) -> [u8; 11] {
    let bits = place.standard_hash();
    let mut letters = [ALPHABET[0]; 11];
    for (letter, index) in letters[..10].iter_mut().zip(1..) {
        let place = bits >> (2 * STEPS_MAX - index * LETTER) & 0x1F;
        *letter = ALPHABET[place as usize];
    }
    letters
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn shows_geohashes() {
        let mut bench = Bench::new();
        bench.reply("geoadd g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania");
        bench.replies(&[
            (
                "geohash g Palermo x Catania",
                "*3|$11|sqc8b49rny0|$-1|$11|sqdtr74hyu0",
            ),
            ("geohash missing a", "*1|$-1"),
            ("geohash g", "*0"),
        ]);
    }
}
