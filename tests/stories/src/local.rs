//! `slotkeeper local`, used as a person would use it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::cli::Cli;
use crate::patience::within;
use crate::server::{binary, send};
use crate::workspace::Workspace;

/// The password in the example's Secret.
pub const PASSWORD: &str = "123456";

/// How long a cluster may take to be Ready on a busy machine.
const READY: Duration = Duration::from_secs(90);

/// A cluster of the example manifest, and the `local up` process that runs it.
#[derive(Debug)]
pub struct Local {
    workspace: Workspace,
    manifest: PathBuf,
    keeper: Option<Child>,
}

impl Local {
    /// A workspace with the example's manifest, changed by replacing texts in it. Nothing runs yet.
    ///
    /// # Panics
    /// When a text to replace is not there: the example has changed.
    #[must_use]
    pub fn new(story: &str, changes: &[(&str, &str)]) -> Local {
        let workspace = Workspace::new(story);
        let example = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../examples/rediscluster.yaml"
        );
        let mut text = fs::read_to_string(example).expect("the example is part of the repository");
        for (old, new) in changes {
            assert!(text.contains(old), "the example no longer says {old:?}");
            text = text.replace(old, new);
        }
        let manifest = workspace.dir().join("rediscluster.yaml");
        fs::write(&manifest, text).expect("the story's folder can be written");
        Local {
            workspace,
            manifest,
            keeper: None,
        }
    }

    /// Starts `slotkeeper local up`, which runs until it is ended.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn up(&mut self) {
        let log = (File::options()
            .create(true)
            .append(true)
            .open(self.workspace.dir().join("up.log")))
        .expect("the story's folder can be written");
        let errors = log.try_clone().expect("an open file can be shared");
        let child = (self.up_command())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn();
        self.keeper = Some(child.expect("the program was built"));
    }

    /// Runs `slotkeeper local up` to its end: for one that must fail.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn up_to_the_end(&self, further: &[&str]) -> Output {
        self.up_command()
            .args(further)
            .stdin(Stdio::null())
            .output()
            .expect("the program was built")
    }

    /// Waits until `slotkeeper local status` says Ready.
    ///
    /// # Panics
    /// When it does not in time.
    pub fn wait_until_ready(&self) {
        within(READY, "Ready=True", || {
            let status = self.status();
            if status.contains("Ready=True") {
                Ok(())
            } else {
                Err(status)
            }
        });
    }

    /// What `slotkeeper local status` prints.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn status(&self) -> String {
        let output = self
            .command(&["local", "status"])
            .output()
            .expect("the program was built");
        String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr)
    }

    /// What `up` has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.workspace.dir().join("up.log")).unwrap_or_default()
    }

    /// Ends `up` as Ctrl-C does, and waits for it; returns its exit code.
    ///
    /// # Panics
    /// When it does not run, or does not end within a minute.
    pub fn interrupt(&mut self) -> Option<i32> {
        let mut keeper = self.keeper.take().expect("the story ends what runs");
        send(&keeper, Signal::INT);
        within(Duration::from_secs(60), "`up` ends after Ctrl-C", || {
            let status = keeper.try_wait().map_err(|error| error.to_string())?;
            status
                .map(|status| status.code())
                .ok_or("it runs".to_owned())
        })
    }

    /// Ends `up` as `kill -9` does: the nodes go on alone.
    pub fn kill_keeper(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            // It may have ended by itself.
            let _ = keeper.kill();
            let _ = keeper.wait();
        }
    }

    /// Runs `slotkeeper local down`.
    ///
    /// # Panics
    /// When it fails.
    pub fn down(&self) {
        let output = self.command(&["local", "down"]).output();
        let output = output.expect("the program was built");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
    }

    /// redis-cli for the `nth` node.
    #[must_use]
    pub fn node(&self, nth: u16) -> Cli {
        Cli::at(self.workspace.port(nth)).with_password(PASSWORD)
    }

    /// The port of the `nth` node.
    #[must_use]
    pub fn port(&self, nth: u16) -> u16 {
        self.workspace.port(nth)
    }

    /// The manifest's file.
    #[must_use]
    pub fn manifest(&self) -> &PathBuf {
        &self.manifest
    }

    /// Kills the process of the `nth` node as `kill -9` does; returns its process id.
    ///
    /// # Panics When the node does not report its process id.
    pub fn kill_node(&self, nth: u16) -> u32 {
        let pid = self
            .pid(nth)
            .unwrap_or_else(|error| panic!("node {nth}: {error}"));
        crate::server::send_to(pid, Signal::KILL);
        pid
    }

    /// The process id that the `nth` node reports.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn pid(&self, nth: u16) -> Result<u32, String> {
        let pid = self.node(nth).info("process_id")?;
        pid.parse().map_err(|error| format!("{pid}: {error}"))
    }

    fn up_command(&self) -> Command {
        let mut command = self.command(&["local", "up"]);
        command
            .arg("-f")
            .arg(&self.manifest)
            .arg("--base-port")
            .arg(self.workspace.port(0).to_string());
        command
    }

    /// The program with a subcommand, and the story's folder for the nodes' data.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(binary("slotkeeper"));
        command
            .args(words)
            .arg("--dir")
            .arg(self.workspace.dir().join("nodes"));
        command
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.kill_keeper();
        // Ends the nodes that are left; there may be none.
        let _ = self.command(&["local", "down"]).output();
    }
}
