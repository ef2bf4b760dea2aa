//! A line of words, some of them in quotes: inline requests.

/// A quote does not end, or something other than a space follows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SplitError;

/// Where a word lies.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// As it stands in the line.
    Plain {
        /// Offset in the line.
        start: usize,
        /// Length.
        len: usize,
    },
    /// With its quotes and escapes resolved, among the unquoted words.
    Unquoted {
        /// Offset there.
        start: usize,
        /// Length.
        len: usize,
    },
}

/// Splits a line at white space. A word may hold quoted parts: in double quotes `\n \r \t \b \a`,
/// `\xHH` and a backslash before anything else are escapes, in single quotes only `\'` is.
pub(super) fn split_line(
    line: &[u8],
    unquoted: &mut Vec<u8>,
    mut found: impl FnMut(Word),
) -> Result<(), SplitError> {
    let mut at = 0;
    loop {
        at += line[at..]
            .iter()
            .take_while(|byte| is_space(**byte))
            .count();
        if at == line.len() {
            return Ok(());
        }
        let plain = line[at..]
            .iter()
            .take_while(|byte| !is_space(**byte) && !matches!(byte, b'"' | b'\''))
            .count();
        if line.get(at + plain).is_none_or(|byte| is_space(*byte)) {
            found(Word::Plain {
                start: at,
                len: plain,
            });
            at += plain;
            continue;
        }
        let start = unquoted.len();
        at += unquote(&line[at..], unquoted)?;
        found(Word::Unquoted {
            start,
            len: unquoted.len() - start,
        });
    }
}

/// The words of a line, quotes and escapes resolved, as inline requests and redis.conf have them;
/// none when a quote does not end or something other than a space follows it.
#[must_use]
pub fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut unquoted = Vec::new();
    let mut places = Vec::new();
    split_line(line, &mut unquoted, |word| places.push(word)).ok()?;
    let words = places.into_iter().map(|word| match word {
        Word::Plain { start, len } => line[start..start + len].to_vec(),
        Word::Unquoted { start, len } => unquoted[start..start + len].to_vec(),
    });
    Some(words.collect())
}

/// Appends the first word of the line; gives the length it has in the line.
fn unquote(line: &[u8], out: &mut Vec<u8>) -> Result<usize, SplitError> {
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        match byte {
            b'"' => at += double_quoted(&line[at..], out)?,
            b'\'' => at += single_quoted(&line[at..], out)?,
            byte if is_space(byte) => break,
            byte => {
                out.push(byte);
                at += 1;
                continue;
            }
        }
        // A closing quote ends the word.
        if line.get(at).is_some_and(|byte| !is_space(*byte)) {
            return Err(SplitError);
        }
        break;
    }
    Ok(at)
}

fn double_quoted(line: &[u8], out: &mut Vec<u8>) -> Result<usize, SplitError> {
    let mut at = 1;
    loop {
        match line.get(at..).unwrap_or_default() {
            [] => return Err(SplitError),
            [b'"', ..] => return Ok(at + 1),
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex_digit(*high) * 16 + hex_digit(*low));
                at += 4;
            }
            [b'\\', escaped, ..] => {
                out.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                at += 2;
            }
            [byte, ..] => {
                out.push(*byte);
                at += 1;
            }
        }
    }
}

fn single_quoted(line: &[u8], out: &mut Vec<u8>) -> Result<usize, SplitError> {
    let mut at = 1;
    loop {
        match line.get(at..).unwrap_or_default() {
            [] => return Err(SplitError),
            [b'\'', ..] => return Ok(at + 1),
            [b'\\', b'\'', ..] => {
                out.push(b'\'');
                at += 2;
            }
            [byte, ..] => {
                out.push(*byte);
                at += 1;
            }
        }
    }
}

fn hex_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => (byte | 0x20) - b'a' + 10,
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Vec<String>, SplitError> {
        let mut unquoted = Vec::new();
        let mut places = Vec::new();
        split_line(line.as_bytes(), &mut unquoted, |word| places.push(word))?;
        let words = places.into_iter().map(|word| match word {
            Word::Plain { start, len } => line.as_bytes()[start..start + len].to_vec(),
            Word::Unquoted { start, len } => unquoted[start..start + len].to_vec(),
        });
        Ok(words
            .map(|word| String::from_utf8_lossy(&word).into_owned())
            .collect())
    }

    #[test]
    fn splits_at_white_space() {
        assert_eq!(words("  set a\t b  ").unwrap(), ["set", "a", "b"]);
        assert!(words(" ").unwrap().is_empty());
    }

    #[test]
    fn resolves_quotes_and_escapes() {
        assert_eq!(
            words(r#"set "a b" 'it\'s' "\x41\n\"" pre"fix" """#).unwrap(),
            ["set", "a b", "it's", "A\n\"", "prefix", ""]
        );
        assert_eq!(words(r#""\xzz""#).unwrap(), ["xzz"]);
    }

    #[test]
    fn refuses_open_quotes() {
        for line in [r#"set "a"#, "set 'a", r#"set "a"b"#, "'a'b", r#""a\"#] {
            assert_eq!(words(line), Err(SplitError), "{line}");
        }
    }
}
