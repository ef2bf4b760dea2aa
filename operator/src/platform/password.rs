//! Passwords in Secrets.

use k8s_openapi::api::core::v1::Secret;
use slotkeeper_crds::SecretKey;

/// The password under a key of a Secret. One line break at its end is dropped, as the node does
/// with a file, because a Secret that is created from a file often has one.
///
/// # Errors
/// Names the Secret, the key, and what is wrong.
pub fn read_password(secret: &Secret, key: &SecretKey) -> Result<String, String> {
    let SecretKey { name, key } = key;
    let plain = secret.string_data.as_ref().and_then(|data| data.get(key));
    let coded = secret.data.as_ref().and_then(|data| data.get(key));
    let mut password = match (plain, coded) {
        (Some(text), _) => text.clone(),
        (None, Some(bytes)) => String::from_utf8(bytes.0.clone()).map_err(|_| {
            format!(
                "Secret {name}: {key} is not text: what stands under data is base64, plain \
                     text belongs under stringData"
            )
        })?,
        (None, None) => return Err(format!("Secret {name} has no key {key}")),
    };
    if password.ends_with('\n') {
        password.pop();
        if password.ends_with('\r') {
            password.pop();
        }
    }
    if password.is_empty() || password.chars().any(char::is_control) {
        return Err(format!(
            "Secret {name}: {key} must be a non-empty line of text"
        ));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(password: &str) -> Result<String, String> {
        let secret = json!({"metadata": {"name": "pw"}, "stringData": {"word": password}});
        let key = SecretKey {
            name: "pw".to_owned(),
            key: "word".to_owned(),
        };
        read_password(&serde_json::from_value(secret).unwrap(), &key)
    }

    #[test]
    fn one_line_break_at_the_end_is_dropped() {
        for text in ["secret", "secret\n", "secret\r\n"] {
            assert_eq!(read(text).as_deref(), Ok("secret"));
        }
        for text in ["", "\n", "a\nb", "secret\n\n", "a\tb"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
