//! From the command line to a running shim, or to what `--check` says.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::ExitCode;
use std::sync::Arc;

use dobbs_engine::{Bound, Engine, ImageError};
use serde_json::json;

use crate::bundle::{Bundle, BundleInfo, ImageKind};
use crate::cli::Options;
use crate::failure::{Failure, Result};
use crate::flash::Flash;
use crate::frames::FrameRing;
use crate::link::{LinkWord, Listeners, Service, check_socket, server_config};
use crate::log::{Level, Log, LogFormat};
use crate::ports::{self, NumberedPort, PortOptions};
use crate::record;
use crate::shim::{Ending, Parts, Shim};
use crate::sys::Signals;
use crate::wake::job_queue;

const SIGNALS: [libc::c_int; 3] = [libc::SIGTERM, libc::SIGINT, libc::SIGUSR1];

/// A verified and compiled bundle.
struct Firmware {
    info: BundleInfo,
    kind: ImageKind,
    prepared: dobbs_engine::Prepared,
    ring: FrameRing,
}

/// Runs until it is stopped. Err: it could not be started.
pub fn run(options: Options) -> Result<ExitCode> {
    // Before there is a second thread.
    let signals = Signals::block(&SIGNALS).map_err(|error| no_resources(&error))?;
    let log = Log::new(options.log.unwrap_or(match std::io::stderr().is_terminal() {
        true => LogFormat::Text,
        false => LogFormat::Json,
    }));
    log_panics(log);

    let engine = Arc::new(Engine::new(Some(Bound::default())));
    let firmware = load(&engine, &options)?;
    let (opened, warnings) = open_ports(&firmware, &options)?;
    for warning in &warnings {
        log.failure(Level::Warning, "port-warning", warning);
    }
    let Firmware { info, kind, prepared, ring } = firmware;
    let recorder = match &options.record {
        None => None,
        Some(path) => {
            let words: Vec<_> = options.ports.iter().map(|(number, word)| (*number, word.text.clone())).collect();
            Some(record::create(path, &words, &info.digest, prepared.layout())?)
        }
    };
    let (queue, jobs) = job_queue().map_err(|error| no_resources(&error))?;
    let flash = (!options.volatile).then(|| Flash::new(&options.firmware, queue.clone(), log));
    let port_options = port_options(&ring, &options);
    let mut shim = Shim::new(Parts {
        name: options.name.clone(),
        bundle: info.clone(),
        instance: engine.start(prepared),
        ring,
        ports: opened,
        port_options,
        jobs,
        signals,
        log,
        flash,
        recorder,
        is_held: options.hold,
    });
    let service = Service::new(&options.name, kind, engine, queue, Some(log));
    let listeners = Listeners::start(&options.links, options.credentials.as_ref(), service)?;
    let words: Vec<&str> = options.ports.iter().map(|(_, word)| word.text.as_str()).collect();
    let links: Vec<String> = listeners.words().iter().map(LinkWord::to_string).collect();
    log.info("started", json!({ "name": options.name, "bundle": info, "ports": words, "links": links }));

    notify("READY=1");
    let ending = shim.run();
    notify("STOPPING=1");
    drop(listeners);
    Ok(match ending {
        Ending::Stopped => ExitCode::SUCCESS,
        Ending::Failed => ExitCode::FAILURE,
    })
}

/// Opens what `run` would open, but for what others would notice, and says what it found.
pub fn check(options: &Options) -> Result<String> {
    let engine = Engine::new(Some(Bound::default()));
    let firmware = load(&engine, options)?;
    let (opened, warnings) = open_ports(&firmware, options)?;
    for link in &options.links {
        match link {
            LinkWord::Unix(path) => check_socket(path)?,
            LinkWord::Tls { .. } => check_credentials(link, options)?,
        }
    }
    options.record.as_deref().map_or(Ok(()), record::check)?;
    let BundleInfo { kind, board, version, digest } = &firmware.info;
    let (slots, slot_bytes) = (firmware.ring.slots(), firmware.ring.slot_bytes());
    let memory = firmware.prepared.layout().memory_bytes() >> 10;
    let mut text = format!(
        "firmware  {kind} {version} for {board}: {slots} slots of {slot_bytes} bytes, {memory} KiB of memory\n\
         digest    {digest}\n"
    );
    for NumberedPort { number, word, port, .. } in &opened {
        let _ = writeln!(text, "port {number:<4} {word}: {}", port.describe());
    }
    for link in &options.links {
        let _ = writeln!(text, "link      {link}");
    }
    for warning in warnings {
        let _ = writeln!(text, "warning   {}: {}\n  mend: {}", warning.code, warning.message, warning.mend);
    }
    text.push_str("all is well\n");
    Ok(text)
}

fn load(engine: &Engine, options: &Options) -> Result<Firmware> {
    let path = options.firmware.display();
    let bytes = std::fs::read(&options.firmware).map_err(|error| {
        let message = format!("cannot read the firmware {path}: {error}");
        Failure::new(
            "E_FIRMWARE_READ",
            message,
            "Name a bundle that `dobbs build` made, e.g. build/bundles/emulated/blade.bundle.",
        )
    })?;
    let bundle = Bundle::parse(&bytes)?;
    let no_image = |ImageError { code, message }| {
        Failure::new(code, format!("{path}: {message}"), "Build the bundle anew with `dobbs build` of this release.")
    };
    let prepared = engine.prepare(bundle.image).map_err(no_image)?;
    bundle.require_image_of_its_kind(prepared.constants())?;
    let ring = FrameRing::read(prepared.layout()).map_err(no_image)?;
    Ok(Firmware { kind: bundle.manifest.kind, info: bundle.info, prepared, ring })
}

fn port_options(ring: &FrameRing, options: &Options) -> PortOptions {
    PortOptions { slot_bytes: ring.slot_bytes(), allow_offloads: options.allow_offloads, check_only: options.check }
}

fn open_ports(firmware: &Firmware, options: &Options) -> Result<(Vec<NumberedPort>, Vec<Failure>)> {
    ports::open(&options.ports, &port_options(&firmware.ring, options))
}

fn no_resources(error: &std::io::Error) -> Failure {
    Failure::new("E_START", format!("cannot start: {error}"), "Give the shim more descriptors (ulimit -n).")
}

/// A panic of the packet thread ends the shim, so that whoever watches it starts it anew; that of a link's thread ends
/// that link alone.
fn log_panics(log: Log) {
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("?").to_owned();
        log.error("panicked", json!({ "thread": name, "message": panic.to_string() }));
        if name == "main" {
            std::process::abort();
        }
    }));
}

/// Tells systemd, when that has started us.
fn notify(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let address = match path.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(&path),
    };
    // It will say itself that it has heard nothing.
    if let (Ok(socket), Ok(address)) = (UnixDatagram::unbound(), address) {
        let _ = socket.send_to_addr(state.as_bytes(), &address);
    }
}

fn check_credentials(link: &LinkWord, options: &Options) -> Result<()> {
    let Some(credentials) = &options.credentials else {
        let message = format!("{link} needs a certificate, its key and the appliance's CA");
        return Err(Failure::new("E_LINK_CREDENTIALS", message, "Give --tls-ca, --tls-cert and --tls-key."));
    };
    server_config(credentials, &options.name).map(|_| ())
}
