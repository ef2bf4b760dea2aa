//! The commands of the README, in their order. Only the ports and the folder of the programs
//! differ.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use slotkeeper_stories::cli::Cli;
use slotkeeper_stories::patience::within;
use slotkeeper_stories::readme::{Block, blocks, make_targets, root};
use slotkeeper_stories::server::binary;
use slotkeeper_stories::workspace::Workspace;

const MINUTE: Duration = Duration::from_secs(60);

/// A reader: a workspace, and the processes in open terminals.
struct Reader {
    workspace: Workspace,
    terminals: Vec<Child>,
}

impl Reader {
    /// A command of the README with the reader's ports and programs.
    fn adapt(&self, command: &str) -> String {
        let programs = self.programs();
        let mut command = command.replace("target/release/", &format!("{}/", programs.display()));
        for (port, nth) in [(6379, 0), (6384, 5), (7000, 6)] {
            command = command.replace(
                &format!(" {port} "),
                &format!(" {} ", self.workspace.port(nth)),
            );
        }
        command
    }

    fn programs(&self) -> PathBuf {
        let [program, _node] = ["slotkeeper", "slotkeeper-node"].map(binary);
        program.parent().expect("a file is in a folder").to_owned()
    }

    /// Starts a command in its own terminal, where it keeps running.
    fn leave_running(&mut self, command: &mut Command) {
        let name = format!("terminal-{}", self.terminals.len());
        let log = File::create(self.workspace.dir().join(name)).expect("the folder can be written");
        let errors = log.try_clone().expect("an open file can be shared");
        let command = command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.process_group(0).spawn();
        self.terminals.push(child.expect("it can be started"));
    }

    /// Types a line into the second terminal; returns what it prints.
    fn type_in(&self, line: &str) -> String {
        let mut shell = Command::new("bash");
        let shell = shell.args(["-c", line]).current_dir(self.workspace.dir());
        let output = shell.output().expect("there is a shell");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Types every line of a block and checks what it prints. A query is repeated until the cluster
    /// has converged.
    fn play(&self, block: &Block) {
        for line in &block.lines {
            let typed = self.adapt(line);
            let wanted: &[&str] = match line {
                line if line.contains(" SET hello world") => &["OK"],
                line if line.contains(" GET hello") => &["world"],
                line if line.contains(" local status") => {
                    &["3 masters, 3 replicas, 16384 slots", "Ready=True"]
                }
                line if line.starts_with("kill -9 $(redis-cli ") => {
                    self.kill(&typed);
                    continue;
                }
                line if line.ends_with(" local down") => &["is down"],
                line => panic!("the README has a command that no test checks: {line}"),
            };
            within(MINUTE, line, || {
                let printed = self.type_in(&typed);
                let all = wanted.iter().all(|wanted| printed.contains(wanted));
                if all { Ok(()) } else { Err(printed) }
            });
        }
    }

    /// Afterwards another process serves the first port.
    fn kill(&self, typed: &str) {
        let cli = Cli::at(self.workspace.port(0)).with_password("123456");
        let pid = || cli.info("process_id");
        let before = pid().expect("it runs");
        assert_eq!(self.type_in(typed), "");
        within(MINUTE, "the killed node is started again", || {
            match pid()? {
                after if after == before => Err(format!("process {after} still runs")),
                _ => Ok(()),
            }
        });
    }

    /// Presses Ctrl-C in the last opened terminal.
    fn interrupt(&mut self) {
        let mut child = self.terminals.pop().expect("a terminal is open");
        signal(&child, Signal::INT);
        within(MINUTE, "it ends after Ctrl-C", || {
            let ended = child.try_wait().map_err(|error| error.to_string())?;
            ended.map(drop).ok_or("it runs".to_owned())
        });
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for child in &mut self.terminals {
            signal(child, Signal::TERM);
            let _ = child.wait();
        }
        let down = format!("{}/slotkeeper local down", self.programs().display());
        // Ends remaining nodes, if any.
        self.type_in(&down);
    }
}

fn signal(child: &Child, signal: Signal) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // It may have ended by itself.
    let _ = kill_process_group(group.expect("it was a process id"), signal);
}

/// `make local` from the Makefile, without the build, which would replace the programs that other
/// stories run. The tests have built them already.
fn make_local(reader: &Reader, block: &Block) -> Command {
    assert_eq!(block.lines, ["make local"]);
    let mut command = Command::new("make");
    let dir = reader.workspace.dir().join(".slotkeeper/tour");
    command
        .args(["local", "CARGO=true", "-C"])
        .arg(root())
        .arg(format!("PROGRAMS={}", reader.programs().display()))
        .arg(format!(
            "UP=--base-port {} --dir {}",
            reader.workspace.port(0),
            dir.display()
        ));
    command
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let mut reader = Reader {
        workspace: Workspace::new("readme"),
        terminals: Vec::new(),
    };
    let mut before = String::new();
    let mut nth = 0;
    for block in blocks() {
        nth = if before == block.section { nth + 1 } else { 0 };
        before.clone_from(&block.section);
        match (block.section.as_str(), nth) {
            ("Two commands", 0) => {
                let mut command = make_local(&reader, &block);
                reader.leave_running(&mut command);
            }
            ("Two commands", 1) => is_what_ci_runs(&block),
            ("How it works", 0) => assert_eq!(block.language.as_deref(), Some("mermaid")),
            ("The tour", 0) => is_an_excerpt_of_the_example(&block),
            ("The tour", 1) => {
                let ready = reader.adapt("target/release/slotkeeper local status");
                within(MINUTE, "the table says Ready", || {
                    let status = reader.type_in(&ready);
                    if status.contains("Ready=True") {
                        Ok(())
                    } else {
                        Err(status)
                    }
                });
                reader.play(&block);
            }
            ("The tour", 2) => reader.play(&block),
            ("The tour", 3) => {
                reader.interrupt();
                reader.play(&block);
            }
            // Checked on the rig, by its own story.
            ("On Kubernetes", 0..4) => {}
            ("By hand", 0) => runs_a_node(&mut reader, &block),
            _ => panic!("the README has a block that no test knows: {block:?}"),
        }
    }
    assert_eq!(before, "By hand", "the README has lost a block");
}

fn is_what_ci_runs(block: &Block) {
    let ci = std::fs::read_to_string(root().join(".ci/run")).expect("CI has a script");
    let last = ci
        .lines()
        .last()
        .and_then(|line| line.strip_prefix("exec "));
    assert_eq!(Some(block.lines.join("\n").as_str()), last);
}

fn is_an_excerpt_of_the_example(block: &Block) {
    assert_eq!(block.language.as_deref(), Some("yaml"));
    let example = std::fs::read_to_string(root().join("examples/rediscluster.yaml"));
    let example = example.expect("the example is part of the repository");
    assert!(example.contains(&block.lines.join("\n")), "{block:?}");
}

fn runs_a_node(reader: &mut Reader, block: &Block) {
    let [line] = block.lines.as_slice() else {
        panic!("one command: {block:?}");
    };
    let mut shell = Command::new("bash");
    let line = format!("exec {}", reader.adapt(line));
    let dir = reader.workspace.dir().to_owned();
    reader.leave_running(shell.args(["-c", &line]).current_dir(dir));
    let cli = Cli::at(reader.workspace.port(6)).with_password("secret");
    within(MINUTE, "the node answers", || {
        match cli.run(&["PING"])?.as_str() {
            "PONG" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
    let enabled = cli.info("cluster_enabled");
    assert_eq!(enabled.as_deref(), Ok("1"));
    reader.interrupt();
}

#[test]
fn every_make_target_that_the_readme_names_is_one() {
    let targets = make_targets();
    assert!(targets.contains(&"local".to_owned()), "{targets:?}");
    for target in targets {
        let mut make = Command::new("make");
        let make = make.args(["--dry-run", &target, "-C"]).arg(root());
        let output = make.output().expect("make is installed");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "make {target}: {errors}");
    }
}
