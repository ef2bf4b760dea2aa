//! Commands that depend on chance: each server draws its own elements, but of the same value.

use std::collections::BTreeSet;

use crate::Request;
use crate::canonical::name;
use crate::pair::{Both, Differing};
use crate::value::Value;

/// Plays such a request on both servers, and says what is wrong with our reply. What was popped is
/// made the same on both.
pub fn play(both: &mut Both, request: &Request) -> Option<Differing> {
    let (ours, theirs) = both.ask(request);
    let shown = (ours.show(true), theirs.show(true));
    if shown.0 == shown.1 {
        return None;
    }
    let (Some(here), Some(there)) = (elements(&ours), elements(&theirs)) else {
        return Some(shown);
    };
    let key = request.get(1).map_or(&[][..], Vec::as_slice);
    let width = here.len() / there.len().max(1);
    let alike = here.len() == there.len() && width == 1;
    let right = alike
        && match name(request).as_str() {
            "randomkey" => both.theirs.text(&[&b"EXISTS"[..], &here[0]]) == ":1",
            "srandmember" => {
                (here.iter()).all(|one| both.theirs.text(&[&b"SISMEMBER"[..], key, one]) == ":1")
            }
            "spop" => make_alike(both, key, &here, &there),
            _ => are_in(both, request, key, &here),
        };
    (!right || repeats(request, &here)).then_some(shown)
}

/// The elements of a reply, or the one that it is.
fn elements(reply: &Value) -> Option<Vec<Vec<u8>>> {
    match reply {
        Value::Bulk(bytes) => Some(vec![bytes.clone()]),
        Value::Plain(text) if text.starts_with(',') => Some(vec![text.as_bytes()[1..].to_vec()]),
        Value::List(_, values, _) => {
            let parts: Option<Vec<_>> = values.iter().map(elements).collect();
            parts.map(|parts| parts.concat())
        }
        _ => None,
    }
}

/// Whether redis-server has these fields or members, with these values or scores.
fn are_in(both: &mut Both, request: &Request, key: &[u8], found: &[Vec<u8>]) -> bool {
    let ask: &[u8] = if name(request) == "hrandfield" {
        b"HGET"
    } else {
        b"ZSCORE"
    };
    let mut is_in = |one: &[u8], value: Option<&Vec<u8>>| {
        let has = elements(&both.theirs.ask(&[ask, key, one]));
        let has = has.and_then(|mut values| values.pop());
        match value {
            None => has.is_some(),
            Some(value) => has.is_some_and(|has| has == *value || number(&has) == number(value)),
        }
    };
    if is_paired(request) {
        found.chunks(2).all(|pair| is_in(&pair[0], pair.get(1)))
    } else {
        found.iter().all(|one| is_in(one, None))
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    let number: f64 = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    Some(number.to_bits())
}

fn is_paired(request: &Request) -> bool {
    request.len() > 3
}

/// Whether elements repeat that must be different.
fn repeats(request: &Request, found: &[Vec<u8>]) -> bool {
    let negative = request.get(2).is_some_and(|count| count.starts_with(b"-"));
    let step = if is_paired(request) { 2 } else { 1 };
    let different: BTreeSet<_> = found.iter().step_by(step).collect();
    !negative && different.len() < found.len().div_ceil(step)
}

/// After SPOP: lets both sets lack what we popped. Whether redis-server's set had that.
fn make_alike(both: &mut Both, key: &[u8], here: &[Vec<u8>], there: &[Vec<u8>]) -> bool {
    let with = |command: &[u8], members: &[Vec<u8>]| {
        let head = [command.to_vec(), key.to_vec()];
        [&head[..], members].concat()
    };
    drop(both.theirs.ask(&with(b"SADD", there)));
    let had = (here.iter()).all(|one| both.theirs.text(&[&b"SISMEMBER"[..], key, one]) == ":1");
    drop(both.ours.ask(&with(b"SADD", here)));
    drop(both.ask(&with(b"SREM", here)));
    had
}
