//! redis-cli, used as a person at a terminal would use it.

use std::process::{Command, Stdio};

/// redis-cli at a server, with the password of the story.
#[derive(Clone, Debug)]
pub struct Cli {
    host: String,
    port: u16,
    password: Option<String>,
}

impl Cli {
    /// At a port of 127.0.0.1, without a password.
    #[must_use]
    pub fn at(port: u16) -> Cli {
        Cli::on("127.0.0.1", port)
    }

    /// At a port of a host, without a password.
    #[must_use]
    pub fn on(host: &str, port: u16) -> Cli {
        Cli {
            host: host.to_owned(),
            port,
            password: None,
        }
    }

    /// The same, with a password.
    #[must_use]
    pub fn with_password(self, password: &str) -> Cli {
        Cli {
            password: Some(password.to_owned()),
            ..self
        }
    }

    /// Runs one command; returns what it printed, without the last line break. An error reply is
    /// also text.
    ///
    /// # Errors
    /// What redis-cli printed when it could not connect.
    pub fn run(&self, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new("redis-cli");
        command.args(["-h", &self.host, "-p", &self.port.to_string()]);
        if let Some(password) = &self.password {
            command.args(["--no-auth-warning", "-a", password]);
        }
        let output = (command.args(args).stdin(Stdio::null()).output())
            .map_err(|error| format!("redis-cli: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout)
            .trim_end_matches('\n')
            .to_owned();
        if output.status.success() {
            return Ok(text);
        }
        Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// As [`Cli::run`], for a command that must reach the server.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn say(&self, args: &[&str]) -> String {
        self.run(args)
            .unwrap_or_else(|error| panic!("{}:{} {args:?}: {error}", self.host, self.port))
    }

    /// One field of INFO.
    ///
    /// # Errors
    /// When the server does not answer, or has no such field.
    pub fn info(&self, name: &str) -> Result<String, String> {
        self.field(&["INFO"], name)
    }

    /// One field of an INFO or CLUSTER INFO text.
    ///
    /// # Errors
    /// When the server does not answer, or has no such field.
    pub fn field(&self, args: &[&str], name: &str) -> Result<String, String> {
        let text = self.run(args)?;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value
            .map(|value| value.trim().to_owned())
            .ok_or(format!("no {name} in {text}"))
    }
}
