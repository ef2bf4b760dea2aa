//! `slotkeeper run`: keeps every RedisCluster of a Kubernetes cluster.

mod clusters;
mod events;
mod health;
mod kinds;
mod leader;
mod logs;
mod metrics;
mod serve;
mod teller;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use kube::Client;
use tracing::info;

