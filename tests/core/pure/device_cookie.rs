use sentri_core::config::Config;
use serde_json::{Value, json};

const SECRET: &str = "a-plain-secret-of-at-least-32-bytes!!";

#[test]
fn the_cookie_follows_the_others() {
    let options = |more: Value| {
        let mut options =
            json!({ "mode": "server", "db": "sqlite::memory:", "validRoles": ["user"], "knownDevices": true });
        options["secret"] = SECRET.into();
        options.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        Config::from_options(&options)
    };
    for (more, written) in [
        (json!({}), "sentri_device=t; Max-Age=9; Path=/; HttpOnly; SameSite=Lax"),
        (json!({ "production": true }), "sentri_device=t; Max-Age=9; Path=/; HttpOnly; Secure; SameSite=Lax"),
        (
            json!({ "cookie": { "prefix": "__Host-", "sameSite": "strict" } }),
            "__Host-sentri_device=t; Max-Age=9; Path=/; HttpOnly; Secure; SameSite=Strict",
        ),
        (
            json!({ "cookie": { "prefix": "__Secure-", "domain": "a.example", "path": "/x", "partitioned": true } }),
            "__Secure-sentri_device=t; Max-Age=9; Path=/x; Domain=a.example; HttpOnly; Secure; SameSite=Lax; Partitioned",
        ),
        (
            json!({ "cookie": false, "accessCookie": { "sameSite": "none" } }),
            "sentri_device=t; Max-Age=9; Path=/; HttpOnly; Secure; SameSite=None",
        ),
        (json!({ "cookie": false }), "sentri_device=t; Max-Age=9; Path=/; HttpOnly; SameSite=Lax"),
    ] {
        assert_eq!(options(more).unwrap().known_devices.unwrap().write("t", 9), written);
    }
    assert!(options(json!({ "knownDevices": false })).unwrap().known_devices.is_none());
    assert!(options(json!({ "knownDevices": null })).unwrap().known_devices.is_none());
    let unlimited = options(json!({ "rateLimit": false })).unwrap();
    assert!(unlimited.known_devices.is_none());
    assert!(unlimited.warnings.iter().any(|warning| warning.starts_with("knownDevices ")), "{:?}", unlimited.warnings);
    let tells = json!({ "send": "[function]", "newSignIn": true });
    let unlimited = options(json!({ "rateLimit": false, "messages": tells })).unwrap();
    assert!(unlimited.known_devices.is_some(), "a notice needs them, whether anybody is locked out or not");
    for (more, told) in [
        (json!({ "knownDevices": "yes" }), "knownDevices must be true or false"),
        (json!({ "knownDevices": false, "messages": tells }), "messages.newSignIn needs knownDevices: true"),
        (json!({ "messages": { "send": "[function]", "newSignIn": 1 } }), "messages.newSignIn must be true or false"),
        (json!({ "cookie": { "name": "sentri_device" } }), "cookie.name must not be sentri_device"),
        (json!({ "accessCookie": { "name": "sentri_device" } }), "accessCookie.name must not be sentri_device"),
    ] {
        assert!(options(more).unwrap_err().message.starts_with(told), "{told}");
    }
}
