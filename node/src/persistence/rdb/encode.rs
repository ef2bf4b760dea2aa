//! Lengths and strings as they stand in the file.

use super::lzf::Packer;

/// As in Redis, shorter strings are not packed.
const PACKED_FROM: usize = 21;

/// Appends a length.
pub fn length(out: &mut Vec<u8>, len: usize) {
    let len = len as u64;
    match len {
        0..64 => out.push(len as u8),
        64..0x4000 => out.extend_from_slice(&(len as u16 | 0x4000).to_be_bytes()),
        0x4000..=0xffff_ffff => {
            out.push(0x80);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
        _ => {
            out.push(0x81);
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
}

/// Appends a string; as a number if it is the decimal form of a 32-bit one, and packed if there is
/// a packer and it is worth it.
pub fn string(out: &mut Vec<u8>, bytes: &[u8], packer: Option<&mut Packer>) {
    if let Some(number) = canonical_i32(bytes) {
        return integer(out, number);
    }
    let packer = packer.filter(|_| bytes.len() >= PACKED_FROM);
    if let Some(packed) = packer.and_then(|packer| packer.pack(bytes)) {
        out.push(0xc3);
        length(out, packed.len());
        length(out, bytes.len());
        out.extend_from_slice(packed);
        return;
    }
    length(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn integer(out: &mut Vec<u8>, number: i32) {
    if let Ok(small) = i8::try_from(number) {
        out.push(0xc0);
        out.extend_from_slice(&small.to_le_bytes());
    } else if let Ok(small) = i16::try_from(number) {
        out.push(0xc1);
        out.extend_from_slice(&small.to_le_bytes());
    } else {
        out.push(0xc2);
        out.extend_from_slice(&number.to_le_bytes());
    }
}

/// The number whose decimal form these bytes are, exactly: no sign but `-`, no leading zero.
fn canonical_i32(bytes: &[u8]) -> Option<i32> {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let canonical = match digits {
        [] => false,
        [b'0'] => bytes.len() == 1,
        [first, ..] => *first != b'0' && digits.len() <= 10,
    };
    if !canonical || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_numbers_become_numbers() {
        for text in ["0", "-1", "12", "2147483647", "-2147483648"] {
            assert_eq!(canonical_i32(text.as_bytes()), text.parse().ok(), "{text}");
        }
        for text in [
            "",
            "-",
            "-0",
            "+1",
            "01",
            "1 ",
            "2147483648",
            "99999999999",
            "1e3",
        ] {
            assert_eq!(canonical_i32(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn lengths_take_the_shortest_form() {
        for (len, bytes) in [
            (0, vec![0x00]),
            (63, vec![0x3f]),
            (64, vec![0x40, 0x40]),
            (0x3fff, vec![0x7f, 0xff]),
            (0x4000, vec![0x80, 0, 0, 0x40, 0]),
            (0x1_0000_0000, vec![0x81, 0, 0, 0, 1, 0, 0, 0, 0]),
        ] {
            let mut out = Vec::new();
            length(&mut out, len);
            assert_eq!(out, bytes, "{len}");
        }
    }
}
