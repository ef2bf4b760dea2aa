//! The judgement of the node's program on the directives of a manifest.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use slotkeeper_crds::RedisCluster;

use crate::platform::check_config;
use crate::platform::directives::complete;

/// Every directive with its value, or what is wrong with the manifest's.
pub type Judgement = Result<BTreeMap<String, String>, String>;

/// Judges, and remembers the last judgement.
#[derive(Debug)]
pub struct Judge {
    program: PathBuf,
    last: Mutex<Option<(BTreeMap<String, String>, Judgement)>>,
}

impl Judge {
    /// By that program.
    #[must_use]
    pub fn new(program: PathBuf) -> Judge {
        Judge {
            program,
            last: Mutex::default(),
        }
    }

    /// What it says of a manifest; it is asked when the directives have changed.
    pub async fn of(&self, cluster: &RedisCluster) -> Judgement {
        let config = complete(&cluster.spec.config);
        if let Some(judgement) = self.known(&config) {
            return judgement;
        }
        let (program, asked) = (self.program.clone(), config.clone());
        let asking = tokio::task::spawn_blocking(move || check_config(&program, &asked));
        let judgement = asking.await.unwrap_or_else(|error| Err(error.to_string()));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((config, judgement.clone()));
        judgement
    }

    fn known(&self, config: &BTreeMap<String, String>) -> Option<Judgement> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, judgement) = last.as_ref()?;
        (known == config).then(|| judgement.clone())
    }
}
