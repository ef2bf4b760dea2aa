//! `shutdown-on-sigterm` and `shutdown-on-sigint`: what a signal asks for, in the words of SHUTDOWN.

use super::directive::Kind;
use super::value::Invalid;
use crate::request::ShutdownRequest;

/// `shutdown-on-sigterm save now`.
pub(super) const TERMINATE: Kind = Kind::Own {
    set: |config, words| set(&mut config.shutdown_on_sigterm, words),
    show: |config| show(&config.shutdown_on_sigterm),
    lines: |config| vec![show(&config.shutdown_on_sigterm)],
};

/// `shutdown-on-sigint nosave`.
pub(super) const INTERRUPT: Kind = Kind::Own {
    set: |config, words| set(&mut config.shutdown_on_sigint, words),
    show: |config| show(&config.shutdown_on_sigint),
    lines: |config| vec![show(&config.shutdown_on_sigint)],
};

fn set(request: &mut ShutdownRequest, words: &[Vec<u8>]) -> Result<(), Invalid> {
    let (mut save, mut nosave) = (false, false);
    let mut asked = ShutdownRequest::default();
    if words.is_empty() {
        return Err(unknown());
    }
    for word in words {
        match word.to_ascii_lowercase().as_slice() {
            b"default" => {}
            b"save" => save = true,
            b"nosave" => nosave = true,
            b"now" => asked.now = true,
            b"force" => asked.force = true,
            b"failover" => asked.failover = true,
            _ => return Err(unknown()),
        }
    }
    asked.save = match (save, nosave) {
        (true, true) => {
            let text = "shutdown options SAVE and NOSAVE can't be used simultaneously";
            return Err(Invalid(text.to_owned()));
        }
        (false, false) => None,
        (save, _) => Some(save),
    };
    *request = asked;
    Ok(())
}

fn unknown() -> Invalid {
    let text = "argument(s) must be one of the following: default, save, nosave, now, force, \
                failover";
    Invalid(text.to_owned())
}

fn show(request: &ShutdownRequest) -> String {
    let words = [
        ("save", request.save == Some(true)),
        ("nosave", request.save == Some(false)),
        ("now", request.now),
        ("force", request.force),
        ("failover", request.failover),
    ];
    let words: Vec<&str> = words
        .iter()
        .filter(|(_, on)| *on)
        .map(|(w, _)| *w)
        .collect();
    match words.as_slice() {
        [] => "default".to_owned(),
        words => words.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn after(value: &str) -> Result<String, Invalid> {
        let mut config = Config::default();
        let words: Vec<Vec<u8>> = value.split_whitespace().map(Into::into).collect();
        let Kind::Own { set, show, .. } = TERMINATE else {
            unreachable!("it is Own");
        };
        set(&mut config, &words)?;
        Ok(show(&config))
    }

    #[test]
    fn is_read_and_shown_as_redis_does() {
        for (given, shown) in [
            ("default", "default"),
            ("SAVE", "save"),
            ("default nosave", "nosave"),
            ("force now save", "save now force"),
            ("failover save", "save failover"),
        ] {
            assert_eq!(after(given).as_deref(), Ok(shown));
        }
        let both = after("save nosave").unwrap_err().to_string();
        assert!(both.contains("SAVE and NOSAVE"), "{both}");
        for unknown in ["", "abort", "save 1"] {
            let text = after(unknown).unwrap_err().to_string();
            assert!(text.contains("must be one of the following"), "{text}");
        }
    }
}
