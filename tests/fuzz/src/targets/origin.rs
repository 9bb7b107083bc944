//! Origins, and the proof that a page of ours sent a request: a line each for `Origin`, `Host` and `Sec-Fetch-Site`.

use sentri_core::web::origin::{Origin, Provenance, proves_origin, same_origin, trusted_origins};
use serde_json::json;

pub fn check(data: &[u8]) {
    let Some(text) = super::text(data) else { return };
    let (origin, rest) = super::split_line(text);
    let (host, site) = super::split_line(rest);
    let parsed = Origin::parse(origin);
    if parsed.is_ok() {
        assert_eq!(Origin::parse(&origin.to_ascii_lowercase()), parsed, "an origin has no case");
        assert!(
            Origin::parse(&format!("{origin}/")).is_err() && Origin::parse(&format!("{origin}@evil.example")).is_err()
        );
        let trusted = trusted_origins(Some(&json!([origin]))).unwrap();
        let request = Provenance { origin: Some(origin), host: Some("other.example"), ..Provenance::default() };
        assert!(proves_origin(request, &trusted), "{origin:?} is trusted by name");
    }
    let said = Some(site).filter(|site| !site.is_empty());
    let page = Provenance { sec_fetch_site: said, origin: Some(origin), host: Some(host), scheme: None };
    if proves_origin(page, &[]) {
        let named = origin.split_once("://").map(|(_, named)| named.to_ascii_lowercase());
        let same = named.is_some_and(|named| bare(&named) == bare(&host.to_ascii_lowercase()));
        let same = same && site.is_empty() || origin.contains('[');
        assert!(same || matches!(site.trim(), "same-origin" | "none"), "{page:?}");
    }
    let elsewhere = Provenance { origin: Some("https://evil.example"), host: Some("app.example"), ..page };
    assert!(!proves_origin(Provenance { sec_fetch_site: None, ..elsewhere }, &[]));
    assert!(!proves_origin(Provenance { sec_fetch_site: Some("cross-site"), ..page }, &[]), "a browser says so");
    assert!(same_origin("GET", None, page, &[]), "safe methods change nothing");
}

/// Without a port, which `Host` may leave out.
fn bare(host: &str) -> &str {
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
}
