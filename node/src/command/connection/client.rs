//! CLIENT and its subcommands.

mod kill;
mod list;
mod own;
mod pause;
mod unblock;

use crate::command::parse::{lower, shown};
use crate::command::{Definition, Refused, docs};
use crate::request::ClientKind;
use crate::spec::{Argument, Group, Spec};

pub(super) static CLIENT: Definition = Definition {
    spec: Spec {
        name: "client",
        since: "2.4.0",
        summary: "Commands about client connections",
        ..Spec::container(Group::Connection)
    },
    subcommands: &[
        &own::ID,
        &own::GETNAME,
        &own::SETNAME,
        &own::SETINFO,
        &own::NO_EVICT,
        &own::NO_TOUCH,
        &own::REPLY,
        &list::LIST,
        &list::INFO,
        &kill::KILL,
        &pause::PAUSE,
        &pause::UNPAUSE,
        &unblock::UNBLOCK,
        &HELP,
    ],
    ..Definition::CONTAINER
};

static HELP: Definition = Definition {
    spec: Spec::help("client|help", Group::Connection),
    ..Definition::run(docs::help)
};

/// TYPE and what may stand behind it.
const TYPE: Argument = Argument::one_of(
    "normal_master_replica_pubsub",
    &[
        Argument::word("normal", "NORMAL"),
        Argument::word("master", "MASTER"),
        Argument::word("replica", "REPLICA"),
        Argument::word("pubsub", "PUBSUB"),
    ],
)
.token("TYPE");

/// The kind of clients that TYPE names.
fn kind(name: &[u8]) -> Result<ClientKind, Refused> {
    match lower(name).as_slice() {
        b"normal" => Ok(ClientKind::Normal),
        b"master" => Ok(ClientKind::Master),
        b"replica" | b"slave" => Ok(ClientKind::Replica),
        b"pubsub" => Ok(ClientKind::PubSub),
        _ => Err(Refused::text(format!(
            "ERR Unknown client type '{}'",
            shown(name)
        ))),
    }
}
