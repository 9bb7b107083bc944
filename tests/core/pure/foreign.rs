use sentri_core::token::KeyRing;

/// Whether it is taken for a secret, and the message if not.
fn taken(secret: impl AsRef<[u8]>) -> Result<(), String> {
    KeyRing::from_secret(secret, None).map(drop).map_err(|error| error.message)
}

/// Bytes with a beginning, `length` of them with a first byte behind it.
fn bytes(head: &[u8], first: u8, length: usize) -> Vec<u8> {
    let content = (0..length).map(|at| if at == 0 { first } else { u8::try_from(at % 251).unwrap() });
    head.iter().copied().chain(content).collect()
}

#[test]
fn der_is_told_from_random_bytes_by_its_length_and_its_beginning() {
    for (name, secret) in [
        ("short form, a sequence", bytes(&[0x30, 0x7f], 0x30, 127)),
        ("short form, an integer", bytes(&[0x30, 40], 0x02, 40)),
        ("one byte of length", bytes(&[0x30, 0x81, 200], 0x30, 200)),
        ("two bytes of length", bytes(&[0x30, 0x82, 1, 44], 0x02, 300)),
    ] {
        assert!(taken(secret).unwrap_err().contains("in PEM"), "{name}");
    }
    for (name, secret) in [
        ("too short for a key", bytes(&[0x30, 39], 0x30, 39)),
        ("another length", bytes(&[0x30, 60], 0x30, 61)),
        ("another length, and short", bytes(&[0x30, 1], 0x30, 39)),
        ("no sequence and no integer within", bytes(&[0x30, 60], 0x31, 60)),
        ("a length that is no short one", bytes(&[0x30, 0x80], 0x30, 128)),
        ("no sequence", bytes(&[0x31, 60], 0x30, 60)),
    ] {
        assert_eq!(taken(secret), Ok(()), "{name}");
    }
}

#[test]
fn a_path_is_told_from_a_secret_by_its_spelling() {
    let long = |length: usize| format!("./{}", "a".repeat(length - 2));
    for path in [
        "/abcdefghijklmnop0123456789abcdefghij",
        "/Abcdefghijklmnop_0123456789abcdefghij",
        "/Abcdefghijklmnop-0123456789abcdefghij",
        &long(1024),
    ] {
        assert!(taken(path).unwrap_err().contains("secretFile"), "{path}");
    }
    for secret in [
        "/Abcdefghijklmnop0123456789abcdefghij",
        "/abcdefghijklmnop0123456789+abcdefghij",
        "/abcdefghijklmnop0123456789abcdefghij=",
        "./four words that are a secret by their length",
        "./one\u{1}control character within a path of a good length",
        "1:/abcdefghijklmnop0123456789abcdefghij",
        &long(1025),
    ] {
        assert_eq!(taken(secret), Ok(()), "{secret}");
    }
}
