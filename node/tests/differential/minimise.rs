//! From a long list of requests that shows a difference to a short one.

use crate::Request;

/// How often a list is played at most.
const TRIES: usize = 1000;

/// A list that still fails, and fails no more when any one of its requests is left out, unless that
/// takes too many tries.
pub fn minimise(
    mut requests: Vec<Request>,
    mut fails: impl FnMut(&[Request]) -> bool,
) -> Vec<Request> {
    let (mut piece, mut left) = (requests.len().div_ceil(2), TRIES);
    while piece > 0 && left > 0 {
        let (mut start, mut shorter) = (0, false);
        while start < requests.len() {
            let end = requests.len().min(start + piece);
            let rest = [&requests[..start], &requests[end..]].concat();
            left = left.saturating_sub(1);
            if left > 0 && fails(&rest) {
                requests = rest;
                shorter = true;
            } else {
                start = end;
            }
        }
        if piece == 1 && !shorter {
            break;
        }
        if piece > 1 {
            piece = piece.div_ceil(2);
        }
    }
    requests
}

#[test]
fn what_matters_is_left() {
    let requests: Vec<Request> = (0..100u8).map(|number| vec![vec![number]]).collect();
    let needed = [3, 4, 50, 99];
    let fails = |list: &[Request]| (needed.iter()).all(|n| list.iter().any(|r| r[0] == [*n]));
    let left: Vec<u8> = minimise(requests, fails).iter().map(|r| r[0][0]).collect();
    assert_eq!(left, needed);
}
