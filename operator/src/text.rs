//! Foreign texts for people: answers of nodes and of the API server, and contents of files. They
//! appear in the status, Events, the log and the terminal, so they are made safe here.

use std::borrow::Cow;

/// The maximum length of such a text, in bytes.
pub const MOST: usize = 512;

/// Replaces a secret.
const REDACTED: &str = "(redacted)";

/// The text as one line of at most [`MOST`] bytes.
#[must_use]
pub fn line(text: &str) -> String {
    cut(text, MOST)
}

/// The same, without that secret: a server that does not know a command repeats its arguments.
#[must_use]
pub fn line_without(text: &str, secret: Option<&str>) -> String {
    match secret {
        // Before the text is cut: half a password is a secret as well.
        Some(secret) if !secret.is_empty() => line(&text.replace(secret, REDACTED)),
        _ => line(text),
    }
}

/// The text as one line of at most that many bytes; the limit must be at least three.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    without_controls(&shorten(text, most), char::is_control)
}

/// The text with a blank in place of every such character.
#[must_use]
pub fn without_controls(text: &str, is_one: impl Fn(char) -> bool) -> String {
    let blank = |c| if is_one(c) { ' ' } else { c };
    text.chars().map(blank).collect()
}

/// At most that many bytes of the text; the limit must be at least three.
#[must_use]
pub fn shorten(text: &str, most: usize) -> Cow<'_, str> {
    const MORE: &str = "…";
    if text.len() <= most {
        return text.into();
    }
    let end = text.floor_char_boundary(most - MORE.len());
    format!("{}{MORE}", &text[..end]).into()
}

/// An error of the API server. Parse errors quote the answer, which may be a Secret, so only their
/// position is shown.
#[must_use]
pub fn of_api(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => line(&status.message),
        kube::Error::SerdeError(error) => format!(
            "the answer cannot be read, from line {} column {} on",
            error.line(),
            error.column()
        ),
        other => line(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_others_is_one_line_of_some_bytes() {
        assert_eq!(line("no\r\nquota\x1b[31m"), "no  quota [31m");
        let long = line(&"ö".repeat(MOST));
        assert!(long.len() <= MOST && long.ends_with("ö…"), "{long}");
        assert_eq!(line(&"o".repeat(MOST)).len(), MOST);
    }

    #[test]
    fn a_secret_is_taken_out_before_the_text_is_cut() {
        let said = format!("{} 'AUTH' 's3cret'", "x".repeat(MOST - 12));
        let shown = line_without(&said, Some("s3cret"));
        assert!(!shown.contains("s3"), "{shown}");
        assert_eq!(
            line_without("AUTH s3cret", Some("s3cret")),
            "AUTH (redacted)"
        );
        assert_eq!(line_without("AUTH", Some("")), "AUTH");
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_not_quoted() {
        let body = r#"{"data": "s3cret"}"#;
        let error = serde_json::from_str::<k8s_openapi::api::core::v1::Secret>(body);
        let error = kube::Error::SerdeError(error.unwrap_err());
        assert!(error.to_string().contains("s3cret"), "{error}");
        let shown = of_api(&error);
        assert!(shown.contains("line 1 column"), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
