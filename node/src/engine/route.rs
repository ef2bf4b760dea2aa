//! Whether this node serves the keys of a request, and who does instead.

use slotkeeper_topology::{Slot, key_slot};

use crate::cluster::{Cluster, NodeRef, Route};
use crate::command::Refused;
use crate::command::{Command, resolve};
use crate::data::Partition;
use crate::engine::Engine;
use crate::io::SessionId;
use crate::resp::Args;
use crate::session::Session;
use crate::spec::Flag;

/// What a request, or all those of an EXEC, want of the keys.
struct Wanted {
    /// The slot of the first key.
    slot: Slot,
    /// All keys are in that slot.
    same_slot: bool,
    many_keys: bool,
    writes: bool,
    /// ASKING, or implied by the command.
    asking: bool,
    /// It moves the keys of an open slot, whichever of them are here.
    moves: bool,
    /// How many of the keys are here, and how many are not; counted only for open slots.
    present: usize,
    missing: usize,
}

impl Engine {
    /// Checks that the keys of a request are served here (cluster mode only).
    #[inline]
    pub(super) fn route(
        &mut self,
        id: SessionId,
        command: &'static Command,
        args: &Args<'_>,
    ) -> Result<(), Refused> {
        let Some(cluster) = &self.cluster else {
            return Ok(());
        };
        if command.id == self.command_ids.exec {
            return self.route_exec(id);
        }
        let Some(first) = command.first_key(args) else {
            return Ok(());
        };
        let slot = args.key(&self.data, first).slot;
        let route = cluster.route(slot);
        let simple = matches!(route, Route::Mine) && cluster.state_ok();
        if simple && !command.has_many_keys(args) {
            return Ok(());
        }
        let session = self.sessions.at(id);
        let mut wanted = Wanted::new(slot, session.asking || command.flags().has(Flag::Asking));
        wanted.moves = command.flags().has(Flag::MovesKeys);
        wanted.add(command, args, route, &mut self.data, session.db);
        verdict(
            cluster,
            &wanted,
            session,
            self.config.cluster_allow_reads_when_down,
        )
    }

    fn route_exec(&mut self, id: SessionId) -> Result<(), Refused> {
        let Some(cluster) = &self.cluster else {
            return Ok(());
        };
        let session = self.sessions.at(id);
        let mut wanted: Option<Wanted> = None;
        for args in session.queue() {
            let Ok(command) = resolve(&args) else {
                continue;
            };
            let Some(first) = command.first_key(&args) else {
                continue;
            };
            let slot = key_slot(args.get(first));
            let wanted = wanted.get_or_insert_with(|| Wanted::new(slot, session.asking));
            let route = cluster.route(wanted.slot);
            wanted.add(command, &args, route, &mut self.data, session.db);
        }
        match wanted {
            Some(wanted) => verdict(
                cluster,
                &wanted,
                session,
                self.config.cluster_allow_reads_when_down,
            ),
            None => Ok(()),
        }
    }
}

impl Wanted {
    fn new(slot: Slot, asking: bool) -> Wanted {
        Wanted {
            slot,
            same_slot: true,
            many_keys: false,
            writes: false,
            asking,
            moves: false,
            present: 0,
            missing: 0,
        }
    }

    fn add(
        &mut self,
        command: &Command,
        args: &Args<'_>,
        route: Route,
        data: &mut Partition,
        db: usize,
    ) {
        self.writes |= command.flags().has(Flag::Write);
        let open = matches!(route, Route::Migrating(_) | Route::Importing(_));
        for (number, index) in command.keys(args).enumerate() {
            self.many_keys |= number > 0 || self.present + self.missing > 0;
            let key = args.key(data, index);
            self.same_slot &= key.slot == self.slot;
            if open && data.peek(db, &key).is_some() {
                self.present += 1;
            } else {
                self.missing += 1;
            }
        }
    }
}

/// Where the request belongs, in the order in which Redis decides.
fn verdict(
    cluster: &Cluster,
    wanted: &Wanted,
    session: &Session,
    reads_when_down: bool,
) -> Result<(), Refused> {
    let route = cluster.route(wanted.slot);
    if route == Route::Unassigned {
        return Err(Refused::new("CLUSTERDOWN Hash slot not served"));
    }
    if !wanted.same_slot {
        return Err(Refused::new(
            "CROSSSLOT Keys in request don't hash to the same slot",
        ));
    }
    if !cluster.state_ok() {
        if !reads_when_down {
            return Err(Refused::new("CLUSTERDOWN The cluster is down"));
        }
        if wanted.writes {
            return Err(Refused::new(
                "CLUSTERDOWN The cluster is down and only accepts read commands",
            ));
        }
    }
    let try_again = || {
        Err(Refused::new(
            "TRYAGAIN Multiple keys request during rehashing of slot",
        ))
    };
    match route {
        Route::Unassigned | Route::Mine => Ok(()),
        Route::Migrating(_) | Route::Importing(_) if wanted.moves => Ok(()),
        Route::Migrating(_) if wanted.missing == 0 => Ok(()),
        Route::Migrating(_) if wanted.present > 0 => try_again(),
        Route::Migrating(to) => Err(redirect(cluster, "ASK", wanted.slot, to)),
        Route::Importing(_) if wanted.asking && wanted.many_keys && wanted.missing > 0 => {
            try_again()
        }
        Route::Importing(_) if wanted.asking => Ok(()),
        Route::Importing(owner) | Route::Moved(owner) => {
            if session.readonly && !wanted.writes && cluster.my_master() == Some(owner) {
                Ok(())
            } else {
                Err(redirect(cluster, "MOVED", wanted.slot, owner))
            }
        }
    }
}

#[cold]
pub(super) fn redirect(cluster: &Cluster, code: &str, slot: Slot, to: NodeRef) -> Refused {
    let (host, port) = cluster.redirect_address(to);
    Refused(format!("{code} {slot} {host}:{port}").into())
}
