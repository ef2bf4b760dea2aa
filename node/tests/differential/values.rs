//! Values for arguments: few keys and members, so that requests meet, and what lies at the edges.

use slotkeeper_node::spec::{Argument, ArgumentKind, Spec};

use crate::draw::Draw;

/// What the ends of a sorted set's range are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    Index,
    Score,
    Lex,
}

const INTEGERS: [&str; 24] = [
    "0",
    "1",
    "1",
    "2",
    "3",
    "5",
    "10",
    "17",
    "100",
    "-1",
    "-1",
    "-2",
    "-3",
    "-7",
    "-100",
    "4096",
    "65536",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "007",
    " 1",
    "1.0",
    "x",
];
const DOUBLES: [&str; 22] = [
    "0",
    "1",
    "1",
    "2",
    "3",
    "-1",
    "-2.5",
    "1.5",
    "0.1",
    "0.2",
    "3.0",
    "1e3",
    "1e300",
    "-1e300",
    "1e-7",
    "17179869184.5",
    "inf",
    "-inf",
    "nan",
    "0x10",
    "x",
    "",
];
const SCORE_BOUNDS: [&str; 12] = [
    "-inf", "+inf", "0", "1", "(1", "2", "(2.5", "3", "(1e300", "-2.5", "(", "x",
];
const LEX_BOUNDS: [&str; 12] = [
    "-", "+", "[a", "(a", "[b", "(d", "[m1", "(m2", "[", "(", "a", "[zz",
];
const GLOBS: [&str; 12] = [
    "*", "*", "s*", "*1", "?2", "[a-h]*", "[^h]*", "m1*", "\\*", "m?", "", "[a-",
];
const IDS: [&str; 16] = [
    "1-1",
    "1-2",
    "1-*",
    "2-0",
    "2-3",
    "3",
    "5-5",
    "5-*",
    "7-7",
    "9-1",
    "0-0",
    "0",
    "-",
    "+",
    "18446744073709551615-18446744073709551615",
    "x",
];
const FAR_SECONDS: [&str; 4] = ["4102444800", "4102444801", "5000000000", "9999999999"];
const FAR_MILLIS: [&str; 4] = [
    "4102444800000",
    "4102444800123",
    "5000000000000",
    "9999999999999",
];
/// Idle times that no run comes near.
const IDLE_TIMES: [&str; 8] = ["0", "0", "0", "0", "200000500", "200000500", "-1", "x"];
const DELIVERED_AT: [&str; 5] = ["1", "1000500", "0", "-1", "x"];
const LONG_SECONDS: [&str; 3] = ["1000", "20000", "300000"];
const LONG_MILLIS: [&str; 3] = ["1000000", "20000500", "300000000"];
/// Times that a key cannot have, or that have passed.
const BAD_TIMES: [&str; 5] = [
    "0",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "x",
];

/// A key, mostly of the type that a group works on. `alike`: a sorted set whose members all have the
/// same score.
pub fn key(draw: &mut Draw, group: &str, alike: bool) -> Vec<u8> {
    // In the last, which strings' commands could spoil, each server looks for damage in its own way.
    const TYPES: [&str; 7] = ["s", "h", "l", "t", "z", "x", "p"];
    let types = match group {
        "string" | "bitmap" | "" => &TYPES[..6],
        _ => &TYPES,
    };
    let own = match group {
        "string" | "bitmap" => Some("s"),
        "hash" => Some("h"),
        "list" => Some("l"),
        "set" => Some("t"),
        "sorted-set" | "geo" => Some("z"),
        "stream" => Some("x"),
        "hyperloglog" => Some("p"),
        _ => None,
    };
    let letter = match own {
        Some("z") if alike => "y",
        Some(own) if draw.percent(94) => own,
        _ => draw.one(types),
    };
    format!("{letter}{}", draw.below(3)).into_bytes()
}

/// A field, a member, an element or a value.
pub fn content(draw: &mut Draw) -> Vec<u8> {
    let text = match draw.below(100) {
        0..35 => draw.one(&["a", "b", "c", "d", "e"]).to_owned(),
        35..55 => format!("m{}", draw.below(300)),
        55..70 => draw.below(20).to_string(),
        70..85 => draw.one(&INTEGERS).to_owned(),
        85..90 => draw.one(&DOUBLES).to_owned(),
        90..92 => String::new(),
        92..94 => "x".repeat(64 + draw.below(2)),
        94..96 => "y".repeat(250 + draw.below(20)),
        96..97 => "z".repeat(1100),
        97..98 => "é 日本".to_owned(),
        98..99 => format!("{}", draw.below(70_000)),
        _ => return vec![0, 0xff, b'\r', b'\n', b'"'],
    };
    text.into_bytes()
}

/// An id of a stream, never one that the clock gives.
pub fn id(draw: &mut Draw) -> Vec<u8> {
    match draw.percent(30) {
        true => draw.one(&IDS).as_bytes().to_vec(),
        false => format!("{}-{}", draw.below(60), draw.below(4)).into_bytes(),
    }
}

/// A value for an argument of a command.
pub fn of(draw: &mut Draw, spec: &Spec, argument: &Argument, bounds: Bounds) -> Vec<u8> {
    let pool: &[&str] = match argument.name {
        "cursor" => &["0"],
        "timeout" => &["0.001", "0.001", "0.002", "-1", "x"],
        "milliseconds" if argument.token == Some("BLOCK") => &["1", "1", "2", "-1", "x"],
        "destination-db" | "index1" | "index2" => &["0", "1", "2", "2", "15", "16", "-1", "x"],
        "index" if spec.name == "select" => &["0", "0", "1", "2", "16", "-1", "x"],
        "min-idle-time" | "ms" => &IDLE_TIMES,
        "unix-time-milliseconds" if spec.name == "xclaim" => &DELIVERED_AT,
        "count" if spec.name == "xclaim" => &["0", "1", "2", "70000", "5000000000", "-1", "x"],
        "type" => &[
            "string", "list", "set", "zset", "hash", "stream", "none", "x",
        ],
        "seconds" => return time(draw, &LONG_SECONDS),
        "milliseconds" => return time(draw, &LONG_MILLIS),
        "unix-time-seconds" => return time(draw, &FAR_SECONDS),
        "unix-time-milliseconds" => return time(draw, &FAR_MILLIS),
        "min" | "max" | "start" | "stop" if spec.group.name() == "sorted-set" => ends(bounds),
        // What a string grows to stays small.
        "offset" if spec.group.name() != "sorted-set" => &[
            "0",
            "1",
            "3",
            "7",
            "8",
            "63",
            "100",
            "1000",
            "#1",
            "-1",
            "4294967296",
            "x",
        ],
        "id" | "start" | "end" | "min-id" | "lastid" if spec.group.name() == "stream" => {
            return id(draw);
        }
        "group" => &["g1", "g1", "g2"],
        "consumer" => &["c1", "c1", "c2"],
        "longitude" => &[
            "13.361389",
            "15.087269",
            "-122.4",
            "0",
            "179.99",
            "181",
            "x",
        ],
        "latitude" => &["38.115556", "37.502669", "0", "-85", "86", "x"],
        "radius" | "width" | "height" => &["0", "1", "100", "200", "20000", "-1", "x"],
        "encoding" => &["u1", "u8", "i5", "i64", "u63", "u64", "i0", "x"],
        "bit" => &["0", "1", "1", "2", "x"],
        _ => match argument.kind {
            ArgumentKind::Integer => &INTEGERS,
            ArgumentKind::Double => &DOUBLES,
            ArgumentKind::Pattern => &GLOBS,
            ArgumentKind::UnixTime => return time(draw, &FAR_SECONDS),
            _ => return content(draw),
        },
    };
    // What is not valid is drawn less often.
    let drawn = draw.one(pool);
    let again = matches!(drawn, "x" | "" | "nan" | " 1") && draw.percent(70);
    let drawn = if again { pool[0] } else { drawn };
    drawn.as_bytes().to_vec()
}

/// What the ends of ranges are in a request.
pub fn bounds(draw: &mut Draw, spec: &Spec) -> Bounds {
    match spec.name {
        "zrange" | "zrangestore" => draw.one(&[Bounds::Index, Bounds::Score, Bounds::Lex]),
        name if name.contains("lex") => Bounds::Lex,
        name if name.contains("score") || name == "zcount" => Bounds::Score,
        _ => Bounds::Index,
    }
}

fn ends(bounds: Bounds) -> &'static [&'static str] {
    match bounds {
        Bounds::Index => &INTEGERS,
        Bounds::Score => &SCORE_BOUNDS,
        Bounds::Lex => &LEX_BOUNDS,
    }
}

/// A time: no key expires while the run goes on.
fn time(draw: &mut Draw, usual: &[&str]) -> Vec<u8> {
    let bad = draw.percent(15);
    let text = if bad {
        draw.one(&BAD_TIMES)
    } else {
        draw.one(usual)
    };
    text.as_bytes().to_vec()
}
