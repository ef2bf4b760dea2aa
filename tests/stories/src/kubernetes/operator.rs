//! The installed operator, shared by the stories.

use std::process::Command;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::run;
use crate::readme::{blocks, root};

/// Where the operator is installed.
pub const NAMESPACE: &str = "slotkeeper-system";

/// Stories that only use the operator run in parallel; a story that stops the operator or a host
/// runs alone.
static TURN: RwLock<()> = RwLock::new(());
static INSTALLED: OnceLock<()> = OnceLock::new();

/// The operator, as its chart installs it. While this exists, no story stops it.
#[derive(Debug)]
pub struct Operator {
    _turn: Turn,
}

#[derive(Debug)]
enum Turn {
    Shared {
        _guard: RwLockReadGuard<'static, ()>,
    },
    Alone {
        _guard: RwLockWriteGuard<'static, ()>,
    },
}

impl Operator {
    /// For a story that runs beside others.
    #[must_use]
    pub fn shared() -> Operator {
        let _guard = TURN.read().unwrap_or_else(PoisonError::into_inner);
        INSTALLED.get_or_init(install);
        Operator {
            _turn: Turn::Shared { _guard },
        }
    }

    /// For a story that runs alone.
    #[must_use]
    pub fn alone() -> Operator {
        let _guard = TURN.write().unwrap_or_else(PoisonError::into_inner);
        INSTALLED.get_or_init(install);
        Operator {
            _turn: Turn::Alone { _guard },
        }
    }
}

/// Installs the chart with the command of the README and a real helm, and waits until it is ready.
fn install() {
    let blocks = blocks();
    let mut lines = blocks.iter().flat_map(|block| &block.lines);
    let command = lines.find(|line| line.starts_with("helm install slotkeeper "));
    let command = command.expect("the README says how it is installed");
    let helm = root().join("scripts/helm");
    let again = format!("{} upgrade --install", helm.display());
    let mut command = command.replace("helm install", &again);
    if let Ok(image) = std::env::var("SLOTKEEPER_E2E_IMAGE") {
        let (repository, tag) = image.rsplit_once(':').expect("an image has a tag");
        command += &format!(" --set image.repository={repository} --set image.tag={tag}");
    }
    let mut shell = Command::new("bash");
    let installed = run(shell.args(["-c", &command]).current_dir(root()));
    installed.unwrap_or_else(|error| panic!("the operator cannot be installed: {error}"));
}
