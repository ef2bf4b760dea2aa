//! Checks the directives of a manifest with the node's program.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use slotkeeper_crds::RedisCluster;

use crate::platform::check_config;
use crate::platform::directives::complete;

/// Every directive with its value, or what is wrong.
pub type Validation = Result<BTreeMap<String, String>, String>;

/// Checks directives and remembers the last result.
#[derive(Debug)]
pub struct ConfigValidator {
    program: PathBuf,
    last: Mutex<Option<(BTreeMap<String, String>, Validation)>>,
}

impl ConfigValidator {
    /// Uses that program.
    #[must_use]
    pub fn new(program: PathBuf) -> ConfigValidator {
        ConfigValidator {
            program,
            last: Mutex::default(),
        }
    }

    /// The result for a manifest; the program runs only if the directives have changed.
    pub async fn of(&self, cluster: &RedisCluster) -> Validation {
        let config = complete(&cluster.spec);
        if let Some(validation) = self.known(&config) {
            return validation;
        }
        let (program, asked) = (self.program.clone(), config.clone());
        let asking = tokio::task::spawn_blocking(move || check_config(&program, &asked));
        let validation = asking.await.unwrap_or_else(|error| Err(error.to_string()));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((config, validation.clone()));
        validation
    }

    fn known(&self, config: &BTreeMap<String, String>) -> Option<Validation> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, validation) = last.as_ref()?;
        (known == config).then(|| validation.clone())
    }
}
