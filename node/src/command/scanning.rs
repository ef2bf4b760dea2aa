//! What SCAN and its like share: cursor, options and reply.

use super::parse::{SYNTAX, integer};
use super::{Effect, Refused};
use crate::glob;
use crate::resp::{Args, Reply};

/// The cursor of SCAN and its like.
pub(super) fn cursor(text: &[u8]) -> Result<u64, Refused> {
    let text = std::str::from_utf8(text).ok();
    text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or(const { Refused::new("ERR invalid cursor") })
}

/// How many keys or elements one call of SCAN or its like looks at if not told.
const DEFAULT_COUNT: usize = 10;

/// The options of SCAN and its like.
pub(super) struct ScanOptions<'a> {
    /// What a name must match; none: all do.
    pub pattern: Option<&'a [u8]>,
    /// About how many to look at.
    pub count: usize,
    /// The name of a type.
    pub kind: Option<&'a [u8]>,
}

impl<'a> ScanOptions<'a> {
    /// Those that begin at an argument. `typed`: with TYPE.
    pub fn parse(args: &Args<'a>, first: usize, typed: bool) -> Result<ScanOptions<'a>, Refused> {
        let mut options = ScanOptions {
            pattern: None,
            count: DEFAULT_COUNT,
            kind: None,
        };
        for at in (first..args.len()).step_by(2) {
            let value = args.opt(at + 1).ok_or(SYNTAX)?;
            if args.is(at, "count") {
                let count = usize::try_from(integer(value)?).map_err(|_| SYNTAX)?;
                options.count = if count == 0 {
                    return Err(SYNTAX);
                } else {
                    count
                };
            } else if args.is(at, "match") {
                options.pattern = (value != b"*").then_some(value);
            } else if typed && args.is(at, "type") {
                options.kind = Some(value);
            } else {
                return Err(SYNTAX);
            }
        }
        Ok(options)
    }

    /// Whether a name matches.
    pub fn matches(&self, name: &[u8]) -> bool {
        self.pattern
            .is_none_or(|pattern| glob::matches(pattern, name, false))
    }
}

/// Answers a scan of a key that is not there.
pub(super) fn nothing(reply: &mut Reply) -> Effect {
    answer(reply, |_| (0, 0));
    Effect::None
}

/// Answers with what `show` writes: so many elements, after the cursor to go on with.
pub(super) fn answer(reply: &mut Reply, show: impl FnOnce(&mut Reply) -> (u64, usize)) {
    let start = reply.len();
    let (next, count) = show(reply);
    reply.put_before(start, |reply| {
        reply.array(2);
        reply.bulk_display(next);
        reply.array(count);
    });
}
