//! A peek at an input that is not decoded yet, for hints only: it checks no limits.

use super::number::parse_integer;

/// The first two arguments of the array that an input begins with, if they have arrived in full.
#[must_use]
#[inline]
pub fn first_arguments(input: &[u8]) -> Option<[&[u8]; 2]> {
    let (_, rest) = number(input, b'*')?;
    let (name, rest) = bulk(rest)?;
    let (argument, _) = bulk(rest)?;
    Some([name, argument])
}

#[inline]
fn bulk(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = number(input, b'$')?;
    let (bulk, rest) = rest.split_at_checked(len)?;
    Some((bulk, rest.get(2..)?))
}

/// A line of this type with a number, and what follows it.
#[inline]
fn number(input: &[u8], kind: u8) -> Option<(usize, &[u8])> {
    let rest = input.strip_prefix(&[kind])?;
    // A longer number is not worth a hint.
    let end = rest.iter().take(8).position(|&byte| byte == b'\r')?;
    let number = match &rest[..end] {
        [digit @ b'0'..=b'9'] => usize::from(digit - b'0'),
        digits => usize::try_from(parse_integer(digits)?).ok()?,
    };
    Some((number, rest.get(end + 2..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_two_arguments_once_they_are_there() {
        let input = b"*3\r\n$3\r\nSET\r\n$12\r\nkey:\r\n$12:34\r\n$1\r\nx\r\n";
        let seen = [&b"SET"[..], b"key:\r\n$12:34"];
        let needed = input.len() - b"$1\r\nx\r\n".len();
        for end in 0..=input.len() {
            let expected = (end >= needed).then_some(seen);
            assert_eq!(first_arguments(&input[..end]), expected, "{end}");
        }
    }

    #[test]
    fn sees_nothing_in_anything_else() {
        let inputs: [&[u8]; 7] = [
            b"GET key\r\n",
            b"*1\r\n$4\r\nPING\r\n",
            b"*2\r\n$3\r\nGET\r\n:1\r\n",
            b"*2\r\n$-1\r\n$1\r\na\r\n",
            b"*2\r\n$18446744073709551615\r\nGET\r\n$1\r\na\r\n",
            b"*2\r\n$3\r\nGET\r\n$x\r\na\r\n",
            b"*2\r",
        ];
        for input in inputs {
            assert_eq!(first_arguments(input), None, "{input:?}");
        }
    }
}
