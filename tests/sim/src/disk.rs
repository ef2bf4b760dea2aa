//! The disk of a simulated host: files whose latest bytes and names are lost when the host loses its
//! power, and writes that fail in the midst.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use slotkeeper_node::io::{DiskEvent, DiskOp, SessionId};
use slotkeeper_node::persistence::snapshot_file::{
    FileSystem, SnapshotAnswer, SnapshotFile, SnapshotOrder,
};
use slotkeeper_topology::{Epoch, NodeLine, SlotSet};

use crate::rng::Rng;

/// The data file.
const DATA: &str = "dump.rdb";
/// The file that is written beside it.
const TEMPORARY: &str = "dump.rdb.tmp";

/// What a host keeps while its process is down.
#[derive(Default)]
pub struct Disk {
    /// nodes.conf, as last written.
    pub nodes_conf: Option<Vec<u8>>,
    /// Nothing more can be written to it: nodes.conf cannot be replaced.
    pub full: bool,
    /// Data files cannot be written any further, or not made durable.
    pub fails: bool,
    /// The slots of which the data file holds keys.
    pub saved: SlotSet,
    /// The same for the one that is being written.
    pub saving: SlotSet,
    snapshot: SnapshotFile<Files>,
    /// Orders that are not carried out yet.
    orders: VecDeque<SnapshotOrder>,
}

/// What an operation on the disk comes to.
pub enum Done {
    /// nodes.conf is stored, or there is no room for it: told at once.
    NodesConf(bool),
    /// An order for the data file, which takes a while.
    Ordered,
    /// The configuration file is rewritten (there is none here: nothing to do).
    Rewritten(SessionId),
    /// Nothing that is answered.
    Nothing,
}

impl Disk {
    /// The last epoch in which nodes.conf says that the node has voted.
    #[must_use]
    pub fn last_vote(&self) -> u64 {
        let text = String::from_utf8_lossy(self.nodes_conf.as_deref().unwrap_or_default());
        let vote = text.rsplit("lastVoteEpoch ").next();
        vote.and_then(|word| word.trim().parse().ok()).unwrap_or(0)
    }

    /// The epoch and the slots that nodes.conf gives the node itself.
    #[must_use]
    pub fn claim(&self) -> Option<(Epoch, SlotSet)> {
        let text = String::from_utf8_lossy(self.nodes_conf.as_deref()?);
        let own = text.lines().find(|line| line.contains("myself"))?;
        let own = NodeLine::parse(own).ok()?;
        Some((own.config_epoch, own.slots))
    }

    /// The data file, if there is one.
    #[must_use]
    pub fn data(&self) -> Option<&[u8]> {
        self.snapshot.files.read(Path::new(DATA))
    }

    /// Takes an operation of the node.
    pub fn perform(&mut self, op: DiskOp) -> Done {
        let order = match op {
            DiskOp::SaveNodesConf(text) => {
                if !self.full {
                    self.nodes_conf = Some(text.to_vec());
                }
                return Done::NodesConf(!self.full);
            }
            DiskOp::SnapshotBegin => SnapshotOrder::Begin(TEMPORARY.into()),
            DiskOp::SnapshotWrite(bytes) => SnapshotOrder::Write(bytes),
            DiskOp::SnapshotCommit => SnapshotOrder::Commit(DATA.into()),
            DiskOp::SnapshotAbort => SnapshotOrder::Abort,
            DiskOp::RewriteConfig { session, .. } => return Done::Rewritten(session),
            // Nobody here asks for a payload with its length in front, or for a reload.
            DiskOp::Load
            | DiskOp::PayloadBegin
            | DiskOp::PayloadWrite(_)
            | DiskOp::PayloadRead { .. }
            | DiskOp::PayloadEnd => return Done::Nothing,
        };
        self.orders.push_back(order);
        Done::Ordered
    }

    /// Carries out the oldest order; the node learns of the answer.
    pub fn carry_out(&mut self, learn: impl FnOnce(DiskEvent<'_>)) {
        let Some(order) = self.orders.pop_front() else {
            return;
        };
        self.snapshot.files.fails = self.fails || self.full;
        match self.snapshot.carry_out(order) {
            None => {}
            Some(SnapshotAnswer::Written(bytes)) => learn(DiskEvent::SnapshotWritten(bytes)),
            Some(SnapshotAnswer::Saved) => {
                self.saved = self.saving.clone();
                learn(DiskEvent::SnapshotSaved);
            }
            Some(SnapshotAnswer::Failed(error)) => {
                learn(DiskEvent::SnapshotFailed(&error.to_string()));
            }
        }
    }

    /// The process has ended, in the midst of its orders; sometimes its host has lost its power.
    pub fn crash(&mut self, rng: &mut Rng) {
        if !self.orders.is_empty() {
            for _ in 0..rng.index(self.orders.len() + 1) {
                // Some was carried out, and the last of it in part.
                self.snapshot.files.ends_after = Some(rng.below(5) as usize);
                let saved = &mut self.saved;
                let saving = self.saving.clone();
                if let Some(order) = self.orders.pop_front()
                    && let Some(SnapshotAnswer::Saved) = self.snapshot.carry_out(order)
                {
                    *saved = saving;
                }
            }
            // What its file holds is one or the other.
            self.saved = self.saved.union(&self.saving);
        }
        self.orders.clear();
        let files = std::mem::take(&mut self.snapshot.files);
        self.snapshot = SnapshotFile::new(files);
        self.snapshot.files.ends_after = None;
        if self.snapshot.files.is_unsynced() && rng.one_in(2) {
            self.snapshot.files.lose_power(rng);
        }
    }
}

/// A small file system with one directory.
#[derive(Clone, Default)]
struct Files {
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    /// The names as they are found after the power was lost.
    durable_names: BTreeMap<PathBuf, usize>,
    /// Writes fail in the midst, and nothing is made durable.
    fails: bool,
    /// The process ends after so many more operations.
    ends_after: Option<usize>,
}

/// A file, whatever its name.
#[derive(Clone, Default)]
struct File {
    bytes: Vec<u8>,
    /// So many of them are durable.
    synced: usize,
}

impl Files {
    fn read(&self, path: &Path) -> Option<&[u8]> {
        self.names.get(path).map(|file| &*self.files[*file].bytes)
    }

    fn is_unsynced(&self) -> bool {
        let unsynced = |file: &File| file.synced < file.bytes.len();
        self.names != self.durable_names || self.files.iter().any(unsynced)
    }

    /// Unsynced bytes and names are lost, or some of them are not.
    fn lose_power(&mut self, rng: &mut Rng) {
        for file in &mut self.files {
            let unsynced = (file.bytes.len() - file.synced) as u64;
            file.bytes
                .truncate(file.synced + rng.below(unsynced + 1) as usize);
            file.synced = file.bytes.len();
        }
        if rng.one_in(2) {
            self.names = self.durable_names.clone();
        }
        self.durable_names = self.names.clone();
    }

    /// One more operation begins, unless the process has ended before.
    fn begin(&mut self) -> io::Result<()> {
        match &mut self.ends_after {
            Some(0) => Err(io::Error::other("the process has ended")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn full(&self) -> io::Result<()> {
        match self.fails {
            true => Err(io::Error::other("No space left on device")),
            false => Ok(()),
        }
    }
}

impl FileSystem for Files {
    type File = usize;

    fn create(&mut self, path: &Path) -> io::Result<usize> {
        self.begin()?;
        self.files.push(File::default());
        self.names.insert(path.to_owned(), self.files.len() - 1);
        Ok(self.files.len() - 1)
    }

    fn write_all(&mut self, file: &mut usize, bytes: &[u8]) -> io::Result<()> {
        self.begin()?;
        let most = if self.fails {
            bytes.len() / 2
        } else {
            bytes.len()
        };
        self.files[*file].bytes.extend_from_slice(&bytes[..most]);
        self.full()
    }

    fn sync(&mut self, file: &mut usize) -> io::Result<()> {
        self.begin()?;
        self.full()?;
        self.files[*file].synced = self.files[*file].bytes.len();
        Ok(())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.begin()?;
        let file = self.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        self.names.insert(to.to_owned(), file);
        Ok(())
    }

    fn sync_directory_of(&mut self, _: &Path) -> io::Result<()> {
        self.begin()?;
        self.durable_names = self.names.clone();
        Ok(())
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.begin()?;
        self.names.remove(path);
        Ok(())
    }
}
