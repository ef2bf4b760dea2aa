//! The README's section on Kubernetes is played as a stranger would: its own commands, in its own
//! order, in a namespace of the story's own. The operator is there already: its `helm install` is
//! the one that all stories begin with.

use std::process::Command;
use std::time::Duration;

use slotkeeper_stories::kubernetes::{Story, run};
use slotkeeper_stories::patience::within;
use slotkeeper_stories::readme::{Block, blocks, root};

/// What each command has to print; all of them are looked at.
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
            known
                .unwrap_or_else(|| panic!("no test looks at: {line}"))
                .1
        }
    };
    // What the cluster comes to by itself is asked for again; nothing is done twice.
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
