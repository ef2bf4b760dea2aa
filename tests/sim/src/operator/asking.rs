//! What the nodes answer to a pass.

use slotkeeper::model::{NodeFacts, NodeView, Silence};
use slotkeeper_node::resp::{ReplyParser, encode_command};

use super::moment;
use crate::net::ClientKind;
use crate::simulation::Simulation;

/// How long the nodes have to answer a pass, in microseconds.
const DEADLINE_US: u64 = 500_000;

/// Asks every node at the same time, as `observe` does; what has not answered by the deadline is
/// silent, and so is the node that cannot be reached. Mute nodes tell nothing of elections.
pub(super) fn ask_all(sim: &mut Simulation, hides_elections: bool) -> Vec<NodeView> {
    let mut questions = Vec::new();
    encode_command(&mut questions, &["CLUSTER", "NODES"]);
    encode_command(&mut questions, &["CLUSTER", "INFO"]);
    let info: Vec<&str> = [&["INFO"], &NodeFacts::INFO_SECTIONS[..]].concat();
    encode_command(&mut questions, &info);
    let reached: Vec<bool> = (0..sim.hosts.len())
        .map(|ix| sim.reaches(ClientKind::Operator, ix))
        .collect();
    let mut asked: Vec<(Option<usize>, ReplyParser, Vec<String>)> = (reached.iter().enumerate())
        .map(|(ix, reached)| {
            (
                (reached.then(|| sim.connect_as(ClientKind::Operator, ix))).flatten(),
                ReplyParser::new(4 * 1024 * 1024),
                Vec::new(),
            )
        })
        .collect();
    for (client, _, _) in &asked {
        client.inspect(|client| sim.client_send(*client, &questions));
    }
    let deadline = sim.now_us + DEADLINE_US;
    while sim.now_us < deadline
        && asked
            .iter()
            .any(|(c, _, texts)| c.is_some() && texts.len() < 3)
    {
        sim.run_for(2_000);
        for (client, parser, texts) in &mut asked {
            let Some(client) = *client else { continue };
            parser.feed(&sim.take_inbox(client));
            while let Ok(Some(reply)) = parser.next() {
                let text = reply.text().unwrap_or_default();
                texts.push(String::from_utf8_lossy(text).into_owned());
            }
        }
    }
    let read_at = moment(sim);
    asked
        .into_iter()
        .zip(reached)
        .map(|((client, _, texts), reached)| {
            let Some(client) = client else {
                return NodeView::Silent(if reached {
                    Silence::Refused
                } else {
                    Silence::TimedOut
                });
            };
            sim.disconnect(client);
            match texts.as_slice() {
                [nodes, cluster, info] => match NodeFacts::parse(nodes, cluster, info, read_at) {
                    Ok(mut facts) => {
                        facts.candidacies = facts.candidacies.filter(|_| !hides_elections);
                        NodeView::Answered(Box::new(facts))
                    }
                    Err(error) => NodeView::Silent(Silence::Malformed(error.to_string())),
                },
                _ => NodeView::Silent(Silence::TimedOut),
            }
        })
        .collect()
}
