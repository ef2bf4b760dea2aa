//! Entry point: `slotkeeper-node [PATH/redis.conf] [--directive value ...]`.

use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use slotkeeper_node::config::{Invocation, Secrecy, VERSION, exposed_secret};
use slotkeeper_node::shell;

const USAGE: &str = "\
Usage: slotkeeper-node [/path/to/redis.conf] [options] [-]
       slotkeeper-node - (read the configuration from standard input)
       slotkeeper-node --check-config [/path/to/redis.conf] [options] [-]
         (say what is wrong with it, or every directive with its value)
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
        Ok(Invocation::Version) => println!("Slotkeeper node v={VERSION}"),
        Ok(Invocation::Help) => println!("{USAGE}"),
        Ok(Invocation::Check(config)) => {
            for (name, value) in config.get(&["*"]) {
                let value = Secrecy::shown(name.as_bytes(), value);
                println!("{name} {}", String::from_utf8_lossy(&value));
            }
        }
        Ok(Invocation::Run(config, file)) => {
            return shell::run(*config, file.as_deref(), exposed_secret(&args));
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
