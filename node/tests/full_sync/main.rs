//! Full syncs while everything changes: the payload is the state at the announced offset, the
//! stream leads on from there, and no call does much at once.

mod blocking;
mod network;
mod plain;
mod redirects;
mod replicas;
mod walk;
