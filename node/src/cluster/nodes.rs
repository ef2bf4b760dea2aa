//! All nodes that this node knows.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use slotkeeper_topology::NodeId;

use super::node::{Flags, Node};
use super::{NodeRef, Random};

/// More nodes than any cluster has; what gossip names beyond is not taken up.
const MOST_NODES: usize = 60_000;

/// All nodes that this one knows, itself among them.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    slab: Vec<Option<Node>>,
    by_id: BTreeMap<NodeId, NodeRef>,
    /// All of them, ordered by id: walked for every message.
    order: Vec<NodeRef>,
    me: NodeRef,
}

impl Nodes {
    pub fn new(me: Node) -> Nodes {
        let by_id = BTreeMap::from([(me.id, NodeRef(0))]);
        Nodes {
            slab: vec![Some(me)],
            by_id,
            order: vec![NodeRef(0)],
            me: NodeRef(0),
        }
    }

    pub fn my_ref(&self) -> NodeRef {
        self.me
    }

    pub fn me(&self) -> &Node {
        &self[self.me]
    }

    pub fn me_mut(&mut self) -> &mut Node {
        let me = self.me;
        &mut self[me]
    }

    pub fn find(&self, id: &NodeId) -> Option<NodeRef> {
        self.by_id.get(id).copied()
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// All of them, ordered by id.
    pub fn refs(&self) -> Vec<NodeRef> {
        self.order.clone()
    }

    /// All of them, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = (NodeRef, &Node)> {
        self.order.iter().map(|&r| (r, &self[r]))
    }

    pub fn is_full(&self) -> bool {
        self.len() >= MOST_NODES
    }

    /// Adds a node whose id is not known yet.
    pub fn insert(&mut self, node: Node) -> NodeRef {
        let id = node.id;
        let free = self.slab.iter().position(Option::is_none);
        let place = free.unwrap_or(self.slab.len());
        if free.is_some() {
            self.slab[place] = Some(node);
        } else {
            self.slab.push(Some(node));
        }
        let r = NodeRef(u16::try_from(place).expect("the number of nodes is bounded"));
        self.by_id.insert(id, r);
        self.reorder();
        r
    }

    fn reorder(&mut self) {
        self.order = self.by_id.values().copied().collect();
    }

    /// Gives a node its true id.
    pub fn rename(&mut self, r: NodeRef, id: NodeId) {
        let known = self[r].id;
        self.by_id.remove(&known);
        self[r].id = id;
        self.by_id.insert(id, r);
        self.reorder();
    }

    /// Takes a node out. The caller has closed its links and freed its slots.
    pub fn remove(&mut self, r: NodeRef) {
        let known = self[r].id;
        self.by_id.remove(&known);
        self.slab[usize::from(r.0)] = None;
        self.reorder();
        for node in self.slab.iter_mut().flatten() {
            node.reports.retain(|report| report.reporter != r);
            if node.master == Some(r) {
                node.master = None;
            }
        }
    }

    /// The replicas of a node, ordered by id.
    pub fn replicas_of(&self, master: NodeRef) -> Vec<NodeRef> {
        (self.iter())
            .filter(|(_, n)| n.master == Some(master))
            .map(|(r, _)| r)
            .collect()
    }

    /// Whether any master has a replica.
    pub fn have_replicas(&self) -> bool {
        self.iter().any(|(_, n)| n.master.is_some())
    }

    /// How many masters own slots: the size of the cluster.
    pub fn size(&self) -> usize {
        self.iter().filter(|(_, n)| n.votes()).count()
    }

    /// The majority of the masters that own slots.
    pub fn quorum(&self) -> usize {
        self.size() / 2 + 1
    }

    /// The master whose slots a node serves: itself, or the one that it replicates.
    pub fn master_of(&self, r: NodeRef) -> Option<NodeRef> {
        if self[r].is_master() {
            Some(r)
        } else {
            self[r].master
        }
    }

    /// One of them, drawn at random.
    pub fn draw(&self, random: &mut Random) -> NodeRef {
        let index = random.below(self.order.len() as u64);
        self.order[usize::try_from(index).unwrap_or_default()]
    }

    /// A node that is in no handshake and is not this one.
    pub fn is_peer(&self, r: NodeRef) -> bool {
        r != self.me && !self[r].flags.has(Flags::HANDSHAKE)
    }
}

impl Index<NodeRef> for Nodes {
    type Output = Node;
    fn index(&self, r: NodeRef) -> &Node {
        self.slab[usize::from(r.0)]
            .as_ref()
            .expect("references end with their node")
    }
}

impl IndexMut<NodeRef> for Nodes {
    fn index_mut(&mut self, r: NodeRef) -> &mut Node {
        self.slab[usize::from(r.0)]
            .as_mut()
            .expect("references end with their node")
    }
}
