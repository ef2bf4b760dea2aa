//! Dense registers: six bits each, the lowest bits first.

use super::REGISTERS;

const BITS: usize = 6;
const MASK: u16 = (1 << BITS) - 1;
/// How many bytes all registers take.
pub(super) const LEN: usize = REGISTERS * BITS / 8;

/// The value of a register.
pub(super) fn get(registers: &[u8], index: usize) -> u8 {
    let (at, shift) = (index * BITS / 8, index * BITS % 8);
    (pair(registers, at) >> shift & MASK) as u8
}

/// Sets a register.
pub(super) fn set(registers: &mut [u8], index: usize, value: u8) {
    let (at, bytes, len) = patch(registers, index, value);
    registers[at..at + len].copy_from_slice(&bytes[..len]);
}

/// The bytes that hold a register, after it was set: where they are, they, and how many of them are.
pub(super) fn patch(registers: &[u8], index: usize, value: u8) -> (usize, [u8; 2], usize) {
    let (at, shift) = (index * BITS / 8, index * BITS % 8);
    let others = pair(registers, at) & !(MASK << shift);
    let new = others | u16::from(value) << shift;
    let len = if shift + BITS > 8 { 2 } else { 1 };
    (at, new.to_le_bytes(), len)
}

/// The values of all registers.
pub(super) fn values(registers: &[u8]) -> impl Iterator<Item = u8> {
    registers.chunks_exact(3).flat_map(|three| {
        let word = u32::from_le_bytes([three[0], three[1], three[2], 0]);
        [0, 6, 12, 18].map(|shift| (word >> shift) as u8 & MASK as u8)
    })
}

/// Two bytes; behind the last one is a zero.
fn pair(registers: &[u8], at: usize) -> u16 {
    let next = registers.get(at + 1).copied().unwrap_or(0);
    u16::from_le_bytes([registers[at], next])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_register_is_for_itself() {
        let mut registers = vec![0; LEN];
        let value = |index: usize| (index * 7 % 64) as u8;
        (0..REGISTERS).for_each(|index| set(&mut registers, index, 63));
        for index in (0..REGISTERS).rev() {
            set(&mut registers, index, value(index));
        }
        for (index, found) in values(&registers).enumerate() {
            assert_eq!((found, get(&registers, index)), (value(index), found));
        }
        assert_eq!(values(&registers).count(), REGISTERS);
    }
}
