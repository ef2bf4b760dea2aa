//! Mistakes in requests: what a client may get wrong. No key expires soon by one, and nobody waits.

use slotkeeper_node::spec::{Argument, ArgumentKind, Flag, Spec};

use crate::Request;
use crate::draw::Draw;
use crate::generate::is_newer_than_redis;
use crate::values;

/// What no option is, and numbers that are none or out of range.
const WRONG: [&str; 20] = [
    "",
    "x",
    "NOPE",
    "-1",
    "-0",
    "+1",
    "1.5",
    "nan",
    "-inf",
    " 1",
    "0x1",
    "1e400",
    "(",
    "[",
    "é",
    "-9223372036854775808",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "99999999999999999999999999",
];

/// Makes a mistake in a request.
pub fn make(draw: &mut Draw, spec: &Spec, request: &mut Request) {
    let first = spec.name.split('|').count();
    let at = first + draw.below(request.len() - first + 1);
    let is_there = at < request.len();
    let may_move = !spec.flags.has(Flag::Blocking) && !sets_time(spec.arguments);
    match draw.below(12) {
        0 => request.truncate(at),
        1 if is_there => drop(request.remove(at)),
        2 if is_there && may_move => request[at] = values::content(draw),
        3 if may_move => request.insert(at, values::content(draw)),
        4 if is_there => request.insert(at, request[at].clone()),
        5 if at + 1 < request.len() => {
            let doubled = [request[at].clone(), request[at + 1].clone()];
            request.extend(doubled);
        }
        6 if is_there && may_move => {
            let other = first + draw.below(request.len() - first);
            request.swap(at, other);
        }
        7 if is_there => {
            let wrong = draw.one(&WRONG);
            // As a timeout it has no end.
            if wrong != "-0" || !spec.flags.has(Flag::Blocking) {
                request[at] = wrong.as_bytes().to_vec();
            }
        }
        8 if is_there => request[at] = values::key(draw, "", false),
        9 => request.insert(at, b"NOPE".to_vec()),
        // Some words and numbers end here, and others are not what they were.
        10 if is_there => request[at].extend(b"\0x"),
        _ => {
            let mut words = Vec::new();
            options(spec.arguments, &mut words);
            if !words.is_empty() {
                request.insert(at, draw.one(&words).as_bytes().to_vec());
            }
        }
    }
}

/// Whether a command may give a key a time to live.
fn sets_time(arguments: &[Argument]) -> bool {
    arguments.iter().any(|argument| {
        argument.kind == ArgumentKind::UnixTime
            || matches!(argument.name, "seconds" | "milliseconds")
            || sets_time(argument.arguments)
    })
}

/// The words of a command's options, but for those that stand for the clock's ids.
fn options(arguments: &'static [Argument], words: &mut Vec<&'static str>) {
    for argument in arguments {
        if argument.since.is_some_and(is_newer_than_redis) {
            continue;
        }
        let token = argument.token.filter(|token| token.len() > 1);
        words.extend(token);
        options(argument.arguments, words);
    }
}
