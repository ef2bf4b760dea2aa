//! All commands, and the way from a name to one.

use super::{
    Definition, Preparation, Refused, Run, bitmap, cluster, connection, generic, geo, hash,
    hyperloglog, list, server, set, sorted_set, stream, string, transactions,
};
use crate::command::parse::c_text;
use crate::resp::Args;
use crate::spec::{ArgumentKind, Flag, Flags, Group, Indexes, InvalidKeys, KeyFlag, KeySpec, Spec};

/// The groups, each listing its commands.
const GROUPS: &[&[&Definition]] = &[
    generic::COMMANDS,
    string::COMMANDS,
    bitmap::COMMANDS,
    hyperloglog::COMMANDS,
    hash::COMMANDS,
    set::COMMANDS,
    list::COMMANDS,
    sorted_set::COMMANDS,
    geo::COMMANDS,
    stream::COMMANDS,
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
    /// What it does.
    pub run: Run,
    /// What it needs before it runs.
    pub preparation: Preparation,
    /// Its number: an index for counters of calls. Subcommands have their own.
    pub id: usize,
    /// The keys that are at the same place in every request.
    fixed: KeyRange,
    /// Others must be looked for ...
    movable: bool,
    /// ... and the first one, too.
    first_moves: bool,
    /// Looks in a hash or a set for the element that the argument behind the key names.
    finds_element: bool,
    /// Shows the value of its only key from the start on, as a rule.
    shows_value: bool,
    /// The id of its first subcommand, and how many it has.
    first_subcommand: usize,
    subcommand_count: usize,
}

/// A range of arguments that are keys.
#[derive(Clone, Copy, Debug)]
struct KeyRange {
    /// 0: there is none.
    first: u8,
    /// Negative: from the end.
    last: i8,
    step: u8,
}

impl KeyRange {
    const NONE: KeyRange = KeyRange {
        first: 0,
        last: 0,
        step: 1,
    };

    #[inline]
    fn of(self, arguments: usize) -> Indexes {
        if self.first == 0 {
            return Indexes::NONE;
        }
        let end = if self.last < 0 {
            // The last argument is -1.
            (arguments + 1).saturating_sub(usize::from(self.last.unsigned_abs()))
        } else {
            arguments.min(self.last as usize + 1)
        };
        Indexes {
            first: usize::from(self.first),
            end,
            step: usize::from(self.step),
        }
    }
}

impl Command {
    /// How the engine treats it.
    #[must_use]
    #[inline]
    pub fn flags(&self) -> Flags {
        self.spec.flags
    }

    /// The first argument that is a key, if it is at the same place in every request.
    #[must_use]
    #[inline]
    pub fn fixed_first_key(&self) -> Option<usize> {
        let first = usize::from(self.fixed.first);
        (first != 0).then_some(first)
    }

    /// The first argument of a request that is a key, if there is one.
    #[must_use]
    #[inline]
    pub fn first_key(&self, args: &Args<'_>) -> Option<usize> {
        let first = match self.first_moves {
            true => self.keys(args).next(),
            false => self.fixed_first_key(),
        };
        first.filter(|&first| first < args.len())
    }

    /// Whether it looks in a hash or a set, its only key, for the element that the next argument names.
    #[must_use]
    #[inline]
    pub fn finds_element(&self) -> bool {
        self.finds_element
    }

    /// Whether it shows the value of its only key from the start on, as a rule.
    #[must_use]
    #[inline]
    pub fn shows_value(&self) -> bool {
        self.shows_value
    }

    /// Whether a request names more than one key.
    #[must_use]
    #[inline]
    pub fn has_many_keys(&self, args: &Args<'_>) -> bool {
        let KeyRange { first, last, .. } = self.fixed;
        let one = !self.movable && first.cast_signed() == last;
        !one && self.keys(args).nth(1).is_some()
    }

    /// Whether a request reads or changes keys, or tells of them.
    #[must_use]
    pub fn touches_data(&self, args: &Args<'_>) -> bool {
        let flags = self.flags();
        flags.has(Flag::Write) || flags.has(Flag::ReadOnly) || self.first_key(args).is_some()
    }

    /// The indexes of the arguments that are keys; none where the request says of them what cannot
    /// be: the command itself will refuse it.
    #[inline]
    pub fn keys(&self, args: &Args<'_>) -> impl Iterator<Item = usize> + use<> {
        let (fixed, movable) = match self.movable {
            false => (self.fixed.of(args.len()), Vec::new()),
            true => (Indexes::NONE, self.find_keys(args).unwrap_or_default()),
        };
        fixed.into_iter().chain(movable.into_iter().flatten())
    }

    #[cold]
    fn find_keys(&self, args: &Args<'_>) -> Result<Vec<Indexes>, InvalidKeys> {
        self.spec.keys.iter().map(|spec| spec.find(args)).collect()
    }

    /// The same with what happens to each key.
    ///
    /// # Errors
    /// The request says what cannot be.
    pub fn keys_and_flags(
        &self,
        args: &Args<'_>,
    ) -> Result<Vec<(usize, &'static [KeyFlag])>, InvalidKeys> {
        let mut keys = Vec::new();
        for spec in self.spec.keys {
            let flags = spec.flags_of(args);
            keys.extend(spec.find(args)?.into_iter().map(|at| (at, flags)));
        }
        Ok(keys)
    }

    /// Whether some of its keys must be looked for in each request.
    #[must_use]
    pub fn has_movable_keys(&self) -> bool {
        self.movable
    }

    /// First key, last key and step, as COMMAND INFO has them: of those keys that are at the same
    /// place in every request; all 0 if there is none.
    #[must_use]
    pub fn key_range(&self) -> (i64, i64, i64) {
        let KeyRange { first, last, step } = self.fixed;
        if first == 0 {
            return (0, 0, 0);
        }
        (i64::from(first), i64::from(last), i64::from(step))
    }

    /// Its subcommands.
    #[must_use]
    pub fn subcommands(&self) -> &'static [Command] {
        &TABLE[self.first_subcommand..self.first_subcommand + self.subcommand_count]
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
    if command.subcommand_count > 0 && args.len() > 1 {
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

/// Whether a request is the first line of an HTTP request or one of its headers: a browser
/// was lured to this port. The connection is closed without an answer.
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
        let argument = c_text(argument);
        shown.extend_from_slice(&argument[..argument.len().min(room)]);
        shown.extend_from_slice(b"' ");
    }
    let name = c_text(args.get(0));
    Refused::text(format!(
        "ERR unknown command '{}', with args beginning with: {}",
        String::from_utf8_lossy(&name[..name.len().min(SHOWN)]),
        String::from_utf8_lossy(&shown)
    ))
}

#[cold]
fn unknown_subcommand(args: &Args<'_>) -> Refused {
    let name = c_text(args.get(1));
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
            let definition = GROUPS[group][index];
            table[id] = command(definition, id, next_subcommand);
            let mut sub = 0;
            while sub < definition.subcommands.len() {
                let definition = definition.subcommands[sub];
                table[next_subcommand] = command(definition, next_subcommand, next_subcommand);
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

const fn command(definition: &'static Definition, id: usize, first_subcommand: usize) -> Command {
    let spec = &definition.spec;
    Command {
        spec,
        run: definition.run,
        preparation: definition.preparation,
        id,
        fixed: fixed_range(spec.keys),
        movable: !all_fixed(spec.keys),
        first_moves: first_moves(spec.keys),
        finds_element: finds_element(spec),
        shows_value: definition.shows_value,
        first_subcommand,
        subcommand_count: definition.subcommands.len(),
    }
}

/// The one range that the key specs make up together whose keys need not be looked for.
const fn fixed_range(specs: &[KeySpec]) -> KeyRange {
    let mut whole = KeyRange::NONE;
    let mut index = 0;
    while index < specs.len() {
        if let Some((first, last, step)) = specs[index].fixed() {
            let last = if last < 0 { last } else { first as i8 + last };
            if whole.first == 0 {
                whole = KeyRange { first, last, step };
            } else {
                assert!(
                    first as i8 == whole.last + 1 && step == 1 && whole.step == 1,
                    "key specs stand one behind the other"
                );
                whole.last = last;
            }
        }
        index += 1;
    }
    whole
}

/// Whether the first key may be at another place than the first spec's range says.
const fn first_moves(specs: &[KeySpec]) -> bool {
    match specs {
        [] => false,
        [first, ..] => !all_fixed(specs) && (first.fixed().is_none() || first.found_by.is_some()),
    }
}

/// Whether the argument behind the only key is an element of a hash, a set or a sorted set, or begins
/// with one.
const fn finds_element(spec: &Spec) -> bool {
    match (spec.group, spec.keys, spec.arguments) {
        (Group::SortedSet, [_], [_, element, ..]) => {
            matches!(element.name.as_bytes(), b"member") && !element.optional
        }
        (Group::Hash | Group::Set, [_], [key, element, ..]) => {
            let is_key = matches!(key.kind, ArgumentKind::Key(_)) && !key.multiple;
            let kind = match element.arguments {
                [first, ..] => first.kind,
                [] => element.kind,
            };
            is_key && !element.optional && matches!(kind, ArgumentKind::String)
        }
        _ => false,
    }
}

const fn all_fixed(specs: &[KeySpec]) -> bool {
    let mut index = 0;
    while index < specs.len() {
        if specs[index].fixed().is_none() {
            return false;
        }
        index += 1;
    }
    true
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
