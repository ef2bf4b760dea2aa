use std::process::Command;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{repository, run};

/// Where the operator is installed.
pub const NAMESPACE: &str = "slotkeeper-system";

/// How many of them run.
const REPLICAS: u32 = 2;

/// Stories that only use the operator run beside one another; one that takes it, or a machine, away
/// runs alone.
static TURN: RwLock<()> = RwLock::new(());
static INSTALLED: OnceLock<()> = OnceLock::new();

/// The operator, as its chart installs it: for as long as this lives nobody takes it away.
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
    /// With other stories beside.
    #[must_use]
    pub fn shared() -> Operator {
        let _guard = TURN.read().unwrap_or_else(PoisonError::into_inner);
        INSTALLED.get_or_init(install);
        Operator {
            _turn: Turn::Shared { _guard },
        }
    }

    /// With no other story beside.
    #[must_use]
    pub fn alone() -> Operator {
        let _guard = TURN.write().unwrap_or_else(PoisonError::into_inner);
        INSTALLED.get_or_init(install);
        Operator {
            _turn: Turn::Alone { _guard },
        }
    }
}

/// Installs the chart with a real helm, as the README says, and waits until it is ready.
fn install() {
    let image = std::env::var("SLOTKEEPER_E2E_IMAGE");
    let image = image.unwrap_or_else(|_| "localhost/slotkeeper:dev".to_owned());
    let (repository_of_image, tag) = image.rsplit_once(':').expect("an image has a tag");
    let root = repository();
    let mut helm = Command::new(root.join("scripts/helm"));
    helm.args(["upgrade", "--install", "slotkeeper"])
        .arg(root.join("charts/slotkeeper"))
        .args(["--namespace", NAMESPACE, "--create-namespace"])
        .args(["--set", &format!("image.repository={repository_of_image}")])
        .args(["--set", &format!("image.tag={tag}")])
        .args(["--set", "image.pullPolicy=Never"])
        .args(["--set", &format!("replicas={REPLICAS}")])
        .args(["--wait", "--timeout", "120s"]);
    run(&mut helm).unwrap_or_else(|error| panic!("helm cannot install the operator: {error}"));
}
