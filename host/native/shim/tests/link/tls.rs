//! TLS: version 1.3, both sides authenticated, and the certificate says who may.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;

use dobbs_shim::bundle::ImageKind;
use dobbs_shim::link::Credentials;
use rcgen::DnType;

use crate::authority::{Authority, Issued};
use crate::bundles::{bundle, flash};
use crate::client::{Client, FLASH, MESSAGE, tcp};
use crate::double::{Double, Folder, NAME, listen};

fn connect(double: &Double, identity: Option<&Issued>) -> Client {
    Client::tls(double.port(), double.authority.client(identity)).unwrap()
}

/// It ends in an alert of this name, and no message gets through.
fn assert_alert(double: &Double, identity: Option<&Issued>, alert: &str) {
    let mut client = connect(double, identity);
    // In TLS 1.3 a client is done before the server has seen its certificate.
    let _ = client.write(&dobbs_shim::link::frame::encode(MESSAGE, 1, b"let me in"));
    let error = client.receive().expect_err("an alert");
    assert!(error.to_string().contains(alert), "{error}");
    assert!(double.seen().messages.is_empty());
}

fn assert_peer_refused(double: &Double, identity: &Issued) {
    let mut client = connect(double, Some(identity));
    let _ = client.write(&dobbs_shim::link::frame::encode(MESSAGE, 1, b"let me in"));
    assert_eq!(client.last_error(), "E_LINK_PEER");
    assert!(double.seen().messages.is_empty());
}

#[test]
fn the_manager_and_the_nodes_own_traffic_manager_may_come_in() {
    let double = Double::start();
    for (role, name) in [("manager", "ops"), ("manager", NAME), ("blade", NAME)] {
        connect(&double, Some(&double.authority.issue(role, name))).assert_alive();
    }
}

#[test]
fn certificates_of_the_ca_with_another_role_or_name_are_refused() {
    let double = Double::start();
    let named = |names: &[(DnType, &str)]| double.authority.issue_with(names, |_| ());
    let others =
        [("blade", "dobbs-ferry"), ("leader", NAME), ("shim", NAME), ("Manager", "ops"), ("", NAME), ("blade", "")];
    for (role, name) in others {
        assert_peer_refused(&double, &double.authority.issue(role, name));
    }
    assert_peer_refused(&double, &named(&[(DnType::CommonName, NAME)]));
    assert_peer_refused(&double, &named(&[(DnType::OrganizationalUnitName, "manager")]));
    assert_peer_refused(&double, &named(&[(DnType::OrganizationName, "manager"), (DnType::CommonName, NAME)]));
}

#[test]
fn a_switch_is_open_to_managers_and_leaders_of_any_name() {
    let double = Double::of(ImageKind::Switch);
    for (role, name) in [("manager", "ops"), ("leader", "dobbs-ferry"), ("leader", "irvington")] {
        connect(&double, Some(&double.authority.issue(role, name))).assert_alive();
    }
    let double = Double::of(ImageKind::Switch);
    for (role, name) in [("blade", "dobbs-ferry"), ("blade", NAME), ("shim", NAME)] {
        assert_peer_refused(&double, &double.authority.issue(role, name));
    }
}

#[test]
fn a_leader_programs_a_switch_and_does_not_flash_it() {
    let double = Double::of(ImageKind::Switch);
    let mut leader = connect(&double, Some(&double.authority.issue("leader", "dobbs-ferry")));
    leader.assert_alive();
    let bundle = bundle();
    leader.send(FLASH, &flash(0, bundle.len(), &bundle[..100]));
    assert_eq!(leader.last_error(), "E_LINK_PEER");
    // Nothing of it was staged: another one is taken from its beginning.
    let mut manager = double.tls();
    manager.ask_json(FLASH, &flash(0, bundle.len(), &bundle[..100]));
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    assert_alert(&Double::start(), None, "CertificateRequired");
}

#[test]
fn a_certificate_of_another_ca_is_refused() {
    let double = Double::start();
    let other = Authority::named("another appliance");
    assert_alert(&double, Some(&other.issue("manager", "ops")), "UnknownCA");
    let of_the_same_name = Authority::new();
    assert_alert(&double, Some(&of_the_same_name.issue("manager", "ops")), "DecryptError");
}

#[test]
fn an_expired_certificate_is_refused() {
    let double = Double::start();
    assert_alert(&double, Some(&double.authority.issue_expired("manager", "ops")), "CertificateExpired");
}

#[test]
fn a_certificate_for_servers_only_is_refused() {
    let double = Double::start();
    let names = [(DnType::OrganizationalUnitName, "manager"), (DnType::CommonName, "ops")];
    let issued = double.authority.issue_with(&names, |params| params.extended_key_usages.truncate(1));
    assert_alert(&double, Some(&issued), "UnsupportedCertificate");
}

#[test]
fn the_client_can_tell_another_shim_from_this_one() {
    let double = Double::start();
    let stranger = Authority::new();
    let refused = Client::tls(double.port(), stranger.client(Some(&stranger.issue("manager", "ops"))));
    assert!(refused.is_err());
    double.tls().assert_alive();
}

/// A ClientHello that offers TLS 1.2 and nothing newer.
fn hello_of_tls_1_2() -> Vec<u8> {
    let extensions: &[u8] = &[
        0, 10, 0, 4, 0, 2, 0, 23, // supported groups: secp256r1
        0, 11, 0, 2, 1, 0, // point formats: uncompressed
        0, 13, 0, 4, 0, 2, 4, 3, // signatures: ecdsa_secp256r1_sha256
    ];
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0, 0, extensions.len() as u8]);
    body.extend(extensions);
    let mut record = vec![22, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8];
    record.extend(body);
    record
}

#[test]
fn tls_1_2_is_refused() {
    let double = Double::start();
    let mut socket = tcp(double.port());
    socket.write_all(&hello_of_tls_1_2()).unwrap();
    let mut alert = Vec::new();
    socket.read_to_end(&mut alert).unwrap();
    // A fatal alert: protocol_version.
    assert_eq!(alert, [21, 3, 3, 0, 2, 2, 70]);
}

#[test]
fn credentials_that_do_not_do_are_told_at_the_start() {
    let folder = Folder::new();
    let authority = Authority::new();
    let refused =
        |credentials: Option<&Credentials>| listen("tls:127.0.0.1:0", credentials).map(|_| ()).unwrap_err().code;
    assert_eq!(refused(None), "E_LINK_CREDENTIALS");

    for (role, name) in [("shim", "dobbs-ferry"), ("manager", NAME)] {
        let credentials = authority.write(&folder.path, &authority.issue(role, name));
        assert_eq!(refused(Some(&credentials)), "E_LINK_CREDENTIALS", "{role} {name}");
    }
    let mut unpaired = authority.issue("shim", NAME);
    unpaired.key = authority.issue("shim", NAME).key;
    assert_eq!(refused(Some(&authority.write(&folder.path, &unpaired))), "E_LINK_CREDENTIALS");

    let credentials = authority.write(&folder.path, &authority.issue("shim", NAME));
    listen("tls:127.0.0.1:0", Some(&credentials)).unwrap();
    fs::set_permissions(&credentials.key, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(refused(Some(&credentials)), "E_LINK_KEY");
    fs::write(&credentials.ca, "no PEM").unwrap();
    assert_eq!(refused(Some(&credentials)), "E_LINK_CREDENTIALS");
    fs::remove_file(&credentials.ca).unwrap();
    assert_eq!(refused(Some(&credentials)), "E_LINK_CREDENTIALS");
}

#[test]
fn a_port_in_use_is_told() {
    let double = Double::start();
    let folder = Folder::new();
    let authority = Authority::new();
    let credentials = authority.write(&folder.path, &authority.issue("shim", NAME));
    let refused = listen(&format!("tls:127.0.0.1:{}", double.port()), Some(&credentials));
    assert_eq!(refused.map(|_| ()).unwrap_err().code, "E_LINK_IN_USE");
}
