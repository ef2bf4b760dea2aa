//! XGROUP and its subcommands.

use slotkeeper_tree::StreamId;

use super::{change_group, ids, no_such_group};
use crate::command::parse::{bad_subcommand, c_text, integer};
use crate::command::{Definition, Effect, Exec, Refused, docs};
use crate::data::{Event, GroupMut};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Write};
use crate::spec::KeyFlag::{Delete, Insert, RW, Update};
use crate::spec::{Argument, Category, Flags, Group, KeySpec, Spec};

pub(super) static XGROUP: Definition = Definition {
    spec: Spec {
        name: "xgroup",
        since: "5.0.0",
        summary: "Commands about groups of consumers",
        ..Spec::container(Group::Stream)
    },
    subcommands: &[
        &CREATE,
        &SETID,
        &DESTROY,
        &CREATECONSUMER,
        &DELCONSUMER,
        &HELP,
    ],
    ..Definition::CONTAINER
};

const ID: Argument = Argument::one_of(
    "id-selector",
    &[Argument::string("id"), Argument::word("new-id", "$")],
);

static CREATE: Definition = Definition {
    spec: Spec {
        name: "xgroup|create",
        arity: -5,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[KeySpec::one(2, &[RW, Insert])],
        since: "5.0.0",
        summary: "Makes a group that gets the messages behind an id",
        history: &[("7.0.0", "`ENTRIESREAD`.")],
        arguments: &[
            Argument::key("key"),
            Argument::string("group"),
            ID,
            Argument::word("mkstream", "MKSTREAM").optional(),
            Argument::integer("entries-read")
                .token("ENTRIESREAD")
                .optional(),
        ],
        ..Spec::new(Group::Stream)
    },
    ..Definition::run(create)
};

static SETID: Definition = Definition {
    spec: Spec {
        name: "xgroup|setid",
        arity: -5,
        flags: Flags::of(&[Write]),
        keys: &[KeySpec::one(2, &[RW, Update])],
        since: "5.0.0",
        summary: "Says which message a group got last",
        history: &[("7.0.0", "`ENTRIESREAD`.")],
        arguments: &[
            Argument::key("key"),
            Argument::string("group"),
            ID,
            Argument::integer("entries-read")
                .token("ENTRIESREAD")
                .optional(),
        ],
        ..Spec::new(Group::Stream)
    },
    ..Definition::run(set_id)
};

static DESTROY: Definition = Definition {
    spec: Spec {
        name: "xgroup|destroy",
        arity: 4,
        flags: Flags::of(&[Write]),
        keys: &[KeySpec::one(2, &[RW, Delete])],
        since: "5.0.0",
        complexity: "O(1); what is pending is freed afterwards",
        summary: "Removes a group with all that is pending in it",
        arguments: &[Argument::key("key"), Argument::string("group")],
        ..Spec::new(Group::Stream)
    },
    ..Definition::run(destroy)
};

static CREATECONSUMER: Definition = Definition {
    spec: Spec {
        name: "xgroup|createconsumer",
        arity: 5,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[KeySpec::one(2, &[RW, Insert])],
        since: "6.2.0",
        summary: "Makes a consumer of a group; returns whether it is new",
        arguments: CONSUMER,
        ..Spec::new(Group::Stream)
    },
    ..Definition::run(create_consumer)
};

static DELCONSUMER: Definition = Definition {
    spec: Spec {
        name: "xgroup|delconsumer",
        arity: 5,
        flags: Flags::of(&[Write]),
        keys: &[KeySpec::one(2, &[RW, Delete])],
        since: "5.0.0",
        complexity: "O(N) with N the number of entries that are pending with the consumer",
        summary: "Removes a consumer of a group; returns how many entries were pending with it",
        arguments: CONSUMER,
        ..Spec::new(Group::Stream)
    },
    ..Definition::run(delete_consumer)
};

const CONSUMER: &[Argument] = &[
    Argument::key("key"),
    Argument::string("group"),
    Argument::string("consumer"),
];

static HELP: Definition = Definition {
    spec: Spec {
        categories: &[Category::Stream],
        ..Spec::help("xgroup|help", Group::Stream)
    },
    ..Definition::run(docs::help)
};

const NO_KEY: Refused = Refused::new(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use \
     the MKSTREAM option to create an empty stream automatically.",
);

/// The options behind the id.
struct Options {
    mkstream: bool,
    entries_read: Option<u64>,
}

impl Options {
    fn parse(args: &Args<'_>, is_create: bool) -> Result<Options, Refused> {
        let mut options = Options {
            mkstream: false,
            entries_read: None,
        };
        let mut at = 5;
        while at < args.len() {
            if is_create && args.is(at, "mkstream") {
                options.mkstream = true;
            } else if args.is(at, "entriesread") && at + 1 < args.len() {
                at += 1;
                options.entries_read = match integer(args.get(at))? {
                    -1 => None,
                    read => Some(u64::try_from(read).map_err(|_| {
                        Refused::new("ERR value for ENTRIESREAD must be positive or -1")
                    })?),
                };
            } else {
                return Err(bad_subcommand(args.get(1), "XGROUP"));
            }
            at += 1;
        }
        Ok(options)
    }
}

/// The id of a request, if it is not the last one of the stream.
fn wanted(args: &Args<'_>, is_setid: bool) -> Result<Option<StreamId>, Refused> {
    match c_text(args.get(4)) {
        b"$" => Ok(None),
        b"-" if is_setid => Ok(Some(StreamId::MIN)),
        b"+" if is_setid => Ok(Some(StreamId::MAX)),
        _ => ids::id(args.get(4)).map(Some),
    }
}

fn create(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let options = Options::parse(args, true)?;
    let (db, key, name) = (exec.session.db, args.key(exec.data, 2), args.get(3));
    match exec.data.get_to_change(db, &key) {
        Some(entry) => {
            entry.as_stream()?;
        }
        None if !options.mkstream => return Err(NO_KEY),
        None => {}
    }
    // An option may come again, but not ENTRIESREAD.
    if args.len() > 8 {
        return Err(bad_subcommand(args.get(1), "XGROUP"));
    }
    let id = wanted(args, false)?;
    let made = exec.data.change_stream(db, &key, true, |stream| {
        let id = id.unwrap_or(stream.view().last_id());
        let made = stream.create_group(name, id, options.entries_read);
        (made, made.then_some(Event::XGroupCreate))
    })?;
    if made != Some(true) {
        return Err(Refused::new("BUSYGROUP Consumer Group name already exists"));
    }
    reply.ok();
    Ok(Effect::AsWritten)
}

/// Changes a group that must be there.
fn change<R>(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    change: impl FnOnce(&mut GroupMut<'_>) -> (R, Option<Event>),
) -> Result<R, Refused> {
    let (key, name) = (args.key(exec.data, 2), args.get(3));
    let changed = change_group(exec, &key, name, change)?;
    let refused = || no_such_group(args.get(2), name);
    changed.ok_or(NO_KEY)?.ok_or_else(refused)
}

fn set_id(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let options = Options::parse(args, false)?;
    let id = match args.len() {
        5 | 7 => wanted(args, true),
        _ => Err(bad_subcommand(args.get(1), "XGROUP")),
    };
    change(exec, args, |group| {
        let id = match id {
            Ok(id) => id.unwrap_or(group.facts().last_id),
            Err(refused) => return (Err(refused), None),
        };
        group.set_last(id, options.entries_read);
        (Ok(()), Some(Event::XGroupSetId))
    })??;
    reply.ok();
    Ok(Effect::AsWritten)
}

fn destroy(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (key, name) = (args.key(exec.data, 2), args.get(3));
    let gone = exec
        .data
        .change_stream(exec.session.db, &key, false, |stream| {
            let gone = stream.destroy_group(name);
            (gone, gone.then_some(Event::XGroupDestroy))
        })?;
    let gone = gone.ok_or(NO_KEY)?;
    reply.integer(i64::from(gone));
    Ok(if gone {
        Effect::AsWritten
    } else {
        Effect::None
    })
}

fn create_consumer(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
) -> Result<Effect, Refused> {
    let now_ms = exec.now.unix_ms();
    let is_new = change(exec, args, |group| {
        let (_, is_new) = group.make_consumer(args.get(4), now_ms);
        (is_new, is_new.then_some(Event::XGroupCreateConsumer))
    })?;
    reply.integer(i64::from(is_new));
    Ok(if is_new {
        Effect::AsWritten
    } else {
        Effect::None
    })
}

fn delete_consumer(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
) -> Result<Effect, Refused> {
    let pending = change(exec, args, |group| {
        let number = group.view().consumer(args.get(4));
        let pending = number.map(|number| group.remove_consumer(number));
        (pending, pending.map(|_| Event::XGroupDelConsumer))
    })?;
    reply.integer(pending.unwrap_or(0).cast_signed());
    Ok(if pending.is_some() {
        Effect::AsWritten
    } else {
        Effect::None
    })
}

#[cfg(test)]
mod tests;
