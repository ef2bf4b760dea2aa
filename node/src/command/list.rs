//! Commands on lists.

mod blpop;
mod lindex;
mod linsert;
mod llen;
mod lmove;
mod lmpop;
mod lpop;
mod lpos;
mod lpush;
mod lrange;
mod lrem;
mod lset;
mod ltrim;

use std::ops::Range;

use super::parse::SYNTAX;
use super::{Definition, Effect, Exec, Refused, show};
use crate::data::{End, Event, List, ListLimits, ListMut};
use crate::request::{Action, Awaited, Block, Nothing};
use crate::resp::{Reply, is_word};

/// The commands of this group.
pub(super) const COMMANDS: &[&Definition] = &[
    &lmove::BLMOVE,
    &lmpop::BLMPOP,
    &blpop::BLPOP,
    &blpop::BRPOP,
    &lmove::BRPOPLPUSH,
    &lindex::LINDEX,
    &linsert::LINSERT,
    &llen::LLEN,
    &lmove::LMOVE,
    &lmpop::LMPOP,
    &lpop::LPOP,
    &lpos::LPOS,
    &lpush::LPUSH,
    &lpush::LPUSHX,
    &lrange::LRANGE,
    &lrem::LREM,
    &lset::LSET,
    &ltrim::LTRIM,
    &lpop::RPOP,
    &lmove::RPOPLPUSH,
    &lpush::RPUSH,
    &lpush::RPUSHX,
];

/// What the configuration says of encodings.
fn limits(exec: &Exec<'_>) -> ListLimits {
    exec.node.config.limits().list
}

/// LEFT or RIGHT.
fn end(word: &[u8]) -> Result<End, Refused> {
    if is_word(word, "left") {
        Ok(End::Left)
    } else if is_word(word, "right") {
        Ok(End::Right)
    } else {
        Err(SYNTAX)
    }
}

/// The position of an index, which counts from the end if it is negative.
fn position(index: i64, len: usize) -> Option<usize> {
    let from_end = index.unsigned_abs().try_into().ok();
    let position = if index < 0 {
        len.checked_sub(from_end?)?
    } else {
        from_end?
    };
    (position < len).then_some(position)
}

/// The first position of a range of indexes, and how many it has. What lies beyond the list is
/// left out.
fn range(start: i64, stop: i64, len: usize) -> (usize, usize) {
    let all = i64::try_from(len).unwrap_or(i64::MAX);
    let from_end = |index: i64| if index < 0 { index + all } else { index };
    let (first, last) = (from_end(start).max(0), from_end(stop).min(all - 1));
    if first > last {
        return (0, 0);
    }
    (first as usize, (last - first + 1) as usize)
}

/// What taking from an end, or putting there, is called.
fn event(end: End, pushed: bool) -> Event {
    match (end, pushed) {
        (End::Left, true) => Event::LPush,
        (End::Right, true) => Event::RPush,
        (End::Left, false) => Event::LPop,
        (End::Right, false) => Event::RPop,
    }
}

/// The command that takes elements from an end.
fn pop_command(end: End) -> &'static [u8] {
    match end {
        End::Left => b"LPOP",
        End::Right => b"RPOP",
    }
}

/// Waits for a list at one of the keys.
fn wait(keys: Range<usize>, deadline: Option<u64>, otherwise: Nothing) -> Effect {
    Effect::ask(Action::Block(Block {
        keys,
        awaited: Awaited::List,
        deadline,
        otherwise,
        request: None,
        changed: Vec::new(),
    }))
}

/// Shows so many elements from an end on, as an array.
fn show_from(reply: &mut Reply, list: &List<'_>, end: End, count: usize) {
    reply.array(count);
    let first = match end {
        End::Left => 0,
        End::Right => list.len().saturating_sub(1),
    };
    let elements = list.elements(first, end == End::Left);
    elements
        .take(count)
        .for_each(|element| show(reply, element));
}

/// Takes so many elements out at an end.
fn take_from(list: &mut ListMut<'_>, end: End, count: usize) {
    let first = match end {
        End::Left => 0,
        End::Right => list.view().len() - count,
    };
    list.remove(first, count);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_count_from_both_ends() {
        for (index, found) in [
            (0, Some(0)),
            (2, Some(2)),
            (3, None),
            (-1, Some(2)),
            (-3, Some(0)),
            (-4, None),
            (i64::MIN, None),
            (i64::MAX, None),
        ] {
            assert_eq!(position(index, 3), found, "{index}");
        }
        for (start, stop, found) in [
            (0, -1, (0, 3)),
            (1, 1, (1, 1)),
            (-2, 9, (1, 2)),
            (-9, 0, (0, 1)),
            (2, 1, (0, 0)),
            (3, 9, (0, 0)),
            (i64::MIN, i64::MAX, (0, 3)),
            (0, i64::MIN, (0, 0)),
        ] {
            assert_eq!(range(start, stop, 3), found, "{start} {stop}");
        }
    }
}
