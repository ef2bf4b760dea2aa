//! What is known of a command: all that COMMAND, routing, ACL rules and the documentation need.
//!
//! This is data: nothing here knows what a command does. `command` joins each spec with its function.

mod argument;
mod keys;
mod secret;

pub use argument::{Argument, ArgumentKind};
pub use keys::{BeginSearch, FindKeys, Indexes, InvalidKeys, KeyFlag, KeySpec};
pub use secret::{OptionValues, Secret};

/// A command, or a subcommand.
#[derive(Debug)]
pub struct Spec {
    /// In lower case; a subcommand's is `container|name`.
    pub name: &'static str,
    /// How many arguments it takes, its name (both names of a subcommand) included; negative: at
    /// least that many.
    pub arity: i8,
    /// How the engine treats it.
    pub flags: Flags,
    /// Where its keys are.
    pub keys: &'static [KeySpec],
    /// Which arguments are shown nowhere.
    pub secrets: &'static [Secret],
    /// Its ACL categories beside those that follow from the flags.
    pub categories: &'static [Category],
    /// Hints for clients and proxies.
    pub tips: &'static [&'static str],
    /// What it is about.
    pub group: Group,
    /// The version of Redis that had it first.
    pub since: &'static str,
    /// Its cost.
    pub complexity: &'static str,
    /// What it does, in one line without a full stop.
    pub summary: &'static str,
    /// What replaces it, if it is deprecated, and since when.
    pub deprecated: Option<Deprecated>,
    /// For servers and for those who look into them, not for applications.
    pub is_internal: bool,
    /// What changed in later versions: version and change.
    pub history: &'static [(&'static str, &'static str)],
    /// Its syntax.
    pub arguments: &'static [Argument],
}

/// A deprecation.
#[derive(Debug)]
pub struct Deprecated {
    /// The version.
    pub since: &'static str,
    /// What to use instead.
    pub replaced_by: &'static str,
}

impl Spec {
    /// The usual: no keys, no arguments. Used as the rest of a literal.
    #[must_use]
    pub const fn new(group: Group) -> Spec {
        Spec {
            name: "",
            arity: 1,
            flags: Flags::NONE,
            keys: &[],
            secrets: &[],
            categories: group.categories(),
            tips: &[],
            group,
            since: "1.0.0",
            complexity: "O(1)",
            summary: "",
            deprecated: None,
            is_internal: false,
            history: &[],
            arguments: &[],
        }
    }

    /// A container of subcommands.
    #[must_use]
    pub const fn container(group: Group) -> Spec {
        Spec {
            arity: -2,
            categories: &[],
            complexity: "O(1), or as the subcommand says",
            ..Spec::new(group)
        }
    }

    /// A container's HELP, named in full.
    #[must_use]
    pub const fn help(name: &'static str, group: Group) -> Spec {
        Spec {
            name,
            arity: 2,
            flags: Flags::of(&[Flag::Loading, Flag::Stale]),
            since: "5.0.0",
            summary: "Lists the subcommands",
            ..Spec::new(group)
        }
    }

    /// Its name without the container's.
    #[must_use]
    pub fn short_name(&self) -> &'static str {
        self.name.rsplit('|').next().unwrap_or(self.name)
    }

    /// Whether a request of that many arguments, the name included, can be it.
    #[must_use]
    #[inline]
    pub fn accepts(&self, arguments: usize) -> bool {
        let wanted = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 {
            arguments >= wanted
        } else {
            arguments == wanted
        }
    }

    /// All its ACL categories.
    pub fn all_categories(&self) -> impl Iterator<Item = Category> + '_ {
        let has = |flag| self.flags.has(flag);
        Category::ALL.iter().copied().filter(move |category| {
            let implied = match category {
                Category::Write => has(Flag::Write),
                Category::Read => has(Flag::ReadOnly),
                Category::Admin | Category::Dangerous => has(Flag::Admin),
                Category::Fast => has(Flag::Fast),
                Category::Slow => !has(Flag::Fast),
                Category::Blocking => has(Flag::Blocking),
                _ => false,
            };
            implied || self.categories.contains(category)
        })
    }
}

/// A property of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// May change data.
    Write,
    /// Reads keys and changes nothing.
    ReadOnly,
    /// Refused when memory is short.
    DenyOom,
    /// For administrators.
    Admin,
    /// Not in scripts.
    NoScript,
    /// May wait for a key.
    Blocking,
    /// Allowed while the data set is loaded.
    Loading,
    /// Not even while an old data set is served during the load of a new one.
    NoAsyncLoading,
    /// Allowed on a replica whose master is gone and that should not serve old data.
    Stale,
    /// Constant or logarithmic time.
    Fast,
    /// Allowed before AUTH.
    NoAuth,
    /// Not between MULTI and EXEC.
    NoMulti,
    /// Allowed while a script runs too long.
    AllowBusy,
    /// Not in the slow log.
    SkipSlowLog,
    /// Implies ASKING.
    Asking,
    /// May change data although it counts as a command that only reads. COMMAND INFO does not show
    /// it.
    MayReplicate,
    /// Moves the keys of an open slot, whichever of them are here. COMMAND INFO does not show it.
    MovesKeys,
    /// Asks the cluster alone: those of a transaction are stored as one. COMMAND INFO does not show it.
    StoredTogether,
}

impl Flag {
    /// Those that COMMAND INFO lists, in its order.
    pub const ALL: &[Flag] = &[
        Flag::Write,
        Flag::ReadOnly,
        Flag::DenyOom,
        Flag::Admin,
        Flag::NoScript,
        Flag::Blocking,
        Flag::Loading,
        Flag::Stale,
        Flag::SkipSlowLog,
        Flag::Asking,
        Flag::Fast,
        Flag::NoAuth,
        Flag::NoAsyncLoading,
        Flag::NoMulti,
        Flag::AllowBusy,
    ];

    /// As COMMAND INFO has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Flag::Write => "write",
            Flag::ReadOnly => "readonly",
            Flag::DenyOom => "denyoom",
            Flag::Admin => "admin",
            Flag::NoScript => "noscript",
            Flag::Blocking => "blocking",
            Flag::Loading => "loading",
            Flag::NoAsyncLoading => "no_async_loading",
            Flag::Stale => "stale",
            Flag::Fast => "fast",
            Flag::NoAuth => "no_auth",
            Flag::NoMulti => "no_multi",
            Flag::AllowBusy => "allow_busy",
            Flag::SkipSlowLog => "skip_slowlog",
            Flag::Asking => "asking",
            Flag::MayReplicate => "may_replicate",
            Flag::MovesKeys => "moves_keys",
            Flag::StoredTogether => "stored_together",
        }
    }
}

/// A set of [`Flag`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// The empty set.
    pub const NONE: Flags = Flags(0);

    /// The set of these.
    #[must_use]
    pub const fn of(flags: &[Flag]) -> Flags {
        let mut bits = 0;
        let mut index = 0;
        while index < flags.len() {
            bits |= 1 << flags[index] as u32;
            index += 1;
        }
        Flags(bits)
    }

    /// Whether it holds a flag.
    #[must_use]
    #[inline]
    pub const fn has(self, flag: Flag) -> bool {
        self.0 & (1 << flag as u32) != 0
    }

    /// Its flags, in the order in which COMMAND INFO lists them.
    pub fn iter(self) -> impl Iterator<Item = Flag> {
        Flag::ALL
            .iter()
            .copied()
            .filter(move |flag| self.has(*flag))
    }
}

/// An ACL category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// `@keyspace`
    Keyspace,
    /// `@read`
    Read,
    /// `@write`
    Write,
    /// `@set`
    Set,
    /// `@sortedset`
    SortedSet,
    /// `@hash`
    Hash,
    /// `@list`
    List,
    /// `@stream`
    Stream,
    /// `@string`
    String,
    /// `@bitmap`
    Bitmap,
    /// `@hyperloglog`
    HyperLogLog,
    /// `@geo`
    Geo,
    /// `@admin`
    Admin,
    /// `@fast`
    Fast,
    /// `@slow`
    Slow,
    /// `@blocking`
    Blocking,
    /// `@dangerous`
    Dangerous,
    /// `@connection`
    Connection,
    /// `@transaction`
    Transaction,
}

impl Category {
    /// All of them, in the order in which COMMAND INFO lists them.
    pub const ALL: &[Category] = &[
        Category::Keyspace,
        Category::Read,
        Category::Write,
        Category::Set,
        Category::SortedSet,
        Category::List,
        Category::Hash,
        Category::String,
        Category::Bitmap,
        Category::HyperLogLog,
        Category::Geo,
        Category::Stream,
        Category::Admin,
        Category::Fast,
        Category::Slow,
        Category::Blocking,
        Category::Dangerous,
        Category::Connection,
        Category::Transaction,
    ];

    /// With its `@`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Category::Keyspace => "@keyspace",
            Category::Read => "@read",
            Category::Write => "@write",
            Category::Set => "@set",
            Category::SortedSet => "@sortedset",
            Category::Hash => "@hash",
            Category::List => "@list",
            Category::Stream => "@stream",
            Category::String => "@string",
            Category::Bitmap => "@bitmap",
            Category::HyperLogLog => "@hyperloglog",
            Category::Geo => "@geo",
            Category::Admin => "@admin",
            Category::Fast => "@fast",
            Category::Slow => "@slow",
            Category::Blocking => "@blocking",
            Category::Dangerous => "@dangerous",
            Category::Connection => "@connection",
            Category::Transaction => "@transaction",
        }
    }
}

/// What a command is about; the chapters of the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Keys of any type.
    Generic,
    /// Strings.
    String,
    /// Strings as arrays of bits.
    Bitmap,
    /// HyperLogLogs, which are strings.
    HyperLogLog,
    /// Hashes.
    Hash,
    /// Sets.
    Set,
    /// Lists.
    List,
    /// Sorted sets.
    SortedSet,
    /// Places on the earth, which are members of sorted sets.
    Geo,
    /// Streams.
    Stream,
    /// The connection.
    Connection,
    /// Transactions.
    Transactions,
    /// The server.
    Server,
    /// The cluster.
    Cluster,
}

impl Group {
    /// All of them, in the order of the documentation.
    pub const ALL: &[Group] = &[
        Group::Generic,
        Group::String,
        Group::Bitmap,
        Group::HyperLogLog,
        Group::Hash,
        Group::Set,
        Group::List,
        Group::SortedSet,
        Group::Geo,
        Group::Stream,
        Group::Transactions,
        Group::Connection,
        Group::Server,
        Group::Cluster,
    ];

    /// As COMMAND DOCS has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::Bitmap => "bitmap",
            Group::HyperLogLog => "hyperloglog",
            Group::Hash => "hash",
            Group::Set => "set",
            Group::List => "list",
            Group::SortedSet => "sorted-set",
            Group::Geo => "geo",
            Group::Stream => "stream",
            Group::Connection => "connection",
            Group::Transactions => "transactions",
            Group::Server => "server",
            Group::Cluster => "cluster",
        }
    }

    /// What most commands of the group are in.
    const fn categories(self) -> &'static [Category] {
        match self {
            Group::Generic => &[Category::Keyspace],
            Group::String => &[Category::String],
            Group::Bitmap => &[Category::Bitmap],
            Group::HyperLogLog => &[Category::HyperLogLog],
            Group::Hash => &[Category::Hash],
            Group::Set => &[Category::Set],
            Group::List => &[Category::List],
            Group::SortedSet => &[Category::SortedSet],
            Group::Geo => &[Category::Geo],
            Group::Stream => &[Category::Stream],
            Group::Connection => &[Category::Connection],
            Group::Transactions => &[Category::Transaction],
            Group::Server | Group::Cluster => &[],
        }
    }
}
