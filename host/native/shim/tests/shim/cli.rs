//! The command line.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use crate::echo;
use crate::fabric::Fabric;
use crate::program::{Folder, PATIENCE, SHIM, Shim, command, output, refusal};

#[test]
fn wrong_usage_is_refused_in_two_lines() {
    for (arguments, word) in [
        (&["--name", "a", "--port", "0=memory:w"][..], "--firmware"),
        (&["--firmware", "f", "--name", "a"], "--port"),
        (&["--firmware", "f", "--name", "a", "--port", "0=memory:w", "--fast"], "--fast"),
        (&["--firmware", "f", "--name", "a b", "--port", "0=memory:w"], "--name"),
        (&["--firmware", "f", "--name", "a", "--port", "0=memory:w", "--tls-ca", "x"], "--tls-cert"),
    ] {
        let mut command = Command::new(SHIM);
        command.args(arguments);
        let (code, message, mend) = refusal(command);
        assert_eq!(code, "E_USAGE", "{message}");
        assert!(message.contains(word) && mend.ends_with('.'), "{message} {mend}");
    }
    let (code, message, _) = refusal(command("f".as_ref(), &["xdp:eth0"]));
    assert_eq!(code, "E_PORT_WORD", "{message}");
}

#[test]
fn help_shows_a_blade_and_a_switch() {
    let mut command = Command::new(SHIM);
    command.arg("--help");
    let output = output(command);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(text.contains("--port 0=packet:wire --port 1=packet:host"), "{text}");
    assert!(text.contains("switch.bundle"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 120), "{text}");
}

#[test]
fn what_is_no_firmware_is_refused() {
    let folder = Folder::new();
    let whole = echo::bundle(&echo::parts(), "1");
    let missing = echo::bundle(&echo::parts().without("Egress.slot"), "1");
    for (name, bytes, expected) in [
        ("magic", b"not a bundle at all".to_vec(), "E_BUNDLE_MAGIC"),
        ("cut", whole[..whole.len() - 1].to_vec(), "E_BUNDLE_LENGTH"),
        ("name", missing, "E_IMAGE_NAME"),
    ] {
        let firmware = folder.file(name, &bytes);
        let (code, message, _) = refusal(command(&firmware, &["memory:w", "memory:w"]));
        assert_eq!(code, expected, "{message}");
    }
    let (code, ..) = refusal(command(&folder.join("gone"), &["memory:w", "memory:w"]));
    assert_eq!(code, "E_FIRMWARE_READ");
}

#[test]
fn check_says_what_it_found_and_changes_nothing() {
    let folder = Folder::new();
    let bundle = echo::bundle(&echo::parts(), "1.2.3");
    let firmware = folder.file("blade.bundle", &bundle);
    let check = |more: &[&str]| {
        let mut command = command(&firmware, &["memory:w", "memory:w"]);
        command.arg("--check").args(more);
        command
    };
    let socket = format!("unix:{}", folder.join("shim.sock").display());
    let output = output(check(&["--link", &socket, "--record", &folder.join("r").display().to_string()]));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for part in
        ["blade 1.2.3 for tiny: 64 slots of 2048 bytes", &echo::digest(&bundle), "memory:w", &socket, "all is well"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!folder.join("shim.sock").exists() && !folder.join("r").exists());

    let (code, ..) = refusal(check(&["--link", "tls:127.0.0.1:0"]));
    assert_eq!(code, "E_LINK_CREDENTIALS");
}

#[test]
fn check_finds_what_a_start_would_fail_of() {
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let file = folder.file("file", b"no folder, and no socket");
    let capture = folder.join("in.pcap");
    crate::captures::write_pcap(&capture, &[], pcap_file::DataLink::ETHERNET);
    let in_folder = |name: &str| folder.join(name).display().to_string();
    let written = |name: &str| format!("pcap:{},{}", capture.display(), in_folder(name));
    let memory = || "memory:w".to_owned();
    let cases = [
        ([memory(), memory()], ["--link", &format!("unix:{}", in_folder("gone/shim.sock"))], "E_LINK_BIND"),
        ([memory(), memory()], ["--link", &format!("unix:{}", file.display())], "E_LINK_IN_USE"),
        ([memory(), memory()], ["--record", &in_folder("gone/r")], "E_RECORD_FILE"),
        ([memory(), memory()], ["--record", &in_folder("file/r")], "E_RECORD_FILE"),
        ([memory(), memory()], ["--record", &in_folder("")], "E_RECORD_FILE"),
        ([written("gone/out"), written("out")], ["--log", "json"], "E_PORT_OPEN"),
    ];
    for (ports, more, expected) in cases {
        for check in [&["--check"][..], &[]] {
            let mut command = command(&firmware, &ports.each_ref().map(String::as_str));
            command.args(check).args(more);
            let (code, message, mend) = refusal(command);
            assert_eq!(code, expected, "{check:?} {more:?}: {message}");
            assert!(message.contains(&in_folder("")) && !mend.is_empty(), "{message} {mend}");
        }
    }
}

#[test]
fn who_has_no_privilege_is_told_so() {
    let Some(fabric) = Fabric::new("who_has_no_privilege_is_told_so") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    for port in ["packet:wire", "tap:new0"] {
        let mut command = fabric.command("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", SHIM]);
        let (code, message, mend) = refusal(crate::program::with_arguments(command, &firmware, &[port]));
        assert_eq!(code, "E_PORT_PERMISSION", "{message}");
        assert!(mend.contains("CAP_NET_RAW"), "{mend}");
    }
}

#[test]
fn it_stops_cleanly_and_removes_its_socket() {
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let socket = folder.join("shim.sock");
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let mut command = command(&firmware, &["memory:w", "memory:w"]);
        command.arg("--link").arg(format!("unix:{}", socket.display()));
        let shim = Shim::start(command);
        assert!(socket.exists());
        shim.signal(signal);
        let (status, events) = shim.end();
        assert_eq!(status.code(), Some(0), "{events:#?}");
        let stopped = events.iter().find(|event| event["event"] == "stopped").unwrap();
        assert_eq!(stopped["reason"], if signal == libc::SIGTERM { "SIGTERM" } else { "SIGINT" });
        assert_eq!(stopped["name"], "tested");
        assert!(!socket.exists());
    }
}

#[test]
fn systemd_is_told_when_it_runs_and_when_it_stops() {
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let path = folder.join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = command(&firmware, &["memory:w", "memory:w"]);
    command.env("NOTIFY_SOCKET", &path);
    let told = || {
        let mut state = [0; 32];
        let length = socket.recv(&mut state).unwrap();
        String::from_utf8(state[..length].to_vec()).unwrap()
    };
    let shim = Shim::spawn(command);
    assert_eq!(told(), "READY=1");
    shim.stop();
    assert_eq!(told(), "STOPPING=1");
}

#[test]
fn a_log_for_people_is_text() {
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let input =
        folder.file("none.pcap", &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0]);
    let mut command = command(&firmware, &[&format!("pcap:{}", input.display())]);
    command.args(["--log", "text"]);
    let output = output(command);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(" info    started ") && text.contains("name=tested"), "{text}");
}
