//! The shim as a process: what it says on stderr, how it ends.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

pub const SHIM: &str = env!("CARGO_BIN_EXE_dobbs-shim");
/// Far more than anything takes: it ends a test that would hang.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that goes with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("dobbs-shim-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The path of a file with these bytes.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub struct Shim {
    child: Child,
    events: Receiver<Value>,
    seen: Vec<Value>,
}

impl Shim {
    /// `command`: all but its log format.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.args(["--log", "json"]).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|_| Value::from(line));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Self { child, events, seen: Vec::new() }
    }

    /// The same, and waits until it runs.
    pub fn start(command: Command) -> Self {
        let mut shim = Self::spawn(command);
        shim.event("started");
        shim
    }

    /// The first event of this name.
    pub fn event(&mut self, name: &str) -> Value {
        self.first(&|event| event["event"] == name, name)
    }

    /// The first trouble of a port with this code.
    pub fn trouble(&mut self, code: &str) -> Value {
        self.first(&|event| event["event"] == "port-trouble" && event["code"] == code, code)
    }

    fn first(&mut self, is_it: &dyn Fn(&Value) -> bool, what: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(event) = self.seen.iter().find(|event| is_it(event)) {
                return event.clone();
            }
            match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(event) => self.seen.push(event),
                Err(_) => panic!("no event {what}, but {:#?}", self.seen),
            }
        }
    }

    pub fn signal(&self, signal: libc::c_int) {
        assert_eq!(unsafe { libc::kill(self.child.id() as libc::pid_t, signal) }, 0);
    }

    /// Its exit status and all that it has said.
    pub fn end(mut self) -> (ExitStatus, Vec<Value>) {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > until => panic!("it does not end; {:#?}", self.seen),
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        let mut seen = std::mem::take(&mut self.seen);
        seen.extend(std::mem::replace(&mut self.events, channel().1));
        (status, seen)
    }

    /// Stops it; what it says in the end, and all events.
    pub fn stop(self) -> (Value, Vec<Value>) {
        self.signal(libc::SIGTERM);
        let (status, events) = self.end();
        assert_eq!((status.code(), status.signal()), (Some(0), None), "{events:#?}");
        let stopped = events.iter().find(|event| event["event"] == "stopped").expect("it says that it stops");
        (stopped.clone(), events)
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `dobbs-shim --firmware <firmware> --name tested` and ports 0, 1, ...
pub fn command(firmware: &Path, ports: &[&str]) -> Command {
    with_arguments(Command::new(SHIM), firmware, ports)
}

pub fn with_arguments(mut command: Command, firmware: &Path, ports: &[&str]) -> Command {
    command.arg("--firmware").arg(firmware).args(["--name", "tested"]);
    for (number, word) in ports.iter().enumerate() {
        command.args(["--port", &format!("{number}={word}")]);
    }
    command
}

/// Of a program that ends by itself.
pub fn output(mut command: Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            child.kill().unwrap();
            panic!("it does not end: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().unwrap()
}

/// The two lines of an error at the start: its code, message and mend.
pub fn refusal(command: Command) -> (String, String, String) {
    let output = output(command);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    let (error, mend) = text.trim_end().split_once("\n  mend: ").unwrap_or_else(|| panic!("{text}"));
    let (code, message) = error.strip_prefix("error ").and_then(|error| error.split_once(": ")).expect(&text);
    (code.into(), message.into(), mend.into())
}
