//! The client's address: one spelling for each, and one bucket for what one client can have many of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::Error;

/// Reads an address. IPv4 in IPv6 clothes becomes IPv4 (RFC 4291, 2.5.5.2), a zone is dropped.
#[must_use]
pub fn canonical(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let bare = bare.split('%').next()?;
    match bare.parse().ok()? {
        IpAddr::V6(v6) => Some(v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4)),
        v4 @ IpAddr::V4(_) => Some(v4),
    }
}

/// The rate-limit bucket of an address: itself for IPv4, its /64 for IPv6, since that is what one subscriber gets.
#[must_use]
pub fn bucket(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// Which hops may speak for the client (`trustProxy`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustProxy {
    /// So many proxies stand in front.
    Hops(usize),
    /// Proxies in these networks stand in front.
    Networks(Vec<(IpAddr, u8)>),
}

impl TrustProxy {
    /// Reads networks such as `10.0.0.0/8` or single addresses.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` naming `trustProxy`.
    pub fn networks(list: &[String]) -> Result<Self, Error> {
        let parse = |text: &String| {
            let (address, bits) = match text.split_once('/') {
                Some((address, bits)) => (canonical(address)?, Some(bits.parse::<u8>().ok()?)),
                None => (canonical(text)?, None),
            };
            let longest = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.unwrap_or(longest);
            (bits <= longest).then_some((address, bits))
        };
        let networks = list.iter().map(|text| {
            parse(text).ok_or_else(|| {
                Error::configuration(format!(
                    "trustProxy has '{text}', which is not an address or a network (10.0.0.0/8)"
                ))
            })
        });
        Ok(Self::Networks(networks.collect::<Result<_, _>>()?))
    }

    fn trusts(&self, hop: usize, ip: IpAddr) -> bool {
        match self {
            Self::Hops(hops) => hop < *hops,
            Self::Networks(networks) => networks.iter().any(|(network, bits)| contains(*network, *bits, ip)),
        }
    }
}

/// The client behind trusted proxies: the nearest address in `X-Forwarded-For`, read from the right, that no trusted
/// proxy spoke for. What a client writes into the header itself stands further left and is never reached.
#[must_use]
pub fn resolve<'a>(peer: IpAddr, forwarded: impl IntoIterator<Item = &'a str>, trust: &TrustProxy) -> IpAddr {
    let hops: Vec<&str> = forwarded.into_iter().flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut client = peer;
    for (hop, text) in hops.into_iter().rev().enumerate() {
        if !trust.trusts(hop, client) {
            break;
        }
        match canonical(text) {
            Some(ip) => client = ip,
            None => break,
        }
    }
    client
}

fn contains(network: IpAddr, bits: u8, ip: IpAddr) -> bool {
    match (network, ip) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            (to_bits(network) ^ to_bits(ip)) & mask == 0
        }
        (IpAddr::V6(network), IpAddr::V6(ip)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            (u128::from(network) ^ u128::from(ip)) & mask == 0
        }
        _ => false,
    }
}

fn to_bits(ip: Ipv4Addr) -> u32 {
    u32::from(ip)
}
