//! What the shim says while it runs, on stderr: one JSON object a line for machines, or a line of text for people.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use serde_json::Value;

use crate::failure::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Json,
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Info,
    Warning,
    Error,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// May be used from every thread: a line is written whole.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    format: LogFormat,
}

impl Log {
    pub fn new(format: LogFormat) -> Self {
        Self { format }
    }

    pub fn info(&self, event: &str, fields: Value) {
        self.write(Level::Info, event, &fields);
    }

    pub fn warn(&self, event: &str, fields: Value) {
        self.write(Level::Warning, event, &fields);
    }

    pub fn error(&self, event: &str, fields: Value) {
        self.write(Level::Error, event, &fields);
    }

    /// A failure that does not end the shim.
    pub fn failure(&self, level: Level, event: &str, failure: &Failure) {
        let fields = serde_json::json!({ "code": failure.code, "message": failure.message, "mend": failure.mend });
        self.write(level, event, &fields);
    }

    /// `fields`: a JSON object. Packets do not wait for who reads the log: a line that there is no room for is lost, and
    /// the next one says how many were.
    fn write(&self, level: Level, event: &str, fields: &Value) {
        let line = line(self.format, &rfc3339(SystemTime::now()), level, event, fields);
        let mut stderr = std::io::stderr().lock();
        if !takes_a_line(&stderr) {
            LOST_LINES.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let lost = LOST_LINES.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let fields = serde_json::json!({ "lines": lost });
            let before = self::line(self.format, &rfc3339(SystemTime::now()), Level::Warning, "log-lost", &fields);
            let _ = stderr.write_all(before.as_bytes());
        }
        let _ = stderr.write_all(line.as_bytes());
    }
}

static LOST_LINES: AtomicU64 = AtomicU64::new(0);

/// A pipe that polls as writable has room for PIPE_BUF (4,096) bytes, which is more than a line or two.
fn takes_a_line(stderr: &impl AsRawFd) -> bool {
    let mut poll = libc::pollfd { fd: stderr.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    unsafe { libc::poll(&mut poll, 1, 0) == 1 && poll.revents & libc::POLLOUT != 0 }
}

fn line(format: LogFormat, at: &str, level: Level, event: &str, fields: &Value) -> String {
    let members = fields.as_object().into_iter().flatten();
    let mut line = String::new();
    // Writing to a String cannot fail.
    let _ = match format {
        LogFormat::Json => write!(line, r#"{{"at":"{at}","level":"{}","event":"{event}""#, level.word()),
        LogFormat::Text => write!(line, "{at} {:7} {event}", level.word()),
    };
    for (name, value) in members {
        let _ = match (format, value) {
            (LogFormat::Json, _) => write!(line, ",{}:{value}", Value::from(name.as_str())),
            (LogFormat::Text, Value::String(text)) if is_plain(text) => write!(line, " {name}={text}"),
            (LogFormat::Text, _) => write!(line, " {name}={value}"),
        };
    }
    line.push_str(if format == LogFormat::Json { "}\n" } else { "\n" });
    line
}

/// Needs no quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| char.is_ascii_graphic() && !"\"={}[]".contains(char))
}

/// UTC, to the millisecond.
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs() as libc::time_t;
    let mut utc: libc::tm = unsafe { std::mem::zeroed() };
    unsafe { libc::gmtime_r(&seconds, &mut utc) };
    let (year, month, day) = (utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday);
    let (hour, minute, second, ms) = (utc.tm_hour, utc.tm_min, utc.tm_sec, since.subsec_millis());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_json_line_is_one_object_that_begins_with_time_level_and_event() {
        let fields = json!({ "reason": "a \"quoted\"\nword", "lost": 3 });
        let line = line(LogFormat::Json, "2026-01-02T03:04:05.006Z", Level::Warning, "trap", &fields);
        assert!(line.starts_with(r#"{"at":"2026-01-02T03:04:05.006Z","level":"warning","event":"trap","#), "{line}");
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&parsed["reason"], &parsed["lost"]), (&fields["reason"], &fields["lost"]));
    }

    #[test]
    fn a_text_line_quotes_what_would_be_misread() {
        let line =
            line(LogFormat::Text, "T", Level::Info, "started", &json!({ "name": "ardsley", "why": "a b", "n": 2 }));
        assert_eq!(line, "T info    started n=2 name=ardsley why=\"a b\"\n");
    }

    #[test]
    fn a_pipe_that_nobody_reads_takes_no_more_lines_than_it_has_room_for() {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        let line = [b'.'; 512];
        let mut written = 0;
        while takes_a_line(&writer) {
            writer.write_all(&line).unwrap();
            written += line.len();
        }
        assert!(written > 0);
        std::io::Read::read_exact(&mut reader, &mut vec![0; written]).unwrap();
        assert!(takes_a_line(&writer));
    }

    #[test]
    fn times_are_utc_to_the_millisecond() {
        let time = UNIX_EPOCH + Duration::from_millis(1_709_251_199_007);
        assert_eq!(rfc3339(time), "2024-02-29T23:59:59.007Z");
    }
}
