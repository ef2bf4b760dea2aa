//! Entry point.

use std::process::ExitCode;

fn main() -> ExitCode {
    slotkeeper::cli::run()
}
