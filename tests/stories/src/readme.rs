//! The README as a list of its commands.

use std::fs;
use std::path::PathBuf;

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A code block: indented by four blanks, or fenced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The heading above it.
    pub section: String,
    /// The language after the fence; none for an indented block.
    pub language: Option<String>,
    /// Its lines, without the indentation.
    pub lines: Vec<String>,
}

/// The blocks of the README, in order.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn blocks() -> Vec<Block> {
    blocks_of(&text())
}

/// The `make` targets that its text names.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn make_targets() -> Vec<String> {
    let text = text();
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter_map(|words| words.strip_prefix("make "))
        .map(str::to_owned)
        .collect()
}

fn text() -> String {
    fs::read_to_string(root().join("README.md")).expect("the README is part of the repository")
}

fn blocks_of(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut section = String::new();
    let (mut fenced, mut indented) = (false, false);
    for line in text.lines() {
        let fence = line.strip_prefix("```");
        let code = line.strip_prefix("    ");
        let begins = match (fence, code) {
            (Some(_), _) => !fenced,
            (None, Some(_)) => !fenced && !indented,
            (None, None) => false,
        };
        if begins {
            blocks.push(Block {
                section: section.clone(),
                language: fence.map(str::to_owned),
                lines: Vec::new(),
            });
        }
        fenced ^= fence.is_some();
        indented = code.is_some() && !fenced;
        let inside = if fenced { Some(line) } else { code };
        match (inside, blocks.last_mut()) {
            (Some(line), Some(block)) if fence.is_none() => block.lines.push(line.to_owned()),
            (None, _) if line.starts_with('#') => {
                line.trim_matches(['#', ' ']).clone_into(&mut section);
            }
            _ => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_indented_and_what_is_fenced() {
        let text = "# Top\n\n    one\n    two\n\n## Next\ntext\n```yaml\n    a: 1\n# b\n```\n\n    three\n";
        let block = |section: &str, language: Option<&str>, lines: &[&str]| Block {
            section: section.to_owned(),
            language: language.map(str::to_owned),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        };
        let wanted = [
            block("Top", None, &["one", "two"]),
            block("Next", Some("yaml"), &["    a: 1", "# b"]),
            block("Next", None, &["three"]),
        ];
        assert_eq!(blocks_of(text), wanted);
    }
}
