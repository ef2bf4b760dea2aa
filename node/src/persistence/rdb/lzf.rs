//! Unpacking of LZF, in which Redis stores longer strings.

/// The most that one byte of packed data unpacks to: three bytes give 264.
const BEST_RATIO: usize = 88;

/// Unpacks to exactly `len` bytes; none if the data does not say so.
#[must_use]
pub fn unpack(mut packed: &[u8], len: usize) -> Option<Vec<u8>> {
    if len / BEST_RATIO > packed.len() {
        return None;
    }
    let mut out = Vec::with_capacity(len);
    while let Some((&control, rest)) = packed.split_first() {
        packed = rest;
        if control < 32 {
            let (literal, rest) = packed.split_at_checked(usize::from(control) + 1)?;
            out.extend_from_slice(literal);
            packed = rest;
        } else {
            packed = repeat(control, packed, &mut out)?;
        }
        if out.len() > len {
            return None;
        }
    }
    (out.len() == len).then_some(out)
}

/// Copies a run that stands earlier in `out`, possibly overlapping its own end.
fn repeat<'a>(control: u8, mut packed: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let mut run = usize::from(control >> 5) + 2;
    if control >> 5 == 7 {
        let (&more, rest) = packed.split_first()?;
        run += usize::from(more);
        packed = rest;
    }
    let (&low, rest) = packed.split_first()?;
    let distance = (usize::from(control & 31) << 8 | usize::from(low)) + 1;
    let from = out.len().checked_sub(distance)?;
    for i in from..from + run {
        out.push(out[i]);
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::unpack;

    #[test]
    fn unpacks_what_redis_packed() {
        // 200 times `a`, out of a dump of redis-server 7.0.
        let packed = [0x01, 0x61, 0x61, 0xe0, 0xbb, 0x00, 0x01, 0x61, 0x61];
        assert_eq!(unpack(&packed, 200), Some(vec![b'a'; 200]));
    }

    #[test]
    fn refuses_what_is_broken() {
        assert_eq!(unpack(&[0x05, b'a'], 6), None, "a literal cut short");
        assert_eq!(
            unpack(&[0x20, 0x00], 3),
            None,
            "a run from before the start"
        );
        assert_eq!(unpack(&[0x00, b'a'], 2), None, "too little");
        assert_eq!(unpack(&[0x01, b'a', b'b'], 1), None, "too much");
        assert_eq!(
            unpack(&[0x00, b'a'], usize::MAX),
            None,
            "no allocation for a mere promise"
        );
    }
}
