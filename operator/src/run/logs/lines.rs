//! Log lines, which outsiders can cause and fill: their length and their rate per kind are limited.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use super::LogFormat;
use crate::run::rate_limit::{RateLimit, TokenBucket};
use crate::text;

/// The maximum length in bytes of a line, and of a field in JSON.
const MOST: usize = 4096;
/// The rate limit of lines from one source location.
const KIND: RateLimit = RateLimit {
    burst: 100,
    every: Duration::from_millis(200),
};

/// Writes lines to `to`.
#[derive(Debug)]
pub(super) struct Lines<W> {
    to: W,
    format: LogFormat,
    /// By source location, of which there is a limited number.
    kinds: Mutex<HashMap<&'static str, TokenBucket>>,
}

impl<W> Lines<W> {
    pub(super) fn new(to: W, format: LogFormat) -> Lines<W> {
        Lines {
            to,
            format,
            kinds: Mutex::default(),
        }
    }
}

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Lines<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        Line {
            to: Some(self.to.make_writer()),
            format: self.format,
            left_out: 0,
        }
    }

    fn make_writer_for(&'w self, about: &Metadata<'_>) -> Self::Writer {
        let now = Instant::now();
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = kinds
            .entry(about.name())
            .or_insert_with(|| TokenBucket::new(KIND, now));
        let left_out = kind.admit(now);
        Line {
            to: left_out.map(|_| self.to.make_writer_for(about)),
            format: self.format,
            left_out: left_out.unwrap_or_default(),
        }
    }
}

/// Writes one line, which arrives as a whole.
#[derive(Debug)]
pub(super) struct Line<W> {
    /// None if the line is left out.
    to: Option<W>,
    format: LogFormat,
    left_out: u64,
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(to) = &mut self.to {
            let line = String::from_utf8_lossy(bytes);
            let line = line.trim_end_matches('\n');
            let line = match self.format {
                LogFormat::Text => text_line(line, self.left_out),
                LogFormat::Json => json_line(line, self.left_out),
            };
            to.write_all(line.as_bytes())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.as_mut().map_or(Ok(()), Write::flush)
    }
}

fn text_line(line: &str, left_out: u64) -> String {
    // Escape characters are our colours; those in foreign texts are escaped already.
    let is_control = |c: char| c.is_control() && c != '\x1b';
    let mut line = text::without_controls(&text::shorten(line, MOST), is_control);
    if left_out > 0 {
        line.push_str(&format!(" left_out={left_out}"));
    }
    line.push('\n');
    line
}

/// Control characters in it are already escaped.
fn json_line(line: &str, left_out: u64) -> String {
    if line.len() <= MOST && left_out == 0 {
        return format!("{line}\n");
    }
    let Ok(Value::Object(mut fields)) = serde_json::from_str(line) else {
        return text_line(line, left_out);
    };
    for value in fields.values_mut() {
        if let Value::String(text) = value {
            *text = text::shorten(text, MOST).into_owned();
        }
    }
    if left_out > 0 {
        fields.insert("left_out".to_owned(), left_out.into());
    }
    Value::Object(fields).to_string() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_and_stays_what_it_is() {
        let text = text_line(&format!("a\nb{}", "x".repeat(MOST)), 3);
        assert!(text.starts_with("a bx") && text.ends_with("x… left_out=3\n"));
        assert!(text.len() < MOST + 20);
        let json = serde_json::json!({"level": "WARN", "message": "x".repeat(MOST * 2)});
        let json = json_line(&json.to_string(), 3);
        assert!(json.len() < MOST + 100);
        let read: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (&read["level"], &read["left_out"]),
            (&"WARN".into(), &3.into())
        );
    }
}
