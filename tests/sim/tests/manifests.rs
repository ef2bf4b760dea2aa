//! What the operator writes into a pod is what the node in it takes: its own code reads the files
//! and the arguments of the pods that manifests make.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use slotkeeper::platform::kubernetes::objects::{Kind, Settings, common, shard};
use slotkeeper::platform::manifest::{Manifest, read};
use slotkeeper_node::config::{Config, Invocation, Source};

/// A pod as its node finds it.
struct Pod {
    args: Vec<Vec<u8>>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

fn manifest(name: &str) -> Manifest {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../operator/tests/objects");
    read(&dir.join(name), None).unwrap()
}

/// Mounts the volumes and fills in the variables, as a kubelet does.
fn start(manifest: &Manifest, ip: &str, name: &str) -> Pod {
    let settings = Settings {
        node_image: "slotkeeper".to_owned(),
        node_image_pull_policy: None,
        cluster_domain: "cluster.local".to_owned(),
    };
    let mut objects = common(&manifest.cluster, &settings);
    objects.extend(shard(&manifest.cluster, &settings, 0, 2));
    let find = |kind: Kind| objects.iter().find(|object| object.kind == kind).unwrap();
    let set = &find(Kind::StatefulSet).body;
    let data = &find(Kind::ConfigMap).body["data"];
    let pod = &set["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let words = container["command"].as_array().unwrap().iter().skip(1);
    let expand = |word: &str| word.replace("$(POD_IP)", ip).replace("$(POD_NAME)", name);
    let mut files = BTreeMap::new();
    for mount in container["volumeMounts"].as_array().unwrap() {
        let dir = Path::new(mount["mountPath"].as_str().unwrap());
        let mut volumes = pod["volumes"].as_array().unwrap().iter();
        let Some(volume) = volumes.find(|volume| volume["name"] == mount["name"]) else {
            continue;
        };
        if volume["configMap"].is_object() {
            for (file, text) in data.as_object().unwrap() {
                files.insert(dir.join(file), text.as_str().unwrap().into());
            }
        }
        for item in volume["secret"]["items"].as_array().into_iter().flatten() {
            let password = manifest.password.clone().unwrap();
            files.insert(dir.join(item["path"].as_str().unwrap()), password.into());
        }
    }
    Pod {
        args: words
            .map(|word| expand(word.as_str().unwrap()).into())
            .collect(),
        files,
    }
}

/// As the node's program reads them when it starts.
fn configuration(pod: &Pod) -> Config {
    let mut read = |source: Source<'_>| match source {
        Source::File(path) => {
            let file = pod.files.get(path).cloned();
            file.ok_or_else(|| std::io::ErrorKind::NotFound.into())
        }
        Source::Stdin | Source::Directory(_) => panic!("a pod has neither"),
    };
    match Invocation::from_args(&pod.args, &mut read) {
        Ok(Invocation::Run(config, _)) => *config,
        Ok(other) => panic!("{other:?}"),
        Err(error) => panic!("{error}"),
    }
}

fn value(config: &Config, directive: &str) -> String {
    let values = config.get(&[directive]);
    assert_eq!(values.len(), 1, "{directive}");
    String::from_utf8_lossy(&values[0].1).into_owned()
}

#[test]
fn a_node_takes_what_its_pod_gives_it() {
    for (name, pod, ip, own) in [
        (
            "minimal.yaml",
            "tour-0-1",
            "10.1.2.3",
            [
                ("requirepass", ""),
                ("masterauth", ""),
                ("cluster-require-full-coverage", "no"),
                ("cluster-node-timeout", "15000"),
                (
                    "cluster-announce-hostname",
                    "tour-0-1.tour-nodes.shop.svc.cluster.local",
                ),
            ],
        ),
        (
            "full.yaml",
            "grand-tour-2-0-1",
            "fd00::7",
            [
                ("requirepass", "123456"),
                ("masterauth", "123456"),
                ("cluster-require-full-coverage", "yes"),
                ("cluster-node-timeout", "5000"),
                (
                    "cluster-announce-hostname",
                    "grand-tour-2-0-1.grand-tour-2-nodes.shop.svc.cluster.local",
                ),
            ],
        ),
    ] {
        let config = configuration(&start(&manifest(name), ip, pod));
        let always = [
            ("cluster-announce-ip", ip),
            ("cluster-enabled", "yes"),
            ("bind", "* -::*"),
            ("health-bind", "* -::*"),
            ("health-port", "9121"),
            ("protected-mode", "no"),
            ("dir", "/data"),
            ("shutdown-handover", "yes"),
            ("cluster-empty-master-wait", "-1"),
            ("cluster-allow-replica-migration", "no"),
        ];
        for (directive, expected) in always.into_iter().chain(own) {
            assert_eq!(value(&config, directive), expected, "{name}: {directive}");
        }
    }
}
