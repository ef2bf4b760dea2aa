//! Glob patterns as KEYS, SCAN and CONFIG GET take them: `*`, `?`, `[abc]`, `[^a-z]`, `\` before a
//! literal character.

/// Whether the whole text matches the pattern. Runs in O(pattern * text) at worst: of several `*`
/// only the last one is ever tried again.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            star = Some((p, t));
            continue;
        }
        if t == text.len() {
            return p == pattern.len();
        }
        if let Some(len) = match_one(&pattern[p..], text[t], ignore_case) {
            p += len;
            t += 1;
            continue;
        }
        let Some((after, from)) = star else {
            return false;
        };
        (p, t) = (after, from + 1);
        star = Some((after, t));
    }
}

/// The length of the pattern's first element, if it matches the byte.
fn match_one(pattern: &[u8], byte: u8, ignore_case: bool) -> Option<usize> {
    match *pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', ref rest @ ..] => {
            let (len, within) = match_class(rest, byte, ignore_case);
            within.then_some(1 + len)
        }
        [b'\\', literal, ..] => same(literal, byte, ignore_case).then_some(2),
        [literal, ..] => same(literal, byte, ignore_case).then_some(1),
    }
}

/// The length of a class after its `[`, and whether the byte is in it. A class that does not end
/// reaches to the end of the pattern.
fn match_class(class: &[u8], byte: u8, ignore_case: bool) -> (usize, bool) {
    let fold = |b: u8| {
        if ignore_case {
            b.to_ascii_lowercase()
        } else {
            b
        }
    };
    let byte = fold(byte);
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    loop {
        match class[at.min(class.len())..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', literal, ..] => {
                found |= fold(literal) == byte;
                at += 2;
            }
            [from, b'-', to, ..] => {
                let (from, to) = (fold(from), fold(to));
                found |= (from.min(to)..=from.max(to)).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= fold(literal) == byte;
                at += 1;
            }
        }
    }
    (at, found != negated)
}

fn same(a: u8, b: u8, ignore_case: bool) -> bool {
    a == b || (ignore_case && a.eq_ignore_ascii_case(&b))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_whole_texts() {
        let yes = [
            ("", ""),
            ("*", ""),
            ("*", "abc"),
            ("a*c", "abbc"),
            ("a*b*c", "aXbYbc"),
            ("h?llo", "hallo"),
            ("h[ae]llo", "hello"),
            ("h[^x]llo", "hello"),
            ("[a-c]", "b"),
            ("[c-a]", "b"),
            (r"\*", "*"),
            (r"[\]]", "]"),
            ("[a-]", "a"),
            ("**a**", "a"),
            ("[abc", "c"),
        ];
        for (pattern, text) in yes {
            assert!(
                matches(pattern.as_bytes(), text.as_bytes(), false),
                "{pattern} {text}"
            );
        }
        let no = [
            ("", "a"),
            ("a", ""),
            ("a*c", "abbd"),
            ("h?llo", "hllo"),
            ("h[^e]llo", "hello"),
            (r"\*", "a"),
            ("abc", "ab"),
            ("ab", "abc"),
            ("[a-c]", "d"),
            ("A", "a"),
        ];
        for (pattern, text) in no {
            assert!(
                !matches(pattern.as_bytes(), text.as_bytes(), false),
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn case_can_be_ignored() {
        assert!(matches(b"MaX*", b"maxmemory", true));
        assert!(matches(b"[A-C]x", b"BX", true));
    }

    #[test]
    fn many_stars_are_no_explosion() {
        let pattern = b"*a".repeat(40);
        assert!(!matches(&pattern, &[b'b'; 4000], false));
    }
}
