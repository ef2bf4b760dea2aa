//! Which arguments of a request are secrets. Whatever shows requests asks here.

use super::Spec;
use crate::config::{REDACTED, Secrecy};
use crate::resp::Args;

/// Where a command takes secrets.
#[derive(Debug)]
pub enum Secret {
    /// In this argument and all behind it.
    From(u8),
    /// Among the options that follow each other from this argument on. What is none of them may be a
    /// misspelt one: it is a secret, and all behind it.
    Options(u8, &'static [OptionValues]),
    /// Among the directives and their values that follow in turn from this argument on.
    Directives(u8),
}

/// An option and what follows it.
#[derive(Debug)]
pub struct OptionValues {
    /// Its word.
    pub word: &'static str,
    /// How many values follow.
    pub count: u8,
    /// Whether they are secrets.
    pub secret: bool,
}

impl Secret {
    fn covers(&self, args: &Args<'_>, index: usize) -> bool {
        match *self {
            Secret::From(first) => index >= usize::from(first),
            Secret::Options(first, options) => {
                let mut at = usize::from(first);
                while at <= index {
                    let known = options.iter().find(|option| args.is(at, option.word));
                    let Some(option) = known else {
                        return true;
                    };
                    let next = at + 1 + usize::from(option.count);
                    if option.secret && (at + 1..next).contains(&index) {
                        return true;
                    }
                    at = next;
                }
                false
            }
            Secret::Directives(first) => {
                let Some(behind) = index.checked_sub(usize::from(first)) else {
                    return false;
                };
                let is_name = behind % 2 == 0;
                let name = args.get(if is_name { index } else { index - 1 });
                match Secrecy::of(name) {
                    Secrecy::Open => false,
                    Secrecy::Secret => !is_name,
                    // A name that is unknown may be a value in the wrong place.
                    Secrecy::Unknown => true,
                }
            }
        }
    }
}

impl Spec {
    /// The arguments of a request as they may be shown: those that are secrets, or may be meant as
    /// such, are replaced.
    pub fn shown<'a>(&self, args: &Args<'a>) -> impl Iterator<Item = &'a [u8]> {
        let is_secret = |index| self.secrets.iter().any(|s| s.covers(args, index));
        (0..args.len()).map(move |index| match is_secret(index) {
            true => REDACTED.as_bytes(),
            false => args.get(index),
        })
    }
}
