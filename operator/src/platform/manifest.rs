//! Manifest files: a RedisCluster, and the Secrets beside it.

mod yaml;

use std::io::Read;
use std::path::Path;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde::Deserialize;
use serde_json::Value;
use slotkeeper_crds::{RedisCluster, SecretKey, check};

use super::read_password;

/// The content of a manifest file: one cluster, and the password from a Secret beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The cluster, checked and with defaults.
    pub cluster: RedisCluster,
    /// The password, if it has one.
    pub password: Option<String>,
}

/// Reads a manifest file of one or more YAML documents; `old` is the cluster that it replaces.
///
/// # Errors
/// One message that names the file and every field that is wrong.
pub fn read(path: &Path, old: Option<&RedisCluster>) -> Result<Manifest, String> {
    parse(&text(path)?, old).map_err(|error| format!("{}: {error}", path.display()))
}

/// The same for a file without the Secret, which may be somewhere else: then there is no password.
///
/// # Errors
/// One message that names the file and every field that is wrong.
pub fn read_part(path: &Path, old: Option<&RedisCluster>) -> Result<Manifest, String> {
    parse_part(&text(path)?, old).map_err(|error| format!("{}: {error}", path.display()))
}

/// The longest file, in bytes; an API server accepts no longer object either.
const FILE_MAX: u64 = 4 << 20;

fn text(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    (file.take(FILE_MAX + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(format!("{} has more than {FILE_MAX} bytes", path.display()));
    }
    String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8 text", path.display()))
}

fn parse(text: &str, old: Option<&RedisCluster>) -> Result<Manifest, String> {
    let manifest = parse_part(text, old)?;
    match (&manifest.cluster.spec.auth, &manifest.password) {
        (Some(auth), None) => {
            let name = &auth.password_secret_ref.name;
            Err(format!(
                "spec.auth.passwordSecretRef: no Secret {name} in the file, only {}",
                there(&yaml::objects(text)?)
            ))
        }
        _ => Ok(manifest),
    }
}

fn parse_part(text: &str, old: Option<&RedisCluster>) -> Result<Manifest, String> {
    let documents = yaml::objects(text)?;
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

/// Lists the objects that are there, because a name may be misspelt.
fn there(documents: &[Value]) -> String {
    let named = |document: &Value| {
        let name = document["metadata"]["name"].as_str();
        let kind = document["kind"].as_str().unwrap_or_default();
        format!("{kind} {}", name.unwrap_or("without a name"))
    };
    let names: Vec<String> = documents.iter().map(named).collect();
    names.join(", ")
}

fn the_cluster(documents: &[Value], old: Option<&RedisCluster>) -> Result<RedisCluster, String> {
    let mut clusters = of_kind(documents, "RedisCluster");
    match (clusters.next(), clusters.next()) {
        (Some(cluster), None) => checked(cluster, old),
        (None, _) if documents.is_empty() => Err("there is nothing in it".to_owned()),
        (None, _) => Err(format!(
            "there is no RedisCluster in it, only {}",
            there(documents)
        )),
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
    let mut secrets = of_kind(documents, "Secret");
    let secret = secrets.find(|secret| secret["metadata"]["name"] == *key.name);
    let Some(secret) = secret else {
        return Ok(None);
    };
    let secret = well_formed(secret, &key.name)?;
    let secret = Secret::deserialize(secret);
    let secret = secret.map_err(|error| format!("Secret {}: {error}", key.name))?;
    read_password(&secret, key).map(Some)
}

/// The Secret, if its values have the right form. An error names the key, never a value.
fn well_formed(secret: &Value, name: &str) -> Result<Value, String> {
    let mut secret = secret.clone();
    for field in ["data", "stringData"] {
        let entries = secret.get_mut(field).and_then(Value::as_object_mut);
        for (key, value) in entries.into_iter().flatten() {
            let Value::String(text) = value else {
                return Err(format!(
                    "Secret {name}: {field}.{key} must be a string: put it in quotes"
                ));
            };
            if field == "data" {
                // base64(1) breaks its lines.
                text.retain(|c| !matches!(c, '\n' | '\r'));
                if ByteString::deserialize(&*value).is_err() {
                    return Err(format!(
                        "Secret {name}: data.{key} is not base64: plain text belongs under \
                         stringData"
                    ));
                }
            }
        }
    }
    Ok(secret)
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
        let broken = TEXT.replace(
            "stringData: {password: '123456'}",
            "data:\n  password: |\n    aG\n    k=\n  other: aGk=",
        );
        assert_eq!(
            parse(&broken, None).unwrap().password.as_deref(),
            Some("hi")
        );
        // Other Secrets do not matter.
        let more = format!("{TEXT}kind: Secret\nmetadata: {{name: x}}\ndata: {{a: '?'}}\n");
        assert!(parse(&more, None).is_ok());
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
                "spec.auth.passwordSecretRef: no Secret other in the file, only Secret pw, \
                 RedisCluster tour",
            ),
            ("key: password", "key: word", "Secret pw has no key word"),
            (
                "'123456'",
                "''",
                "Secret pw: password must be a non-empty line of text",
            ),
            (
                "kind: RedisCluster",
                "kind: Redis",
                "there is no RedisCluster in it, only Secret pw, Redis tour",
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
        let plain = "stringData: {password: '123456'}";
        for (secret, message) in [
            (
                "data: {password: not so secret}",
                "Secret pw: data.password is not base64: plain text belongs under stringData",
            ),
            (
                "data: {password: password}",
                "Secret pw: password is not text: what stands under data is base64, plain text \
                 belongs under stringData",
            ),
            (
                "stringData: {password: 123456}",
                "Secret pw: stringData.password must be a string: put it in quotes",
            ),
            (
                "stringData: {password: yes}",
                "Secret pw: stringData.password must be a string: put it in quotes",
            ),
        ] {
            assert_eq!(wrong(plain, secret), message);
        }
        let config = |directive: &str| wrong("spec:", &format!("spec:\n  config: {{{directive}}}"));
        for (directive, message) in [
            (
                "cluster-require-full-coverage: yes",
                "RedisCluster tour: spec.config.cluster-require-full-coverage: must be a string, \
                 not true or false: put it in quotes, such as \"yes\" or \"no\"",
            ),
            (
                "maxclients: 100",
                "RedisCluster tour: spec.config.maxclients: must be a string, not an integer: put \
                 it in quotes, \"100\"",
            ),
            (
                "save: ",
                "RedisCluster tour: spec.config.save: must be a string, not nothing: write \"\" for \
                 an empty one, or leave the field out",
            ),
        ] {
            assert_eq!(config(directive), message);
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

    /// Forms that kubectl accepts.
    #[test]
    fn a_list_and_a_byte_order_mark_are_taken() {
        let (secret, cluster) = TEXT.trim_end_matches("---\n").split_once("---\n").unwrap();
        let item = |text: &str| {
            let lines: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
            format!("- {}\n", lines.join("\n").trim_start())
        };
        let list = format!(
            "apiVersion: v1\nkind: List\nitems:\n{}{}",
            item(secret),
            item(cluster)
        );
        let wanted = parse(TEXT, None).unwrap();
        for text in [list, format!("\u{feff}{TEXT}"), TEXT.replace('\n', "\r\n")] {
            assert_eq!(parse(&text, None).as_ref(), Ok(&wanted), "{text}");
        }
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
