//! What is measured of a type of values, as data: another type is another [`Collection`].

use std::fmt::Write as _;

/// In a word of a request: a number of twelve digits, random in a load, counted in a fill.
pub const NUMBER: &str = "__rand_int__";
/// In a word of an element, in a fill: the number of the element in two digits.
pub const SHORT: &str = "##";

/// A request: its first words, and those that come for each element.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    /// The command and what follows it once. A [`NUMBER`] in it counts keys.
    pub head: &'static [&'static str],
    /// What comes for each element. A [`NUMBER`] in it counts elements.
    pub element: &'static [&'static str],
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
    let filled = match (word.split_once(NUMBER), word.split_once(SHORT)) {
        (Some((head, tail)), _) => write!(to, "{head}{number:012}{tail}"),
        (None, Some((head, tail))) => write!(to, "{head}{number:02}{tail}"),
        (None, None) => write!(to, "{word}"),
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
    /// CPU time of a command beyond that of PING, at a pipeline of 16.
    AbovePing,
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
    /// What it takes away, to be filled in again after each run.
    pub spoils: Option<Fill>,
}

/// A single value of many elements, of which the longest engine call is measured.
#[derive(Clone, Copy, Debug)]
pub struct Big {
    /// The key, as it stands in the requests.
    pub key: &'static str,
    /// Adds elements, or changes those that are there.
    pub add: Template,
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
pub const COLLECTIONS: [Collection; 1] = [crate::hashes::HASHES];
