//! HyperLogLogs: estimates of how many different elements there are. Each is a string, byte for byte
//! as Redis has it: clients read and write them as strings, too.
//!
//! ```text
//! "HYLL"  encoding (0: dense, 1: sparse)  three bytes  estimate (8 bytes, low ones first)  registers
//! ```
//!
//! The highest bit of the estimate says that it is out of date.

mod dense;
mod estimate;
mod hash;
mod pfadd;
mod pfcount;
mod pfdebug;
mod pfmerge;
mod pfselftest;
mod sparse;

use super::{Definition, Refused};
use sparse::Sparse;

/// The commands of this group.
pub(super) const COMMANDS: &[&Definition] = &[
    &pfadd::PFADD,
    &pfcount::PFCOUNT,
    &pfdebug::PFDEBUG,
    &pfmerge::PFMERGE,
    &pfselftest::PFSELFTEST,
];

/// How many registers there are.
const REGISTERS: usize = 1 << INDEX_BITS;
/// So many bits of a hash name the register.
const INDEX_BITS: u32 = 14;
/// The others: how many of them are zero, and one more, is the highest value of a register.
const VALUE_BITS: u32 = 64 - INDEX_BITS;
/// Where the registers begin.
const HEAD: usize = 16;
/// Where the estimate is.
const ESTIMATE: usize = 8;
/// The byte with its highest bit.
const ESTIMATE_END: usize = 15;
const OUTDATED: u8 = 0x80;
/// Where the encoding is.
const ENCODING: usize = 4;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// The length of a dense one.
const DENSE_LEN: usize = HEAD + dense::LEN;

const NO_HLL: Refused = Refused::new("WRONGTYPE Key is not a valid HyperLogLog string value.");
const CORRUPT: Refused = Refused::new("INVALIDOBJ Corrupted HLL object detected");

/// A value of each register.
type Registers = [u8; REGISTERS];

/// A HyperLogLog, to read. What a sparse one consists of is not checked yet.
#[derive(Clone, Copy)]
struct Hll<'a> {
    bytes: &'a [u8],
    dense: bool,
}

impl<'a> Hll<'a> {
    /// That of a string.
    fn of(bytes: &'a [u8]) -> Result<Hll<'a>, Refused> {
        let is_one = bytes.len() >= HEAD && bytes.starts_with(b"HYLL");
        match bytes.get(ENCODING) {
            Some(&DENSE) if is_one && bytes.len() == DENSE_LEN => Ok(Hll { bytes, dense: true }),
            Some(&SPARSE) if is_one => Ok(Hll {
                bytes,
                dense: false,
            }),
            _ => Err(NO_HLL),
        }
    }

    /// The estimate that it bears, if that is not out of date.
    fn known_estimate(&self) -> Option<u64> {
        let bytes = self.bytes[ESTIMATE..HEAD].first_chunk()?;
        let is_known = self.bytes[ESTIMATE_END] & OUTDATED == 0;
        is_known.then(|| u64::from_le_bytes(*bytes))
    }

    fn registers(&self) -> &'a [u8] {
        &self.bytes[HEAD..]
    }

    /// Shows runs of registers that have the same value: the index of the first, how many, and the
    /// value.
    fn runs(&self, mut visit: impl FnMut(usize, usize, u8)) -> Result<(), Refused> {
        if self.dense {
            let values = dense::values(self.registers());
            values
                .enumerate()
                .for_each(|(index, value)| visit(index, 1, value));
            return Ok(());
        }
        sparse::runs(self.registers(), visit)
    }

    /// Raises registers to those of this one.
    fn merge_into(&self, registers: &mut Registers) -> Result<(), Refused> {
        self.runs(|index, count, value| {
            for register in &mut registers[index..index + count] {
                *register = value.max(*register);
            }
        })
    }

    /// How many different elements it has seen, about.
    fn estimate(&self) -> Result<u64, Refused> {
        let mut histogram = [0; 64];
        self.runs(|_, count, value| histogram[usize::from(value)] += count as u32)?;
        Ok(estimate::of(&histogram))
    }

    /// The same registers as a dense one.
    fn to_dense(self) -> Result<Vec<u8>, Refused> {
        let mut made = self.bytes[..HEAD].to_vec();
        made[ENCODING] = DENSE;
        made.resize(DENSE_LEN, 0);
        self.runs(|index, count, value| {
            if value > 0 {
                (index..index + count).for_each(|at| dense::set(&mut made[HEAD..], at, value));
            }
        })?;
        Ok(made)
    }
}

/// An empty one.
fn empty() -> Vec<u8> {
    let mut made = vec![0; HEAD];
    made[..4].copy_from_slice(b"HYLL");
    made[ENCODING] = SPARSE;
    sparse::push_empty(&mut made);
    made
}

/// A HyperLogLog that is being changed as a whole.
enum HllMut {
    Sparse(Sparse),
    Dense(Vec<u8>),
}

impl HllMut {
    /// That of a string, whose runs are not checked: a change refuses those that it comes upon, as in
    /// Redis. `most`: a sparse one of more bytes becomes dense.
    fn of(bytes: Vec<u8>, most: usize) -> Result<HllMut, Refused> {
        let hll = Hll::of(&bytes)?;
        if hll.dense {
            return Ok(HllMut::Dense(bytes));
        }
        Ok(HllMut::Sparse(Sparse::new(bytes, most)))
    }

    /// Makes it dense, if it is not.
    fn promote(&mut self) -> Result<(), Refused> {
        if let HllMut::Sparse(sparse) = self {
            *self = HllMut::Dense(Hll::of(sparse.bytes())?.to_dense()?);
        }
        Ok(())
    }

    /// Raises a register to a value, if it is lower. Returns whether it was.
    fn raise(&mut self, index: usize, value: u8) -> Result<bool, Refused> {
        if let HllMut::Sparse(sparse) = self {
            match sparse.raise(index, value)? {
                sparse::Raised::No => return Ok(false),
                sparse::Raised::Yes => return Ok(true),
                sparse::Raised::TooLarge => self.promote()?,
            }
        }
        let HllMut::Dense(bytes) = self else {
            return Ok(false);
        };
        let registers = &mut bytes[HEAD..];
        let raised = dense::get(registers, index) < value;
        if raised {
            dense::set(registers, index, value);
        }
        Ok(raised)
    }

    /// Its bytes, the estimate marked as out of date.
    fn into_changed(self) -> Vec<u8> {
        let mut bytes = match self {
            HllMut::Sparse(sparse) => sparse.into_bytes(),
            HllMut::Dense(bytes) => bytes,
        };
        bytes[ESTIMATE_END] |= OUTDATED;
        bytes
    }
}
