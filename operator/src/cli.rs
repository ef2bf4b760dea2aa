//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::local::Local;
use crate::preview::Preview;
use crate::run::Run;
use crate::terminal::{self, print};

#[derive(Parser)]
#[command(
    name = "slotkeeper",
    version,
    about = "Runs Redis Clusters from a manifest"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<Run>),
    Plan(Preview),
    /// Run a cluster of processes on this machine.
    #[command(subcommand)]
    Local(Local),
    /// Print the CustomResourceDefinition of RedisCluster.
    Crd {
        /// Print the reference of its fields as Markdown instead.
        #[arg(long)]
        reference: bool,
    },
}

/// Reads the command line and does what it says.
#[must_use]
pub fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Crd { reference: false } => finish(print(slotkeeper_crds::crd_yaml())),
        Command::Crd { reference: true } => finish(print(slotkeeper_crds::reference_markdown())),
        Command::Local(local) => finish(in_runtime(local.run())),
        Command::Plan(preview) => finish(in_runtime(preview.run())),
        Command::Run(run) => finish(in_runtime(run.run())),
    }
}

fn in_runtime(command: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(command)
}

fn finish(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::fail(&error);
            ExitCode::FAILURE
        }
    }
}
