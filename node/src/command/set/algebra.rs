//! Intersection, union and difference of the sets of a request. Nothing is copied that can be looked
//! up: members are looked for in the other sets, which have them in the same order.

use slotkeeper_tree::element::Text;

use super::limits;
use crate::command::{Effect, Exec, Refused};
use crate::data::{Encoding, Event, Key, Reader, Set, SetLimits, SetMut};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, ReadOnly, Write};
use crate::spec::KeyFlag::{Access, OW, RO, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

/// With more sets than this, a union collects what it has shown, instead of looking for each member
/// in all sets before.
const LOOKED_UP: usize = 8;

/// The keys of a request from an argument on, up to another one. Each is accessed.
///
/// # Errors
/// When a value of another type is there, whatever the others are.
pub(super) fn keys<'a>(
    exec: &mut Exec<'_>,
    args: &Args<'a>,
    indexes: std::ops::Range<usize>,
) -> Result<Vec<Key<'a>>, Refused> {
    let mut keys = Vec::with_capacity(indexes.len());
    for index in indexes {
        let key = args.key(exec.data, index);
        exec.data.get_set(exec.session.db, &key)?;
        keys.push(key);
    }
    Ok(keys)
}

/// The sets of such keys; none where there is no key.
pub(super) fn sets<'a>(reader: &Reader<'a>, db: usize, keys: &[Key<'_>]) -> Vec<Option<Set<'a>>> {
    let set = |key| reader.get(db, key)?.as_set().ok();
    keys.iter().map(set).collect()
}

/// The sets in the order of their sizes, the smallest first; none if one of them is missing.
pub(super) fn by_size<'a>(sets: &[Option<Set<'a>>]) -> Option<Vec<Set<'a>>> {
    let mut sets: Vec<Set<'a>> = sets.iter().copied().collect::<Option<_>>()?;
    sets.sort_by_key(Set::len);
    Some(sets)
}

/// Shows what all sets have, until `visit` returns false. The first should be the smallest.
pub(super) fn intersect(sets: &[Set<'_>], mut visit: impl FnMut(&[u8]) -> bool) {
    let Some((smallest, others)) = sets.split_first() else {
        return;
    };
    smallest.for_each_while(|member| {
        let mut text = Text::new();
        let member = member.bytes(&mut text);
        !others.iter().all(|set| set.contains(member)) || visit(member)
    });
}

/// Shows every member of each set, as often as sets have it.
fn for_each(sets: &[Option<Set<'_>>], mut visit: impl FnMut(usize, &[u8])) {
    for (index, set) in sets.iter().enumerate() {
        let Some(set) = set else { continue };
        set.for_each(|member| visit(index, member.bytes(&mut Text::new())));
    }
}

/// Shows what any set has, once.
pub(super) fn unite(exec: &mut Exec<'_>, keys: &[Key<'_>], visit: &mut dyn FnMut(&[u8])) {
    let db = exec.session.db;
    if keys.len() <= LOOKED_UP {
        let sets = sets(&exec.data.reader(), db, keys);
        return for_each(&sets, |index, member| {
            let shown = |set: &Option<Set<'_>>| set.is_some_and(|set| set.contains(member));
            if !sets[..index].iter().any(shown) {
                visit(member);
            }
        });
    }
    with_collected(exec, |collected, reader| {
        for_each(&sets(reader, db, keys), |_, member| {
            if collected.add(member) {
                visit(member);
            }
        });
    });
}

/// Shows what the first set has and the others have not.
pub(super) fn subtract(exec: &mut Exec<'_>, keys: &[Key<'_>], visit: &mut dyn FnMut(&[u8])) {
    let db = exec.session.db;
    let opened = sets(&exec.data.reader(), db, keys);
    let Some((Some(first), others)) = opened.split_first() else {
        return;
    };
    if looks_up(&opened) {
        return remaining(first, others, visit);
    }
    with_collected(exec, |collected, reader| {
        let sets = sets(reader, db, keys);
        for_each(&sets[1..], |_, member| {
            collected.add(member);
        });
        for_each(&sets[..1], |_, member| {
            if !collected.view().contains(member) {
                visit(member);
            }
        });
    });
}

/// What is known of SINTER, SUNION and SDIFF.
pub(super) const fn showing() -> Spec {
    Spec {
        arity: -2,
        flags: Flags::of(&[ReadOnly]),
        keys: const { &[KeySpec::rest(1, &[RO, Access])] },
        tips: &["nondeterministic_output_order"],
        arguments: const { &[Argument::key("key").multiple()] },
        ..Spec::new(Group::Set)
    }
}

/// What is known of their STORE forms.
pub(super) const fn storing() -> Spec {
    Spec {
        arity: -3,
        flags: Flags::of(&[Write, DenyOom]),
        keys: const {
            &[
                KeySpec::one(1, &[OW, Update]),
                KeySpec::rest(2, &[RO, Access]),
            ]
        },
        arguments: const {
            &[
                Argument::key("destination"),
                Argument::key_of("key", 1).multiple(),
            ]
        },
        ..Spec::new(Group::Set)
    }
}

/// What a command finds: it gets the keys, and calls the last argument for each member.
type Find = fn(&mut Exec<'_>, &[Key<'_>], &mut dyn FnMut(&[u8]));

/// The form of all three that returns members.
pub(super) fn show(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    find: Find,
) -> Result<Effect, Refused> {
    let keys = keys(exec, args, 1..args.len())?;
    let (start, mut count) = (reply.len(), 0);
    find(exec, &keys, &mut |member| {
        reply.bulk(member);
        count += 1;
    });
    reply.put_before(start, |reply| reply.set(count));
    Ok(Effect::None)
}

/// The STORE form of all three: puts in the place of the first key what `fill` makes of the sets of
/// the others, and answers how many members that has.
pub(super) fn store(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    event: Event,
    fill: impl FnOnce(&mut SetMut<'_>, &[Option<Set<'_>>]),
) -> Result<Effect, Refused> {
    let keys = keys(exec, args, 2..args.len())?;
    let (db, limits, target) = (exec.session.db, limits(exec), args.key(exec.data, 1));
    let (len, changed) = exec
        .data
        .replace_set(db, &target, limits, event, |made, reader| {
            fill(made, &sets(reader, db, &keys));
            made.view().len()
        });
    reply.integer(len as i64);
    Ok(Effect::if_changed(changed))
}

/// What any set has.
pub(super) fn put_union(made: &mut SetMut<'_>, sets: &[Option<Set<'_>>]) {
    for_each(sets, |_, member| {
        made.add(member);
    });
}

/// What all sets have. At first it is packed as Redis does it, then as an intset if it can be one.
pub(super) fn put_intersection(made: &mut SetMut<'_>, sets: &[Option<Set<'_>>]) {
    let Some(sets) = by_size(sets) else {
        return;
    };
    if sets
        .first()
        .is_some_and(|set| set.encoding() != Encoding::Intset)
    {
        made.set_encoding(Encoding::Listpack);
    }
    intersect(&sets, |member| {
        made.add(member);
        true
    });
    made.prefer_intset();
}

/// What the first set has and the others have not.
pub(super) fn put_difference(made: &mut SetMut<'_>, sets: &[Option<Set<'_>>]) {
    let Some((Some(first), others)) = sets.split_first() else {
        return;
    };
    if looks_up(sets) {
        return remaining(first, others, |member| {
            made.add(member);
        });
    }
    for_each(&sets[..1], |_, member| {
        made.add(member);
    });
    for_each(others, |_, member| {
        made.remove(member);
    });
}

/// Whether the difference is found by looking for each member of the first set in all others, and
/// not by going through them all: Redis's estimate, on which the encoding of the result depends.
fn looks_up(sets: &[Option<Set<'_>>]) -> bool {
    let len = |set: &Option<Set<'_>>| set.map_or(0, |set| set.len() as u128);
    let there = sets.iter().flatten().count() as u128;
    let first = sets.first().map_or(0, len);
    first * there / 2 <= sets.iter().map(len).sum()
}

fn remaining(first: &Set<'_>, others: &[Option<Set<'_>>], mut visit: impl FnMut(&[u8])) {
    let mut others: Vec<Set<'_>> = others.iter().flatten().copied().collect();
    // Where the most members are, one is found the soonest.
    others.sort_by_key(|set| std::cmp::Reverse(set.len()));
    first.for_each(|member| {
        let mut text = Text::new();
        let member = member.bytes(&mut text);
        if !others.iter().any(|set| set.contains(member)) {
            visit(member);
        }
    });
}

/// Runs something with a set that is there only meanwhile.
fn with_collected(exec: &mut Exec<'_>, run: impl FnOnce(&mut SetMut<'_>, &Reader<'_>)) {
    // It has no encoding that anybody sees.
    let none = SetLimits {
        intset_entries: 0,
        entries: 0,
        value: 0,
    };
    exec.data.with_set(none, run);
}
