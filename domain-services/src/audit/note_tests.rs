//! Against the examples of the specifications, and for everything that must not be taken.

use super::*;
use crate::audit::tree::empty_root;

/// The example of c2sp.org/signed-note.
const EXAMPLE: &str = "This is an example message.\n\n\
    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

fn signer() -> Signer {
    Signer::new("athena.test/audit", &[7; 32]).unwrap()
}

#[test]
fn the_specifications_example_is_signed_by_its_key_and_no_checkpoint() {
    let key = VerifierKey::parse(EXAMPLE_KEY).unwrap();
    // Its signature is good, so what is told is that it states no tree.
    let said = Checkpoint::open(EXAMPLE.as_bytes(), &key).unwrap_err();
    assert!(matches!(said, CheckpointError::Malformed(_)), "{said}");
    let altered = EXAMPLE.replace("example message", "other message");
    let said = Checkpoint::open(altered.as_bytes(), &key).unwrap_err();
    assert!(matches!(said, CheckpointError::Unsigned(_)), "{said}");
}

/// The key and signature of the Go implementation's documentation (golang.org/x/mod/sumdb/note).
#[test]
fn a_key_signs_the_bytes_that_other_implementations_sign() {
    let seed = BASE64_STANDARD
        .decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
        .unwrap();
    let signer = Signer::new("PeterNeumann", seed[1..].try_into().unwrap()).unwrap();
    assert_eq!(
        signer.key().as_str(),
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    );
    let text = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n";
    let mut note = Note::new(text.as_bytes(), &[]).unwrap();
    note.add_sigs(&[&signer.private]).unwrap();
    let text = String::from_utf8(note.to_bytes()).unwrap();
    let expected = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn a_checkpoint_survives_its_note() {
    let signer = signer();
    let note = signer.sign(1_042, [9; 32]).unwrap();
    let lines: Vec<&str> = note.lines().collect();
    assert_eq!(&lines[..2], ["athena.test/audit", "1042"]);
    assert_eq!(lines[3], "");
    assert!(lines[4].starts_with("— athena.test/audit "));
    let opened = Checkpoint::open(note.as_bytes(), signer.key()).unwrap();
    assert_eq!((opened.size, opened.root), (1_042, [9; 32]));
}

#[test]
fn lines_after_the_root_are_allowed() {
    let text = format!("log\n3\n{}\nextension\n", BASE64_STANDARD.encode([1; 32]));
    assert_eq!(Checkpoint::parse(&text).unwrap().size, 3);
}

#[test]
fn a_changed_checkpoint_is_not_taken() {
    let signer = signer();
    let note = signer.sign(7, empty_root()).unwrap();
    for at in 0..note.len() {
        let mut bytes = note.clone().into_bytes();
        bytes[at] ^= 1;
        assert!(Checkpoint::open(&bytes, signer.key()).is_err(), "byte {at}");
    }
}

#[test]
fn another_key_or_another_log_is_not_taken() {
    let note = signer().sign(7, empty_root()).unwrap();
    for other in [
        Signer::new("athena.test/audit", &[8; 32]).unwrap(),
        Signer::new("athena.test/other", &[7; 32]).unwrap(),
    ] {
        let said = Checkpoint::open(note.as_bytes(), other.key()).unwrap_err();
        assert!(matches!(said, CheckpointError::Unsigned(_)), "{said}");
    }
}

#[test]
fn odd_sizes_and_roots_are_not_taken() {
    let root = BASE64_STANDARD.encode([1; 32]);
    for (size, root) in [
        ("", root.as_str()),
        ("07", root.as_str()),
        ("+7", root.as_str()),
        ("-7", root.as_str()),
        ("99999999999999999999999", root.as_str()),
        ("7", "AAAA"),
        ("7", "not base64"),
    ] {
        let text = format!("log\n{size}\n{root}\n");
        assert_eq!(Checkpoint::parse(&text), None, "{text}");
    }
    assert_eq!(Checkpoint::parse(&format!("\n7\n{root}\n")), None);
}

#[test]
fn what_is_no_key_is_refused() {
    for text in ["", "athena", "a+00000000+AAAA", &EXAMPLE_KEY[1..]] {
        assert!(VerifierKey::parse(text).is_err(), "{text}");
    }
    for name in ["", "two words", "a+b", "line\nline"] {
        assert!(!is_origin(name), "{name}");
    }
}

#[test]
fn the_key_is_made_once_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Signer::open(folder.path(), "log", &Ids::default()).unwrap();
    let first = open().key().clone();
    assert_eq!(open().key(), &first);
}
