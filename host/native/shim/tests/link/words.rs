//! Words that say where a link listens.

use dobbs_shim::link::LinkWord;

#[test]
fn words_are_parsed_and_printed_alike() {
    for word in ["unix:/run/dobbs/ardsley.sock", "tls:0.0.0.0:7443", "tls:[::1]:0", "tls:node-1.example:65535"] {
        assert_eq!(word.parse::<LinkWord>().unwrap().to_string(), word);
    }
    let parsed: LinkWord = "tls:[fe80::1]:7443".parse().unwrap();
    assert_eq!(parsed, LinkWord::Tls { host: "fe80::1".into(), port: 7443 });
}

#[test]
fn what_is_no_word_is_refused_with_a_mend() {
    let long = format!("unix:/{}", "x".repeat(107));
    let refused = [
        "",
        "unix:",
        "unix:relative",
        "unix:/folder/",
        "unix:/a\0b",
        &long,
        "tcp:1.2.3.4:1",
        "tls:",
        "tls:host",
        "tls:host:",
        "tls::7443",
        "tls:host:65536",
        "tls:host:+1",
        "tls:host:1:2",
        "tls:::1:7443",
        "tls:[::1:7443",
        "tls:[host]:7443",
        "tls:host:7443#node",
        "tls:ho st:7443",
    ];
    for word in refused {
        let failure = word.parse::<LinkWord>().expect_err(word);
        assert_eq!(failure.code, "E_LINK_WORD", "{word}");
        assert!(failure.mend.contains("tls:address:port"));
    }
}
