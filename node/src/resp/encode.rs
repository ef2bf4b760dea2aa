//! Requests as we send them.

use super::number::push_integer;

/// Appends a request as RESP has it: an array of bulk strings.
pub fn encode_command(out: &mut Vec<u8>, argv: &[impl AsRef<[u8]>]) {
    out.push(b'*');
    push_integer(out, argv.len() as i64);
    out.extend_from_slice(b"\r\n");
    for argument in argv {
        let argument = argument.as_ref();
        out.push(b'$');
        push_integer(out, argument.len() as i64);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(argument);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_an_array_of_bulks() {
        let mut out = Vec::new();
        encode_command(&mut out, &["SET", "a", ""]);
        assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$0\r\n\r\n");
    }
}
