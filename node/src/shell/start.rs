//! The start: everything that can fail before the first turn, each with one clear line.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::thread::disable_transparent_huge_pages;
use tokio::signal::unix::{SignalKind, signal};

use super::clock::Clock;
use super::data_file::{SnapshotWriter, load};
use super::files::NodesFile;
use super::health::{self, Probes};
use super::listen::listen;
use super::log::Log;
use super::net::{Listener, Net};
use super::ready::{Line, ReadyQueue, Token};
use super::slab::Slab;
use super::system::{self, reason};
use super::turn::{Files, Shell, Signals, Turn};
use crate::config::{Config, VERSION};
use crate::engine::{Boot, Engine};

/// What the process needs before there is a runtime.
pub(super) struct Prepared {
    pub(super) config: Config,
    pub(super) log: Log,
    pub(super) config_file: Option<PathBuf>,
}

/// Goes to the working directory and opens the log there.
///
/// # Errors
/// One line that says what is missing.
pub(super) fn prepare(mut config: Config, file: Option<&Path>) -> Result<Prepared, String> {
    let failed = |what: &str, error: &std::io::Error| format!("{what}: {}", reason(error));
    let config_file = match file {
        None => None,
        Some(file) => {
            let name = file.display();
            let absolute = fs::canonicalize(file);
            Some(absolute.map_err(|e| failed(&format!("Can't find {name}"), &e))?)
        }
    };
    let directory = config.dir.clone();
    env::set_current_dir(&directory)
        .map_err(|e| failed(&format!("Can't chdir to '{directory}'"), &e))?;
    let current = env::current_dir().map_err(|e| failed("Can't name the working directory", &e))?;
    config.dir = current.to_string_lossy().into_owned();
    if config.disable_thp {
        disable_transparent_huge_pages(true)
            .map_err(|e| failed("Can't disable transparent huge pages", &e.into()))?;
    }
    let log = Log::new(config.loglevel, &config.logfile);
    log.check()
        .map_err(|e| failed(&format!("Can't open the log file {}", config.logfile), &e))?;
    let clients = system::reserve_files(config.maxclients);
    if clients < config.maxclients {
        log.warning(&format!(
            "The limit of open files allows {clients} clients instead of the {} of maxclients",
            config.maxclients
        ));
        config.maxclients = clients;
    }
    Ok(Prepared {
        config,
        log,
        config_file,
    })
}

/// Opens the sockets and files and starts the engine.
///
/// # Errors
/// One line that says what is in the way.
pub(super) fn start(prepared: Prepared) -> Result<Shell, String> {
    let Prepared {
        config,
        log,
        config_file,
    } = prepared;
    log.notice(&format!("Slotkeeper is starting, version {VERSION}"));
    let clock = Clock::start();
    let queue = Arc::new(ReadyQueue::default());
    let (listeners, bus_listeners) = open_ports(&config, &queue)?;
    let (nodes, nodes_text) = open_nodes(&config)?;
    let probes = Arc::new(Probes::new(clock, queue.waker(Token::Metrics)));
    if config.health_port != 0 {
        serve_health(&config, &probes)?;
    }
    let boot = boot(config_file.as_deref(), nodes_text)?;
    let now = clock.now();
    let engine = Engine::start(config.clone(), boot, Box::new(clock), now)?;
    let data = Path::new(&config.dir).join(&config.dbfilename);
    let cannot = |error: std::io::Error| format!("Can't start a thread: {}", reason(&error));
    let loading = load(
        data.clone(),
        config.loading_process_events_interval_bytes,
        queue.waker(Token::Files),
    )
    .map_err(cannot)?;
    let snapshot = SnapshotWriter::start(queue.waker(Token::Files)).map_err(cannot)?;
    if let Err(reason) = write_pid(&config) {
        log.warning(&reason);
    }
    let turn = Turn::new(&queue);
    log.notice(&format!(
        "Running mode={}, port={}.",
        if config.cluster_enabled {
            "cluster"
        } else {
            "standalone"
        },
        config.port
    ));
    Ok(Shell {
        engine,
        net: Net {
            clock,
            log,
            listeners,
            bus_listeners,
            clients: Slab::new(),
            by_session: Default::default(),
            links: Slab::new(),
            by_link: Default::default(),
            probes,
            keepalive_secs: config.tcp_keepalive,
            ready: Line::new(&[Token::Timer, Token::Signal, Token::Files, Token::Metrics]),
            pushed: Vec::new(),
            sent: Vec::new(),
            closing: Vec::new(),
            queue: Arc::clone(&queue),
        },
        files: Files {
            nodes,
            config: config_file,
            data,
            loading: Some(loading),
            load_from_ms: u64::MAX,
            snapshot,
            payload: None,
        },
        signals: signals(&queue)?,
        backlog: config.tcp_backlog,
        turn,
    })
}

fn open_ports(
    config: &Config,
    queue: &Arc<ReadyQueue>,
) -> Result<(Vec<Listener>, Vec<Listener>), String> {
    let open = |port: u16, token: fn(usize) -> Token| -> Result<Vec<Listener>, String> {
        let sockets = listen(&config.bind, port, config.tcp_backlog)?.into_iter();
        let listener = |(index, socket)| Listener {
            socket,
            waker: queue.waker(token(index)),
        };
        Ok(sockets.enumerate().map(listener).collect())
    };
    let clients = match config.port {
        0 => Vec::new(),
        port => open(port, Token::Listener)?,
    };
    let bus = match config.cluster_enabled {
        false => Vec::new(),
        true => open(config.bus_port(), Token::BusListener)?,
    };
    Ok((clients, bus))
}

fn open_nodes(config: &Config) -> Result<(Option<NodesFile>, Option<String>), String> {
    if !config.cluster_enabled {
        return Ok((None, None));
    }
    let path = Path::new(&config.dir).join(&config.cluster_config_file);
    let (nodes, text) = NodesFile::open(&path)?;
    Ok((Some(nodes), text))
}

fn serve_health(config: &Config, probes: &Arc<Probes>) -> Result<(), String> {
    let mut sockets = Vec::new();
    for socket in listen(&config.health_bind, config.health_port, config.tcp_backlog)? {
        let socket = socket.into_std().map_err(|error| reason(&error))?;
        sockets.push(socket);
    }
    health::serve(sockets, probes)
        .map_err(|error| format!("Can't start the health server: {}", reason(&error)))
}

fn boot(config_file: Option<&Path>, nodes_conf: Option<String>) -> Result<Boot, String> {
    let entropy = |error: std::io::Error| format!("Can't read /dev/urandom: {}", reason(&error));
    let number = || {
        system::entropy::<8>()
            .map(u64::from_le_bytes)
            .map_err(entropy)
    };
    let run_id = slotkeeper_topology::NodeId::from_random(system::entropy().map_err(entropy)?);
    let config_text = match config_file {
        None => None,
        Some(path) => fs::read_to_string(path).ok(),
    };
    Ok(Boot {
        nodes_conf,
        config_file: config_file.map(|path| path.to_string_lossy().into_owned()),
        config_text,
        run_id: *run_id.as_bytes(),
        hash_key: [number()?, number()?],
        random_seed: number()?,
        pid: std::process::id(),
        executable: env::current_exe()
            .map(|path| path.to_string_lossy().into_owned())
            .unwrap_or_default(),
        os: system::os_name(),
    })
}

/// For supervisors of the process; it runs without.
fn write_pid(config: &Config) -> Result<(), String> {
    if config.pidfile.is_empty() {
        return Ok(());
    }
    fs::write(&config.pidfile, format!("{}\n", std::process::id())).map_err(|error| {
        format!(
            "Can't write the pid file {}: {}",
            config.pidfile,
            reason(&error)
        )
    })
}

fn signals(queue: &Arc<ReadyQueue>) -> Result<Signals, String> {
    let take = |kind: SignalKind| {
        signal(kind).map_err(|error| format!("Can't take signals: {}", reason(&error)))
    };
    Ok(Signals {
        terminate: take(SignalKind::terminate())?,
        interrupt: take(SignalKind::interrupt())?,
        hangup: take(SignalKind::hangup())?,
        waker: queue.waker(Token::Signal),
        interrupts: 0,
    })
}
