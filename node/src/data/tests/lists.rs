//! Lists in the keyspace.

use std::collections::VecDeque;

use super::*;
use crate::data::rounds;
use crate::data::table::next_random;

const LIMITS: ListLimits = ListLimits { listpack_size: -1 };

fn change<R>(
    data: &mut Partition,
    change: impl FnOnce(&mut ListMut<'_>) -> R,
) -> Result<R, WrongType> {
    let key = data.key(b"l");
    data.change_list(0, &key, LIMITS, |list| (change(list), Some(Event::RPush)))
}

fn text(element: Element<'_>) -> Vec<u8> {
    element.bytes(&mut Text::new()).to_vec()
}

/// Its elements; none if there is no list.
fn shown(data: &mut Partition) -> VecDeque<Vec<u8>> {
    let key = data.key(b"l");
    let Some(list) = data.get_list(0, &key).unwrap() else {
        return VecDeque::new();
    };
    let all: VecDeque<_> = list.elements(0, true).map(text).collect();
    let last = list.len() - 1;
    assert!(
        list.elements(last, false)
            .map(text)
            .eq(all.iter().rev().cloned())
    );
    for position in [0, last / 2, last] {
        assert_eq!(list.get(position).map(text).as_ref(), all.get(position));
    }
    assert_eq!(list.get(last + 1), None);
    let bytes = list.with_listpack(|elements, count| {
        assert_eq!(count, all.len());
        elements.len()
    });
    assert_eq!(bytes, list.listed());
    all
}

fn encoding(data: &mut Partition) -> &'static str {
    let key = data.key(b"l");
    data.peek(0, &key).unwrap().encoding()
}

fn is_big(data: &mut Partition) -> bool {
    let key = data.key(b"l");
    data.peek(0, &key).unwrap().big().is_some()
}

#[test]
fn a_list_has_its_elements_in_order_and_goes_with_the_last_one() {
    let mut data = partition(Layout::Databases(1));
    change(&mut data, |list| {
        list.push(End::Right, b"b");
        list.push(End::Right, b"");
        list.push(End::Left, b"-7");
        list.insert(1, b"between");
        list.set(2, b"07");
    })
    .unwrap();
    assert_eq!(shown(&mut data), [&b"-7"[..], b"between", b"07", b""]);
    let removed = change(&mut data, |list| {
        list.push(End::Right, b"07");
        let removed = list.remove_equal(b"07", End::Right, 1);
        list.remove(0, 1);
        removed
    });
    assert_eq!(removed, Ok(1));
    assert_eq!(shown(&mut data), [&b"between"[..], b"07", b""]);
    change(&mut data, |list| list.keep(1, 1)).unwrap();
    assert_eq!(shown(&mut data), [b"07"]);
    change(&mut data, |list| list.remove(0, 1)).unwrap();
    assert!(data.is_empty());
    assert_eq!(data.stats().memory, 0);
}

#[test]
fn a_list_becomes_a_tree_and_small_again() {
    let mut data = partition(Layout::Databases(1));
    change(&mut data, |list| list.push(End::Right, &[b'x'; 256])).unwrap();
    assert!(is_big(&mut data), "at once");
    assert_eq!(encoding(&mut data), "listpack", "as in Redis");
    change(&mut data, |list| list.set(0, b"short")).unwrap();
    assert!(!is_big(&mut data));
    let count = rounds(3000, 150) as usize;
    for number in 0..count {
        change(&mut data, |list| {
            list.push(End::Left, format!("element:{number}").as_bytes());
        })
        .unwrap();
    }
    assert!(is_big(&mut data));
    change(&mut data, |list| list.keep(count - 9, 10)).unwrap();
    assert!(!is_big(&mut data));
    let all = shown(&mut data);
    assert_eq!(all.len(), 10);
    assert_eq!(
        (&all[0][..], &all[9][..]),
        (&b"element:8"[..], &b"short"[..])
    );
    while data.reclaim_step(100) {}
    data.remove(0, &data.key(b"l"));
    while data.reclaim_step(100) {}
    assert_eq!(data.stats().memory, 0);
}

/// One operation on a list and on a deque.
pub(super) fn operate(
    list: &mut ListMut<'_>,
    model: &mut VecDeque<Vec<u8>>,
    mut below: impl FnMut(usize) -> usize,
) {
    let len = model.len();
    let element = match below(12) {
        0 => vec![b'l'; 200 + below(120)],
        1..=4 => below(40).to_string().into_bytes(),
        _ => format!("element:{}", below(1000)).into_bytes(),
    };
    match below(14) {
        0..=3 => {
            list.push(End::Right, &element);
            model.push_back(element);
        }
        4..=6 => {
            list.push(End::Left, &element);
            model.push_front(element);
        }
        7 => {
            let at = below(len + 1);
            list.insert(at, &element);
            model.insert(at, element);
        }
        8 if len > 0 => {
            let at = below(len);
            list.set(at, &element);
            model[at] = element;
        }
        9 if below(6) == 0 => {
            let first = below(len + 1);
            let count = below(len - first + 1);
            list.keep(first, count);
            model.truncate(first + count);
            model.drain(..first);
        }
        10 => {
            let (most, forward) = (1 + below(3), below(2) == 0);
            let end = if forward { End::Left } else { End::Right };
            let removed = list.remove_equal(&element, end, most);
            let mut places: Vec<_> = (0..len).filter(|&at| model[at] == element).collect();
            if !forward {
                places.reverse();
            }
            places.truncate(most);
            assert_eq!(removed, places.len());
            places.sort_unstable();
            places.iter().rev().for_each(|&at| drop(model.remove(at)));
        }
        11 | 12 if len > 0 => {
            let first = below(len);
            let count = 1 + below((len - first).min(4));
            list.remove(first, count);
            model.drain(first..first + count);
        }
        _ => {}
    }
    assert_eq!(list.view().len(), model.len());
}

#[test]
fn equals_a_deque_while_walks_save_it_as_it_was() {
    for seed in 1..rounds(6, 2) {
        let mut data = partition(Layout::Databases(1));
        let (mut model, mut random) = (VecDeque::new(), seed);
        let mut below = |bound: usize| {
            random = next_random(random);
            (random >> 32) as usize % bound
        };
        let mut expected = None;
        for round in 0..rounds(4000, 150) {
            let key = data.key(b"l");
            if !data.must_wait(0, &key) {
                let count = 1 + below(5);
                let changed = data.change_list(0, &key, LIMITS, |list| {
                    for _ in 0..count {
                        operate(list, &mut model, &mut below);
                    }
                    ((), Some(Event::RPush))
                });
                assert_eq!(changed, Ok(()));
                data.drain_changes();
            }
            if round % 50 == 0 {
                assert_eq!(shown(&mut data), model);
            }
            if expected.is_none() && below(60) == 0 {
                data.start_walk(Box::new(Recorder::default()));
                expected = Some(model.clone());
            }
            if data.walking() && data.walk_step(200) == WalkState::Done {
                let saved = stop(&mut data).contents.remove(&(0, b"l".to_vec()));
                let saved = saved.map_or(Vec::new(), |(content, _)| match content {
                    Content::List(elements) => elements,
                    other => panic!("{other:?}"),
                });
                assert!(expected.take().is_some_and(|expected| expected == saved));
            }
            data.reclaim_step(50);
        }
        data.stop_walk();
        data.flush(None);
        while data.reclaim_step(100) {}
        assert_eq!(data.stats().memory, 0);
    }
}
