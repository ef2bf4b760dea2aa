//! The numbers of INCRBYFLOAT: x87's long doubles, with 64 bits of precision, computed with
//! integers. Redis uses them where it runs mostly, clients see their digits, and Rust has none.

mod natural;

use std::fmt;

use natural::Natural;

/// Decimal places that are printed at most.
const DECIMALS: u32 = 17;
/// Numbers from 2 to the power of this on are infinite.
const EXPONENT_MAX: i64 = 16384;
/// Numbers below 2 to the power of this are zero.
const EXPONENT_MIN: i64 = -16445;
/// No long double has a decimal exponent beyond it.
const DECIMAL_EXPONENT_MAX: i64 = 5000;
/// Longer texts are not read.
const TEXT_MAX: usize = 5000;

/// `mantissa * 2^exponent`; the mantissa's highest bit is set unless it is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LongDouble {
    negative: bool,
    mantissa: u64,
    exponent: i64,
}

impl LongDouble {
    /// 0
    pub(super) const ZERO: LongDouble = LongDouble {
        negative: false,
        mantissa: 0,
        exponent: 0,
    };

    /// Reads what C's strtold reads as a whole, but for NaN and white space.
    pub(super) fn parse(text: &[u8]) -> Option<LongDouble> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") {
            return Some(LongDouble {
                negative,
                mantissa: 1 << 63,
                exponent: EXPONENT_MAX,
            });
        }
        let value = match text {
            [b'0', b'x' | b'X', rest @ ..] => hexadecimal(rest)?,
            _ => {
                let (digits, exponent) = decimal(text)?;
                from_decimal(&digits, exponent)?
            }
        };
        let value = LongDouble { negative, ..value };
        value.is_finite().then_some(value)
    }

    /// Whether it is below the highest number there is.
    pub(super) fn is_finite(self) -> bool {
        self.exponent + 64 <= EXPONENT_MAX
    }

    /// A thousand times it, up to the next whole number; none if that is above the highest of 64 bits.
    /// What is below the lowest is the lowest.
    pub(super) fn thousandfold_up(self) -> Option<i64> {
        let product = round(u128::from(self.mantissa) * 1000, self.exponent, false);
        let (mantissa, negative) = (product.mantissa, self.negative);
        let (whole, has_rest) = match u32::try_from(-product.exponent) {
            _ if mantissa == 0 => (0, false),
            Ok(places @ 0..=63) => {
                let whole = mantissa >> places;
                (whole, whole << places != mantissa)
            }
            Ok(_) => (0, true),
            // At least 2^64.
            Err(_) if negative => return Some(i64::MIN),
            Err(_) => return None,
        };
        if negative {
            return Some(0i64.checked_sub_unsigned(whole).unwrap_or(i64::MIN));
        }
        i64::try_from(whole + u64::from(has_rest)).ok()
    }

    /// The sum; none if the terms are infinite.
    pub(super) fn add(self, other: LongDouble) -> Option<LongDouble> {
        if !self.is_finite() || !other.is_finite() {
            return None;
        }
        let (large, small) = match (self.mantissa, other.mantissa) {
            (_, 0) => return Some(self),
            (0, _) => return Some(other),
            _ if (self.exponent, self.mantissa) >= (other.exponent, other.mantissa) => {
                (self, other)
            }
            _ => (other, self),
        };
        // 62 bits below the larger one's last keep all that rounding can depend on.
        let distance = large.exponent - small.exponent;
        let left = u128::from(large.mantissa) << 62;
        let right = u128::from(small.mantissa) << 62;
        let (right, lost) = match u32::try_from(distance) {
            Ok(distance @ 0..=127) => (right >> distance, right.trailing_zeros() < distance),
            _ => (0, true),
        };
        let sum = if large.negative == small.negative {
            left + right
        } else {
            left - right - u128::from(lost)
        };
        Some(LongDouble {
            negative: large.negative && sum != 0,
            ..round(sum, large.exponent - 62, lost)
        })
    }
}

/// The nearest number with 64 bits, ties to even. `lost`: the exact value is a little higher.
fn round(value: u128, exponent: i64, lost: bool) -> LongDouble {
    if value == 0 {
        return LongDouble::ZERO;
    }
    let bits = 128 - value.leading_zeros();
    let Some(surplus) = bits.checked_sub(64).filter(|surplus| *surplus > 0) else {
        return LongDouble {
            negative: false,
            mantissa: (value << (64 - bits)) as u64,
            exponent: exponent - i64::from(64 - bits),
        };
    };
    let (kept, rest) = (value >> surplus, value & ((1 << surplus) - 1));
    let half = 1 << (surplus - 1);
    let up = rest > half || rest == half && (lost || kept & 1 == 1);
    let kept = kept + u128::from(up);
    let carry = u32::from(kept >> 64 != 0);
    LongDouble {
        negative: false,
        mantissa: (kept >> carry) as u64,
        exponent: exponent + i64::from(surplus + carry),
    }
}

/// Digits without a point, and the power of ten that they are multiplied by.
fn decimal(text: &[u8]) -> Option<(Vec<u8>, i64)> {
    if text.len() > TEXT_MAX {
        return None;
    }
    let (digits, decimals, exponent) = parts(text, b'e')?;
    let valid = digits.iter().all(u8::is_ascii_digit);
    valid.then_some((digits, exponent - decimals))
}

/// What stands behind the `0x`: a fraction of 16 to a power of two.
fn hexadecimal(text: &[u8]) -> Option<LongDouble> {
    if text.len() > TEXT_MAX {
        return None;
    }
    let (digits, decimals, mut exponent) = parts(text, b'p')?;
    exponent -= 4 * decimals;
    let (mut value, mut lost) = (0u128, false);
    for digit in digits {
        let digit = char::from(digit).to_digit(16)?;
        if value < 1 << 120 {
            value = value << 4 | u128::from(digit);
        } else {
            lost |= digit != 0;
            exponent += 4;
        }
    }
    if value == 0 {
        return Some(LongDouble::ZERO);
    }
    some_unless_lost(round(value, exponent, lost))
}

/// The digits without the point, how many stand behind it, and the exponent behind its letter.
fn parts(text: &[u8], letter: u8) -> Option<(Vec<u8>, i64, i64)> {
    let split = text
        .iter()
        .position(|byte| byte.eq_ignore_ascii_case(&letter));
    let (number, exponent) = match split {
        Some(at) => (&text[..at], power(&text[at + 1..])?),
        None => (text, 0),
    };
    let point = number.iter().position(|byte| *byte == b'.');
    let decimals = point.map_or(0, |at| number.len() - at - 1);
    let mut digits = number.to_vec();
    if let Some(at) = point {
        digits.remove(at);
    }
    (!digits.is_empty()).then_some((digits, decimals as i64, exponent))
}

/// None if it is too low to be told from zero, which C reports as an error.
fn some_unless_lost(value: LongDouble) -> Option<LongDouble> {
    // More than one half of the lowest number there is is rounded up to it.
    let lowest = EXPONENT_MIN - 64;
    let told = value.exponent > lowest || value.exponent == lowest && value.mantissa > 1 << 63;
    told.then_some(value)
}

/// What stands behind the letter of the exponent.
fn power(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    let valid = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| valid)?;
    Some(sign * digits.parse::<i64>().unwrap_or(i64::MAX / 4).min(1 << 40))
}

/// None: too high, or too low to be told from zero, which C reports as an error, too.
fn from_decimal(digits: &[u8], exponent: i64) -> Option<LongDouble> {
    let number = Natural::from_digits(digits);
    if number.is_zero() {
        return Some(LongDouble::ZERO);
    }
    if exponent.abs() > DECIMAL_EXPONENT_MAX + TEXT_MAX as i64 {
        return None;
    }
    let power = Natural::power_of_ten(exponent.unsigned_abs() as u32);
    let (numerator, denominator) = if exponent >= 0 {
        (number.times(&power), Natural::one())
    } else {
        (number, power)
    };
    // A quotient of 66 or 67 bits.
    let shift = 66 + denominator.bits() - numerator.bits();
    let (quotient, lost) = numerator.divide(&denominator, shift);
    some_unless_lost(round(quotient, -shift, lost))
}

impl fmt::Display for LongDouble {
    /// At most 17 decimal places, trailing zeros dropped; never an exponent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.exponent >= 0 {
            Natural::from(u128::from(self.mantissa))
                .shifted(self.exponent as usize)
                .to_string()
        } else {
            fraction(self.mantissa, self.exponent.unsigned_abs())
        };
        if self.negative && text != "0" {
            f.write_str("-")?;
        }
        f.write_str(&text)
    }
}

/// `mantissa / 2^shift`
fn fraction(mantissa: u64, shift: u64) -> String {
    let unit = 10u128.pow(DECIMALS);
    // Below 2^121, so that a shift by 122 or more leaves less than a half.
    let scaled = u128::from(mantissa) * unit;
    let rounded = if shift >= 122 {
        0
    } else {
        let (kept, rest) = (scaled >> shift, scaled & ((1 << shift) - 1));
        let half = 1 << (shift - 1);
        kept + u128::from(rest > half || rest == half && kept & 1 == 1)
    };
    let text = format!("{}.{:017}", rounded / unit, rounded % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(a: &str, b: &str) -> String {
        let parse = |text: &str| LongDouble::parse(text.as_bytes()).unwrap();
        parse(a).add(parse(b)).unwrap().to_string()
    }

    /// The sums are those of redis-server 7.0 on x86-64.
    #[test]
    fn adds_as_redis_does() {
        for (a, b, wanted) in [
            ("0.1", "0.2", "0.3"),
            ("10.50", "0.1", "10.6"),
            ("1e20", "0.1", "100000000000000000000"),
            ("3", "1.000000000000000005", "4.00000000000000001"),
            ("0.3", "5.0e3", "5000.29999999999999982"),
            ("5.0e3", "2.0e2", "5200"),
            ("1", "-1", "0"),
            ("-0.1", "0.1", "0"),
            ("1e-20", "0", "0"),
            ("0.00000000000000001", "0", "0.00000000000000001"),
            (".5", "+5.", "5.5"),
            ("1.1", "2.2", "3.3"),
            ("123456789012345678", "0.5", "123456789012345678.5"),
            ("0x10", "0X1e5", "501"),
            ("-0x.8p1", "0x1.8p1", "2"),
            ("0x1p-16", "0", "0.0000152587890625"),
            ("0x0p99999", "+0x1.", "1"),
            ("0x1.23456789abcdef0123456789p3", "0", "9.1022222222222221"),
            (
                "0x123456789abcdef0123456789",
                "0",
                "90144042682896311826211930112",
            ),
            ("0x1.8p-16446", "1", "1"),
        ] {
            assert_eq!(sum(a, b), wanted, "{a} + {b}");
        }
    }

    #[test]
    fn whole_numbers_are_exact_up_to_64_bits() {
        for number in ["18446744073709551615", "9007199254740993", "1"] {
            assert_eq!(sum(number, "0"), number);
        }
        // 2^64 + 1 is halfway between two: the even one is 2^64.
        assert_eq!(sum("18446744073709551616", "1"), "18446744073709551616");
        assert_eq!(sum("18446744073709551616", "2"), "18446744073709551618");
        assert_eq!(sum("18446744073709551616", "-0.5"), "18446744073709551616");
    }

    #[test]
    fn reads_what_is_a_number_only() {
        for text in [
            "",
            "-",
            ".",
            "e5",
            "1e",
            "1 ",
            " 1",
            "nan",
            "1e99999",
            "1.2.3",
            "0x",
            "0x.",
            "0xg",
            "0x1p",
            "0x1p+",
            "0x1p1.5",
            "x1",
            "0x1p16384",
            "0x1p-16446",
            "0x0x1",
        ] {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
        }
        let infinite = LongDouble::parse(b"-inf").unwrap();
        assert!(!infinite.is_finite());
        assert!(infinite.add(LongDouble::ZERO).is_none());
        assert!(LongDouble::parse(b"1e4931").unwrap().is_finite());
        assert!(LongDouble::parse(b"1e4933").is_none());
        assert!(LongDouble::parse(b"1e-4940").is_some());
        assert!(LongDouble::parse(b"1e-4960").is_none());
        // 64 bits cannot hold it; redis-server prints the same.
        assert_eq!(&sum("1e100", "0")[..22], "9999999999999999999669");
    }

    #[test]
    fn a_thousandfold_is_rounded_up() {
        for (text, wanted) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("0.001", Some(1)),
            ("0.0001", Some(1)),
            ("1e-4000", Some(1)),
            ("0.1", Some(100)),
            ("1.5", Some(1500)),
            ("1.0001", Some(1001)),
            ("-0.5", Some(-500)),
            ("-0.0001", Some(0)),
            ("-1.0001", Some(-1000)),
            ("9223372036854775.807", Some(i64::MAX)),
            ("9223372036854775.808", None),
            ("1e300", None),
            ("inf", None),
            ("-inf", Some(i64::MIN)),
            ("-1e300", Some(i64::MIN)),
        ] {
            let seconds = LongDouble::parse(text.as_bytes()).unwrap();
            assert_eq!(seconds.thousandfold_up(), wanted, "{text}");
        }
    }
}
