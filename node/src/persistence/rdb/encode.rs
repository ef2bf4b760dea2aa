//! Lengths and strings as they stand in the file.

use super::lzf::Packer;
use crate::resp::number::parse_integer;

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
    let number = parse_integer(bytes).and_then(|number| i32::try_from(number).ok());
    if let Some(number) = number {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_32_bits_become_numbers() {
        for (text, bytes) in [
            ("-1", &[0xc0, 0xff][..]),
            ("128", &[0xc1, 0x80, 0]),
            ("-2147483648", &[0xc2, 0, 0, 0, 0x80]),
            ("2147483648", b"\x0a2147483648"),
            ("01", b"\x0201"),
            ("-0", b"\x02-0"),
        ] {
            let mut out = Vec::new();
            string(&mut out, text.as_bytes(), None);
            assert_eq!(out, bytes, "{text}");
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
