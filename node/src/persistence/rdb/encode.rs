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

/// What stands before a node of a list: whether it is one element, or a listpack.
pub const PLAIN_NODE: usize = 1;
const PACKED_NODE: usize = 2;

/// Appends a node of a list: a listpack of so many elements.
pub fn listpack_node(
    out: &mut Vec<u8>,
    elements: &[u8],
    count: usize,
    packer: Option<&mut Packer>,
) {
    const AROUND: usize = 4 + 2 + 1;
    length(out, PACKED_NODE);
    let total = elements.len() + AROUND;
    let count = u16::try_from(count).unwrap_or(u16::MAX);
    let head = [&(total as u32).to_le_bytes()[..], &count.to_le_bytes()];
    if packer.is_none() {
        length(out, total);
        head.iter().for_each(|part| out.extend_from_slice(part));
        out.extend_from_slice(elements);
        return out.push(0xFF);
    }
    let whole = [head[0], head[1], elements, &[0xFF]].concat();
    string(out, &whole, packer);
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
    fn a_node_is_a_listpack_packed_or_not() {
        let node = |elements: &[u8], count, packer: Option<&mut Packer>| {
            let mut out = Vec::new();
            listpack_node(&mut out, elements, count, packer);
            out
        };
        let plain = b"\x02\x0A\x0A\0\0\0\x01\0\x81a\x02\xFF";
        assert_eq!(node(b"\x81a\x02", 1, None), plain);
        assert_eq!(node(b"\x81a\x02", 1, Some(&mut Packer::new())), plain);
        let many = b"\x81a\x02".repeat(70_000);
        let whole = node(&many, 70_000, None);
        assert_eq!(
            whole[6..12],
            [&210_007u32.to_le_bytes()[..], &[255; 2]].concat()
        );
        let packed = node(&many, 70_000, Some(&mut Packer::new()));
        assert!(packed[1] == 0xC3 && packed.len() < many.len() / 10);
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
