//! Commands on streams.

mod claim;
mod ids;
mod read;
mod show;
mod told;
mod trim;
mod xack;
mod xadd;
mod xautoclaim;
mod xclaim;
mod xdel;
mod xgroup;
mod xinfo;
mod xlen;
mod xpending;
mod xrange;
mod xread;
mod xreadgroup;
mod xsetid;
mod xtrim;

use super::{Definition, Exec, Refused, parse};
use crate::data::{Event, GroupMut, Key};

/// The commands of this group.
pub(super) const COMMANDS: &[&Definition] = &[
    &xack::XACK,
    &xadd::XADD,
    &xautoclaim::XAUTOCLAIM,
    &xclaim::XCLAIM,
    &xdel::XDEL,
    &xgroup::XGROUP,
    &xinfo::XINFO,
    &xlen::XLEN,
    &xpending::XPENDING,
    &xrange::XRANGE,
    &xread::XREAD,
    &xreadgroup::XREADGROUP,
    &xrange::XREVRANGE,
    &xsetid::XSETID,
    &xtrim::XTRIM,
];

/// Changes a group. Returns none without the key, and some none without the group.
fn change_group<R>(
    exec: &mut Exec<'_>,
    key: &Key<'_>,
    name: &[u8],
    change: impl FnOnce(&mut GroupMut<'_>) -> (R, Option<Event>),
) -> Result<Option<Option<R>>, Refused> {
    let db = exec.session.db;
    let changed =
        exec.data
            .change_stream(db, key, false, |stream| match stream.group(name, change) {
                Some((result, event)) => (Some(result), event),
                None => (None, None),
            });
    Ok(changed?)
}

/// The refusal of a group that is not there.
#[cold]
fn no_group(key: &[u8], group: &[u8]) -> Refused {
    Refused::text(format!(
        "NOGROUP No such key '{}' or consumer group '{}'",
        parse::shown(key),
        parse::shown(group)
    ))
}

/// The same where the key is there.
#[cold]
fn no_such_group(key: &[u8], group: &[u8]) -> Refused {
    Refused::text(format!(
        "NOGROUP No such consumer group '{}' for key name '{}'",
        parse::shown(group),
        parse::shown(key)
    ))
}
