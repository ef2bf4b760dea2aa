//! Commands on sorted sets.

mod algebra;
mod bzpop;
mod range;
mod sources;
pub(super) mod zadd;
mod zcard;
mod zcount;
mod zmpop;
mod zpop;
mod zrandmember;
mod zrange;
mod zrangestore;
mod zrank;
mod zrem;
mod zremrange;
mod zscan;
mod zscore;
mod zunion;
mod zunionstore;

use std::ops::Range;

use slotkeeper_tree::Scored;

use super::{Definition, Effect, Exec};
use crate::data::ZsetLimits;
use crate::request::{Action, Awaited, Block, Nothing};
use crate::resp::Reply;

/// The commands of this group.
pub(super) const COMMANDS: &[&Definition] = &[
    &zmpop::BZMPOP,
    &bzpop::BZPOPMAX,
    &bzpop::BZPOPMIN,
    &zadd::ZADD,
    &zcard::ZCARD,
    &zcount::ZCOUNT,
    &zunion::ZDIFF,
    &zunionstore::ZDIFFSTORE,
    &zadd::ZINCRBY,
    &zunion::ZINTER,
    &zunion::ZINTERCARD,
    &zunionstore::ZINTERSTORE,
    &zcount::ZLEXCOUNT,
    &zmpop::ZMPOP,
    &zscore::ZMSCORE,
    &zpop::ZPOPMAX,
    &zpop::ZPOPMIN,
    &zrandmember::ZRANDMEMBER,
    &zrange::ZRANGE,
    &zrange::ZRANGEBYLEX,
    &zrange::ZRANGEBYSCORE,
    &zrangestore::ZRANGESTORE,
    &zrank::ZRANK,
    &zrem::ZREM,
    &zremrange::ZREMRANGEBYLEX,
    &zremrange::ZREMRANGEBYRANK,
    &zremrange::ZREMRANGEBYSCORE,
    &zrange::ZREVRANGE,
    &zrange::ZREVRANGEBYLEX,
    &zrange::ZREVRANGEBYSCORE,
    &zrank::ZREVRANK,
    &zscan::ZSCAN,
    &zscore::ZSCORE,
    &zunion::ZUNION,
    &zunionstore::ZUNIONSTORE,
];

/// What the configuration says of encodings.
fn limits(exec: &Exec<'_>) -> ZsetLimits {
    exec.node.config.zset_limits()
}

/// Waits for a sorted set at one of the keys.
fn wait(keys: Range<usize>, deadline: Option<u64>) -> Effect {
    Effect::ask(Action::Block(Block {
        keys,
        awaited: Awaited::SortedSet,
        deadline,
        otherwise: Nothing::Array,
        request: None,
        changed: Vec::new(),
    }))
}

/// How records are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Members alone.
    Members,
    /// Member, score, member, score ...
    Flat,
    /// Each an array of member and score.
    Nested,
}

impl Shape {
    /// With scores or without, as the protocol has it.
    fn of(reply: &Reply, with_scores: bool) -> Shape {
        match (with_scores, reply.resp3()) {
            (false, _) => Shape::Members,
            (true, false) => Shape::Flat,
            (true, true) => Shape::Nested,
        }
    }

    /// Begins an array of so many records.
    fn begin(self, reply: &mut Reply, records: usize) {
        reply.array(if self == Shape::Flat {
            records * 2
        } else {
            records
        });
    }

    fn show(self, reply: &mut Reply, record: Scored<'_>) {
        if self == Shape::Nested {
            reply.array(2);
        }
        super::show(reply, record.member);
        if self != Shape::Members {
            reply.double(record.score);
        }
    }
}
