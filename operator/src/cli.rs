//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
        Command::Crd { reference: false } => print!("{}", slotkeeper_crds::crd_yaml()),
        Command::Crd { reference: true } => print!("{}", slotkeeper_crds::reference_markdown()),
    }
    ExitCode::SUCCESS
}
