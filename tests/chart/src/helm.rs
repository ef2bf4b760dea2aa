//! The helm of `scripts/helm`, with the chart.

use std::process::Command;

use serde::Deserialize;

use crate::{chart, root};

/// The result of a `helm install`.
#[derive(Debug, Deserialize)]
pub struct Release {
    /// The objects, as YAML.
    pub manifest: String,
    info: Info,
}

#[derive(Debug, Deserialize)]
struct Info {
    notes: String,
}

impl Release {
    /// The notes for the user.
    #[must_use]
    pub fn notes(&self) -> &str {
        &self.info.notes
    }
}

/// Renders the chart as the release `slotkeeper` in the namespace `slotkeeper-system`, with
/// additional arguments that set values. Needs no Kubernetes.
///
/// # Panics
/// When helm refuses.
#[must_use]
pub fn install(values: &[&str]) -> Release {
    try_install(values).unwrap_or_else(|said| panic!("{values:?}: {said}"))
}

/// The same, with values that helm may refuse.
///
/// # Errors Helm's error message.
pub fn try_install(values: &[&str]) -> Result<Release, String> {
    let dry = ["-n", "slotkeeper-system", "--dry-run=client", "-o", "json"];
    let text = on_chart(&["install", "slotkeeper"], &[&dry, values].concat())?;
    serde_json::from_str(&text).map_err(|error| format!("{error} in {text}"))
}

/// Has helm lint the chart with these values; a warning is an error.
///
/// # Panics
/// When it finds something.
pub fn assert_clean(values: &[&str]) {
    if let Err(found) = on_chart(&["lint", "--strict"], values) {
        panic!("{values:?}: {found}");
    }
}

fn on_chart(command: &[&str], arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(root().join("scripts/helm"))
        .args(command)
        .arg(chart())
        .args(arguments)
        .output()
        .map_err(|error| format!("scripts/helm cannot be run: {error}"))?;
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    if output.status.success() {
        Ok(stdout)
    } else {
        Err(stdout + &stderr)
    }
}
