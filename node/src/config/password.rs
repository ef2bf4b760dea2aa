//! `password-file`: one file that holds the password of clients and the one at our master, as a
//! mounted Secret does.

use thiserror::Error;

/// As long as a password of a Secret may sensibly be, in bytes.
const LENGTH_MAX: usize = 512;

/// The directives that the file stands for.
pub(super) const SET_BY_FILE: [&str; 2] = ["requirepass", "masterauth"];

/// Why a file's content is no password.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum NoPassword {
    #[error("it is empty")]
    Empty,
    #[error("it has more than {LENGTH_MAX} bytes")]
    TooLong,
    #[error("it has more than one line")]
    Lines,
    #[error("it has control characters")]
    Control,
}

/// The password that a file holds: all of it, but for the line end that editors leave.
///
/// # Errors
/// When that can hardly be what was meant.
pub(super) fn password(content: &[u8]) -> Result<&[u8], NoPassword> {
    let line = content.strip_suffix(b"\n");
    let line = line.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let password = line.unwrap_or(content);
    if password.is_empty() {
        return Err(NoPassword::Empty);
    }
    if password.len() > LENGTH_MAX {
        return Err(NoPassword::TooLong);
    }
    if password.contains(&b'\n') {
        return Err(NoPassword::Lines);
    }
    if password.iter().any(u8::is_ascii_control) {
        return Err(NoPassword::Control);
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_not_part_of_it() {
        for content in ["a b#\"é", "a b#\"é\n", "a b#\"é\r\n"] {
            assert_eq!(password(content.as_bytes()), Ok("a b#\"é".as_bytes()));
        }
        let longest = [b'x'; LENGTH_MAX];
        assert_eq!(password(&longest), Ok(&longest[..]));
        let with_end = [&longest[..], b"\r\n"].concat();
        assert_eq!(password(&with_end), Ok(&longest[..]));
    }

    #[test]
    fn what_was_hardly_meant_is_refused() {
        let cases: [(&[u8], NoPassword); 8] = [
            (b"", NoPassword::Empty),
            (b"\n", NoPassword::Empty),
            (b"\r\n", NoPassword::Empty),
            (b"\n\n", NoPassword::Lines),
            (b"a\nb\n", NoPassword::Lines),
            (b"a\r", NoPassword::Control),
            (b"a\0b", NoPassword::Control),
            (&[b'x'; LENGTH_MAX + 1], NoPassword::TooLong),
        ];
        for (content, why) in cases {
            assert_eq!(password(content), Err(why), "{content:?}");
        }
    }
}
