//! Commands about the connection itself.

mod auth;
mod client;
mod ping;
mod select;

use super::Spec;

/// The commands of this group.
pub(super) const COMMANDS: &[&Spec] = &[
    &ping::PING,
    &ping::ECHO,
    &auth::AUTH,
    &auth::HELLO,
    &select::SELECT,
    &select::RESET,
    &select::QUIT,
    &client::CLIENT,
];
