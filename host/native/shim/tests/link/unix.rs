//! The Unix socket: who may come in, and what becomes of its file.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};

use dobbs_shim::link::Listeners;

use crate::client::Client;
use crate::double::{Double, Folder, listen};

const NOBODY: libc::uid_t = 65_534;

fn listen_at(folder: &Folder) -> dobbs_shim::failure::Result<Listeners> {
    listen(&format!("unix:{}", folder.socket().display()), None)
}

fn refused(folder: &Folder) -> &'static str {
    listen_at(folder).map(|_| ()).expect_err("a refusal").code
}

/// What `act` finds as another user. None: only root can become one.
fn as_nobody<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    if unsafe { libc::geteuid() } != 0 {
        // Past the test harness, which keeps what a passing test prints to itself.
        let test = std::thread::current().name().unwrap_or("unix").to_owned();
        let line = format!("\nSKIPPED {test}: only root can become another user\n");
        let _ = std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes());
        return None;
    }
    let thread = std::thread::spawn(|| {
        // The bare system call changes this thread alone.
        let status = unsafe { libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY) };
        assert_eq!(status, 0);
        act()
    });
    Some(thread.join().unwrap())
}

#[test]
fn the_socket_is_for_its_user_alone_and_goes_with_the_shim() {
    let folder = Folder::new();
    let listeners = listen_at(&folder).unwrap();
    assert_eq!(fs::metadata(folder.socket()).unwrap().mode() & 0o7777, 0o600);
    drop(listeners);
    assert!(!folder.socket().exists());
}

#[test]
fn another_user_is_kept_out_by_the_mode() {
    let double = Double::start();
    let socket = double.folder.socket();
    if let Some(connected) = as_nobody(move || UnixStream::connect(socket).map(|_| ())) {
        assert_eq!(connected.unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
    }
}

#[test]
fn another_user_is_refused_even_where_the_mode_lets_it_in() {
    let double = Double::start();
    let socket = double.folder.socket();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    let code = as_nobody(move || {
        let mut client = Client::unix(&socket);
        // The shim may be done with it before it is written.
        let _ = client.write(&dobbs_shim::link::frame::encode(1, 1, b"let me in"));
        client.last_error()
    });
    assert!(code.is_none_or(|code| code == "E_LINK_PEER"));
    assert!(double.seen().messages.is_empty());
}

#[test]
fn a_socket_that_a_killed_shim_left_is_taken_over() {
    let folder = Folder::new();
    drop(UnixListener::bind(folder.socket()).unwrap());
    assert!(folder.socket().exists());
    let _listeners = listen_at(&folder).unwrap();
    UnixStream::connect(folder.socket()).unwrap();
}

#[test]
fn a_socket_on_which_someone_answers_is_left_alone() {
    let folder = Folder::new();
    let other = UnixListener::bind(folder.socket()).unwrap();
    assert_eq!(refused(&folder), "E_LINK_IN_USE");
    // Its queue full, it is still someone's.
    let mut waiting = Vec::new();
    loop {
        let client = UnixStream::connect_addr(&other.local_addr().unwrap());
        waiting.push(client.unwrap());
        if waiting.len() == 8 {
            break;
        }
    }
    assert_eq!(refused(&folder), "E_LINK_IN_USE");
    assert!(folder.socket().exists());
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let folder = Folder::new();
    fs::write(folder.socket(), "precious").unwrap();
    assert_eq!(refused(&folder), "E_LINK_IN_USE");
    assert_eq!(fs::read(folder.socket()).unwrap(), b"precious");
}

#[test]
fn a_socket_of_the_next_shim_is_not_removed() {
    let folder = Folder::new();
    let old = listen_at(&folder).unwrap();
    fs::remove_file(folder.socket()).unwrap();
    let _new = listen_at(&folder).unwrap();
    drop(old);
    assert!(folder.socket().exists());
}

#[test]
fn a_missing_folder_is_told() {
    assert_eq!(listen("unix:/nonexistent/folder/shim.sock", None).map(|_| ()).unwrap_err().code, "E_LINK_BIND");
}

#[test]
fn when_it_stops_connections_are_closed() {
    let mut double = Double::start();
    let mut clients = [double.unix(), double.tls()];
    clients.iter_mut().for_each(Client::assert_alive);
    double.listeners = None;
    clients.iter_mut().for_each(Client::assert_closed);
    assert!(!double.folder.socket().exists());
}
