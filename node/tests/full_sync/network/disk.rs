//! The disk of a node.

use bytes::Bytes;
use slotkeeper_node::io::{DiskEvent, DiskOp};

use super::Network;

impl Network {
    pub(super) fn on_disk_op(&mut self, host: usize, op: DiskOp) {
        let now = self.now;
        let this = &mut self.hosts[host];
        match op {
            DiskOp::SaveNodesConf(text) => {
                this.nodes_conf = Some(String::from_utf8_lossy(&text).into_owned());
                this.engine.on_disk(DiskEvent::NodesConfSaved, now);
            }
            DiskOp::SnapshotBegin => {
                this.writing.clear();
                this.engine.on_disk(DiskEvent::SnapshotWritten(0), now);
            }
            DiskOp::SnapshotWrite(bytes) => {
                this.writing.extend_from_slice(&bytes);
                this.engine
                    .on_disk(DiskEvent::SnapshotWritten(bytes.len()), now);
            }
            DiskOp::SnapshotCommit if self.stuck_disk == Some(host) => {}
            DiskOp::SnapshotCommit => {
                this.file = Some(std::mem::take(&mut this.writing));
                this.engine.on_disk(DiskEvent::SnapshotSaved, now);
            }
            DiskOp::SnapshotAbort => this.writing.clear(),
            DiskOp::Load => {
                if let Some(file) = this.file.clone() {
                    this.engine.on_disk(DiskEvent::LoadBytes(&file), now);
                }
                this.engine.on_disk(DiskEvent::LoadEnd, now);
            }
            DiskOp::PayloadBegin if self.full_disk == Some(host) => {
                let full = DiskEvent::PayloadFailed("No space left on device");
                this.engine.on_disk(full, now);
            }
            DiskOp::PayloadBegin => {
                this.payload = Some(Vec::new());
                this.engine.on_disk(DiskEvent::PayloadWritten(0), now);
            }
            DiskOp::PayloadWrite(bytes) => {
                if let Some(payload) = &mut this.payload {
                    payload.extend_from_slice(&bytes);
                }
                (this.engine).on_disk(DiskEvent::PayloadWritten(bytes.len()), now);
            }
            DiskOp::PayloadRead { session, from, len } => {
                let payload = this.payload.as_deref().expect("a file is open");
                let bytes = Bytes::copy_from_slice(&payload[from as usize..][..len]);
                let bytes = &bytes;
                (this.engine).on_disk(DiskEvent::PayloadRead { session, bytes }, now);
            }
            DiskOp::PayloadEnd => this.payload = None,
            DiskOp::RewriteConfig { .. } => {}
        }
    }
}
