//! The command line.

use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser};

use crate::failure::{Failure, Result};
use crate::link::{Credentials, LinkWord};
use crate::log::LogFormat;
use crate::ports::word::{self, PortWord};

const ABOUT: &str = "\
Runs a firmware bundle of Dobbs on real ports: the part of an appliance that is beside each blade,
and in each switch.";

const MANUAL: &str = "\
Ports:
  packet:<interface>    a network interface, by AF_PACKET; its offloads must be off
  tap:<interface>       a TAP interface: one that is there, or one that goes with the shim
  pcap:<in>[,<out>]     frames of a capture; what leaves is written to <out>. With pcap ports
                        alone, the shim ends when they do
  memory:<name>         an end of a wire in this shim: two ports of one name are its two ends
  Port 0 of a blade is its wire, ports 1 and up lead to its hosts. packet: needs CAP_NET_RAW,
  tap: needs CAP_NET_ADMIN.

Links:
  unix:/path            a socket of mode 0600, for root and for who runs the shim
  tls:<address>:<port>  TLS 1.3, both sides with a certificate of the appliance's CA (dobbs keys)

A blade, beside a host that a veth pair leads to:
  ethtool -K wire gro off tso off gso off tx off
  ethtool -K host gro off tso off gso off tx off
  dobbs-shim --firmware blade.bundle --name ardsley \\
      --port 0=packet:wire --port 1=packet:host --link unix:/run/dobbs/ardsley.sock

A switch with an uplink and two blades, that is managed over the network:
  dobbs-shim --firmware switch.bundle --name west \\
      --port 0=packet:up0 --port 1=packet:p1 --port 2=packet:p2 --link tls:0.0.0.0:7443 \\
      --tls-ca ca.pem --tls-cert shim-west.pem --tls-key shim-west.key

Signals: SIGTERM and SIGINT stop it, a second one at once; SIGUSR1 ends --hold.
Errors at the start: on stderr, with a code and how to mend it.
Exit codes:
  0  stopped; with --check, all is well
  1  the image cannot be started any more
  2  wrong usage, or something that it needs is missing or wrong";

#[derive(Debug, Parser)]
#[command(name = "dobbs-shim", version, about = ABOUT, after_help = MANUAL)]
struct Arguments {
    /// The bundle to run. What is flashed takes its place
    #[arg(long, value_name = "FILE")]
    firmware: PathBuf,
    /// Who this is: the blade's or the switch's name in the appliance file
    #[arg(long)]
    name: String,
    /// A port: its number in the image, and its word (below). Repeat it
    #[arg(long = "port", value_name = "N=WORD", required = true)]
    ports: Vec<String>,
    /// Where managers speak to it (below). Repeat it
    #[arg(long = "link", value_name = "WORD")]
    links: Vec<String>,
    /// For tls: links: the appliance's CA (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["tls_cert", "tls_key"])]
    tls_ca: Option<PathBuf>,
    /// For tls: links: the certificate of this shim (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["tls_ca", "tls_key"])]
    tls_cert: Option<PathBuf>,
    /// For tls: links: its private key (PEM, mode 0600)
    #[arg(long, value_name = "FILE", requires_all = ["tls_ca", "tls_cert"])]
    tls_key: Option<PathBuf>,
    /// Write all that the image is given to a pcapng file, for dobbs replay
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Keep what is flashed in memory only, and leave the --firmware file as it is
    #[arg(long)]
    volatile: bool,
    /// Only warn of offloads that merge frames or leave checksums open
    #[arg(long)]
    allow_offloads: bool,
    /// Take no frame before SIGUSR1, so that the image can be programmed first
    #[arg(long)]
    hold: bool,
    /// How to log, on stderr [default: text on a terminal, else json]
    #[arg(long, value_enum)]
    log: Option<LogFormat>,
    /// Check and open all, say what was found, and end
    #[arg(long)]
    check: bool,
}

#[derive(Debug)]
pub struct Options {
    pub firmware: PathBuf,
    pub name: String,
    pub ports: Vec<(u8, PortWord)>,
    pub links: Vec<LinkWord>,
    pub credentials: Option<Credentials>,
    pub record: Option<PathBuf>,
    pub volatile: bool,
    pub allow_offloads: bool,
    pub hold: bool,
    pub log: Option<LogFormat>,
    pub check: bool,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Asked {
    Run(Box<Options>),
    /// A text for stdout.
    Print(String),
}

/// E_USAGE, E_PORT_WORD or E_LINK_WORD.
pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Asked> {
    let parsed = Arguments::command().try_get_matches_from(arguments);
    let arguments = match parsed.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) if !error.use_stderr() => return Ok(Asked::Print(error.to_string())),
        Err(error) => return Err(usage(&error)),
    };
    check_name(&arguments.name)?;
    let ports = arguments.ports.iter().map(|text| word::parse_numbered(text)).collect::<Result<Vec<_>>>()?;
    word::check_distinct(&ports)?;
    let links = arguments.links.iter().map(|text| text.parse()).collect::<Result<Vec<_>>>()?;
    let credentials = match (arguments.tls_ca, arguments.tls_cert, arguments.tls_key) {
        (Some(ca), Some(certificate), Some(key)) => Some(Credentials { ca, certificate, key }),
        _ => None,
    };
    Ok(Asked::Run(Box::new(Options {
        firmware: arguments.firmware,
        name: arguments.name,
        ports,
        links,
        credentials,
        record: arguments.record,
        volatile: arguments.volatile,
        allow_offloads: arguments.allow_offloads,
        hold: arguments.hold,
        log: arguments.log,
        check: arguments.check,
    })))
}

fn usage(error: &clap::Error) -> Failure {
    let text = error.to_string();
    let mut paragraphs = text.split("\n\n");
    let message = paragraphs.next().unwrap_or_default().trim_start_matches("error: ");
    let words: Vec<&str> = message.split_whitespace().collect();
    Failure::new("E_USAGE", words.join(" "), "See dobbs-shim --help.")
}

fn check_name(name: &str) -> Result<()> {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-._".contains(char);
    if (1..=64).contains(&name.len()) && name.chars().all(is_plain) {
        return Ok(());
    }
    let message = format!("--name {name:?} is not 1 to 64 letters, digits, - . or _");
    Err(Failure::new("E_USAGE", message, "Give the name that the appliance file has."))
}
