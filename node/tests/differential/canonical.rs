//! Replies in a form in which equal ones are equal: without an order where Redis promises none.

use crate::Request;
use crate::value::Value;

/// How a command's replies are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As they are.
    Exact,
    /// Elements in any order.
    Unordered,
    /// Pairs of elements in any order.
    Pairs,
    /// Elements of one reply or of many, in any order: the whole scan is compared.
    Scan,
    /// Elements by chance.
    Drawn,
    /// A time, which may differ by so much.
    Time(i64),
    /// OBJECT ENCODING.
    Encoding,
}

/// The name of a request's command in lower case.
pub fn name(request: &Request) -> String {
    let word = request.first().map_or(&[][..], Vec::as_slice);
    String::from_utf8_lossy(word).to_ascii_lowercase()
}

/// Whether an argument of a request is that word.
pub fn has(request: &Request, word: &str) -> bool {
    let mut words = request.iter().skip(1);
    words.any(|argument| argument.eq_ignore_ascii_case(word.as_bytes()))
}

/// How the replies to a request are compared.
pub fn kind(request: &Request) -> Kind {
    match name(request).as_str() {
        "smembers" | "sinter" | "sunion" | "sdiff" | "hkeys" | "hvals" | "keys" => Kind::Unordered,
        "sort" | "sort_ro" if has(request, "BY") => Kind::Unordered,
        "hgetall" => Kind::Pairs,
        "scan" | "sscan" | "hscan" | "zscan" => Kind::Scan,
        "spop" | "srandmember" | "hrandfield" | "zrandmember" | "randomkey" => Kind::Drawn,
        "ttl" | "expiretime" => Kind::Time(10),
        "pttl" | "pexpiretime" => Kind::Time(10_000),
        "object" if has(request, "idletime") => Kind::Time(10),
        "object" if has(request, "encoding") => Kind::Encoding,
        _ => Kind::Exact,
    }
}

/// A reply as text.
pub fn text(request: &Request, reply: Value) -> String {
    let reply = match name(request).as_bytes() {
        [b'z', ..] | [b'b', b'z', ..] | [b'g', b'e', b'o', ..] => with_plain_doubles(reply),
        b"xinfo" => without_clock(reply),
        b"xpending" => with_rough_idle_times(reply),
        _ => reply,
    };
    match (kind(request), reply) {
        (Kind::Unordered, reply) => reply.show(true),
        (Kind::Pairs, Value::List(open, values, close)) => {
            let mut pairs: Vec<String> = values.chunks(2).map(shown).collect();
            pairs.sort();
            format!("{open}{}{close}", pairs.join(" "))
        }
        (_, Value::List("~[", values, close)) => Value::List("~[", values, close).show(true),
        (_, reply) => reply.show(false),
    }
}

fn shown(values: &[Value]) -> String {
    let texts: Vec<String> = values.iter().map(|value| value.show(false)).collect();
    texts.join(" ")
}

/// What XINFO tells, but for the clock, for how each lays nodes out, and for what came with 7.2.
fn without_clock(reply: Value) -> Value {
    const DIFFER: [&[u8]; 4] = [
        b"idle",
        b"seen-time",
        b"radix-tree-keys",
        b"radix-tree-nodes",
    ];
    const NEWER: [&[u8]; 2] = [b"inactive", b"active-time"];
    let Value::List(open, values, close) = reply else {
        return match reply {
            Value::Plain(text) if integer(&text).is_some_and(is_of_the_clock) => {
                Value::Plain("(a time)".to_owned())
            }
            other => other,
        };
    };
    let (mut kept, mut values) = (Vec::new(), values.into_iter());
    while let Some(value) = values.next() {
        let is_one_of = |names: &[&[u8]]| match &value {
            Value::Bulk(name) => names.contains(&name.as_slice()),
            _ => false,
        };
        if is_one_of(&NEWER) || is_one_of(&DIFFER) {
            values.next();
        } else {
            kept.push(without_clock(value));
        }
    }
    Value::List(open, kept, close)
}

/// Whether a number is a time of about now, in unix milliseconds.
fn is_of_the_clock(number: i64) -> bool {
    (1_700_000_000_000..4_000_000_000_000).contains(&number)
}

/// What XPENDING tells of each entry, with the idle time in thousands of seconds.
fn with_rough_idle_times(reply: Value) -> Value {
    let Value::List(open, mut values, close) = reply else {
        return reply;
    };
    if let [
        Value::Bulk(_),
        Value::Bulk(_),
        Value::Plain(idle),
        Value::Plain(_),
    ] = values.as_mut_slice()
    {
        let rough = integer(idle).map(|idle| idle / 1_000_000);
        *idle = format!(":{rough:?}");
    }
    let values = values.into_iter().map(with_rough_idle_times).collect();
    Value::List(open, values, close)
}

/// Scores by their value: 7.0 prints them with 17 digits, 7.2 with as few as tell them apart.
fn with_plain_doubles(reply: Value) -> Value {
    match reply {
        Value::List(open, values, close) => {
            let values = values.into_iter().map(with_plain_doubles).collect();
            Value::List(open, values, close)
        }
        Value::Bulk(bytes) => match number(&bytes) {
            Some(number) => Value::Bulk(number.to_string().into_bytes()),
            None => Value::Bulk(bytes),
        },
        Value::Plain(text) => match text
            .strip_prefix(',')
            .and_then(|text| number(text.as_bytes()))
        {
            Some(number) => Value::Plain(format!(",{number}")),
            None => Value::Plain(text),
        },
        other => other,
    }
}

/// A whole number of so many digits has no other double beside it.
const EXACT_DIGITS: usize = 15;

/// A number with a fraction or an exponent, or with more digits than count.
fn number(bytes: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let begins = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let is_rounded = text.contains(['.', 'e']) || text.len() > EXACT_DIGITS;
    (begins && is_rounded).then(|| text.parse().ok()).flatten()
}

/// The number of an integer reply.
pub fn integer(text: &str) -> Option<i64> {
    text.strip_prefix(':')?.parse().ok()
}
