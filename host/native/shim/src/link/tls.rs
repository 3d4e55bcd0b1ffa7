//! TLS 1.3 with both sides authenticated: who a peer is, its certificate says.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::name::DirectoryString;

use super::frame::Timely;
use super::socket::Timed;
use crate::bundle::ImageKind;
use crate::failure::{Failure, Result};

/// From the connection to the end of the handshake.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATIONAL_UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");

/// Roles of `dobbs keys issue`, as they stand in a certificate.
const SHIM: &str = "shim";
const MANAGER: &str = "manager";
const BLADE: &str = "blade";
const LEADER: &str = "leader";

const ISSUE: &str = "Make the files with `dobbs keys init` and `dobbs keys issue <dir> shim <name>`.";

/// PEM files: the appliance's CA, this node's certificate (its chain may follow), its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

pub type TlsStream = StreamOwned<ServerConnection, Timed>;

/// Whom a certificate names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// organizationalUnit
    pub role: String,
    /// commonName
    pub name: String,
}

impl Subject {
    /// None when it has not exactly one role and one name.
    fn of(certificate: &CertificateDer) -> Option<Self> {
        let certificate = Certificate::from_der(certificate).ok()?;
        let subject = certificate.tbs_certificate().subject();
        let one = |wanted: ObjectIdentifier| -> Option<String> {
            let mut found = subject.iter().filter(|attribute| attribute.oid == wanted);
            let (Some(attribute), None) = (found.next(), found.next()) else {
                return None;
            };
            let text = attribute.value.decode_as::<DirectoryString>().ok()?;
            Some(text.value().into_owned())
        };
        Some(Self { role: one(ORGANIZATIONAL_UNIT)?, name: one(COMMON_NAME)? })
    }

    /// The appliance's manager, and whose task it is to program this very node: its own traffic manager that of a blade,
    /// the leading one, whichever that is, those of the switches.
    fn may_manage(&self, node: &str, kind: ImageKind) -> bool {
        match self.role.as_str() {
            MANAGER => true,
            BLADE => kind == ImageKind::Blade && self.name == node,
            LEADER => kind == ImageKind::Switch,
            _ => false,
        }
    }

    /// A leader programs what others' packets depend on; what runs there is not its affair.
    pub fn may_flash(&self) -> bool {
        self.role != LEADER
    }
}

/// `node`: this shim's name, which its certificate must have.
pub fn server_config(credentials: &Credentials, node: &str) -> Result<Arc<ServerConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&credentials.ca)? {
        roots.add(certificate).map_err(|error| unusable(&credentials.ca, &error.to_string()))?;
    }
    let chain = certificates(&credentials.certificate)?;
    let expected = Subject { role: SHIM.into(), name: node.into() };
    if Subject::of(&chain[0]).as_ref() != Some(&expected) {
        let message = format!("{} is no certificate of a shim named {node}", credentials.certificate.display());
        let mend = format!("Issue one with `dobbs keys issue <dir> shim {node}`, or give the shim its --name.");
        return Err(Failure::new("E_LINK_CREDENTIALS", message, mend));
    }
    let key = private_key(&credentials.key)?;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
        .build()
        .map_err(|error| unusable(&credentials.ca, &error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has TLS 1.3")
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| unusable(&credentials.key, &error.to_string()))?;
    // Nobody is let in again on what a certificate said earlier.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The handshake. Err: there is nobody to be told; where TLS has an alert for it, it was sent.
pub fn shake_hands(config: Arc<ServerConfig>, mut socket: Timed) -> io::Result<TlsStream> {
    socket.set_deadline(Some(Instant::now() + HANDSHAKE_TIME_MAX));
    let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(connection, socket))
}

/// After the handshake: the certificate is the CA's, and the peer has its key.
pub fn check_peer(connection: &ServerConnection, node: &str, kind: ImageKind) -> Result<Subject> {
    let mend = match kind {
        ImageKind::Blade => format!("Use a certificate of role {MANAGER}, or the one of the blade {node}."),
        ImageKind::Switch => {
            format!(
                "Use a certificate of role {LEADER} (dobbs traffic-manager --switch-tls-cert), or of role {MANAGER}."
            )
        }
    };
    let refuse = |message: String| Err(Failure::new("E_LINK_PEER", message, mend.as_str()));
    let certificate = connection.peer_certificates().and_then(|chain| chain.first());
    match certificate.and_then(Subject::of) {
        None => refuse("the certificate has not one role and one name".into()),
        Some(subject) if subject.may_manage(node, kind) => Ok(subject),
        Some(Subject { role, name }) => {
            refuse(format!("the {} {} may not manage the {kind} {node}", role.escape_debug(), name.escape_debug()))
        }
    }
}

/// At least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let bytes = fs::read(path).map_err(|error| unusable(path, &error.to_string()))?;
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(unusable(path, "it has no certificate")),
        Err(error) => Err(unusable(path, &error.to_string())),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let mode = fs::metadata(path).map_err(|error| unusable(path, &error.to_string()))?.permissions().mode();
    if mode & 0o077 != 0 {
        let message = format!("the key {} can be used by other users (mode {:o})", path.display(), mode & 0o777);
        return Err(Failure::new("E_LINK_KEY", message, format!("Run `chmod 600 {}`.", path.display())));
    }
    PrivateKeyDer::from_pem_file(path).map_err(|error| unusable(path, &error.to_string()))
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::new("E_LINK_CREDENTIALS", format!("cannot use {}: {why}", path.display()), ISSUE)
}
