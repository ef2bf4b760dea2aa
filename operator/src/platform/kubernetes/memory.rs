//! The operator's memory of a cluster, in a ConfigMap beside it.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tracing::warn;

use super::fenced::{FencedObject, Term, Version, Written};
use super::names::{MANAGER, Names};
use super::objects::owner_reference;
use super::store::ClusterKey;
use crate::model::Memory;
use crate::text;

/// The key in the ConfigMap.
const KEY: &str = "memory.json";

/// The leadership that wrote it: the Lease's UID and its number of transitions.
const TERM: &str = "slotkeeper.dev/term";

/// A write of the ConfigMap. A late write of a former leader changes nothing that its successor has
/// written.
pub(super) struct MemoryWrite {
    maps: Api<ConfigMap>,
    name: String,
    body: Value,
    /// None: the last writer is not checked.
    term: Option<Term>,
}

impl MemoryWrite {
    pub(super) fn new(
        client: Client,
        names: &Names<'_>,
        uid: &str,
        memory: &Memory,
        term: Option<Term>,
    ) -> MemoryWrite {
        MemoryWrite {
            maps: Api::namespaced(client, names.namespace),
            name: names.memory(),
            body: object(names, uid, memory, term.as_ref()),
            term,
        }
    }
}

impl FencedObject for MemoryWrite {
    /// Fails if a later leader has written it.
    async fn read_version(&self) -> Written<Version> {
        let Some(map) = self.maps.get_opt(&self.name).await? else {
            return Ok(Ok(None));
        };
        let annotations = map.metadata.annotations.unwrap_or_default();
        let by = annotations.get(TERM);
        let mut term = self.term.iter();
        if by.is_some_and(|by| term.any(|term| term.precedes(by))) {
            return Ok(Err("a later leader has written it".to_owned()));
        }
        Ok(Ok(map.metadata.resource_version))
    }

    async fn replace(&self, version: &Version) -> kube::Result<Version> {
        let mut body = self.body.clone();
        let map = if let Some(version) = version {
            body["metadata"]["resourceVersion"] = json!(version);
            let params = PatchParams::apply(MANAGER).force();
            let patch = Patch::Apply(&body);
            self.maps.patch(&self.name, &params, &patch).await?
        } else {
            let map = serde_json::from_value(body).map_err(kube::Error::SerdeError)?;
            let params = PostParams {
                field_manager: Some(MANAGER.to_owned()),
                ..PostParams::default()
            };
            self.maps.create(&params, &map).await?
        };
        Ok(map.metadata.resource_version)
    }
}

/// The object that holds it.
fn object(names: &Names<'_>, uid: &str, memory: &Memory, term: Option<&Term>) -> Value {
    let annotations = term.map(|term| json!({TERM: term.to_string()}));
    let text = serde_json::to_string(memory).expect("a memory is plain data and serialises");
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": names.memory(),
            "namespace": names.namespace,
            "labels": names.labels(),
            "annotations": annotations.unwrap_or_else(|| json!({})),
            "ownerReferences": [owner_reference(names.name, uid)],
        },
        "data": {KEY: text},
    })
}

/// Reads the memory of an earlier operator of the cluster with that UID. An unreadable memory
/// counts as none, which only causes delays.
///
/// # Errors When the API server does not answer.
pub async fn load_memory(
    client: &Client,
    key: &ClusterKey,
    uid: &str,
) -> Result<Option<Memory>, String> {
    let maps = Api::<ConfigMap>::namespaced(client.clone(), &key.namespace);
    let names = Names {
        name: &key.name,
        namespace: &key.namespace,
        domain: "",
    };
    let name = names.memory();
    let map = maps.get_opt(&name).await;
    let map = map.map_err(|error| format!("ConfigMap {name}: {}", text::of_api(&error)))?;
    // A ConfigMap of an earlier cluster with this name, not garbage-collected yet, says nothing
    // about this one.
    let ours = map.filter(|map| {
        let mut owners = map.metadata.owner_references.iter().flatten();
        owners.any(|owner| owner.uid == uid)
    });
    let text = ours.and_then(|map| map.data?.remove(KEY));
    let memory = text.as_deref().map(serde_json::from_str).transpose();
    Ok(memory.unwrap_or_else(|error| {
        warn!(%error, "ConfigMap {name} cannot be read; its votes are unknown");
        None
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use hyper::Method;

    use super::super::fenced::FencedWriter;
    use super::*;
    use crate::platform::kubernetes::fake_server;

    const NAMES: Names<'_> = Names {
        name: "demo",
        namespace: "default",
        domain: "",
    };

    /// One ConfigMap on an API server, with its version.
    #[derive(Clone, Default)]
    struct Server(Arc<Mutex<(u64, Option<Value>)>>);

    impl Server {
        fn leader(&self, transitions: i32) -> Leader {
            let server = self.clone();
            let term = Term {
                lease: "lease-1".to_owned(),
                transitions,
            };
            Leader {
                client: fake_server::client(move |method, _, body| server.answer(method, body)),
                fenced: FencedWriter::default(),
                term,
            }
        }

        fn answer(&self, method: &Method, mut body: Value) -> Result<Value, u16> {
            let mut server = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let (version, map) = &mut *server;
            let there = map
                .as_ref()
                .map(|map| map["metadata"]["resourceVersion"].clone());
            let wanted = body["metadata"]["resourceVersion"].clone();
            match *method {
                Method::GET => return map.clone().ok_or(404),
                Method::POST if there.is_some() => return Err(409),
                Method::PATCH if !wanted.is_null() && there != Some(wanted) => return Err(409),
                _ => {}
            }
            *version += 1;
            body["metadata"]["resourceVersion"] = json!(version.to_string());
            *map = Some(body.clone());
            Ok(body)
        }

        fn edit(&self, change: impl FnOnce(&mut u64, &mut Option<Value>)) {
            let mut server = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let (version, map) = &mut *server;
            change(version, map);
        }

        fn text(&self) -> String {
            let server = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            server.1.as_ref().unwrap()["data"][KEY].to_string()
        }
    }

    struct Leader {
        client: Client,
        fenced: FencedWriter,
        term: Term,
    }

    impl Leader {
        async fn write(&self, formed: bool) -> Result<(), String> {
            let memory = Memory {
                formed,
                ..Memory::default()
            };
            let (client, term) = (self.client.clone(), Some(self.term.clone()));
            let write = MemoryWrite::new(client, &NAMES, "uid-1", &memory, term);
            self.fenced.write(write).await.unwrap()
        }
    }

    #[tokio::test]
    async fn a_late_write_of_an_earlier_leader_undoes_nothing_of_its_successor() {
        let server = Server::default();
        let (old, new) = (server.leader(3), server.leader(4));
        old.write(false).await.unwrap();
        new.write(true).await.unwrap();
        let why = old.write(false).await.unwrap_err();
        assert!(why.contains("a later leader has written it"), "{why}");
        assert!(server.text().contains("true"), "{}", server.text());
        new.write(true).await.unwrap();
    }

    #[tokio::test]
    async fn who_has_lost_the_lease_writes_nothing_more() {
        let server = Server::default();
        let mut old = server.leader(3);
        old.fenced.leads = Some(Arc::new(|| false));
        let why = old.write(true).await.unwrap_err();
        assert!(why.contains("another operator may be the leader"), "{why}");
        server.edit(|_, map| assert_eq!(*map, None));
    }

    #[tokio::test]
    async fn what_a_user_has_changed_or_deleted_is_written_anew() {
        let server = Server::default();
        let leader = server.leader(3);
        leader.write(false).await.unwrap();
        server.edit(|version, map| {
            *version += 1;
            map.as_mut().unwrap()["metadata"]["resourceVersion"] = json!(version.to_string());
        });
        leader.write(true).await.unwrap();
        assert!(server.text().contains("true"), "{}", server.text());
        server.edit(|_, map| *map = None);
        leader.write(true).await.unwrap();
        assert!(server.text().contains("true"), "{}", server.text());
    }

    #[test]
    fn only_a_later_term_of_the_same_lease_is_later() {
        let term = |lease: &str, transitions| Term {
            lease: lease.to_owned(),
            transitions,
        };
        let ours = term("a", 7);
        assert!(ours.precedes(&term("a", 8).to_string()));
        for other in [term("a", 7), term("a", 6), term("b", 9)] {
            assert!(!ours.precedes(&other.to_string()), "{other}");
        }
        assert!(!ours.precedes("nonsense"));
    }
}
