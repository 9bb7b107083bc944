use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use sentri_core::web::client_ip::{TrustProxy, bucket, canonical, client, is_undeclared_proxy, resolve};
use serde_json::{Value, json};

use crate::vectors::{self, option, shown, text, texts};

#[test]
fn vectors() {
    vectors::run("client-ip", |given| match text(given, "op") {
        "canonical" => Ok(canonical(text(given, "text")).map_or(Value::Null, |address| json!(address.to_string()))),
        "bucket" => Ok(json!(bucket(canonical(text(given, "text")).unwrap()))),
        "undeclared" => {
            let trust = TrustProxy::from_option(option(given, "trustProxy")).map_err(shown)?;
            let forwarded = texts(given, "forwarded");
            Ok(json!(is_undeclared_proxy(text(given, "peer"), forwarded.iter().map(String::as_str), &trust)))
        }
        _ => {
            let trust = TrustProxy::from_option(option(given, "trustProxy")).map_err(shown)?;
            let peer = text(given, "peer").parse().unwrap();
            let forwarded = texts(given, "forwarded");
            Ok(json!(resolve(peer, forwarded.iter().map(String::as_str), &trust).to_string()))
        }
    });
}

proptest! {
    #[test]
    fn every_address_reads_back(bits in any::<u128>(), v4 in any::<u32>()) {
        let v6 = IpAddr::V6(Ipv6Addr::from_bits(bits)).to_canonical();
        prop_assert_eq!(canonical(&v6.to_string()), Some(v6));
        let v4 = Ipv4Addr::from_bits(v4);
        prop_assert_eq!(canonical(&v4.to_string()), Some(IpAddr::V4(v4)));
        prop_assert_eq!(bucket(IpAddr::V6(v4.to_ipv6_mapped())), v4.to_string());
    }

    #[test]
    fn a_client_can_not_choose_its_address_behind_one_proxy(forged in "[0-9a-f.:, ]{0,60}", real in any::<u32>()) {
        let real = IpAddr::V4(Ipv4Addr::from_bits(real));
        let header = format!("{forged}, {real}");
        let peer = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        prop_assert_eq!(resolve(peer, [header.as_str()].into_iter(), &TrustProxy::Hops(1)), real);
        prop_assert_eq!(resolve(real, [header.as_str()].into_iter(), &TrustProxy::None), real);
    }
}

#[test]
fn a_peer_with_an_address_is_the_first_that_is_asked_about() {
    let ask = |peer: &str, trust: Value| {
        let trust = TrustProxy::from_option(Some(&trust)).unwrap();
        client(Some(peer), ["203.0.113.7"].into_iter(), &trust).map(|address| address.to_string())
    };
    assert_eq!(ask("198.51.100.9", json!(false)).as_deref(), Some("198.51.100.9"));
    assert_eq!(ask("198.51.100.9", json!(1)).as_deref(), Some("203.0.113.7"));
    assert_eq!(ask("no address", json!(1)), None);
    assert_eq!(ask("", json!(1)).as_deref(), Some("203.0.113.7"), "an empty one is none");
    assert_eq!(ask("", json!(false)), None);
}

#[test]
fn a_peer_without_address_is_a_proxy_where_proxies_are_counted() {
    let ask = |trust: Value, forwarded: &[&str]| {
        let trust = TrustProxy::from_option(Some(&trust)).unwrap();
        client(None, forwarded.iter().copied(), &trust).map(|address| address.to_string())
    };
    assert_eq!(ask(json!(1), &["203.0.113.7, 198.51.100.9"]).as_deref(), Some("198.51.100.9"));
    assert_eq!(ask(json!(2), &["203.0.113.7, 198.51.100.9"]).as_deref(), Some("203.0.113.7"));
    assert_eq!(ask(json!(2), &["forged, 198.51.100.9"]).as_deref(), Some("198.51.100.9"));
    assert_eq!(ask(json!(1), &["forged"]), None);
    assert_eq!(ask(json!(1), &[]), None);
    // Where proxies are told by their addresses, one without address is none of them.
    assert_eq!(ask(json!("loopback"), &["203.0.113.7"]), None);
    assert_eq!(ask(json!(false), &["203.0.113.7"]), None);
}
