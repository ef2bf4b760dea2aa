//! Commands: one small file each, listed once in its group's table.
//!
//! A command sees its arguments, the data, and a read view of the node. It returns what it
//! changed; replicating, logging and waking others is the engine's part.
//!
//! The engine takes a request through [`resolve`] (unknown names, arity), checks what the
//! [`Spec`]'s flags ask for, routes by [`Command::keys`], and calls [`Command::run`].

mod bitmap;
mod cluster;
mod connection;
pub mod docs;
mod draw;
mod expiry;
mod generic;
mod geo;
mod hash;
mod hyperloglog;
mod list;
mod long_double;
mod parse;
mod scanning;
mod server;
mod set;
mod sorted_set;
mod stream;
mod string;
mod table;
#[cfg(test)]
mod testing;
mod transactions;

use std::borrow::Cow;

use slotkeeper_tree::element::{Element, Text};

pub use table::{
    COMMAND_COUNT, Command, all_commands, commands, is_http, lookup, resolve, wrong_arity,
};

use crate::config::Config;
use crate::data::{Partition, WrongType};
use crate::request::Action;
use crate::resp::{Args, Reply};
use crate::session::Session;
use crate::spec::{Group, Spec};
use crate::time::Now;

/// What a command works with.
pub struct Exec<'a> {
    /// The node, to read.
    pub node: &'a NodeView<'a>,
    /// The keys.
    pub data: &'a mut Partition,
    /// The session that asks.
    pub session: &'a mut Session,
    /// When: the same moment for all of an EXEC.
    pub now: Now,
}

/// What commands may know of the node.
pub struct NodeView<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Whether the node replicates from a master.
    pub is_replica: bool,
    /// Whether anybody repeats what commands change. If not, how an effect is written matters to
    /// nobody.
    pub has_stream: bool,
    /// A random number for this command (RANDOMKEY, SCAN order); drawn from the seeded generator.
    pub random: u64,
}

/// What a command did.
#[derive(Debug)]
pub enum Effect {
    /// Nothing changed; the reply is written.
    None,
    /// Data changed; the reply is written; replicas repeat the request as it was written.
    AsWritten,
    /// Data changed; the reply is written; replicas run these commands instead.
    Rewritten(Vec<Vec<Vec<u8>>>),
    /// Nothing is written yet: the engine acts and replies.
    Ask(Box<Action>),
}

impl Effect {
    /// Asks the engine to act.
    #[must_use]
    pub fn ask(action: Action) -> Effect {
        Effect::Ask(Box::new(action))
    }

    /// The request changed data, as it was written; or it did not.
    #[must_use]
    pub fn if_changed(changed: bool) -> Effect {
        match changed {
            true => Effect::AsWritten,
            false => Effect::None,
        }
    }

    /// Replicas run these commands instead, if there are any.
    #[must_use]
    pub fn rewritten_all(commands: Vec<Vec<Vec<u8>>>) -> Effect {
        if commands.is_empty() {
            Effect::None
        } else {
            Effect::Rewritten(commands)
        }
    }

    /// Replicas run this one command instead.
    #[must_use]
    pub fn rewritten(argv: &[&[u8]]) -> Effect {
        Effect::Rewritten(vec![argv.iter().map(|part| part.to_vec()).collect()])
    }
}

/// Why a command was refused: the text after the `-`, code first, as Redis words it. Nothing was
/// changed and no reply was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub Cow<'static, str>);

impl Refused {
    /// A refusal with a fixed text.
    #[must_use]
    pub const fn new(text: &'static str) -> Refused {
        Refused(Cow::Borrowed(text))
    }

    /// A refusal whose text names what was wrong.
    #[must_use]
    pub fn text(text: String) -> Refused {
        Refused(Cow::Owned(text))
    }
}

impl From<WrongType> for Refused {
    fn from(_: WrongType) -> Refused {
        Refused::new("WRONGTYPE Operation against a key holding the wrong kind of value")
    }
}

/// The function of a command.
pub type Run = fn(&mut Exec<'_>, &Args<'_>, &mut Reply) -> Result<Effect, Refused>;

/// A command, or a subcommand: what is known of it, and what it does.
#[derive(Debug)]
pub struct Definition {
    /// What is known of it.
    pub spec: Spec,
    /// If it is a container: its subcommands.
    pub subcommands: &'static [&'static Definition],
    /// What it does.
    pub run: Run,
    /// What it needs before it runs.
    pub preparation: Preparation,
    /// It shows the value of its only key from the start on, as a rule.
    pub shows_value: bool,
}

/// What has to be made, or has to end, before a command runs, so that running it takes no long call.
/// The engine makes it in steps while the client waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preparation {
    /// Nothing: it only waits until its keys may be changed.
    None,
    /// A copy of the value of its first key, if that value is big. In EXEC it is made as well.
    Copy,
    /// The same, which then goes to its second key.
    CopyToKey,
    /// A value, decoded from its fourth argument, for its first key. After MULTI it is made before the
    /// command is queued.
    Decode,
    /// A connection to another server, of which there are only so many.
    Connection,
    /// It runs only when no walk is under way, and no key on its way to another server.
    WalksEnd,
}

impl Preparation {
    /// Whether a copy is made.
    #[must_use]
    pub fn copies(self) -> bool {
        matches!(self, Preparation::Copy | Preparation::CopyToKey)
    }
}

impl Definition {
    /// A container of subcommands, which is never run itself. Used as the rest of a literal.
    pub const CONTAINER: Definition = Definition::run(|_, _, _| Ok(Effect::None));

    /// A command that does this. Used as the rest of a literal, which has the spec.
    #[must_use]
    pub const fn run(run: Run) -> Definition {
        Definition {
            spec: Spec::new(Group::Generic),
            subcommands: &[],
            run,
            preparation: Preparation::None,
            shows_value: false,
        }
    }
}

/// An element of a collection as a bulk string.
#[inline]
fn show(reply: &mut Reply, element: Element<'_>) {
    match element {
        Element::Str(bytes) => reply.bulk(bytes),
        number @ Element::Int(_) => reply.bulk(number.bytes(&mut Text::new())),
    }
}
