//! Entry point: `slotkeeper-node [PATH/redis.conf] [--directive value ...]`.

use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use slotkeeper_node::config::{Invocation, Secrecy, VERSION, exposed_secret};
use slotkeeper_node::shell;

const USAGE: &str = "\
Usage: slotkeeper-node [/path/to/redis.conf] [options] [-]
       slotkeeper-node - (read the configuration from standard input)
       slotkeeper-node --check-config [/path/to/redis.conf] [options] [-]
         (say what is wrong with it, or every directive with its value)
       slotkeeper-node --check-rdb /path/to/dump.rdb
         (say what is in the file, or where it is damaged and why)
       slotkeeper-node -v or --version
       slotkeeper-node -h or --help

Options are the directives of redis.conf, each with its values:
       slotkeeper-node --port 7777 --cluster-enabled yes
       slotkeeper-node /etc/redis.conf --loglevel verbose";

fn main() -> ExitCode {
    let args: Vec<Vec<u8>> = std::env::args_os()
        .skip(1)
        .map(OsStringExt::into_vec)
        .collect();
    match Invocation::from_args(&args, &mut shell::read_config) {
        Ok(Invocation::Version) => print(&format!("Slotkeeper node v={VERSION}\n")),
        Ok(Invocation::Help) => print(&format!("{USAGE}\n")),
        Ok(Invocation::Check(config)) => {
            let mut text = String::new();
            for (name, value) in config.get(&["*"]) {
                let value = Secrecy::shown(name.as_bytes(), value);
                text += &format!("{name} {}\n", String::from_utf8_lossy(&value));
            }
            print(&text)
        }
        Ok(Invocation::CheckRdb(file)) => match shell::check_rdb(&file) {
            Ok(text) => print(&text),
            Err(reason) => shell::fail(&format!("{}: {reason}", file.display())),
        },
        Ok(Invocation::Run(config, file)) => {
            shell::run(*config, file.as_deref(), exposed_secret(&args))
        }
        Err(error) => shell::fail(&error.to_string()),
    }
}

/// Prints a text to standard output. If the reader has gone, as `head` does, that is not an error.
fn print(text: &str) -> ExitCode {
    let mut output = io::stdout().lock();
    match (output.write_all(text.as_bytes())).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            shell::fail(&format!("cannot write to standard output: {error}"))
        }
        _ => ExitCode::SUCCESS,
    }
}
