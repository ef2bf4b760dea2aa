//! All commands, and the way from a name to one.

use super::spec::{Flag, Flags, KeySpec, Spec};
use super::{Refused, cluster, connection, generic, server, string, transactions};
use crate::resp::Args;

/// The groups, each listing its commands.
const GROUPS: &[&[&Spec]] = &[
    generic::COMMANDS,
    string::COMMANDS,
    transactions::COMMANDS,
    connection::COMMANDS,
    server::COMMANDS,
    cluster::COMMANDS,
];

/// How many commands there are, subcommands included: ids are below it.
pub const COMMAND_COUNT: usize = count(true);

/// How many commands there are without subcommands.
pub const TOP_LEVEL_COUNT: usize = count(false);

/// A command in the table.
#[derive(Debug)]
pub struct Command {
    /// What is known of it.
    pub spec: &'static Spec,
    /// Its number: an index for whoever counts calls. Subcommands have their own.
    pub id: usize,
    keys: KeyRange,
    /// The id of its first subcommand.
    subcommands: usize,
}

/// The arguments that are keys: every one that the key specs name.
#[derive(Clone, Copy, Debug)]
struct KeyRange {
    /// 0: there is none.
    first: u8,
    /// Negative: from the end.
    last: i8,
    step: u8,
}

impl Command {
    /// How the engine treats it.
    #[must_use]
    #[inline]
    pub fn flags(&self) -> Flags {
        self.spec.flags
    }

    /// The first argument that is a key, if there is one.
    #[must_use]
    #[inline]
    pub fn first_key(&self, arguments: usize) -> Option<usize> {
        let first = usize::from(self.keys.first);
        (first != 0 && first < arguments).then_some(first)
    }

    /// Whether a request reads or changes keys, or tells of them.
    #[must_use]
    pub fn touches_data(&self, args: &Args<'_>) -> bool {
        let flags = self.flags();
        flags.has(Flag::Write) || flags.has(Flag::ReadOnly) || self.first_key(args.len()).is_some()
    }

    /// The indexes of the arguments that are keys.
    #[inline]
    pub fn keys(&self, args: &Args<'_>) -> impl Iterator<Item = usize> + use<> {
        let KeyRange { first, last, step } = self.keys;
        let end = if last < 0 {
            // The last argument is -1.
            (args.len() + 1).saturating_sub(usize::from(last.unsigned_abs()))
        } else {
            args.len().min(last as usize + 1)
        };
        let first = usize::from(first);
        (first..if first == 0 { 0 } else { end }).step_by(usize::from(step))
    }

    /// First key, last key and step, as COMMAND INFO has them; all 0 without keys.
    #[must_use]
    pub fn key_range(&self) -> (i64, i64, i64) {
        let KeyRange { first, last, step } = self.keys;
        if first == 0 {
            return (0, 0, 0);
        }
        (i64::from(first), i64::from(last), i64::from(step))
    }

    /// Its subcommands.
    #[must_use]
    pub fn subcommands(&self) -> &'static [Command] {
        &TABLE[self.subcommands..self.subcommands + self.spec.subcommands.len()]
    }

    /// Its subcommand of that name, whatever the case.
    #[must_use]
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static Command> {
        let mut all = self.subcommands().iter();
        all.find(|command| {
            command
                .spec
                .short_name()
                .as_bytes()
                .eq_ignore_ascii_case(name)
        })
    }
}

/// All commands, those of the first level in front of the subcommands.
static TABLE: [Command; COMMAND_COUNT] = table();

/// All commands without their subcommands.
#[must_use]
pub fn commands() -> &'static [Command] {
    &TABLE[..TOP_LEVEL_COUNT]
}

/// All commands and subcommands; the position of each is its id.
#[must_use]
pub fn all_commands() -> &'static [Command] {
    &TABLE
}

/// The command of that name, whatever the case.
#[must_use]
#[inline]
pub fn lookup(name: &[u8]) -> Option<&'static Command> {
    let mut bucket = hash(name) as usize % BUCKETS;
    loop {
        let entry = INDEX[bucket];
        if entry == EMPTY {
            return None;
        }
        let command = &TABLE[usize::from(entry)];
        if command.spec.name.as_bytes().eq_ignore_ascii_case(name) {
            return Some(command);
        }
        bucket = (bucket + 1) % BUCKETS;
    }
}

/// The command, or subcommand, that a request asks for; its arity fits.
///
/// # Errors
/// Unknown, or a wrong number of arguments, in Redis's words.
#[inline]
pub fn resolve(args: &Args<'_>) -> Result<&'static Command, Refused> {
    let Some(mut command) = lookup(args.get(0)) else {
        return Err(unknown_command(args));
    };
    if !command.spec.subcommands.is_empty() && args.len() > 1 {
        command = command
            .subcommand(args.get(1))
            .ok_or_else(|| unknown_subcommand(args))?;
    }
    if command.spec.accepts(args.len()) {
        Ok(command)
    } else {
        Err(wrong_arity(command.spec.name))
    }
}

/// Whether a request is the first line of an HTTP request or one of its headers: somebody's
/// browser was lured to this port. The connection is closed without an answer.
#[must_use]
pub fn is_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}

#[cold]
fn unknown_command(args: &Args<'_>) -> Refused {
    const SHOWN: usize = 128;
    let mut shown = Vec::new();
    for argument in args.from(1) {
        if shown.len() >= SHOWN {
            break;
        }
        let room = SHOWN - shown.len();
        shown.push(b'\'');
        shown.extend_from_slice(&argument[..argument.len().min(room)]);
        shown.extend_from_slice(b"' ");
    }
    let name = args.get(0);
    Refused::text(format!(
        "ERR unknown command '{}', with args beginning with: {}",
        String::from_utf8_lossy(&name[..name.len().min(SHOWN)]),
        String::from_utf8_lossy(&shown)
    ))
}

#[cold]
fn unknown_subcommand(args: &Args<'_>) -> Refused {
    let name = args.get(1);
    Refused::text(format!(
        "ERR unknown subcommand '{}'. Try {} HELP.",
        String::from_utf8_lossy(&name[..name.len().min(128)]),
        String::from_utf8_lossy(args.get(0)).to_ascii_uppercase()
    ))
}

/// The refusal of a wrong number of arguments.
#[cold]
#[must_use]
pub fn wrong_arity(name: &str) -> Refused {
    Refused::text(format!(
        "ERR wrong number of arguments for '{name}' command"
    ))
}

const fn count(subcommands: bool) -> usize {
    let mut total = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        let mut index = 0;
        while index < GROUPS[group].len() {
            total += 1;
            if subcommands {
                total += GROUPS[group][index].subcommands.len();
            }
            index += 1;
        }
        group += 1;
    }
    total
}

const fn table() -> [Command; COMMAND_COUNT] {
    let mut table = [const { command(GROUPS[0][0], 0, 0) }; COMMAND_COUNT];
    let mut id = 0;
    let mut next_subcommand = TOP_LEVEL_COUNT;
    let mut group = 0;
    while group < GROUPS.len() {
        let mut index = 0;
        while index < GROUPS[group].len() {
            let spec = GROUPS[group][index];
            table[id] = command(spec, id, next_subcommand);
            let mut sub = 0;
            while sub < spec.subcommands.len() {
                table[next_subcommand] =
                    command(spec.subcommands[sub], next_subcommand, next_subcommand);
                next_subcommand += 1;
                sub += 1;
            }
            id += 1;
            index += 1;
        }
        group += 1;
    }
    table
}

const fn command(spec: &'static Spec, id: usize, subcommands: usize) -> Command {
    Command {
        spec,
        id,
        keys: key_range(spec.keys),
        subcommands,
    }
}

/// The one range that all key specs make up together.
const fn key_range(specs: &[KeySpec]) -> KeyRange {
    if specs.is_empty() {
        return KeyRange {
            first: 0,
            last: 0,
            step: 1,
        };
    }
    let first = specs[0].first;
    let end = &specs[specs.len() - 1];
    let last = if end.last < 0 {
        end.last
    } else {
        end.first as i8 + end.last
    };
    let mut index = 1;
    while index < specs.len() {
        assert!(
            specs[index].first == specs[index - 1].first + 1 && specs[index - 1].last == 0,
            "key specs stand one behind the other"
        );
        index += 1;
    }
    KeyRange {
        first,
        last,
        step: specs[0].step,
    }
}

/// Four times as many as commands, so that most names are found at once.
const BUCKETS: usize = (TOP_LEVEL_COUNT * 4).next_power_of_two();
const EMPTY: u16 = u16::MAX;

/// Open addressing: command ids by the hash of their names.
static INDEX: [u16; BUCKETS] = index();

const fn index() -> [u16; BUCKETS] {
    let table = table();
    let mut buckets = [EMPTY; BUCKETS];
    let mut id = 0;
    while id < TOP_LEVEL_COUNT {
        let mut bucket = hash(table[id].spec.name.as_bytes()) as usize % BUCKETS;
        while buckets[bucket] != EMPTY {
            bucket = (bucket + 1) % BUCKETS;
        }
        buckets[bucket] = id as u16;
        id += 1;
    }
    buckets
}

/// A hash of a name that does not depend on its case: of its length and at most its first eight
/// and its last byte, since no more is needed to tell commands apart.
#[inline]
const fn hash(name: &[u8]) -> u32 {
    let mut word: u64 = 0;
    let mut index = 0;
    while index < name.len() && index < 8 {
        word = (word << 8) | (name[index] | 0x20) as u64;
        index += 1;
    }
    let last = match name {
        [.., last] => *last | 0x20,
        [] => 0,
    };
    let word = word ^ ((name.len() as u64) << 56) ^ ((last as u64) << 48);
    (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u32
}

#[cfg(test)]
mod tests;
