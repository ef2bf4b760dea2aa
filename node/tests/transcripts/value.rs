//! Replies as text, and patterns of such text.

/// A reply, read from a connection that gives bytes as they are needed.
#[derive(Clone)]
pub enum Value {
    /// Shown as it is: simple strings, errors, integers, doubles, booleans.
    Plain(String),
    /// A bulk string.
    Bulk(Vec<u8>),
    /// A verbatim string, its format included.
    Verbatim(Vec<u8>),
    /// The missing value of RESP2's two kinds, and RESP3's.
    Missing(&'static str),
    /// An array, set, push or map (as keys and values in turn): opening, elements, closing.
    List(&'static str, Vec<Value>, &'static str),
}

/// Where bytes come from.
pub trait Source {
    /// A line without its end.
    fn line(&mut self) -> Option<Vec<u8>>;
    /// So many bytes, and the line break behind them is skipped.
    fn block(&mut self, length: usize) -> Option<Vec<u8>>;
}

impl Value {
    /// The next reply; none if the source ends first.
    pub fn read(source: &mut dyn Source) -> Option<Value> {
        let line = source.line()?;
        let text = String::from_utf8_lossy(&line).into_owned();
        let (kind, rest) = text.split_at(1);
        Some(match (kind, rest) {
            ("+" | "-" | ":" | "," | "#" | "(", _) => Value::Plain(text),
            ("_", _) => Value::Missing("(null)"),
            ("$", "-1") => Value::Missing("(nil)"),
            ("*", "-1") => Value::Missing("(nil array)"),
            ("$", length) => Value::Bulk(source.block(length.parse().ok()?)?),
            ("=", length) => Value::Verbatim(source.block(length.parse().ok()?)?),
            ("*", count) => Value::list("[", source, count.parse().ok()?, "]")?,
            ("~", count) => Value::list("~[", source, count.parse().ok()?, "]")?,
            (">", count) => Value::list(">[", source, count.parse().ok()?, "]")?,
            ("%", count) => Value::list("{", source, count.parse::<usize>().ok()? * 2, "}")?,
            _ => panic!("no reply begins like {text:?}"),
        })
    }

    fn list(
        open: &'static str,
        source: &mut dyn Source,
        count: usize,
        close: &'static str,
    ) -> Option<Value> {
        let values: Option<Vec<Value>> = (0..count).map(|_| Value::read(source)).collect();
        Some(Value::List(open, values?, close))
    }

    /// The reply in one line.
    pub fn show(&self, sorted: bool) -> String {
        match self {
            Value::Plain(text) => text.clone(),
            Value::Bulk(bytes) => quoted(bytes),
            Value::Verbatim(bytes) => format!("={}", quoted(bytes)),
            Value::Missing(text) => (*text).to_owned(),
            Value::List(open, values, close) => {
                let mut shown: Vec<String> = values.iter().map(|value| value.show(false)).collect();
                if sorted {
                    shown.sort();
                }
                format!("{open}{}{close}", shown.join(" "))
            }
        }
    }
}

fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(*byte));
            }
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text += &format!("\\x{byte:02x}"),
        }
    }
    text.push('"');
    text
}

/// Whether a text is as a pattern has it: `<int>` stands for any integer reply, `<number>` for
/// digits within a text, `<bulk>` for any bulk string, `<any>` for anything.
pub fn matches(pattern: &str, text: &str) -> bool {
    type Wildcard = (&'static str, fn(&str) -> bool);
    let Some(start) = pattern.find('<') else {
        return pattern == text;
    };
    let wildcards: [Wildcard; 4] = [
        ("<int>", |part| {
            part.strip_prefix(':')
                .is_some_and(|n| n.parse::<i64>().is_ok())
        }),
        ("<number>", |part| part.parse::<i64>().is_ok()),
        ("<bulk>", |part| {
            part.len() >= 2 && part.starts_with('"') && part.ends_with('"')
        }),
        ("<any>", |_| true),
    ];
    let (before, rest) = pattern.split_at(start);
    let Some(text) = text.strip_prefix(before) else {
        return false;
    };
    for (wildcard, holds) in wildcards {
        if let Some(rest) = rest.strip_prefix(wildcard) {
            let mut ends = (0..=text.len()).filter(|end| text.is_char_boundary(*end));
            return ends.any(|end| holds(&text[..end]) && matches(rest, &text[end..]));
        }
    }
    // A `<` that stands for itself.
    text.starts_with('<') && matches(&rest[1..], &text[1..])
}

#[test]
fn patterns_match() {
    for (pattern, text, wanted) in [
        (":1", ":1", true),
        ("<int>", ":-12", true),
        ("<int>", "\"12\"", false),
        ("[<int> <bulk>]", "[:1 \"a b\"]", true),
        ("[<int> <bulk>]", "[:1]", false),
        ("-MOVED <any>", "-MOVED 1 a:1", true),
        ("\"a <number> b\"", "\"a 77 b\"", true),
        ("<b>", "<b>", true),
    ] {
        assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
    }
}
