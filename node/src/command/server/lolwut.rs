//! LOLWUT: a drawing, and the version of the server.

use crate::command::parse::integer;
use crate::command::{Definition, Effect, Refused};
use crate::config::VERSION;
use crate::random::Random;
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::{Argument, Flags, Group, Spec};

/// How wide a drawing may be.
const WIDTH_MAX: i64 = 256;
const WIDTH: i64 = 64;
const HEIGHT: usize = 16;

pub(super) static LOLWUT: Definition = Definition {
    spec: Spec {
        name: "lolwut",
        arity: -1,
        flags: Flags::of(&[ReadOnly, Fast]),
        since: "5.0.0",
        summary: "Draws a cellular automaton; VERSION is its rule, from 0 to 255",
        arguments: &[
            Argument::integer("version").token("VERSION").optional(),
            Argument::integer("columns").optional(),
        ],
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|exec, args, reply| {
        let mut at = 1;
        let mut rule = 30;
        if args.len() >= 3 && args.is(1, "VERSION") {
            rule = integer(args.get(2))?.rem_euclid(256) as u8;
            at = 3;
        }
        if args.len() == 2 && args.is(1, "VERSION") {
            // As in Redis, the word alone is not looked at.
            at = 2;
        }
        let width = match args.len() - at {
            0 => WIDTH,
            1 => integer(args.get(at))?.clamp(1, WIDTH_MAX),
            _ => return Err(Refused::new("ERR syntax error")),
        };
        let mut text = draw(rule, width as usize, exec.node.random);
        text.push_str(&format!("\nSlotkeeper ver. {VERSION}\n"));
        reply.verbatim(&text);
        Ok(Effect::None)
    })
};

/// The rows of an automaton, the first by chance. Bit n of the rule is what a cell becomes whose
/// neighbourhood, as a number of three bits, is n.
fn draw(rule: u8, width: usize, seed: u64) -> String {
    let mut random = Random::new(seed);
    let mut row: Vec<bool> = (0..width).map(|_| random.below(4) == 0).collect();
    let mut text = String::new();
    for _ in 0..HEIGHT {
        text.extend(row.iter().map(|cell| if *cell { '#' } else { ' ' }));
        text.push('\n');
        let cell = |at: usize| u8::from(row[at % width]);
        let next = (0..width).map(|at| {
            let around = cell(at + width - 1) << 2 | cell(at) << 1 | cell(at + 1);
            rule >> around & 1 == 1
        });
        row = next.collect();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Bench;

    #[test]
    fn a_rule_makes_the_rows() {
        let text = draw(0, 8, 1);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!((rows.len(), rows[1]), (HEIGHT, "        "));
        let every = draw(255, 8, 1);
        assert_eq!(every.lines().nth(1), Some("########"));
    }

    #[test]
    fn takes_a_version_and_a_width() {
        let mut bench = Bench::new();
        for line in [
            "lolwut",
            "lolwut version 90",
            "lolwut VERSION 5 10",
            "lolwut 7",
            "lolwut version",
        ] {
            assert!(bench.reply(line).contains("Slotkeeper ver."), "{line}");
        }
        assert!(
            bench
                .reply("lolwut version x")
                .starts_with("-ERR value is not an integer")
        );
        assert!(bench.reply("lolwut 1 2").starts_with("-ERR syntax"));
    }
}
