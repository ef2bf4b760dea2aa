//! `slotkeeper local`: a cluster of processes on this machine.

mod down;
mod hints;
mod lock;
mod progress;
mod status;
mod table;
mod up;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::platform::local::{CLUSTERS, State};

/// What to do with a cluster on this machine.
#[derive(Subcommand)]
pub enum Local {
    /// Run the cluster of a manifest and keep it running until Ctrl-C.
    Up(up::Up),
    /// Show the present state of the cluster of a directory.
    Status(Directory),
    /// Stop the cluster of a directory. Its data is kept, unless --purge is given.
    Down(down::Down),
}

/// The directory of a cluster.
#[derive(Args)]
pub struct Directory {
    /// The directory of the cluster [default: the only one in .slotkeeper].
    #[arg(long)]
    dir: Option<PathBuf>,
}

impl Local {
    /// Runs the command.
    ///
    /// # Errors
    /// One message for people.
    pub async fn run(self) -> Result<(), String> {
        match self {
            Local::Up(up) => up.run().await,
            Local::Status(directory) => status::run(&directory.find()?).await,
            Local::Down(down) => down.run().await,
        }
    }
}

impl Directory {
    /// The chosen directory; it contains a cluster.
    fn find(&self) -> Result<PathBuf, String> {
        let dir = match &self.dir {
            Some(dir) => dir.clone(),
            None => only_one(Path::new(CLUSTERS))?,
        };
        match State::load(&dir)? {
            Some(_) => dir
                .canonicalize()
                .map_err(|error| format!("{}: {error}", dir.display())),
            None => Err(format!("there is no cluster in {}", dir.display())),
        }
    }
}

fn only_one(parent: &Path) -> Result<PathBuf, String> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut clusters: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|dir| matches!(State::load(dir), Ok(Some(_)) | Err(_)))
        .collect();
    clusters.sort();
    match clusters.as_slice() {
        [] => Err("there is no cluster in .slotkeeper; name one with --dir".to_owned()),
        [one] => Ok(one.clone()),
        many => {
            let names: Vec<String> = many.iter().map(|dir| dir.display().to_string()).collect();
            Err(format!(
                "there is more than one cluster: --dir {}",
                names.join(" or --dir ")
            ))
        }
    }
}
