//! The password of a cluster, out of the Secret that its manifest names.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use slotkeeper_crds::SecretKey;

use super::api::Writer;
use crate::platform::{PlatformError, read_password};

/// A password that is known is read again that often.
const AGAIN: Duration = Duration::from_secs(30);
/// One that is not yet that often.
const MISSING_AGAIN: Duration = Duration::from_secs(2);

/// Where the password comes from.
#[derive(Debug)]
pub enum Password {
    /// It is known.
    Given(String),
    /// Out of the Secret that the manifest names.
    Secret(Box<Reader>),
}

/// Reads Secrets one by one and does not watch them: so the operator needs no right to list them.
#[derive(Debug)]
pub struct Reader {
    secrets: Api<Secret>,
    read: Mutex<Option<Read>>,
}

#[derive(Clone, Debug)]
struct Read {
    key: SecretKey,
    at: Instant,
    /// The password that nodes and clients share since it was first read.
    password: Option<String>,
    /// What is wrong with the Secret now.
    trouble: Option<String>,
}

/// What a pass knows of the password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The password, if there is to be one and it is known.
    pub password: Option<String>,
    /// Why the manifest cannot be applied as it is.
    pub trouble: Option<String>,
}

impl Password {
    /// Out of the Secrets of a namespace.
    #[must_use]
    pub fn in_secrets_of(client: Client, namespace: &str) -> Password {
        Password::Secret(Box::new(Reader {
            secrets: Api::namespaced(client, namespace),
            read: Mutex::default(),
        }))
    }

    /// What is known of it now; `key` is the manifest's, if it wants one.
    ///
    /// # Errors
    /// When the API server does not say what is in the Secret, and nothing is known of it.
    pub async fn get(
        &self,
        key: Option<&SecretKey>,
        writer: &Writer,
    ) -> Result<Known, PlatformError> {
        match self {
            Password::Given(password) => Ok(Known {
                password: Some(password.clone()),
                trouble: None,
            }),
            Password::Secret(reader) => reader.get(key, writer).await,
        }
    }
}

impl Reader {
    /// The password for the key of a Secret; read anew where that is due. The first one that was
    /// read stays: nodes have read it when they started.
    async fn get(&self, key: Option<&SecretKey>, writer: &Writer) -> Result<Known, PlatformError> {
        let Some(key) = key else {
            *self.lock() = None;
            return Ok(Known::default());
        };
        let known = self.lock().clone().filter(|read| read.key == *key);
        if let Some(known) = known.as_ref().filter(|read| read.is_fresh()) {
            return Ok(known.known());
        }
        let secrets = self.secrets.clone();
        let name = key.name.clone();
        let request = async move { secrets.get_opt(&name).await };
        let secret = writer.patiently(format!("Secret {}", key.name), request);
        let secret = match (secret.await, &known) {
            (Ok(secret), _) => secret,
            // What was known holds while the API server is away.
            (Err(_), Some(known)) => return Ok(known.known()),
            (Err(error), None) => return Err(error),
        };
        let read = Read::next(key, secret.as_ref(), known);
        let known = read.known();
        *self.lock() = Some(read);
        Ok(known)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Read>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read {
    fn next(key: &SecretKey, secret: Option<&Secret>, before: Option<Read>) -> Read {
        let found = match secret {
            Some(secret) => read_password(secret, key),
            None => Err(format!("there is no Secret {}", key.name)),
        };
        let before = before.and_then(|read| read.password);
        let (password, trouble) = match (before, found) {
            (Some(old), Ok(new)) if old != new => {
                let trouble = format!(
                    "Secret {}: {} has changed; the password cannot be changed while nodes run",
                    key.name, key.key
                );
                (Some(old), Some(trouble))
            }
            (_, Ok(password)) => (Some(password), None),
            (before, Err(trouble)) => (before, Some(trouble)),
        };
        Read {
            key: key.clone(),
            at: Instant::now(),
            password,
            trouble,
        }
    }

    fn is_fresh(&self) -> bool {
        let again = if self.trouble.is_none() {
            AGAIN
        } else {
            MISSING_AGAIN
        };
        self.at.elapsed() < again
    }

    fn known(&self) -> Known {
        let trouble = self.trouble.as_ref();
        Known {
            password: self.password.clone(),
            trouble: trouble.map(|what| format!("spec.auth.passwordSecretRef: {what}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key() -> SecretKey {
        SecretKey {
            name: "pw".to_owned(),
            key: "password".to_owned(),
        }
    }

    fn secret(password: &str) -> Secret {
        serde_json::from_value(json!({
            "metadata": {"name": "pw"}, "stringData": {"password": password}
        }))
        .unwrap()
    }

    #[test]
    fn the_first_password_stays_and_a_change_is_told() {
        let missing = Read::next(&key(), None, None);
        assert_eq!(missing.password, None);
        assert!(missing.trouble.as_deref().unwrap().contains("no Secret pw"));
        let first = Read::next(&key(), Some(&secret("one")), Some(missing));
        assert_eq!(
            (first.password.as_deref(), &first.trouble),
            (Some("one"), &None)
        );
        let changed = Read::next(&key(), Some(&secret("two")), Some(first));
        assert_eq!(changed.password.as_deref(), Some("one"));
        assert!(changed.trouble.as_deref().unwrap().contains("has changed"));
        let back = Read::next(&key(), Some(&secret("one")), Some(changed));
        assert_eq!(back.trouble, None);
        let gone = Read::next(&key(), None, Some(back));
        assert_eq!(gone.password.as_deref(), Some("one"));
        assert!(gone.trouble.is_some());
    }
}
