//! What is measured of a type of values, as data: another type is another [`Collection`].

use std::fmt::Write as _;

/// In a word of a request: a number of twelve digits, random in a load, counted in a fill.
pub const NUMBER: &str = "__rand_int__";
/// In a word of an element, in a fill: the number of the element in two digits.
pub const SHORT: &str = "##";
/// The same: a number of eight digits without zeros in front.
pub const INTEGER: &str = "__integer__";
/// The same: the number itself.
pub const INDEX: &str = "__index__";
/// The same: twelve digits, of numbers below a million in another order.
pub const SCATTERED: &str = "__scattered__";

/// The highest ratio of our time to that of redis-server, of what reads or writes elements by name.
pub const PLAIN: f64 = 0.45;
/// Of what Redis has to search for, or keeps in order.
pub const RANKED: f64 = 0.4;
/// Of the ends of a list, which are near in Redis, too.
pub const ENDS: f64 = 0.9;
/// Of anything.
pub const NEVER_ABOVE: f64 = 1.0;

/// A request: its first words, and those that come for each element.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    /// The command and what follows it once. A [`NUMBER`] in it counts keys.
    pub head: &'static [&'static str],
    /// What comes for each element. A [`NUMBER`] in it counts elements.
    pub element: &'static [&'static str],
}

/// A request of these words alone.
pub const fn words(head: &'static [&'static str]) -> Template {
    each(head, &[])
}

/// A request of these words, and of others for each element.
pub const fn each(head: &'static [&'static str], element: &'static [&'static str]) -> Template {
    Template { head, element }
}

impl Template {
    /// The words of a request with so many elements, for redis-benchmark to draw the numbers.
    pub fn words(&self, elements: u32) -> Vec<String> {
        let elements = (0..elements).flat_map(|_| self.element);
        let words = self.head.iter().chain(elements);
        words.map(|word| (*word).to_owned()).collect()
    }

    /// Appends a request with the elements of these numbers of the key of that number.
    pub fn write(&self, key: u32, elements: impl ExactSizeIterator<Item = u32>, to: &mut String) {
        let count = self.head.len() + self.element.len() * elements.len();
        write!(to, "*{count}\r\n").expect("a String takes everything");
        for word in self.head {
            write_word(word, key, to);
        }
        for element in elements {
            for word in self.element {
                write_word(word, element, to);
            }
        }
    }
}

fn write_word(word: &str, number: u32, to: &mut String) {
    let before = to.len();
    let filled = if let Some((head, tail)) = word.split_once(NUMBER) {
        write!(to, "{head}{number:012}{tail}")
    } else if let Some((head, tail)) = word.split_once(SHORT) {
        write!(to, "{head}{number:02}{tail}")
    } else if let Some((head, tail)) = word.split_once(INTEGER) {
        write!(to, "{head}{}{tail}", 10_000_000 + number)
    } else if let Some((head, tail)) = word.split_once(INDEX) {
        write!(to, "{head}{number}{tail}")
    } else if let Some((head, tail)) = word.split_once(SCATTERED) {
        let scattered = u64::from(number) * 387_420_489 % 1_000_000;
        write!(to, "{head}{scattered:012}{tail}")
    } else {
        write!(to, "{word}")
    };
    filled.expect("a String takes everything");
    let len = to.len() - before;
    to.insert_str(before, &format!("${len}\r\n"));
    to.push_str("\r\n");
}

/// Values that are written before they are used.
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    /// For the report.
    pub name: &'static str,
    /// What has to be there first.
    pub before: Option<&'static Fill>,
    /// Writes elements.
    pub request: Template,
    /// How many elements a request takes.
    pub batch: u32,
    /// How many keys.
    pub keys: u32,
    /// How many elements each of them gets.
    pub elements: u32,
}

/// What memory a fill may take, resident memory included.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// The fill.
    pub fill: Fill,
    /// The most bytes, for an element of one key or for a key of several; none if it is not judged.
    pub bound: Option<f64>,
}

/// How a load's time is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// CPU time for each of so many elements of a command.
    PerElement(u32),
    /// CPU time of a command beyond that of PING, at that pipeline.
    AbovePing(u32),
    /// CPU time of a command that is sent alone.
    Alone,
}

/// Commands for random elements, under load.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// For the report.
    pub name: &'static str,
    /// The request; the numbers in it are random.
    pub request: Template,
    /// The numbers are below this.
    pub range: u32,
    /// How its time is counted.
    pub cost: Cost,
    /// The highest ratio of our time to that of redis-server.
    pub bound: f64,
    /// The value that it shrinks or grows, which is made anew after each run.
    pub spoils: Option<Fill>,
    /// How many times fewer requests than usual, of what takes long.
    pub fewer: u64,
}

impl Load {
    /// A command for 50 elements.
    pub const fn of_50(name: &'static str, request: Template, range: u32, bound: f64) -> Load {
        Load {
            name,
            request,
            range,
            cost: Cost::PerElement(50),
            bound,
            spoils: None,
            fewer: 1,
        }
    }

    /// A command for one element, at a pipeline of 16.
    pub const fn of_one(name: &'static str, request: Template, range: u32, bound: f64) -> Load {
        Load {
            cost: Cost::AbovePing(16),
            ..Load::of_50(name, request, range, bound)
        }
    }

    /// The same command counted in another way, where only redis-server itself is the bound.
    pub const fn at(self, name: &'static str, cost: Cost) -> Load {
        Load {
            name,
            cost,
            bound: NEVER_ABOVE,
            ..self
        }
    }

    /// The same with so many times fewer requests.
    pub const fn fewer(self, fewer: u64) -> Load {
        Load { fewer, ..self }
    }

    /// The same, of which that value is made anew.
    pub const fn spoiling(self, fill: Fill) -> Load {
        Load {
            spoils: Some(fill),
            ..self
        }
    }
}

/// A single value of many elements, of which the longest engine call is measured.
#[derive(Clone, Copy, Debug)]
pub struct Big {
    /// The key, as it stands in the requests.
    pub key: &'static str,
    /// What comes first: one request of each, or one for each element if it has words for one.
    pub before: &'static [Template],
    /// Adds elements, or changes those that are there.
    pub add: Template,
    /// How many elements such a request takes.
    pub batch: u32,
    /// Changes one of them, or adds one.
    pub change: Template,
    /// Removes elements.
    pub remove: Template,
}

/// A single value that is saved while it is written.
#[derive(Clone, Copy, Debug)]
pub struct Saved {
    /// Makes it.
    pub fill: Fill,
    /// Changes one random element.
    pub change: Template,
    /// The most that resident memory may grow meanwhile, in proportion.
    pub bound: f64,
}

/// All that is measured of one type.
#[derive(Clone, Copy, Debug)]
pub struct Collection {
    /// What `--only` calls it.
    pub name: &'static str,
    /// Memory; all of it is there while the loads run.
    pub memory: &'static [Memory],
    /// CPU time.
    pub loads: &'static [Load],
    /// Pauses.
    pub big: Big,
    /// Growth while it is saved.
    pub saved: Saved,
}

/// Every type but strings, which have a comparison of their own.
pub const COLLECTIONS: [Collection; 6] = [
    crate::hashes::HASHES,
    crate::sets::SETS,
    crate::zsets::ZSETS,
    crate::lists::LISTS,
    crate::streams::STREAMS,
    crate::groups::GROUPS,
];
