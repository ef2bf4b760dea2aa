//! The types that the node and the operator share: slots, node ids, epochs and the text of CLUSTER
//! NODES. No I/O, nothing async.

mod epoch;
mod node_id;
mod nodes_text;
mod slot;
mod slot_set;

pub use epoch::Epoch;
pub use node_id::{InvalidNodeId, NodeId};
pub use nodes_text::{
    InvalidNodesText, NodeAddress, NodeFlags, NodeLine, OpenSlot, parse_nodes, render_nodes,
};
pub use slot::{InvalidSlot, SLOT_COUNT, Slot, key_slot, key_tag};
pub use slot_set::{InvalidSlotSet, SlotSet, even_split};
