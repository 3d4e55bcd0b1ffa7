//! An appliance's CA, as `dobbs keys` makes one, and what it issues.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dobbs_shim::link::Credentials;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

/// PEM.
pub struct Issued {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        Self::named("appliance")
    }

    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(&[(DnType::CommonName, name)]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub fn issue(&self, role: &str, name: &str) -> Issued {
        self.issue_with(&[(DnType::OrganizationalUnitName, role), (DnType::CommonName, name)], |_| ())
    }

    pub fn issue_with(&self, names: &[(DnType, &str)], change: impl Fn(&mut CertificateParams)) -> Issued {
        let mut params = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
        params.distinguished_name = subject(names);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Issued { certificate, key: key.serialize_pem() }
    }

    pub fn issue_expired(&self, role: &str, name: &str) -> Issued {
        self.issue_with(&[(DnType::OrganizationalUnitName, role), (DnType::CommonName, name)], |params| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        })
    }

    /// Files as `dobbs keys` leaves them.
    pub fn write(&self, folder: &Path, issued: &Issued) -> Credentials {
        let file = |name: &str, text: &str| -> PathBuf {
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            path
        };
        Credentials {
            ca: file("ca.pem", &self.pem),
            certificate: file("shim.pem", &issued.certificate),
            key: file("shim.key", &issued.key),
        }
    }

    /// A client that trusts this CA, and shows `identity`.
    pub fn client(&self, identity: Option<&Issued>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(issued) => {
                let certificate = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![certificate], key).unwrap()
            }
        };
        config.resumption = rustls::client::Resumption::disabled();
        Arc::new(config)
    }
}

fn subject(names: &[(DnType, &str)]) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    for (kind, name) in names {
        subject.push(kind.clone(), *name);
    }
    subject
}
