//! What commands print for people.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Prints a text to standard output. If the reader has gone, as `head` does, that is not an error.
///
/// # Errors The error for people, if it cannot be written for another reason.
pub fn print(text: impl Display) -> Result<(), String> {
    print_to(&mut io::stdout().lock(), text)
}

fn print_to(to: &mut impl Write, text: impl Display) -> Result<(), String> {
    match write!(to, "{text}").and_then(|()| to.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// Prints a line, for a command that continues even if the line cannot be printed.
pub fn say(line: impl Display) {
    let _ = print(format_args!("{line}\n"));
}

/// Prints why a command has failed; its exit code shows the failure as well.
pub fn fail(error: &str) {
    let _ = writeln!(io::stderr(), "slotkeeper: {error}");
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Refusing(ErrorKind);

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error_and_a_full_disk_is_one() {
        let mut refusing = Refusing(ErrorKind::BrokenPipe);
        assert_eq!(print_to(&mut refusing, "text"), Ok(()));
        refusing.0 = ErrorKind::StorageFull;
        let error = print_to(&mut refusing, "text").unwrap_err();
        assert!(
            error.starts_with("cannot write to standard output"),
            "{error}"
        );
    }
}
