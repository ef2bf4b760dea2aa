//! What XREAD and XREADGROUP share: their options, and the frame of the reply.

use crate::command::parse::{SYNTAX, deadline, integer, timeout_millis};
use crate::command::{Effect, Refused};
use crate::request::{Action, Awaited, Block, Nothing};
use crate::resp::{Args, Reply};
use crate::spec::{Argument, BeginSearch, FindKeys, KeyFlag, KeySpec};
use crate::time::Now;

/// The keys of both.
pub(super) const fn keys(from: i8) -> KeySpec {
    let begin = BeginSearch::Keyword {
        word: "STREAMS",
        from,
    };
    let find = FindKeys::Range {
        last: -1,
        step: 1,
        limit: 2,
    };
    KeySpec::new(begin, find, &[KeyFlag::RO, KeyFlag::Access])
}

pub(super) const COUNT: Argument = Argument::integer("count").token("COUNT").optional();
pub(super) const BLOCK: Argument = Argument::integer("milliseconds").token("BLOCK").optional();
pub(super) const STREAMS: Argument = Argument::block(
    "streams",
    &[
        Argument::key("key").multiple(),
        Argument::string("id").multiple(),
    ],
)
.token("STREAMS");

/// A request.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    /// The most messages of each stream; none for any number.
    pub count: Option<usize>,
    /// How long to wait for one, in milliseconds; 0: without an end.
    pub block: Option<u64>,
    /// Where the first key is, and how many there are; their ids follow.
    pub first: usize,
    pub streams: usize,
    /// Group and consumer.
    pub group: Option<(&'a [u8], &'a [u8])>,
    pub no_ack: bool,
}

impl<'a> Request<'a> {
    /// One of XREAD, or of XREADGROUP.
    pub(super) fn parse(args: &Args<'a>, is_group: bool) -> Result<Request<'a>, Refused> {
        let mut request = Request {
            count: None,
            block: None,
            first: 0,
            streams: 0,
            group: None,
            no_ack: false,
        };
        let mut at = 1;
        while at < args.len() && request.first == 0 {
            let more = args.len() - at - 1;
            if args.is(at, "block") && more > 0 {
                at += 1;
                request.block = Some(timeout_millis(args.get(at))?);
            } else if args.is(at, "count") && more > 0 {
                at += 1;
                let count = usize::try_from(integer(args.get(at))?).unwrap_or(0);
                request.count = Some(count).filter(|count| *count > 0);
            } else if args.is(at, "streams") && more > 0 {
                request.first = at + 1;
            } else if args.is(at, "group") && more > 1 {
                only_of_groups("GROUP", is_group)?;
                request.group = Some((args.get(at + 1), args.get(at + 2)));
                at += 2;
            } else if args.is(at, "noack") {
                only_of_groups("NOACK", is_group)?;
                request.no_ack = true;
            } else {
                return Err(SYNTAX);
            }
            at += 1;
        }
        if request.first == 0 {
            return Err(SYNTAX);
        }
        request.streams = (args.len() - request.first) / 2;
        if (args.len() - request.first) % 2 == 1 {
            return Err(Refused::new(if is_group {
                "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' \
                 must be specified."
            } else {
                "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must \
                 be specified."
            }));
        }
        if is_group && request.group.is_none() {
            return Err(Refused::new("ERR Missing GROUP option for XREADGROUP"));
        }
        Ok(request)
    }

    /// Where the keys are, each with its id.
    pub(super) fn places(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (first, streams) = (self.first, self.streams);
        (first..first + streams).map(move |at| (at, at + streams))
    }

    /// The most messages of each stream.
    pub(super) fn most(&self) -> usize {
        self.count.unwrap_or(usize::MAX)
    }
}

fn only_of_groups(option: &'static str, is_group: bool) -> Result<(), Refused> {
    if is_group {
        return Ok(());
    }
    Err(Refused::text(format!(
        "ERR The {option} option is only supported by XREADGROUP. You called XREAD instead."
    )))
}

/// Begins the part of a reply that one stream has.
pub(super) fn begin(reply: &mut Reply, key: &[u8]) {
    if !reply.resp3() {
        reply.array(2);
    }
    reply.bulk(key);
}

/// Puts the head before the parts of so many streams that were written from `start` on.
pub(super) fn finish(reply: &mut Reply, start: usize, streams: usize) {
    reply.put_before(start, |reply| {
        if reply.resp3() {
            reply.map(streams);
        } else {
            reply.array(streams);
        }
    });
}

impl Request<'_> {
    /// What comes of it when there is nothing to be read: it waits if it is to, or the reply says so.
    /// `request` is what is run again then, unless it is the same; `changed` was changed already.
    pub(super) fn wait(
        &self,
        reply: &mut Reply,
        now: Now,
        request: Option<Vec<Vec<u8>>>,
        changed: Vec<Vec<Vec<u8>>>,
    ) -> Result<Effect, Refused> {
        let Some(millis) = self.block else {
            reply.null_array();
            return Ok(Effect::rewritten_all(changed));
        };
        let awaited = match self.group {
            None => Awaited::Stream,
            Some((group, _)) => Awaited::Group(group.to_vec()),
        };
        Ok(Effect::ask(Action::Block(Block {
            keys: self.first..self.first + self.streams,
            awaited,
            deadline: deadline(millis, now)?,
            otherwise: Nothing::Array,
            request,
            changed,
        })))
    }
}
