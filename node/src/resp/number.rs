//! Numbers as text, the way Redis reads and writes them.

use std::fmt::{self, Write};

/// An integer in its only spelling: no spaces, no plus, no leading zeros, no `-0`.
#[must_use]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'0'] => return Some(0),
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    // i64 has at most 19 digits; 19 of them always fit into u64.
    if digits.is_empty() || digits.len() > 19 || digits[0] == b'0' {
        return None;
    }
    let mut value: u64 = 0;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    if negative {
        0i64.checked_sub_unsigned(value)
    } else {
        i64::try_from(value).ok()
    }
}

/// Appends an integer in its only spelling.
pub fn push_integer(out: &mut Vec<u8>, value: i64) {
    if (0..10).contains(&value) {
        out.push(b'0' + value as u8);
    } else {
        out.extend_from_slice(Decimal::new(value).as_bytes());
    }
}

/// An integer in its only spelling, on the stack.
pub struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    /// Spells it.
    #[must_use]
    pub fn new(value: i64) -> Decimal {
        let mut digits = [0u8; 20];
        let mut start = digits.len();
        let mut rest = value.unsigned_abs();
        loop {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if value < 0 {
            start -= 1;
            digits[start] = b'-';
        }
        Decimal { digits, start }
    }

    /// The digits, with a sign if it is negative.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.digits[self.start..]
    }
}

/// A double as redis-server 7.2 prints it: with the fewest digits that tell it from any other.
#[derive(Clone, Copy, Debug)]
pub struct DoubleText {
    bytes: [u8; DOUBLE_TEXT_MAX],
    len: usize,
}

/// A sign, `0.`, six zeros and 17 digits; or 17 digits and seven zeros.
const DOUBLE_TEXT_MAX: usize = 32;
/// Whole numbers below that are printed as integers.
const WHOLE_MAX: f64 = 4_503_599_627_370_496.0;

impl DoubleText {
    /// Spells it.
    #[must_use]
    pub fn new(value: f64) -> DoubleText {
        let mut text = DoubleText {
            bytes: [0; DOUBLE_TEXT_MAX],
            len: 0,
        };
        if value.is_nan() {
            text.push(b"nan");
        } else if value.is_infinite() {
            text.push(if value > 0.0 { &b"inf"[..] } else { b"-inf" });
        } else if value == 0.0 {
            text.push(if value.is_sign_negative() {
                &b"-0"[..]
            } else {
                b"0"
            });
        } else if value.abs() < WHOLE_MAX && value.fract() == 0.0 {
            text.push(Decimal::new(value as i64).as_bytes());
        } else {
            text.spell(value);
        }
        text
    }

    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..][..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn push_zeros(&mut self, count: i32) {
        (0..count).for_each(|_| self.push(b"0"));
    }

    /// Spells a number that is finite and not 0: plainly where that is not much longer than its
    /// digits, else with an exponent.
    fn spell(&mut self, value: f64) {
        let mut scientific = DoubleText {
            bytes: [0; DOUBLE_TEXT_MAX],
            len: 0,
        };
        write!(scientific, "{:e}", value.abs()).expect("there is room for 17 digits");
        let (digits, exponent) = scientific.parts();
        let digits = digits.as_bytes();
        let count = digits.len() as i32;
        // Of the last digit.
        let last = exponent - (count - 1);
        if value < 0.0 {
            self.push(b"-");
        }
        if last >= 0 && exponent < count + 7 {
            self.push(digits);
            self.push_zeros(last);
        } else if last < 0 && (last > -7 || exponent.abs() < 4) {
            let whole = exponent + 1;
            if whole <= 0 {
                self.push(b"0.");
                self.push_zeros(-whole);
                self.push(digits);
            } else {
                let (whole, fraction) = digits.split_at(whole as usize);
                self.push(whole);
                self.push(b".");
                self.push(fraction);
            }
        } else {
            self.push(&digits[..1]);
            if count > 1 {
                self.push(b".");
                self.push(&digits[1..]);
            }
            self.push(if exponent < 0 { b"e-" } else { b"e+" });
            self.push(Decimal::new(i64::from(exponent.abs())).as_bytes());
        }
    }

    /// The digits of a number with an exponent, and the exponent.
    fn parts(&self) -> (DoubleText, i32) {
        let mut digits = DoubleText {
            bytes: [0; DOUBLE_TEXT_MAX],
            len: 0,
        };
        let mut parts = self.as_bytes().split(|byte| *byte == b'e');
        for part in parts.next().unwrap_or_default().split(|byte| *byte == b'.') {
            digits.push(part);
        }
        let exponent = parts.next().and_then(parse_integer).unwrap_or(0);
        (digits, exponent as i32)
    }
}

impl fmt::Write for DoubleText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = self.len + text.len() <= DOUBLE_TEXT_MAX;
        if fits {
            self.push(text.as_bytes());
        }
        fits.then_some(()).ok_or(fmt::Error)
    }
}

/// A double with 17 significant digits, trailing zeros dropped, `inf`, `-inf`, `nan`: what C prints
/// for `%.17g`.
#[must_use]
pub fn format_g17(value: f64) -> String {
    const DIGITS: i32 = 17;
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let scientific = format!("{value:.16e}");
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("the format has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    if (-4..DIGITS).contains(&exponent) {
        let decimals = (DIGITS - 1 - exponent) as usize;
        return trim_zeros(&format!("{value:.decimals$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!(
        "{}e{sign}{:02}",
        trim_zeros(mantissa),
        exponent.unsigned_abs()
    )
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_only_the_canonical_spelling() {
        for (text, value) in [
            ("0", 0),
            ("7", 7),
            ("-1", -1),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(parse_integer(text.as_bytes()), Some(value), "{text}");
        }
        for text in [
            "",
            "-",
            "-0",
            "+1",
            "01",
            " 1",
            "1 ",
            "1.0",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
        ] {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for value in [0, 9, 10, -1, -10, 123_456, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            push_integer(&mut out, value);
            assert_eq!(out, value.to_string().as_bytes());
            assert_eq!(parse_integer(&out), Some(value));
        }
    }

    #[test]
    fn prints_doubles_as_redis_7_2_does() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (0.1, "0.1"),
            (2.3, "2.3"),
            (2.345_678_901_234_567, "2.345678901234567"),
            (0.000_1, "0.0001"),
            (0.000_012_3, "1.23e-5"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1.5e-7, "1.5e-7"),
            (1_234.567_890_123, "1234.567890123"),
            (12_345.678_901_234, "1.2345678901234e+4"),
            (1e15, "1000000000000000"),
            (1e16, "1e+16"),
            (12_345_678e10, "1.2345678e+17"),
            (1e17, "1e+17"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (1.5e300, "1.5e+300"),
            (-1e100, "-1e+100"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            let spelled = DoubleText::new(value);
            assert_eq!(spelled.as_bytes(), text.as_bytes(), "{text}");
        }
    }

    #[test]
    fn prints_doubles_as_c_does() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (0.1, "0.10000000000000001"),
            (2.3, "2.2999999999999998"),
            (1e17, "1e+17"),
            (1e16, "10000000000000000"),
            (1.5e300, "1.5000000000000001e+300"),
            (1e-5, "1.0000000000000001e-05"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(format_g17(value), text);
        }
    }
}
