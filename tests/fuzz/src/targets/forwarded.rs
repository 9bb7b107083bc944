//! Forwarded addresses: a line with the proxies that are trusted, one with the peer, and a header a line.

use std::net::IpAddr;

use sentri_core::web::client_ip::{Range, TrustProxy, bucket, canonical, client, is_undeclared_proxy};
use serde_json::{Value, json};

pub fn check(data: &[u8]) {
    let Some(text) = super::text(data) else { return };
    let (trust, rest) = super::split_line(text);
    let (peer, rest) = super::split_line(rest);
    let headers: Vec<&str> = rest.split('\n').collect();
    for text in headers.iter().flat_map(|header| header.split(',')).chain([peer]) {
        address(text);
    }
    range(trust, peer);
    let option = serde_json::from_str(trust).unwrap_or_else(|_| json!(trust));
    let Ok(rules) = TrustProxy::from_option(Some(&option)) else { return };
    walk(&rules, &option, peer, &headers);
    let _ = is_undeclared_proxy(peer, headers.iter().copied(), &rules);
}

fn address(text: &str) {
    let Some(address) = canonical(text) else { return };
    assert_eq!(canonical(&address.to_string()), Some(address), "a fixed point: {text:?}");
    assert_eq!(address.to_canonical(), address, "no mapped address: {text:?}");
    let bucket = bucket(address);
    match address {
        IpAddr::V4(_) => assert_eq!(bucket, address.to_string()),
        IpAddr::V6(_) => assert!(Range::parse(&bucket).is_some_and(|range| range.contains(address)), "{bucket}"),
    }
}

fn range(text: &str, address: &str) {
    let (Some(range), Some(address)) = (Range::parse(text), canonical(address)) else { return };
    let (network, bits) = text.split_once('/').unwrap_or((text, "128"));
    let network: IpAddr = network.parse().unwrap();
    let wide = |address: IpAddr| match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    };
    let bits: u32 = bits.parse().unwrap();
    let bits = if network.is_ipv4() { bits.min(32) + 96 } else { bits };
    let mixed = network.to_canonical().is_ipv6() != address.is_ipv6();
    let same = !mixed && (0..bits).all(|bit| (wide(network) ^ wide(address)) >> (127 - bit) & 1 == 0);
    assert_eq!(range.contains(address), same, "{text} and {address}");
}

/// The answer is the peer or was written by somebody who is trusted; what a client writes before that changes nothing.
fn walk(rules: &TrustProxy, option: &Value, peer: &str, headers: &[&str]) {
    let found = client(Some(peer), headers.iter().copied(), rules);
    let entries: Vec<&str> = headers.iter().rev().flat_map(|header| header.rsplit(',')).collect();
    let trusted = match rules {
        TrustProxy::None => 0,
        TrustProxy::Hops(hops) => usize::from(*hops),
        TrustProxy::Ranges(_) => entries.len(),
    };
    let mut chain = vec![canonical(peer)];
    chain.extend(entries.iter().take(trusted).map(|entry| canonical(entry)));
    if peer.is_empty() {
        assert!(found.is_none() || matches!(rules, TrustProxy::Hops(_)));
        return;
    }
    let sound: Vec<IpAddr> = chain.iter().copied().map_while(|address| address).collect();
    match (rules, found) {
        (_, None) => assert_eq!(canonical(peer), None),
        (TrustProxy::None, Some(found)) => assert_eq!(Some(found), canonical(peer)),
        (TrustProxy::Hops(_), Some(found)) => assert_eq!(Some(&found), sound.last(), "{option} {peer} {headers:?}"),
        (TrustProxy::Ranges(ranges), Some(found)) => {
            let is_trusted = |address: &IpAddr| ranges.iter().any(|range| range.contains(*address));
            let first = sound.iter().find(|address| !is_trusted(address)).or(sound.last());
            assert_eq!(Some(&found), first, "{option} {peer} {headers:?}");
            let forged = headers.first().map(|first| format!("203.0.113.66, {first}"));
            let longer = forged.iter().map(String::as_str).chain(headers.iter().skip(1).copied());
            let again = client(Some(peer), longer, rules);
            assert!(again == Some(found) || is_trusted(&found), "{option} {peer} {headers:?}: {again:?}");
        }
    }
}
