//! The order that SORT brings elements into.

use std::cmp::Ordering;
use std::ops::Range;

use slotkeeper_tree::element::{Element, Text};

use super::Options;
use crate::command::Refused;
use crate::command::parse::{c_double_in_range, c_text};
use crate::data::{Direction, Key, Partition, Value};

const NO_NUMBER: Refused = Refused::new("ERR One or more scores can't be converted into double");

/// An element, and what it is sorted by.
struct Item<'a> {
    element: Element<'a>,
    weight: Weight<'a>,
    /// Where it was.
    position: usize,
}

enum Weight<'a> {
    Number(f64),
    /// None comes first.
    Text(Option<Element<'a>>),
}

/// The elements that were asked for, in order; none where there is no key.
pub(super) fn sorted<'a>(
    data: &'a Partition,
    db: usize,
    key: &Key<'_>,
    options: &Options<'_>,
) -> Result<Vec<Element<'a>>, Refused> {
    let Some(entry) = data.reader().get(db, key) else {
        return Ok(Vec::new());
    };
    let value = entry.value();
    let is_set = matches!(value, Value::Set(_));
    // A set has no order that another node would have, too.
    let forced = options.unsorted && is_set && options.store.is_some();
    if options.unsorted && !forced {
        return Ok(unsorted(&value, options));
    }
    let elements = elements(&value);
    let wanted = range(options.limit, elements.len());
    let by = options.by.filter(|_| !forced);
    let alpha = options.alpha || forced;
    let mut items = weigh(data, db, elements, by, alpha)?;
    if is_set {
        // For those of equal weights.
        items.sort_unstable_by(|a, b| compare_elements(a.element, b.element));
        (0..)
            .zip(&mut items)
            .for_each(|(position, item)| item.position = position);
    }
    let order = |a: &Item<'_>, b: &Item<'_>| {
        let order = compare(a, b);
        let order = if options.descending {
            order.reverse()
        } else {
            order
        };
        order.then(a.position.cmp(&b.position))
    };
    if wanted.len() < items.len() && !wanted.is_empty() {
        if wanted.end < items.len() {
            items.select_nth_unstable_by(wanted.end, order);
        }
        let first = &mut items[..wanted.end];
        if wanted.start > 0 {
            first.select_nth_unstable_by(wanted.start, order);
        }
        first[wanted.start..].sort_unstable_by(order);
    } else {
        items.sort_unstable_by(order);
    }
    Ok(items[wanted].iter().map(|item| item.element).collect())
}

/// The elements that were asked for in the order that they have, which for a set is any.
fn unsorted<'a>(value: &Value<'a>, options: &Options<'_>) -> Vec<Element<'a>> {
    let backward = options.descending;
    let first = |wanted: &Range<usize>, len: usize| match backward {
        true => len - 1 - wanted.start,
        false => wanted.start,
    };
    match value {
        Value::List(list) => {
            let wanted = range(options.limit, list.len());
            if wanted.is_empty() {
                return Vec::new();
            }
            let elements = list.elements(first(&wanted, list.len()), !backward);
            elements.take(wanted.len()).collect()
        }
        Value::Zset(zset) => {
            let (wanted, mut found) = (range(options.limit, zset.len()), Vec::new());
            if !wanted.is_empty() {
                let direction = if backward {
                    Direction::Down
                } else {
                    Direction::Up
                };
                let rank = first(&wanted, zset.len());
                zset.show(rank, wanted.len(), direction, |record| {
                    found.push(record.member);
                });
            }
            found
        }
        other => {
            let elements = elements(other);
            elements[range(options.limit, elements.len())].to_vec()
        }
    }
}

/// What a pattern finds for an element: `#` is the element itself; in others it replaces the first
/// `*`, and they name a string, or with `->` a field of a hash.
pub(super) fn look_up<'a>(
    data: &'a Partition,
    db: usize,
    pattern: &[u8],
    element: Element<'a>,
) -> Option<Element<'a>> {
    if pattern == b"#" {
        return Some(element);
    }
    let star = pattern.iter().position(|byte| *byte == b'*')?;
    let (before, rest) = (&pattern[..star], &pattern[star + 1..]);
    let arrow = rest.windows(2).position(|two| two == b"->");
    let (behind, field) = match arrow.filter(|at| at + 2 < rest.len()) {
        Some(at) => (&rest[..at], Some(&rest[at + 2..])),
        None => (rest, None),
    };
    let name = [before, element.bytes(&mut Text::new()), behind].concat();
    let reader = data.reader();
    let entry = reader.get(db, &data.key(&name))?;
    match (entry.value(), field) {
        (Value::Str(string), None) => Some(Element::Str(string)),
        (Value::Hash(hash), Some(field)) => hash.hiding(reader.due()).get(field),
        _ => None,
    }
}

fn elements<'a>(value: &Value<'a>) -> Vec<Element<'a>> {
    match value {
        Value::List(list) => list.elements(0, true).collect(),
        Value::Set(set) => {
            let mut elements = Vec::with_capacity(set.len());
            set.for_each(|member| elements.push(member));
            elements
        }
        Value::Zset(zset) => {
            let mut elements = Vec::with_capacity(zset.len());
            zset.for_each(|record| elements.push(record.member));
            elements
        }
        _ => Vec::new(),
    }
}

/// Which of so many elements LIMIT wants.
fn range(limit: Option<(i64, i64)>, len: usize) -> Range<usize> {
    let Some((start, count)) = limit else {
        return 0..len;
    };
    let start = usize::try_from(start.max(0)).unwrap_or(len).min(len);
    let count = usize::try_from(count).unwrap_or(len);
    start..start.saturating_add(count).min(len)
}

fn weigh<'a>(
    data: &'a Partition,
    db: usize,
    elements: Vec<Element<'a>>,
    by: Option<&[u8]>,
    alpha: bool,
) -> Result<Vec<Item<'a>>, Refused> {
    let weighed = elements.into_iter().enumerate().map(|(position, element)| {
        let found = match by {
            Some(pattern) => look_up(data, db, pattern, element),
            None => Some(element),
        };
        let weight = match found {
            _ if alpha => Weight::Text(found),
            Some(found) => Weight::Number(number(found)?),
            None => Weight::Number(0.0),
        };
        Ok(Item {
            element,
            weight,
            position,
        })
    });
    weighed.collect()
}

/// A weight as C reads it.
fn number(element: Element<'_>) -> Result<f64, Refused> {
    match element {
        Element::Int(number) => Ok(number as f64),
        Element::Str(text) => c_double_in_range(c_text(text)).ok_or(NO_NUMBER),
    }
}

/// Elements with the same number are in the order of their bytes.
fn compare(a: &Item<'_>, b: &Item<'_>) -> Ordering {
    match (&a.weight, &b.weight) {
        (Weight::Number(x), Weight::Number(y)) => x
            .partial_cmp(y)
            .unwrap_or(Ordering::Equal)
            .then_with(|| compare_elements(a.element, b.element)),
        (Weight::Text(Some(x)), Weight::Text(Some(y))) => compare_elements(*x, *y),
        (Weight::Text(x), Weight::Text(y)) => x.is_some().cmp(&y.is_some()),
        _ => Ordering::Equal,
    }
}

fn compare_elements(a: Element<'_>, b: Element<'_>) -> Ordering {
    a.bytes(&mut Text::new()).cmp(b.bytes(&mut Text::new()))
}
