//! What happens to keys, in the words of Redis's keyspace notifications.

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A string was set.
    Set,
    /// A string got longer by APPEND.
    Append,
    /// Part of a string was overwritten.
    SetRange,
    /// Bits of a string were set.
    SetBit,
    /// Elements were added to a HyperLogLog, or others merged into it.
    PfAdd,
    /// A number was added to, or taken from.
    IncrBy,
    /// The same with a fraction.
    IncrByFloat,
    /// The key was removed.
    Del,
    /// The key was removed because its time had come.
    Expired,
    /// The key was removed because memory was short.
    Evicted,
    /// It got a time to live.
    Expire,
    /// It lost its time to live.
    Persist,
    /// It got another name.
    RenameFrom,
    /// Another key got its name.
    RenameTo,
    /// Another key was copied to it.
    CopyTo,
    /// It went to another database.
    MoveFrom,
    /// It came from another database.
    MoveTo,
    /// It was put together from what DUMP had replied.
    Restore,
    /// It became a list of sorted elements.
    SortStore,
    /// Fields of a hash were set.
    HSet,
    /// Fields of a hash were removed.
    HDel,
    /// Fields of a hash got a time at which they expire.
    HExpire,
    /// Fields of a hash were removed because their time had come.
    HExpired,
    /// Fields of a hash expire no longer.
    HPersist,
    /// A field was added to, or taken from.
    HIncrBy,
    /// The same with a fraction.
    HIncrByFloat,
    /// Members were added to a set.
    SAdd,
    /// Members of a set were removed.
    SRem,
    /// Members of a set were removed by chance.
    SPop,
    /// It became the intersection of sets.
    SInterStore,
    /// It became the union of sets.
    SUnionStore,
    /// It became the difference of sets.
    SDiffStore,
    /// Elements were put before the first one of a list.
    LPush,
    /// Elements were put behind the last one.
    RPush,
    /// Elements were taken from the front of a list.
    LPop,
    /// Elements were taken from its end.
    RPop,
    /// An element of a list was set.
    LSet,
    /// An element was inserted beside another one.
    LInsert,
    /// Elements that equal one were removed.
    LRem,
    /// All elements were removed but for a range.
    LTrim,
    /// Members of a sorted set got scores.
    ZAdd,
    /// A score was added to.
    ZIncr,
    /// Members of a sorted set were removed.
    ZRem,
    /// Those in a range of ranks were.
    ZRemRangeByRank,
    /// Those in a range of scores were.
    ZRemRangeByScore,
    /// Those in a range of strings were.
    ZRemRangeByLex,
    /// Those with the lowest scores were.
    ZPopMin,
    /// Those with the highest scores were.
    ZPopMax,
    /// It became a part of a sorted set.
    ZRangeStore,
    /// It became the union of sorted sets.
    ZUnionStore,
    /// It became the intersection of sorted sets.
    ZInterStore,
    /// It became the difference of sorted sets.
    ZDiffStore,
    /// It became those members of a sorted set that GEOSEARCHSTORE found.
    GeoSearchStore,
    /// It became those that GEORADIUS or GEORADIUSBYMEMBER found.
    GeoRadiusStore,
    /// Its value is held in another way, or something derived from it was renewed. Redis announces
    /// that nowhere.
    Touched,
    /// A message was added to a stream.
    XAdd,
    /// The first messages of a stream were taken away.
    XTrim,
    /// Messages of a stream were deleted.
    XDel,
    /// The counters of a stream were set.
    XSetId,
    /// A group of consumers was made.
    XGroupCreate,
    /// It was said which message a group got last.
    XGroupSetId,
    /// A group was removed.
    XGroupDestroy,
    /// A consumer was made.
    XGroupCreateConsumer,
    /// A consumer was removed.
    XGroupDelConsumer,
    /// It went with all keys of its database or slot. Redis announces that nowhere.
    Flushed,
}

impl Event {
    /// As keyspace notifications name it; none for what they do not announce.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let name = match self {
            Event::Set => "set",
            Event::Append => "append",
            Event::SetRange => "setrange",
            Event::SetBit => "setbit",
            Event::PfAdd => "pfadd",
            Event::IncrBy => "incrby",
            Event::IncrByFloat => "incrbyfloat",
            Event::Del => "del",
            Event::Expired => "expired",
            Event::Evicted => "evicted",
            Event::Expire => "expire",
            Event::Persist => "persist",
            Event::RenameFrom => "rename_from",
            Event::RenameTo => "rename_to",
            Event::CopyTo => "copy_to",
            Event::MoveFrom => "move_from",
            Event::MoveTo => "move_to",
            Event::Restore => "restore",
            Event::SortStore => "sortstore",
            Event::HSet => "hset",
            Event::HDel => "hdel",
            Event::HExpire => "hexpire",
            Event::HExpired => "hexpired",
            Event::HPersist => "hpersist",
            Event::HIncrBy => "hincrby",
            Event::HIncrByFloat => "hincrbyfloat",
            Event::SAdd => "sadd",
            Event::SRem => "srem",
            Event::SPop => "spop",
            Event::SInterStore => "sinterstore",
            Event::SUnionStore => "sunionstore",
            Event::SDiffStore => "sdiffstore",
            Event::LPush => "lpush",
            Event::RPush => "rpush",
            Event::LPop => "lpop",
            Event::RPop => "rpop",
            Event::LSet => "lset",
            Event::LInsert => "linsert",
            Event::LRem => "lrem",
            Event::LTrim => "ltrim",
            Event::ZAdd => "zadd",
            Event::ZIncr => "zincr",
            Event::ZRem => "zrem",
            Event::ZRemRangeByRank => "zremrangebyrank",
            Event::ZRemRangeByScore => "zremrangebyscore",
            Event::ZRemRangeByLex => "zremrangebylex",
            Event::ZPopMin => "zpopmin",
            Event::ZPopMax => "zpopmax",
            Event::ZRangeStore => "zrangestore",
            Event::ZUnionStore => "zunionstore",
            Event::ZInterStore => "zinterstore",
            Event::ZDiffStore => "zdiffstore",
            Event::GeoSearchStore => "geosearchstore",
            Event::GeoRadiusStore => "georadiusstore",
            Event::XAdd => "xadd",
            Event::XTrim => "xtrim",
            Event::XDel => "xdel",
            Event::XSetId => "xsetid",
            Event::XGroupCreate => "xgroup-create",
            Event::XGroupSetId => "xgroup-setid",
            Event::XGroupDestroy => "xgroup-destroy",
            Event::XGroupCreateConsumer => "xgroup-createconsumer",
            Event::XGroupDelConsumer => "xgroup-delconsumer",
            Event::Touched | Event::Flushed => return None,
        };
        Some(name)
    }
}
