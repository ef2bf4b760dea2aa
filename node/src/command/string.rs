//! Commands on strings.

mod append;
mod delifeq;
mod get;
mod getdel;
mod getex;
mod getrange;
mod incr;
mod incrbyfloat;
mod lcs;
mod mget;
mod mset;
mod msetex;
mod set;
mod setex;
mod setrange;

use super::parse::STRING_TOO_LONG;
use super::{Definition, Exec, Refused};
use crate::session::SessionRole;

/// The commands of this group.
pub(super) const COMMANDS: &[&Definition] = &[
    &append::APPEND,
    &append::STRLEN,
    &delifeq::DELIFEQ,
    &get::GET,
    &getdel::GETDEL,
    &getex::GETEX,
    &getrange::GETRANGE,
    &getrange::SUBSTR,
    &incr::INCR,
    &incr::DECR,
    &incr::INCRBY,
    &incr::DECRBY,
    &incrbyfloat::INCRBYFLOAT,
    &lcs::LCS,
    &mget::MGET,
    &mset::MSET,
    &mset::MSETNX,
    &msetex::MSETEX,
    &set::SET,
    &set::GETSET,
    &set::SETNX,
    &setex::SETEX,
    &setex::PSETEX,
    &setrange::SETRANGE,
];

/// Refuses a string that would be longer than `proto-max-bulk-len`; what the master has done is
/// repeated whatever its length.
fn check_length(exec: &Exec<'_>, length: usize) -> Result<(), Refused> {
    let most = exec.node.config.proto_max_bulk_len;
    if length > most && exec.session.role != SessionRole::Master {
        return Err(STRING_TOO_LONG);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

    /// What redis-server 7.0 answers, and when: before or after it has looked at other arguments.
    #[test]
    fn a_value_of_another_type_is_refused_where_redis_does() {
        let mut bench = Bench::new();
        bench.plant_hash("h");
        for line in [
            "get h",
            "strlen h",
            "append h x",
            "setrange h 0 x",
            "setrange h 1 \"\"",
            "getrange h 0 1",
            "substr h 0 1",
            "incr h",
            "decrby h 1",
            "incrbyfloat h 1",
            "incrbyfloat h x",
            "getdel h",
            "getex h",
            "getex h ex 0",
            "getset h 1",
            "set h 1 get",
            "set h 1 nx get",
            "set h 1 xx get",
        ] {
            assert_eq!(bench.reply(line), WRONG, "{line}");
        }
        let no_strings = "-ERR The specified keys must contain string values";
        bench.replies(&[
            ("setrange h -1 x", "-ERR offset is out of range"),
            (
                "getrange h x 1",
                "-ERR value is not an integer or out of range",
            ),
            ("incrby h x", "-ERR value is not an integer or out of range"),
            ("lcs h h foo", no_strings),
            ("lcs missing h", no_strings),
            ("mget h missing", "*2|$-1|$-1"),
            ("set h 1 nx", "$-1"),
            ("setnx h 1", ":0"),
            ("msetnx h 1", ":0"),
            ("object encoding h", "$8|listpack"),
            ("object refcount h", ":1"),
            ("type h", "+hash"),
            ("scan 0 type HASH", "*2|$1|0|*1|$1|h"),
            ("scan 0 type string", "*2|$1|0|*0"),
            ("rename h g", "+OK"),
            ("copy g h", ":1"),
            ("type h", "+hash"),
            ("set h 1", "+OK"),
            ("type h", "+string"),
            ("mset g 1", "+OK"),
            ("get g", "$1|1"),
        ]);
    }
}
