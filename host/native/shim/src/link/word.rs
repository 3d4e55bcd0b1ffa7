//! Where a link listens, as a word: `unix:/run/dobbs/ardsley.sock`, `tls:0.0.0.0:7443`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::failure::{Failure, Result};

/// What fits into a `sockaddr_un` beside its ending zero.
const UNIX_PATH_BYTES_MAX: usize = 107;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkWord {
    Unix(PathBuf),
    /// `host`: an address or a name, IPv6 without its brackets. Port 0: any free one.
    Tls {
        host: String,
        port: u16,
    },
}

impl FromStr for LinkWord {
    type Err = Failure;

    fn from_str(word: &str) -> Result<Self> {
        let refuse = |why: &str| {
            let mend = "Write `unix:/path/to/socket` or `tls:address:port`.";
            Err(Failure::new("E_LINK_WORD", format!("link {word:?}: {why}"), mend))
        };
        if let Some(path) = word.strip_prefix("unix:") {
            return match path {
                _ if !path.starts_with('/') => refuse("the path of a socket is absolute"),
                _ if path.ends_with('/') => refuse("the path names a folder"),
                _ if path.contains('\0') => refuse("the path has a zero byte"),
                _ if path.len() > UNIX_PATH_BYTES_MAX => {
                    refuse(&format!("the path of a socket has at most {UNIX_PATH_BYTES_MAX} bytes"))
                }
                _ => Ok(Self::Unix(path.into())),
            };
        }
        let Some(place) = word.strip_prefix("tls:") else {
            return refuse("neither unix: nor tls:");
        };
        let Some((host, port)) = place.rsplit_once(':') else {
            return refuse("the port is missing");
        };
        let Some(port) = parse_port(port) else {
            return refuse("the port is no number from 0 to 65535");
        };
        let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(Some(inner)) if inner.parse::<std::net::Ipv6Addr>().is_ok() => inner,
            Some(_) => return refuse("no IPv6 address is in the brackets"),
            None if host.is_empty() => return refuse("the address is missing"),
            None if host.contains(':') => return refuse("an IPv6 address stands in brackets"),
            None if host.chars().all(|char| char.is_ascii_alphanumeric() || "-._".contains(char)) => host,
            None => return refuse("no address and no host name"),
        };
        Ok(Self::Tls { host: host.to_owned(), port })
    }
}

/// Digits only: `parse` would take a sign.
fn parse_port(digits: &str) -> Option<u16> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

impl fmt::Display for LinkWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tls { host, port } if host.contains(':') => write!(f, "tls:[{host}]:{port}"),
            Self::Tls { host, port } => write!(f, "tls:{host}:{port}"),
        }
    }
}
