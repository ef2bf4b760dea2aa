//! Manifest files: a RedisCluster, and the Secrets beside it.

use std::path::Path;

use k8s_openapi::api::core::v1::Secret;
use serde::Deserialize;
use serde_json::Value;
use slotkeeper_crds::{RedisCluster, SecretKey, check};

use super::read_password;

/// What a manifest file asks for: one cluster, and the password out of a Secret beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The cluster, checked and with its defaults.
    pub cluster: RedisCluster,
    /// The password, if it is to have one.
    pub password: Option<String>,
}

/// Reads a manifest file of one or more YAML documents; `old` is the cluster that it replaces.
///
/// # Errors
/// One message that names the file and every field that is wrong.
pub fn read(path: &Path, old: Option<&RedisCluster>) -> Result<Manifest, String> {
    parse(&text(path)?, old).map_err(|error| format!("{}: {error}", path.display()))
}

/// The same, where the Secret may be somewhere else: then there is no password.
///
/// # Errors
/// One message that names the file and every field that is wrong.
pub fn read_part(path: &Path, old: Option<&RedisCluster>) -> Result<Manifest, String> {
    parse_part(&text(path)?, old).map_err(|error| format!("{}: {error}", path.display()))
}

fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn parse(text: &str, old: Option<&RedisCluster>) -> Result<Manifest, String> {
    let manifest = parse_part(text, old)?;
    match (&manifest.cluster.spec.auth, &manifest.password) {
        (Some(auth), None) => {
            let name = &auth.password_secret_ref.name;
            Err(format!(
                "spec.auth.passwordSecretRef: no Secret {name} in the file"
            ))
        }
        _ => Ok(manifest),
    }
}

fn parse_part(text: &str, old: Option<&RedisCluster>) -> Result<Manifest, String> {
    let documents = documents(text)?;
    let cluster = the_cluster(&documents, old)?;
    let password = match &cluster.spec.auth {
        Some(auth) => password(&documents, &auth.password_secret_ref)?,
        None => None,
    };
    Ok(Manifest { cluster, password })
}

fn of_kind<'a>(documents: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    documents.iter().filter(move |d| d["kind"] == kind)
}

fn documents(text: &str) -> Result<Vec<Value>, String> {
    let documents = serde_norway::Deserializer::from_str(text).map(Value::deserialize);
    let documents: Result<Vec<Value>, _> = documents.collect();
    let documents = documents.map_err(|error| format!("not YAML: {error}"))?;
    Ok(documents.into_iter().filter(|d| !d.is_null()).collect())
}

fn the_cluster(documents: &[Value], old: Option<&RedisCluster>) -> Result<RedisCluster, String> {
    let mut clusters = of_kind(documents, "RedisCluster");
    match (clusters.next(), clusters.next()) {
        (Some(cluster), None) => checked(cluster, old),
        (None, _) => Err("there is no RedisCluster in it".to_owned()),
        (Some(_), Some(_)) => Err("there is more than one RedisCluster in it".to_owned()),
    }
}

fn checked(object: &Value, old: Option<&RedisCluster>) -> Result<RedisCluster, String> {
    const API: &str = "slotkeeper.dev/v1alpha1";
    if object["apiVersion"] != API {
        return Err(format!(
            "RedisCluster: apiVersion must be {API}, not {}",
            object["apiVersion"]
        ));
    }
    let Some(name) = object["metadata"]["name"].as_str() else {
        return Err("RedisCluster: metadata.name is required".to_owned());
    };
    let cluster = check(object, old).map_err(|violations| {
        let each: Vec<String> = violations.iter().map(ToString::to_string).collect();
        format!("RedisCluster {name}: {}", each.join("; "))
    })?;
    match old.and_then(|old| old.metadata.name.as_deref()) {
        Some(old) if old != name => Err(format!("the cluster here is {old}, not {name}")),
        _ => Ok(cluster),
    }
}

fn password(documents: &[Value], key: &SecretKey) -> Result<Option<String>, String> {
    let secrets = of_kind(documents, "Secret")
        .map(|secret| Secret::deserialize(secret).map_err(|error| format!("Secret: {error}")));
    let secrets: Vec<Secret> = secrets.collect::<Result<_, _>>()?;
    let mut secrets = secrets.iter();
    let secret = secrets.find(|secret| secret.metadata.name.as_ref() == Some(&key.name));
    secret.map(|secret| read_password(secret, key)).transpose()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    const TEXT: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: pw}\n\
        stringData: {password: '123456'}\n---\napiVersion: slotkeeper.dev/v1alpha1\n\
        kind: RedisCluster\nmetadata: {name: tour}\nspec:\n  shards: 3\n  \
        auth: {passwordSecretRef: {name: pw, key: password}}\n---\n";

    #[test]
    fn reads_the_cluster_and_its_password() {
        let manifest = parse(TEXT, None).unwrap();
        assert_eq!(manifest.password.as_deref(), Some("123456"));
        assert_eq!(manifest.cluster.spec.shards, 3);
        let coded = TEXT.replace("stringData: {password: '123456'}", "data: {password: aGk=}");
        assert_eq!(parse(&coded, None).unwrap().password.as_deref(), Some("hi"));
    }

    #[test]
    fn names_what_is_wrong() {
        let wrong = |from: &str, to: &str| parse(&TEXT.replace(from, to), None).unwrap_err();
        let cases = [
            (
                "shards: 3",
                "shards: 0",
                "RedisCluster tour: spec.shards: must be from 1 to 1000, not 0",
            ),
            (
                "name: pw,",
                "name: other,",
                "spec.auth.passwordSecretRef: no Secret other in the file",
            ),
            ("key: password", "key: word", "Secret pw has no key word"),
            (
                "'123456'",
                "''",
                "Secret pw: password must be a line of text that is not empty",
            ),
            (
                "kind: RedisCluster",
                "kind: Redis",
                "there is no RedisCluster in it",
            ),
            (
                "v1alpha1",
                "v1",
                r#"RedisCluster: apiVersion must be slotkeeper.dev/v1alpha1, not "slotkeeper.dev/v1""#,
            ),
            (
                "metadata: {name: tour}",
                "metadata: {}",
                "RedisCluster: metadata.name is required",
            ),
        ];
        for (from, to, message) in cases {
            assert_eq!(wrong(from, to), message);
        }
        assert!(wrong("spec:", "spec: [").starts_with("not YAML"));
        assert!(wrong("---\napi", "---\n- api").starts_with("not YAML"));
    }

    #[test]
    fn an_edited_file_is_checked_against_what_was_there() {
        let old = parse(TEXT, None).unwrap().cluster;
        let edit = |from: &str, to: &str| parse(&TEXT.replace(from, to), Some(&old));
        assert!(edit("shards: 3", "replicasPerShard: 2").is_ok());
        assert!(
            edit("shards: 3", "shards: 4")
                .unwrap_err()
                .contains("shards cannot be changed")
        );
        assert_eq!(
            edit("name: tour", "name: fair").unwrap_err(),
            "the cluster here is tour, not fair"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn no_text_makes_it_panic(changes in prop::collection::vec((any::<Index>(), "[ -~\n\t]{0,2}"), 1..5)) {
            let mut text = TEXT.to_owned();
            for (at, part) in changes {
                let at = at.index(text.len());
                text.replace_range(at..=at, &part);
            }
            let _ = parse(&text, None);
        }
    }
}
