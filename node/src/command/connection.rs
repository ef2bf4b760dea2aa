//! Commands about the connection itself.

mod auth;
mod client;
mod ping;
mod select;

use super::Definition;

/// The commands of this group.
pub(super) const COMMANDS: &[&Definition] = &[
    &ping::PING,
    &ping::ECHO,
    &auth::AUTH,
    &auth::HELLO,
    &select::SELECT,
    &select::RESET,
    &select::QUIT,
    &client::CLIENT,
];
