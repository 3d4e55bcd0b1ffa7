//! Ports as words: `packet:eth0`, `tap:nic0`, `pcap:in.pcap,out.pcap`, `memory:name`; and `0=packet:eth0`, which gives a
//! port its number in the image.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use crate::failure::{Failure, Result};

pub const E_PORT_WORD: &str = "E_PORT_WORD";

const MEND: &str =
    "Write --port <number>=<kind>:<name>: packet:<interface>, tap:<interface>, pcap:<in>[,<out>] or memory:<name>.";

/// IFNAMSIZ without the ending zero.
const INTERFACE_CHARS_MAX: usize = 15;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortKind {
    /// A network interface, by AF_PACKET.
    Packet { interface: String },
    /// A TAP interface, whose other side is this host's network stack.
    Tap { interface: String },
    /// Frames come from one capture file, and go to another.
    Pcap { input: PathBuf, output: Option<PathBuf> },
    /// An end of a wire inside this shim.
    Memory { wire: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortWord {
    /// As it was written.
    pub text: String,
    pub kind: PortKind,
}

impl fmt::Display for PortWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn refuse<T>(word: &str, why: impl fmt::Display) -> Result<T> {
    Err(Failure::new(E_PORT_WORD, format!("port {word:?}: {why}"), MEND))
}

impl PortWord {
    pub fn parse(text: &str) -> Result<Self> {
        let Some((kind, name)) = text.split_once(':') else {
            return refuse(text, "there is no kind, as in packet:eth0");
        };
        if name.is_empty() {
            return refuse(text, format_args!("nothing is behind {kind}:"));
        }
        let kind = match kind {
            "packet" => PortKind::Packet { interface: interface(text, name)? },
            "tap" => PortKind::Tap { interface: interface(text, name)? },
            "pcap" => match name.split_once(',') {
                None => PortKind::Pcap { input: name.into(), output: None },
                Some((input, output)) if !input.is_empty() && !output.is_empty() && input != output => {
                    PortKind::Pcap { input: input.into(), output: Some(output.into()) }
                }
                Some(_) => return refuse(text, "two different files stand around the comma"),
            },
            "memory" => PortKind::Memory { wire: name.into() },
            _ => return refuse(text, format_args!("{kind} is no kind of port")),
        };
        Ok(Self { text: text.into(), kind })
    }
}

/// `0=packet:wire`: the port's number in the image, and where its frames come from.
pub fn parse_numbered(text: &str) -> Result<(u8, PortWord)> {
    let Some((number, word)) = text.split_once('=') else {
        return refuse(text, "its number is missing, as in 0=packet:eth0");
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    match number.parse() {
        Ok(number) if digits => Ok((number, PortWord::parse(word)?)),
        _ => refuse(text, format_args!("{number:?} is no number from 0 to 255")),
    }
}

/// No number, and nothing that only one port can have, is given twice.
pub fn check_distinct(ports: &[(u8, PortWord)]) -> Result<()> {
    if ports.is_empty() {
        return Err(Failure::new(E_PORT_WORD, "no port is given", MEND));
    }
    let mut numbers = BTreeSet::new();
    let mut names = BTreeSet::new();
    for (number, word) in ports {
        if !numbers.insert(number) {
            return refuse(&word.text, format_args!("number {number} is given twice"));
        }
        let name = match &word.kind {
            PortKind::Packet { interface } | PortKind::Tap { interface } => interface.clone(),
            PortKind::Pcap { output: Some(output), .. } => output.display().to_string(),
            PortKind::Pcap { output: None, .. } | PortKind::Memory { .. } => continue,
        };
        if !names.insert(name.clone()) {
            return refuse(&word.text, format_args!("{name} is given twice"));
        }
    }
    Ok(())
}

fn interface(word: &str, name: &str) -> Result<String> {
    let allowed = |char: char| char.is_ascii_graphic() && char != '/' && char != ':';
    if name.len() > INTERFACE_CHARS_MAX || !name.chars().all(allowed) || name == "." || name == ".." {
        return refuse(word, format_args!("{name:?} cannot be the name of an interface"));
    }
    Ok(name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Failure {
        let failure = parse_numbered(text).unwrap_err();
        assert_eq!(failure.code, E_PORT_WORD);
        assert!(failure.mend.contains("--port"), "{failure}");
        failure
    }

    #[test]
    fn each_kind_of_port_has_its_word() {
        let kind = |text| parse_numbered(text).unwrap();
        let (number, word) = kind("255=packet:eth0.7");
        assert_eq!((number, word.kind), (255, PortKind::Packet { interface: "eth0.7".into() }));
        assert_eq!(word.text, "packet:eth0.7");
        assert_eq!(kind("1=tap:nic0").1.kind, PortKind::Tap { interface: "nic0".into() });
        assert_eq!(kind("0=pcap:a/b.pcap").1.kind, PortKind::Pcap { input: "a/b.pcap".into(), output: None });
        let both = PortKind::Pcap { input: "a.pcap".into(), output: Some("b.pcap".into()) };
        assert_eq!(kind("0=pcap:a.pcap,b.pcap").1.kind, both);
        assert_eq!(kind("0=memory:w").1.kind, PortKind::Memory { wire: "w".into() });
    }

    #[test]
    fn what_is_no_port_is_refused_with_the_word_and_the_mend() {
        for (text, why) in [
            ("packet:eth0", "number is missing"),
            ("0=eth0", "no kind"),
            ("256=packet:eth0", "no number from 0 to 255"),
            ("-1=packet:eth0", "no number"),
            ("+1=packet:eth0", "no number"),
            ("=packet:eth0", "no number"),
            ("0=packet:", "nothing is behind packet:"),
            ("0=packet:a-name-of-sixteen", "cannot be the name"),
            ("0=packet:a b", "cannot be the name"),
            ("0=tap:a/b", "cannot be the name"),
            ("0=xdp:eth0", "xdp is no kind"),
            ("0=pcap:a.pcap,", "two different files"),
            ("0=pcap:a.pcap,a.pcap", "two different files"),
        ] {
            let message = refusal(text).message;
            assert!(message.contains(why), "{text}: {message}");
        }
    }

    #[test]
    fn nothing_is_given_twice() {
        let ports = |texts: &[&str]| texts.iter().map(|text| parse_numbered(text).unwrap()).collect::<Vec<_>>();
        let message = |texts: &[&str]| check_distinct(&ports(texts)).unwrap_err().message;
        assert!(message(&["0=packet:a", "0=packet:b"]).contains("number 0"));
        assert!(message(&["0=packet:a", "1=tap:a"]).contains("a is given twice"));
        assert!(message(&["0=pcap:a,o", "1=pcap:b,o"]).contains("o is given twice"));
        assert!(message(&[]).contains("no port"));
        check_distinct(&ports(&["0=memory:w", "1=memory:w", "2=pcap:a", "3=pcap:a"])).unwrap();
    }
}
