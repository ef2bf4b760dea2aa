//! Stories on Kubernetes, one a file, all in one program so that they share one build and one
//! operator.

#[path = "rig/all_pods.rs"]
mod all_pods;
#[path = "rig/bad_manifests.rs"]
mod bad_manifests;
#[path = "rig/deleted_cluster.rs"]
mod deleted_cluster;
#[path = "rig/deleted_pod.rs"]
mod deleted_pod;
#[path = "rig/formed.rs"]
mod formed;
#[path = "rig/hindered.rs"]
mod hindered;
#[path = "rig/idle.rs"]
mod idle;
#[path = "rig/killed_container.rs"]
mod killed_container;
#[path = "rig/lost_host.rs"]
mod lost_host;
#[path = "rig/maxmemory.rs"]
mod maxmemory;
#[path = "rig/operator_restarted.rs"]
mod operator_restarted;
#[path = "rig/readme.rs"]
mod readme;
#[path = "rig/starved.rs"]
mod starved;
#[path = "rig/two_clusters.rs"]
mod two_clusters;
#[path = "rig/two_operators.rs"]
mod two_operators;
