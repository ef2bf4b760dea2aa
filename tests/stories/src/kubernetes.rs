//! Stories on Kubernetes: the rig, or whatever cluster KUBECONFIG leads to.
//!
//! The process that runs them is in the network of the cluster: it reaches pods and Services.

/// Clusters and their pods.
pub mod cluster;
mod operator;
mod processes;
/// What a story has for itself.
pub mod story;

pub use cluster::Cluster;
pub use operator::{NAMESPACE as OPERATOR_NAMESPACE, Operator};
pub use processes::{finish_container, freeze_container, kill_container};
pub use story::Story;

use std::process::{Command, Output, Stdio};

/// Runs a program to its end; what it printed.
///
/// # Errors
/// With what it printed, when it fails.
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
