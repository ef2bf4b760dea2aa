//! Kubernetes quantities: `1.5Gi`, `1536Mi` and `1610612736` are the same number.

/// The number in billionths, the finest unit of Kubernetes; smaller fractions are rounded up. None
/// if it is not a quantity, or far too large.
pub fn nanos(text: &str) -> Option<i128> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, suffix) = text.split_at(end.unwrap_or(text.len()));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let (twos, tens) = scale(suffix)?;
    let tens = tens
        .checked_add(9)?
        .checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let number = digits.checked_mul(1 << twos)?;
    let factor = 10_i128.checked_pow(tens.unsigned_abs())?;
    let number = if tens < 0 {
        number / factor + i128::from(number % factor != 0)
    } else {
        number.checked_mul(factor)?
    };
    Some(if negative { -number } else { number })
}

/// The number of bytes, rounded up; none if it is not such a number.
pub fn bytes(text: &str) -> Option<u64> {
    const BILLION: i128 = 1_000_000_000;
    let nanos = nanos(text)?;
    u64::try_from(nanos / BILLION + i128::from(nanos % BILLION > 0)).ok()
}

/// The powers of two and of ten that a suffix stands for.
fn scale(suffix: &str) -> Option<(u32, i32)> {
    let known = match suffix {
        "" => (0, 0),
        "n" => (0, -9),
        "u" => (0, -6),
        "m" => (0, -3),
        "k" => (0, 3),
        "M" => (0, 6),
        "G" => (0, 9),
        "T" => (0, 12),
        "P" => (0, 15),
        "E" => (0, 18),
        "Ki" => (10, 0),
        "Mi" => (20, 0),
        "Gi" => (30, 0),
        "Ti" => (40, 0),
        "Pi" => (50, 0),
        "Ei" => (60, 0),
        exponent => (0, exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
    };
    Some(known)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_number_may_be_written_in_many_ways() {
        let ways: [&[&str]; 8] = [
            &["1", "1000m", "+1", "1.0", "1.", "1e0", "1E0", "10e-1", "01"],
            &["1.5Gi", "1536Mi", "1610612736"],
            &["100M", "0.1G", "1e8", "100000k"],
            &["0.1m", ".1m", "100u", "100000n"],
            &["0", "-0", "0Ki", "0.000"],
            &["-2", "-2000m"],
            &["0.1n", "1n"],
            &["1E", "1e18", "1000P"],
        ];
        let numbers = ways.map(|ways| {
            let numbers = ways.iter().map(|way| nanos(way).expect(way));
            let numbers: std::collections::BTreeSet<i128> = numbers.collect();
            assert_eq!(numbers.len(), 1, "{ways:?}");
            numbers
        });
        let distinct: std::collections::BTreeSet<_> = numbers.iter().collect();
        assert_eq!(distinct.len(), ways.len());
    }

    #[test]
    fn bytes_are_counted() {
        assert_eq!(bytes("64Mi"), Some(64 << 20));
        assert_eq!(bytes("1500m"), Some(2));
        assert_eq!((bytes("-1"), bytes("16Ei")), (None, None));
    }

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in [
            "", "-", ".", "Gi", "1 Gi", "1GiB", "1.2.3", "1e", "1e1.5", "--1", "-+1", "1K", "one",
        ] {
            assert_eq!(nanos(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-+]{0,2}[0-9.]{0,60}[a-zA-Z]{0,2}[-0-9]{0,12}|.*") {
            nanos(&text);
        }

        #[test]
        fn whole_numbers_are_exact(number in 0u64..) {
            prop_assert_eq!(nanos(&number.to_string()), Some(i128::from(number) * 1_000_000_000));
            prop_assert_eq!(nanos(&format!("{number}m")), Some(i128::from(number) * 1_000_000));
        }
    }
}
