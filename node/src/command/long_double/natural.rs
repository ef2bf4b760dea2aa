//! Natural numbers of any size: just what reading and printing decimals needs.

use std::cmp::Ordering;
use std::fmt;

/// Digits to the base 2^32, the lowest first; the highest is not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Natural(Vec<u32>);

impl From<u128> for Natural {
    fn from(value: u128) -> Natural {
        let digit = |index: u32| (value >> (32 * index)) as u32;
        Natural((0..4).map(digit).collect()).trimmed()
    }
}

impl Natural {
    pub(super) fn one() -> Natural {
        Natural(vec![1])
    }

    /// The number that ASCII digits spell.
    pub(super) fn from_digits(digits: &[u8]) -> Natural {
        let mut number = Natural(Vec::new());
        for digit in digits {
            number.multiply_add(10, u32::from(digit - b'0'));
        }
        number
    }

    pub(super) fn power_of_ten(exponent: u32) -> Natural {
        let mut number = Natural::one();
        for _ in 0..exponent {
            number.multiply_add(10, 0);
        }
        number
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// How many binary digits it has.
    pub(super) fn bits(&self) -> i64 {
        match self.0.last() {
            Some(highest) => self.0.len() as i64 * 32 - i64::from(highest.leading_zeros()),
            None => 0,
        }
    }

    pub(super) fn times(&self, other: &Natural) -> Natural {
        let mut product = vec![0u32; self.0.len() + other.0.len()];
        for (at, left) in self.0.iter().enumerate() {
            let mut carry = 0u64;
            for (digit, right) in product[at..].iter_mut().zip(other.0.iter().chain([&0])) {
                let sum = u64::from(*left) * u64::from(*right) + u64::from(*digit) + carry;
                *digit = sum as u32;
                carry = sum >> 32;
            }
        }
        Natural(product).trimmed()
    }

    /// Times 2 to the power of `bits`.
    pub(super) fn shifted(&self, bits: usize) -> Natural {
        let mut digits = vec![0; bits / 32];
        let mut carry = 0u64;
        for digit in &self.0 {
            let wide = (u64::from(*digit) << (bits % 32)) | carry;
            digits.push(wide as u32);
            carry = wide >> 32;
        }
        digits.push(carry as u32);
        Natural(digits).trimmed()
    }

    /// `self * 2^shift / divisor` rounded down, and whether there was a remainder. The quotient
    /// has at most 68 bits.
    pub(super) fn divide(&self, divisor: &Natural, shift: i64) -> (u128, bool) {
        let grow = |number: &Natural, bits: i64| number.shifted(bits.max(0) as usize);
        let mut rest = grow(self, shift);
        let divisor = grow(divisor, -shift);
        let mut quotient = 0;
        for bit in (0..68).rev() {
            let part = divisor.shifted(bit);
            if rest.compare(&part) != Ordering::Less {
                rest.subtract(&part);
                quotient |= 1 << bit;
            }
        }
        (quotient, !rest.is_zero())
    }

    fn multiply_add(&mut self, factor: u32, term: u32) {
        let mut carry = u64::from(term);
        for digit in &mut self.0 {
            let wide = u64::from(*digit) * u64::from(factor) + carry;
            *digit = wide as u32;
            carry = wide >> 32;
        }
        if carry != 0 {
            self.0.push(carry as u32);
        }
    }

    fn compare(&self, other: &Natural) -> Ordering {
        let digits = |number: &Natural| number.0.iter().rev().copied().collect::<Vec<_>>();
        self.0
            .len()
            .cmp(&other.0.len())
            .then_with(|| digits(self).cmp(&digits(other)))
    }

    /// The other one must not be larger.
    fn subtract(&mut self, other: &Natural) {
        let mut borrow = 0i64;
        for (at, digit) in self.0.iter_mut().enumerate() {
            let less = i64::from(other.0.get(at).copied().unwrap_or(0));
            let difference = i64::from(*digit) - less + borrow;
            *digit = difference as u32;
            borrow = difference >> 32;
        }
        debug_assert_eq!(borrow, 0, "the result is not negative");
        *self = Natural(std::mem::take(&mut self.0)).trimmed();
    }

    fn trimmed(mut self) -> Natural {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }
}

impl fmt::Display for Natural {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CHUNK: u64 = 1_000_000_000;
        let (mut rest, mut chunks) = (self.clone(), Vec::new());
        while !rest.is_zero() {
            let mut remainder = 0u64;
            for digit in rest.0.iter_mut().rev() {
                let wide = (remainder << 32) | u64::from(*digit);
                *digit = (wide / CHUNK) as u32;
                remainder = wide % CHUNK;
            }
            rest = rest.trimmed();
            chunks.push(remainder);
        }
        write!(f, "{}", chunks.pop().unwrap_or(0))?;
        chunks
            .iter()
            .rev()
            .try_for_each(|chunk| write!(f, "{chunk:09}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computes_like_u128() {
        let values = [
            0,
            1,
            9,
            4_294_967_295,
            1 << 32,
            10u128.pow(18),
            (1 << 62) - 1,
        ];
        for a in values {
            assert_eq!(Natural::from(a).to_string(), a.to_string());
            let digits = a.to_string();
            assert_eq!(Natural::from_digits(digits.as_bytes()), Natural::from(a));
            assert_eq!(Natural::from(a).bits(), i64::from(128 - a.leading_zeros()));
            assert_eq!(Natural::from(a).shifted(40), Natural::from(a << 40));
            for b in values {
                let product = Natural::from(a).times(&Natural::from(b));
                assert_eq!(product, Natural::from(a * b), "{a} * {b}");
                if b != 0 && a / b < 1 << 60 {
                    let quotient = Natural::from(a).divide(&Natural::from(b), 0);
                    assert_eq!(quotient, (a / b, a % b != 0), "{a} / {b}");
                }
            }
        }
        assert_eq!(Natural::power_of_ten(25), Natural::from(10u128.pow(25)));
    }
}
