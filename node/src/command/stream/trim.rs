//! The options of XADD and XTRIM, and taking messages away from the front.

use slotkeeper_tree::StreamId;

use super::ids::{self, IdText};
use super::xadd::Wanted;
use crate::command::parse::{SYNTAX, integer};
use crate::command::{Exec, Refused};
use crate::data::StreamMut;
use crate::resp::{Args, is_word};
use crate::session::SessionRole;
use crate::spec::Argument;

/// How much of a stream is to stay.
#[derive(Clone, Copy, Debug)]
pub(super) enum Keep {
    /// The last so many messages.
    Length(u64),
    /// The messages from this id on.
    From(StreamId),
}

/// What is to be taken away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trim {
    keep: Keep,
    /// Whole nodes only.
    is_rough: bool,
    /// No more messages than that; 0 for any number.
    limit: u64,
    /// Which argument says how much is to stay.
    argument: usize,
}

/// The options before the id, or of XTRIM.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    pub trim: Option<Trim>,
    pub no_mkstream: bool,
    /// Where the id is.
    pub at: usize,
}

/// The syntax of a trim.
pub(super) const ARGUMENTS: &[Argument] = &[
    Argument::one_of(
        "strategy",
        &[
            Argument::word("maxlen", "MAXLEN"),
            Argument::word("minid", "MINID").since("6.2.0"),
        ],
    ),
    Argument::one_of(
        "operator",
        &[
            Argument::word("equal", "="),
            Argument::word("approximately", "~"),
        ],
    )
    .optional(),
    Argument::string("threshold"),
    Argument::integer("count")
        .token("LIMIT")
        .since("6.2.0")
        .optional(),
];

impl Options {
    /// Those of a request; of XADD up to its id.
    pub(super) fn parse(
        exec: &Exec<'_>,
        args: &Args<'_>,
        is_xadd: bool,
    ) -> Result<Options, Refused> {
        let (mut options, mut limit) = (Options::default(), None);
        let mut at = 2;
        while at < args.len() {
            let has_more = at + 1 < args.len();
            if is_xadd && args.is(at, "*") {
                break;
            }
            if has_more && (args.is(at, "maxlen") || args.is(at, "minid")) {
                at = options.parse_trim(args, at)?;
            } else if has_more && args.is(at, "limit") {
                let given = integer(args.get(at + 1))?;
                let negative = Refused::new("ERR The LIMIT argument must be >= 0.");
                limit = Some(u64::try_from(given).map_err(|_| negative)?);
                at += 1;
            } else if is_xadd && args.is(at, "nomkstream") {
                options.no_mkstream = true;
            } else if is_xadd {
                if limit.is_some() {
                    // As in Redis, the id is looked at first.
                    Wanted::parse(args.get(at))?;
                }
                break;
            } else {
                return Err(SYNTAX);
            }
            at += 1;
        }
        options.at = at;
        options.set_limit(exec, is_xadd, limit)?;
        Ok(options)
    }

    /// The trim whose word is at that place. Returns where its last argument is.
    fn parse_trim(&mut self, args: &Args<'_>, word: usize) -> Result<usize, Refused> {
        if self.trim.is_some() {
            return Err(Refused::new(
                "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ));
        }
        let operator = args.get(word + 1);
        let has_operator =
            word + 2 < args.len() && matches!(operator, [b'~' | b'='] | [b'~' | b'=', 0, ..]);
        let argument = word + 1 + usize::from(has_operator);
        let text = args.get(argument);
        let keep = if args.is(word, "maxlen") {
            let negative = Refused::new("ERR The MAXLEN argument must be >= 0.");
            Keep::Length(u64::try_from(integer(text)?).map_err(|_| negative)?)
        } else {
            Keep::From(ids::id(text)?)
        };
        self.trim = Some(Trim {
            keep,
            is_rough: has_operator && operator[0] == b'~',
            limit: 0,
            argument,
        });
        Ok(argument)
    }

    fn set_limit(
        &mut self,
        exec: &Exec<'_>,
        is_xadd: bool,
        given: Option<u64>,
    ) -> Result<(), Refused> {
        let Some(trim) = &mut self.trim else {
            if given.is_some_and(|limit| limit > 0) {
                return Err(Refused::new(
                    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
                ));
            }
            if is_xadd {
                return Ok(());
            }
            return Err(Refused::new(
                "ERR syntax error, XTRIM must be called with a trimming strategy",
            ));
        };
        if exec.session.role == SessionRole::Master {
            // It has said already how many they are.
            return Ok(());
        }
        trim.limit = match given {
            Some(_) if !trim.is_rough => {
                return Err(Refused::new(
                    "ERR syntax error, LIMIT cannot be used without the special ~ option",
                ));
            }
            Some(limit) => limit,
            None if trim.is_rough => usual_limit(exec.node.config.stream_node_max_entries),
            None => 0,
        };
        Ok(())
    }
}

/// How many messages are taken away at most where nothing else is said: a hundred nodes.
fn usual_limit(node_entries: usize) -> u64 {
    match (node_entries as u64).saturating_mul(100) {
        0 => 10_000,
        limit => limit.min(1_000_000),
    }
}

impl Trim {
    /// Takes messages away. Returns how many.
    pub(super) fn run(&self, stream: &mut StreamMut<'_>) -> u64 {
        let mut gone = 0;
        while let Some((messages, last)) = stream.first_node() {
            let (messages, len) = (messages as u64, stream.view().len() as u64);
            let over = match self.keep {
                Keep::Length(most) => len.saturating_sub(most),
                Keep::From(first) if last < first => messages,
                Keep::From(first) => {
                    let all = stream.view().range(StreamId::MIN, true);
                    all.take_while(|message| message.id < first).count() as u64
                }
            };
            if over == 0 || self.limit > 0 && gone + messages > self.limit {
                break;
            }
            if over >= messages {
                stream.trim(messages);
                gone += messages;
            } else {
                if !self.is_rough {
                    stream.trim(over);
                    gone += over;
                }
                break;
            }
        }
        gone
    }

    /// Says in a request what has come of it, so that replicas do just that.
    pub(super) fn rewrite(&self, stream: &StreamMut<'_>, argv: &mut [Vec<u8>]) {
        if !self.is_rough {
            return;
        }
        argv[self.argument - 1] = b"=".to_vec();
        argv[self.argument] = match self.keep {
            Keep::Length(_) => stream.view().len().to_string().into_bytes(),
            Keep::From(_) => IdText::new(stream.view().first_id()).to_vec(),
        };
    }

    /// Whether a request must be rewritten for that.
    pub(super) fn is_rough(&self) -> bool {
        self.is_rough
    }
}

/// The request without its LIMIT, which only goes with what is rough.
pub(super) fn without_limit(argv: &mut Vec<Vec<u8>>, before: usize) {
    let limit = (2..before).find(|at| is_word(&argv[*at], "limit"));
    if let Some(at) = limit {
        argv.drain(at..at + 2);
    }
}
