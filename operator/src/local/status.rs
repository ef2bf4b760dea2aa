//! `slotkeeper local status`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::Notify;

use super::table;
use crate::links::Links;
use crate::model::{Desired, Outcome, PodIndex, PodPhase, PodView, Seen};
use crate::observe::observe;
use crate::planner::plan;
use crate::platform::Survey;
use crate::platform::local::{
    Files, Layout, ProcessId, State, load_cluster, load_manifest, load_memory,
};
use crate::report::report;
use crate::terminal::print;
use crate::wall_clock::now;

/// Observes the cluster of a directory once and prints its state.
pub async fn run(dir: &Path) -> Result<(), String> {
    let Some(cluster) = load_cluster(dir)? else {
        return Err(format!("there is no cluster in {}", dir.display()));
    };
    let mut state = State::load(dir)?.unwrap_or_default();
    let desired = Desired::from(&cluster);
    let layout = Layout {
        name: desired.name.clone(),
        dir: dir.to_owned(),
        base_port: state.base_port,
        shards: desired.shards,
    };
    let password = std::fs::read_to_string(Layout::password_file(dir)).unwrap_or_default();
    let password = Some(password).filter(|password| !password.is_empty());
    let files = Files {
        layout: layout.clone(),
        password: password.clone(),
    };
    let mut survey = Survey {
        objects: files.objects(&cluster, &state),
        pods: BTreeMap::new(),
        password,
    };
    let indexes: Vec<PodIndex> = desired.pod_indexes().chain(state.pod_indexes()).collect();
    for index in indexes {
        survey.pods.insert(index, view(&layout, &mut state, index)?);
    }
    let mut seen = load_memory(dir)?.map_or_else(Seen::default, Seen::from);
    let links = Links::new(Arc::new(Notify::new()));
    let observation = observe(&survey, &links, &mut seen).await;
    let plan = plan(&desired, &observation);
    let report = report(&desired, &observation, &plan, &Outcome::default());
    let status = report.status(cluster.status.as_ref(), None, now());
    let mut text = format!("{}: {}\n", desired.name, table::summary(&status));
    text += &format!("{}\n\n", report.message);
    if let Some(manifest) = load_manifest(dir).filter(|manifest| !manifest.exists()) {
        let manifest = manifest.display();
        text +=
            &format!("The manifest {manifest} is gone: the cluster keeps its last content.\n\n");
    }
    let (shards, conditions) = (table::shards(&status), table::conditions(&status));
    print(format_args!("{text}{shards}\n{conditions}"))
}

fn view(layout: &Layout, state: &mut State, index: PodIndex) -> Result<PodView, String> {
    let pod = state.pod(index);
    let runs = pod.process.is_some_and(ProcessId::runs);
    Ok(PodView {
        name: layout.pod(index),
        uid: pod.uid(),
        hostname: layout.hostname(index),
        phase: if runs {
            PodPhase::Running
        } else {
            PodPhase::Terminated
        },
        address: Some(layout.address(index)?),
        host: None,
        ended: None,
        volume_mounted: true,
        memory_limit: None,
        restart_for: pod.restart_for.clone(),
    })
}
