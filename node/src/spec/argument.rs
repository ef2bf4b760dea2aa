//! The syntax of a command, as COMMAND DOCS and the documentation show it.

/// A part of a command's syntax.
#[derive(Debug)]
pub struct Argument {
    /// What COMMAND DOCS calls it.
    pub name: &'static str,
    /// What it is.
    pub kind: ArgumentKind,
    /// The word that precedes it, or that it is.
    pub token: Option<&'static str>,
    /// The version of Redis that had it first, if the command is older.
    pub since: Option<&'static str>,
    /// May be left out.
    pub optional: bool,
    /// May be repeated.
    pub multiple: bool,
    /// When it is repeated, its token is repeated with it.
    pub multiple_token: bool,
    /// The parts of a block, or the choices of a oneof.
    pub arguments: &'static [Argument],
}

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
    /// A key, and the position of its [`KeySpec`].
    Key(u8),
    /// Any bytes.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Double,
    /// A glob.
    Pattern,
    /// A unix time.
    UnixTime,
    /// Only its token.
    PureToken,
    /// One of several.
    OneOf,
    /// Several together.
    Block,
}

impl ArgumentKind {
    /// As COMMAND DOCS has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ArgumentKind::Key(_) => "key",
            ArgumentKind::String => "string",
            ArgumentKind::Integer => "integer",
            ArgumentKind::Double => "double",
            ArgumentKind::Pattern => "pattern",
            ArgumentKind::UnixTime => "unix-time",
            ArgumentKind::PureToken => "pure-token",
            ArgumentKind::OneOf => "oneof",
            ArgumentKind::Block => "block",
        }
    }
}

impl Argument {
    const fn new(name: &'static str, kind: ArgumentKind) -> Argument {
        Argument {
            name,
            kind,
            token: None,
            since: None,
            optional: false,
            multiple: false,
            multiple_token: false,
            arguments: &[],
        }
    }

    /// A key of the command's first key spec.
    #[must_use]
    pub const fn key(name: &'static str) -> Argument {
        Argument::key_of(name, 0)
    }

    /// A key of another key spec.
    #[must_use]
    pub const fn key_of(name: &'static str, spec: u8) -> Argument {
        Argument::new(name, ArgumentKind::Key(spec))
    }

    /// Any bytes.
    #[must_use]
    pub const fn string(name: &'static str) -> Argument {
        Argument::new(name, ArgumentKind::String)
    }

    /// A whole number.
    #[must_use]
    pub const fn integer(name: &'static str) -> Argument {
        Argument::new(name, ArgumentKind::Integer)
    }

    /// A number.
    #[must_use]
    pub const fn double(name: &'static str) -> Argument {
        Argument::new(name, ArgumentKind::Double)
    }

    /// A glob.
    #[must_use]
    pub const fn pattern(name: &'static str) -> Argument {
        Argument::new(name, ArgumentKind::Pattern)
    }

    /// A unix time.
    #[must_use]
    pub const fn unix_time(name: &'static str) -> Argument {
        Argument::new(name, ArgumentKind::UnixTime)
    }

    /// A word that stands for itself.
    #[must_use]
    pub const fn word(name: &'static str, token: &'static str) -> Argument {
        Argument::new(name, ArgumentKind::PureToken).token(token)
    }

    /// One of several.
    #[must_use]
    pub const fn one_of(name: &'static str, arguments: &'static [Argument]) -> Argument {
        let argument = Argument::new(name, ArgumentKind::OneOf);
        Argument {
            arguments,
            ..argument
        }
    }

    /// Several together.
    #[must_use]
    pub const fn block(name: &'static str, arguments: &'static [Argument]) -> Argument {
        let argument = Argument::new(name, ArgumentKind::Block);
        Argument {
            arguments,
            ..argument
        }
    }

    /// Preceded by a word.
    #[must_use]
    pub const fn token(self, token: &'static str) -> Argument {
        Argument {
            token: Some(token),
            ..self
        }
    }

    /// Newer than the command.
    #[must_use]
    pub const fn since(self, version: &'static str) -> Argument {
        Argument {
            since: Some(version),
            ..self
        }
    }

    /// May be left out.
    #[must_use]
    pub const fn optional(self) -> Argument {
        Argument {
            optional: true,
            ..self
        }
    }

    /// May be repeated.
    #[must_use]
    pub const fn multiple(self) -> Argument {
        Argument {
            multiple: true,
            ..self
        }
    }

    /// May be repeated together with its token.
    #[must_use]
    pub const fn multiple_token(self) -> Argument {
        Argument {
            multiple: true,
            multiple_token: true,
            ..self
        }
    }
}
