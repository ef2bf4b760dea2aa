//! What the texts of directives may be.

use super::value::Invalid;

pub(super) fn not_empty(text: &str) -> Result<(), Invalid> {
    if text.is_empty() {
        return Err(Invalid("argument must not be empty".to_owned()));
    }
    Ok(())
}

pub(super) fn file_name(name: &str) -> Result<(), Invalid> {
    if name.contains('/') {
        return Err(Invalid("it can't be a path, just a filename".to_owned()));
    }
    not_empty(name)
}

/// Others connect to it as it is: a name would lead nowhere.
pub(super) fn address(text: &str) -> Result<(), Invalid> {
    if text.is_empty() || text.parse::<std::net::IpAddr>().is_ok() {
        return Ok(());
    }
    Err(Invalid("argument must be an IP address".to_owned()))
}

pub(super) fn hostname(name: &str) -> Result<(), Invalid> {
    if name.len() >= 256 {
        return Err(Invalid(
            "Hostnames must be less than 256 characters".to_owned(),
        ));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Invalid(
        "Hostnames may only contain alphanumeric characters, hyphens or dots".to_owned(),
    ))
}

/// As Redis 7.2 takes it: it stands in nodes.conf, between commas.
pub(super) fn human_nodename(name: &str) -> Result<(), Invalid> {
    if is_human_nodename(name) {
        return Ok(());
    }
    Err(Invalid(
        "Announced human node name contained invalid character".to_owned(),
    ))
}

/// One line: it is shown in INFO.
pub(super) fn printed(text: &str) -> Result<(), Invalid> {
    if text.len() <= 255 && !text.contains(char::is_control) {
        return Ok(());
    }
    let why = "argument must be one line of at most 255 bytes";
    Err(Invalid(why.to_owned()))
}

/// A name for people, as Redis 7.2 takes it, and nothing that nodes.conf could not hold: at most 255
/// printed letters.
#[must_use]
pub fn is_human_nodename(text: &str) -> bool {
    let refused = b"!#$%&()*+:;<>?@[]^{|}~,=\"'\\";
    text.len() <= 255
        && (text.bytes()).all(|byte| byte.is_ascii_graphic() && !refused.contains(&byte))
}
