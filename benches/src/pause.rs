//! The longest single engine call, in CPU time of the calling thread.

mod events;
pub mod eviction;
pub mod waiting;

use crate::bounds::Verdicts;
use crate::node::{Calls, Node};
use crate::rows::Big;

use self::events::EVENTS;

/// No call may take longer, in microseconds.
const BOUND: f64 = 1000.0;
/// How often each course of calls is run, see [`Calls`].
const RUNS: usize = 3;

/// What the keys look like, and where they go.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Over all slots of a cluster node.
    Spread,
    /// A fifth of them under one hash tag, the rest over all slots.
    OneTag,
    /// In one database of a node without cluster mode.
    Standalone,
}

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Shape::Spread => "spread keys",
            Shape::OneTag => "one hash tag",
            Shape::Standalone => "cluster-enabled no",
        }
    }

    fn key(self, number: u32) -> String {
        match self {
            Shape::OneTag if number.is_multiple_of(5) => format!("{{tag}}:{number}"),
            _ => format!("key:{number}"),
        }
    }
}

/// While a keyspace grows to so many strings.
pub fn keyspace(keys: u32, verdicts: &mut Verdicts) -> Result<(), String> {
    println!("\nLongest engine call while the keyspace grows to {keys} keys");
    for shape in [Shape::Spread, Shape::OneTag, Shape::Standalone] {
        judge(shape.name(), verdicts, |timed| grow(timed, shape, keys))?;
    }
    Ok(())
}

/// While a value of so many elements comes, changes and goes.
pub fn value(name: &str, big: &Big, elements: u32, verdicts: &mut Verdicts) -> Result<(), String> {
    println!("\nLongest engine call: {name}, one of {elements} elements");
    for event in EVENTS {
        judge(event.name, verdicts, |timed| {
            event.run(timed, big, elements)
        })?;
    }
    Ok(())
}

/// Runs the same course of calls on several fresh nodes, which time them when they are told to.
fn judge(
    name: &str,
    verdicts: &mut Verdicts,
    course: impl Fn(Timed) -> Result<Calls, String>,
) -> Result<(), String> {
    let mut calls = Calls::default();
    for _ in 0..RUNS {
        calls.rewind();
        calls = course(Timed(calls))?;
    }
    let longest = calls.longest().as_secs_f64() * 1e6;
    verdicts.judge(&format!("{name} (us)"), longest, BOUND);
    Ok(())
}

/// The calls of the runs before, to be handed to a node where the timing begins.
struct Timed(Calls);

/// Adds keys one by one.
fn grow(timed: Timed, shape: Shape, keys: u32) -> Result<Calls, String> {
    let mut node = Node::start(!matches!(shape, Shape::Standalone))?;
    node.time(timed.0);
    let value = "x".repeat(crate::load::VALUE_BYTES);
    for number in 0..keys {
        let key = shape.key(number);
        let (key_len, value_len) = (key.len(), value.len());
        let request =
            format!("*3\r\n$3\r\nSET\r\n${key_len}\r\n{key}\r\n${value_len}\r\n{value}\r\n");
        let reply = node.send(request.as_bytes());
        if *reply != *b"+OK\r\n" {
            return Err(format!("SET {key}: {}", String::from_utf8_lossy(&reply)));
        }
    }
    Ok(node.timed())
}
