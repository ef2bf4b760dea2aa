//! COMMAND GETKEYS and GETKEYSANDFLAGS.

use crate::command::table::Command;
use crate::command::{Effect, Exec, Refused, lookup};
use crate::resp::{Args, Reply};
use crate::spec::KeyFlag;

pub(super) fn get_keys(
    _: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
) -> Result<Effect, Refused> {
    let argv = inner(args);
    let request = Args::kept(&argv);
    let keys = keys(&request)?;
    reply.array(keys.len());
    keys.iter().for_each(|(at, _)| reply.bulk(request.get(*at)));
    Ok(Effect::None)
}

pub(super) fn get_keys_and_flags(
    _: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
) -> Result<Effect, Refused> {
    let argv = inner(args);
    let request = Args::kept(&argv);
    let keys = keys(&request)?;
    reply.array(keys.len());
    for (at, flags) in keys {
        reply.array(2);
        reply.bulk(request.get(at));
        reply.set(flags.len());
        flags.iter().for_each(|flag| reply.simple(flag.name()));
    }
    Ok(Effect::None)
}

/// The request that is asked about.
fn inner(args: &Args<'_>) -> Vec<Vec<u8>> {
    args.from(2).map(<[u8]>::to_vec).collect()
}

/// The keys of a request. One that names none, as XREAD without STREAMS, is as wrong as one with too few:
/// no command of ours can do without keys if it takes any.
fn keys(request: &Args<'_>) -> Result<Vec<(usize, &'static [KeyFlag])>, Refused> {
    let keys = keyed(request)?.keys_and_flags(request);
    let keys = keys.ok().filter(|keys| !keys.is_empty());
    keys.ok_or(Refused::new("ERR Invalid arguments specified for command"))
}

/// The command of a request, which has keys.
fn keyed(request: &Args<'_>) -> Result<&'static Command, Refused> {
    const INVALID: Refused = Refused::new("ERR Invalid command specified");
    let mut command = lookup(request.get(0)).ok_or(INVALID)?;
    if !command.subcommands().is_empty() && request.len() > 1 {
        command = command.subcommand(request.get(1)).ok_or(INVALID)?;
    }
    if command.spec.keys.is_empty() {
        return Err(Refused::new("ERR The command has no key arguments"));
    }
    if !command.spec.accepts(request.len()) {
        return Err(Refused::new(
            "ERR Invalid number of arguments specified for command",
        ));
    }
    Ok(command)
}
