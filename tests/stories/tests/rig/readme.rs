//! The commands of the README's section on Kubernetes, in their order, in the story's namespace.
//! The operator is already installed: all stories begin with the README's `helm install`.

use std::process::Command;
use std::time::Duration;

use slotkeeper_stories::kubernetes::{Story, run};
use slotkeeper_stories::patience::within;
use slotkeeper_stories::readme::{Block, blocks, root};

/// What each command has to print.
const PRINTS: [(&str, &str); 6] = [
    (
        "kubectl apply -f examples/rediscluster.yaml",
        "rediscluster.slotkeeper.dev/tour created",
    ),
    ("kubectl wait --for=condition=Ready ", "condition met"),
    ("kubectl get rdc tour", "16384"),
    ("kubectl delete pod tour-0-0", "deleted"),
    ("kubectl get events ", "rediscluster/tour"),
    ("kubectl delete rdc tour", "deleted"),
];

#[test]
fn the_commands_for_kubernetes_do_what_they_say() {
    let story = Story::begin("readme");
    let section: Vec<Block> = (blocks().into_iter())
        .filter(|block| block.section == "On Kubernetes")
        .collect();
    assert_eq!(
        section.len(),
        4,
        "the README has other blocks on Kubernetes"
    );
    let mut lines = section.iter().flat_map(|block| &block.lines);
    let install = lines.next().expect("there are commands");
    assert!(install.starts_with("helm install slotkeeper "), "{install}");
    lines.for_each(|line| play(&story, line));
}

fn play(story: &Story, line: &str) {
    let wanted = match line {
        line if line.contains(" SET hello world") => "OK",
        line if line.contains(" GET hello") => "world",
        line => {
            let known = PRINTS.iter().find(|(command, _)| line.starts_with(command));
            known.unwrap_or_else(|| panic!("no test checks: {line}")).1
        }
    };
    // Queries are repeated until the cluster has converged; changes are not.
    let asks = ["redis-cli ", "kubectl get "];
    let asks = asks.iter().any(|ask| line.starts_with(ask));
    let patience = Duration::from_secs(if asks { 30 } else { 0 });
    within(patience, line, || {
        let mut shell = Command::new("bash");
        shell.args(["-c", line]).current_dir(root());
        let printed = run(shell.env("KUBECONFIG", story.kubeconfig()))?;
        if printed.contains(wanted) {
            Ok(())
        } else {
            Err(printed)
        }
    });
}
