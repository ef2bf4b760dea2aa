//! Commands on strings as arrays of bits; bit 0 is the highest one of the first byte.

mod bitcount;
mod bitfield;
mod bitop;
mod bitpos;
mod bits;
mod field;
mod range;
mod setbit;

use super::{Definition, Exec, Refused};
use crate::data::Key;
use crate::resp::number::parse_integer;
use crate::session::SessionRole;

/// The commands of this group.
pub(super) const COMMANDS: &[&Definition] = &[
    &bitcount::BITCOUNT,
    &bitfield::BITFIELD,
    &bitfield::BITFIELD_RO,
    &bitop::BITOP,
    &bitpos::BITPOS,
    &setbit::GETBIT,
    &setbit::SETBIT,
];

const BAD_OFFSET: Refused = Refused::new("ERR bit offset is not an integer or out of range");

/// The number of a bit of a string that may be; but for what the master has done, which is repeated
/// whatever it is. With `unit`, a number behind `#` counts in so many bits.
fn bit_offset(exec: &Exec<'_>, text: &[u8], unit: Option<u64>) -> Result<u64, Refused> {
    let (digits, unit) = match (text, unit) {
        ([b'#', digits @ ..], Some(unit)) => (digits, unit),
        _ => (text, 1),
    };
    let number = parse_integer(digits).and_then(|number| u64::try_from(number).ok());
    let offset = number
        .and_then(|number| number.checked_mul(unit))
        .filter(|offset| i64::try_from(*offset).is_ok())
        .ok_or(BAD_OFFSET)?;
    let most = exec.node.config.proto_max_bulk_len as u64;
    if offset / 8 >= most && exec.session.role != SessionRole::Master {
        return Err(BAD_OFFSET);
    }
    Ok(offset)
}

/// Makes sure that the string at a key has so many bytes, at least one, filled up with zeros. As in
/// Redis, OBJECT ENCODING calls it `raw` from then on. Returns whether it has become longer.
fn open(exec: &mut Exec<'_>, db: usize, key: &Key<'_>, len: usize) -> Result<bool, Refused> {
    let (mut had, mut last, mut raw) = (0, 0, true);
    if let Some(entry) = exec.data.peek(db, key) {
        let string = entry.as_str()?;
        had = string.len();
        last = string.last().copied().unwrap_or(0);
        raw = entry.encoding() == "raw";
    }
    let grows = had < len;
    if grows {
        exec.data.set_range(db, key, len - 1, &[0], None);
    } else if !raw {
        exec.data.set_range(db, key, had - 1, &[last], None);
    }
    Ok(grows)
}
