//! Stories on Kubernetes: on the rig, or on the cluster of KUBECONFIG.
//!
//! The process that runs them must be in the network of the cluster, so that it reaches pods and
//! Services.

pub mod cluster;
mod operator;
mod processes;
pub mod story;

pub use cluster::Cluster;
pub use operator::{NAMESPACE as OPERATOR_NAMESPACE, Operator};
pub use processes::{finish_container, freeze_container, kill_container};
pub use story::Story;

use std::process::{Command, Output, Stdio};

/// Runs a program to its end; returns what it printed.
///
/// # Errors What it printed, if it fails.
pub fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    said(&output).map_err(|error| format!("{command:?}: {error}"))
}

fn said(output: &Output) -> Result<String, String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{text}{errors}"))
}
