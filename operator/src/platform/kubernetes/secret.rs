//! The password of a cluster, from the Secret that its manifest names.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use slotkeeper_crds::SecretKey;

use super::api::Writer;
use crate::platform::{PlatformError, read_password};

/// How often a known password is read again.
const AGAIN: Duration = Duration::from_secs(30);
/// How often an unknown password is read again.
const MISSING_AGAIN: Duration = Duration::from_secs(2);

/// Where the password comes from.
#[derive(Debug)]
pub enum Password {
    /// It was given.
    Given(String),
    /// From the Secret that the manifest names.
    Secret(Box<Reader>),
}

/// Reads Secrets one by one instead of watching them, so the operator needs no permission to list
/// them.
#[derive(Debug)]
pub struct Reader {
    secrets: Api<Secret>,
    read: Mutex<Option<Read>>,
}

#[derive(Clone, Debug)]
struct Read {
    key: SecretKey,
    at: Instant,
    /// The first password that was read; nodes and clients use it since.
    password: Option<String>,
    /// What is wrong with the Secret now.
    trouble: Option<String>,
}

/// What a pass knows about the password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PasswordState {
    /// The password, if there is one and it is known.
    pub password: Option<String>,
    /// Why the manifest cannot be applied as it is.
    pub trouble: Option<String>,
}

impl Password {
    /// From the Secrets of a namespace.
    #[must_use]
    pub fn in_secrets_of(client: Client, namespace: &str) -> Password {
        Password::Secret(Box::new(Reader {
            secrets: Api::namespaced(client, namespace),
            read: Mutex::default(),
        }))
    }

    /// The present state of the password; `key` is from the manifest, if it wants a password.
    ///
    /// # Errors When the API server does not answer and no password is known.
    pub async fn get(
        &self,
        key: Option<&SecretKey>,
        writer: &Writer,
    ) -> Result<PasswordState, PlatformError> {
        match self {
            Password::Given(password) => Ok(PasswordState {
                password: Some(password.clone()),
                trouble: None,
            }),
            Password::Secret(reader) => reader.get(key, writer).await,
        }
    }
}

impl Reader {
    /// The password for the key of a Secret, read again when due. The first password that was read
    /// stays, because nodes have started with it.
    async fn get(
        &self,
        key: Option<&SecretKey>,
        writer: &Writer,
    ) -> Result<PasswordState, PlatformError> {
        let Some(key) = key else {
            *self.lock() = None;
            return Ok(PasswordState::default());
        };
        let known = self.lock().clone().filter(|read| read.key == *key);
        if let Some(known) = known.as_ref().filter(|read| read.is_fresh()) {
            return Ok(known.known());
        }
        let secrets = self.secrets.clone();
        let name = key.name.clone();
        let request = async move { secrets.get_opt(&name).await };
        let secret = writer.with_timeout(format!("Secret {}", key.name), request);
        let secret = match (secret.await, &known) {
            (Ok(secret), _) => secret,
            // The known state holds while the API server is unreachable.
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

    fn known(&self) -> PasswordState {
        let trouble = self.trouble.as_ref();
        PasswordState {
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
