//! A command in the shapes of COMMAND INFO and COMMAND DOCS.

use crate::command::table::Command;
use crate::resp::Reply;
use crate::spec::{Argument, ArgumentKind, BeginSearch, FindKeys, Flag, KeySpec, Spec};

/// Its element of COMMAND INFO.
pub(super) fn info(command: &Command, reply: &mut Reply) {
    let spec = command.spec;
    reply.array(10);
    reply.bulk(spec.name.as_bytes());
    reply.integer(i64::from(spec.arity));
    let movable = command.has_movable_keys().then_some("movablekeys");
    let flags = spec.flags.iter().map(Flag::name);
    let flags: Vec<&str> = flags.chain(movable).collect();
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.simple(flag));
    let (first, last, step) = command.key_range();
    [first, last, step]
        .into_iter()
        .for_each(|n| reply.integer(n));
    reply.set(spec.all_categories().count());
    for category in spec.all_categories() {
        reply.simple(category.name());
    }
    reply.set(spec.tips.len());
    spec.tips.iter().for_each(|tip| reply.bulk(tip.as_bytes()));
    reply.set(spec.keys.len());
    spec.keys.iter().for_each(|keys| key_spec(keys, reply));
    if command.subcommands().is_empty() {
        reply.set(0);
        return;
    }
    reply.array(command.subcommands().len());
    for subcommand in command.subcommands() {
        info(subcommand, reply);
    }
}

fn key_spec(keys: &KeySpec, reply: &mut Reply) {
    reply.map(if keys.notes.is_empty() { 3 } else { 4 });
    if !keys.notes.is_empty() {
        text(reply, "notes", keys.notes);
    }
    reply.bulk(b"flags");
    reply.set(keys.flags.len());
    keys.flags.iter().for_each(|flag| reply.simple(flag.name()));
    reply.bulk(b"begin_search");
    reply.map(2);
    match keys.begin {
        BeginSearch::Index(index) => {
            kind(reply, "index", 1);
            number(reply, "index", i64::from(index));
        }
        BeginSearch::Keyword { word, from } => {
            kind(reply, "keyword", 2);
            text(reply, "keyword", word);
            number(reply, "startfrom", i64::from(from));
        }
        BeginSearch::Unknown => kind(reply, "unknown", 0),
    }
    reply.bulk(b"find_keys");
    reply.map(2);
    match keys.find {
        FindKeys::Range { last, step, limit } => {
            kind(reply, "range", 3);
            number(reply, "lastkey", i64::from(last));
            number(reply, "keystep", i64::from(step));
            number(reply, "limit", i64::from(limit));
        }
        FindKeys::KeyNum {
            number: at,
            first,
            step,
        } => {
            kind(reply, "keynum", 3);
            number(reply, "keynumidx", i64::from(at));
            number(reply, "firstkey", i64::from(first));
            number(reply, "keystep", i64::from(step));
        }
        FindKeys::Unknown => kind(reply, "unknown", 0),
    }
}

/// How keys are looked for, with a number of figures.
fn kind(reply: &mut Reply, name: &str, figures: usize) {
    text(reply, "type", name);
    reply.bulk(b"spec");
    reply.map(figures);
}

/// Its value in COMMAND DOCS.
pub(super) fn docs(command: &Command, reply: &mut Reply) {
    let spec = command.spec;
    let Spec {
        history, arguments, ..
    } = spec;
    let optional = [!history.is_empty(), !arguments.is_empty()];
    let optional = optional.iter().filter(|given| **given).count();
    let container = usize::from(!command.subcommands().is_empty());
    let flags = match (&spec.deprecated, spec.is_internal) {
        (Some(_), _) => 3,
        (None, internal) => usize::from(internal),
    };
    reply.map(4 + optional + container + flags);
    text(reply, "summary", spec.summary);
    text(reply, "since", spec.since);
    text(reply, "group", spec.group.name());
    text(reply, "complexity", spec.complexity);
    if spec.is_internal {
        reply.bulk(b"doc_flags");
        reply.set(1);
        reply.simple("syscmd");
    }
    if let Some(deprecated) = &spec.deprecated {
        reply.bulk(b"doc_flags");
        reply.set(1);
        reply.simple("deprecated");
        text(reply, "deprecated_since", deprecated.since);
        text(reply, "replaced_by", deprecated.replaced_by);
    }
    if !history.is_empty() {
        reply.bulk(b"history");
        reply.set(history.len());
        for (version, change) in *history {
            reply.array(2);
            reply.bulk(version.as_bytes());
            reply.bulk(change.as_bytes());
        }
    }
    if !arguments.is_empty() {
        reply.bulk(b"arguments");
        list(arguments, reply);
    }
    if container == 1 {
        reply.bulk(b"subcommands");
        reply.map(command.subcommands().len());
        for subcommand in command.subcommands() {
            reply.bulk(subcommand.spec.name.as_bytes());
            docs(subcommand, reply);
        }
    }
}

fn list(arguments: &[Argument], reply: &mut Reply) {
    reply.array(arguments.len());
    arguments.iter().for_each(|part| argument(part, reply));
}

fn argument(argument: &Argument, reply: &mut Reply) {
    let key_spec = match argument.kind {
        ArgumentKind::Key(spec) => Some(spec),
        _ => None,
    };
    let flags = [
        (argument.optional, "optional"),
        (argument.multiple, "multiple"),
        (argument.multiple_token, "multiple_token"),
    ];
    let flags: Vec<_> = flags.iter().filter(|(given, _)| *given).collect();
    let given = [
        key_spec.is_some(),
        argument.token.is_some(),
        argument.since.is_some(),
        !flags.is_empty(),
        !argument.arguments.is_empty(),
    ];
    reply.map(2 + given.iter().filter(|given| **given).count());
    text(reply, "name", argument.name);
    text(reply, "type", argument.kind.name());
    if let Some(spec) = key_spec {
        number(reply, "key_spec_index", i64::from(spec));
    }
    if let Some(token) = argument.token {
        text(reply, "token", token);
    }
    if let Some(since) = argument.since {
        text(reply, "since", since);
    }
    if !flags.is_empty() {
        reply.bulk(b"flags");
        reply.set(flags.len());
        flags.iter().for_each(|(_, flag)| reply.simple(flag));
    }
    if !argument.arguments.is_empty() {
        reply.bulk(b"arguments");
        list(argument.arguments, reply);
    }
}

fn text(reply: &mut Reply, name: &str, value: &str) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.as_bytes());
}

fn number(reply: &mut Reply, name: &str, value: i64) {
    reply.bulk(name.as_bytes());
    reply.integer(value);
}
