//! The shell: sockets, files, the clock and randomness. Everything that the engine is kept from.

mod accept;
mod batch;
mod carry_out;
mod client;
mod clock;
mod data_file;
mod execute;
mod files;
mod group;
mod health;
mod limit;
mod link;
mod listen;
mod log;
mod meanwhile;
mod net;
mod outbox;
mod payload_file;
mod ready;
mod send;
mod serve;
mod slab;
mod socket;
mod start;
mod system;
mod turn;

use std::fs::{self, File};
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use self::clock::Clock;
use crate::config::{Config, Source};
use crate::engine::RdbCheck;

/// So many names of hosts are looked up at once; others wait.
const LOOKUPS_MAX: usize = 4;

/// Runs a node until it leaves; the exit code of the process. `exposed` is the directive whose
/// secret stands on the command line, if there is one.
#[must_use]
pub fn run(config: Config, config_file: Option<&Path>, exposed: Option<String>) -> ExitCode {
    let pidfile = config.pidfile.clone();
    let prepared = match start::prepare(config, config_file) {
        Ok(prepared) => prepared,
        Err(reason) => return fail(&reason),
    };
    let log = prepared.log.clone();
    if let Some(directive) = exposed {
        log.warning(&format!(
            "The value of --{directive} can be read by everybody who may list the processes of \
             this machine: give it in a file (password-file, or a configuration file)"
        ));
    }
    let logged = |reason: &str| {
        log.warning(reason);
        ExitCode::FAILURE
    };
    system::wait_precisely();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(LOOKUPS_MAX)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return logged(&format!("Can't start: {}", system::reason(&error))),
    };
    let code = runtime.block_on(async {
        let mut shell = start::start(prepared)?;
        // The loop has its own limits; tokio's would only hide readiness from it.
        let turns = poll_fn(|context| shell.poll(context));
        let code = tokio::task::coop::unconstrained(turns).await;
        shell.leave();
        Ok(code)
    });
    // A name that is still being looked up does not hold the process.
    runtime.shutdown_background();
    if code.is_ok() && is_of_this_process(&pidfile) {
        let _ = fs::remove_file(&pidfile);
    }
    match code {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(reason) => {
            let reason: String = reason;
            logged(&reason)
        }
    }
}

/// Says on standard error why the program fails, if there is anyone to hear it; the exit code.
pub fn fail(reason: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{reason}");
    ExitCode::FAILURE
}

fn is_of_this_process(pidfile: &str) -> bool {
    let text = fs::read_to_string(pidfile).unwrap_or_default();
    text.trim().parse() == Ok(std::process::id())
}

/// Says what a data file holds.
///
/// # Errors
/// What the system says, or where the file is damaged and why.
pub fn check_rdb(path: &Path) -> Result<String, String> {
    const PIECE: usize = 64 * 1024;
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let mut check = RdbCheck::new(Clock::start().now());
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return check.finish(),
            Ok(len) => check.feed(&piece[..len])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Reads configuration files, the names in directories and standard input for [`crate::config::Invocation::from_args`].
///
/// # Errors
/// What the system says.
pub fn read_config(source: Source<'_>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match source {
        Source::File(path) => {
            File::open(path)?.read_to_end(&mut bytes)?;
        }
        Source::Stdin => {
            io::stdin().lock().read_to_end(&mut bytes)?;
        }
        Source::Directory(path) => {
            for entry in fs::read_dir(path)? {
                bytes.extend_from_slice(entry?.file_name().as_encoded_bytes());
                bytes.push(0);
            }
        }
    }
    Ok(bytes)
}
