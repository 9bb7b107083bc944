//! Codes of messages as people type them.

use sentri_core::flow::{code_digest, is_same_digest, normalize_code, token_digest};

pub fn check(data: &[u8]) {
    let Some(given) = super::text(data) else { return };
    let key = [7; 32];
    assert_eq!(token_digest(given).len(), 43);
    let Some(code) = normalize_code(given) else { return };
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code:?}");
    assert_eq!(normalize_code(&code).as_ref(), Some(&code), "a fixed point");
    // Every digit, in the order given, and nothing that is no digit has become one.
    let digits: String = given.chars().filter_map(digit).collect();
    assert_eq!(digits, code, "{given:?}");
    assert!(given.chars().all(|c| digit(c).is_some() || !c.is_alphanumeric()), "{given:?}");
    if given.len() < 120 {
        assert_eq!(normalize_code(&format!(" {given}-")).as_ref(), Some(&code), "fillers mean nothing");
    }
    assert_eq!(normalize_code(&format!("{given}0")), None, "a seventh digit");
    let digest = |flow: &str, code: &str| code_digest(&key, "reset", flow, "subject", code);
    let other = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    assert!(is_same_digest(&digest("flow", &code), &digest("flow", &code)));
    assert!(!is_same_digest(&digest("flow", &code), &digest("flow", &other)));
    assert!(!is_same_digest(&digest("flow", &code), &digest("other", &code)));
}

fn digit(c: char) -> Option<char> {
    // The full-width digits stand where the ASCII ones do, 0xfee0 further on.
    let c = char::from_u32(u32::from(c).wrapping_sub(0xfee0)).filter(|_| c > '\u{ff00}').unwrap_or(c);
    c.is_ascii_digit().then_some(c)
}
