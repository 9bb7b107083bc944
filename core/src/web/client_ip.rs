//! The address of the client: a canonical spelling, and the proxies that are trusted to forward it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use crate::error::Error;

/// Reads an address as frameworks and proxies write it, perhaps with a zone (`fe80::1%eth0`), in brackets, or with a
/// port. An IPv4-mapped IPv6 address becomes the IPv4 address. Zone and port are dropped.
#[must_use]
pub fn canonical(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return is_port.then(|| v6(address)).flatten();
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(IpAddr::V4(address));
    }
    if let Some((address, port)) = text.split_once(':')
        && let Ok(address) = address.parse::<Ipv4Addr>()
    {
        return is_port(port).then_some(IpAddr::V4(address));
    }
    v6(text)
}

/// Returns the bucket of a client, which is the IPv4 address, or the /64 of the IPv6 address, since a single customer
/// has all addresses of a /64.
#[must_use]
pub fn bucket(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{}/64", Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

/// The proxies whose forwarded addresses are trusted (`trustProxy` option).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TrustProxy {
    /// No proxy is trusted, so the peer is the client.
    #[default]
    None,
    /// This many proxies stand in front. The client's address is that which the outermost of them saw.
    Hops(u8),
    /// Proxies have addresses in these ranges. The client's is the last address outside of them.
    Ranges(Vec<Range>),
}

/// A range of addresses (CIDR).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    network: IpAddr,
    bits: u8,
}

impl TrustProxy {
    /// Reads the option. It may be absent, null, `false` or 0, or a number of proxies up to 255, or a list of ranges
    /// (`10.0.0.0/8`, an address, `loopback`, `linklocal`, `uniquelocal`), which may be a string with commas.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` for any other value, also for `true`, which would trust any client.
    pub fn from_option(option: Option<&Value>) -> Result<Self, Error> {
        let entries = match option {
            None | Some(Value::Null | Value::Bool(false)) => return Ok(Self::None),
            Some(Value::Bool(true)) => {
                return Err(Error::configuration(
                    "trustProxy: true would believe every client; give the number of proxies or their addresses",
                ));
            }
            Some(Value::Number(hops)) => {
                let hops = (0..=u8::MAX).find(|n| hops.as_f64() == Some(f64::from(*n)));
                return match hops {
                    Some(0) => Ok(Self::None),
                    Some(hops) => Ok(Self::Hops(hops)),
                    None => Err(Error::configuration("trustProxy must be a number of proxies from 0 to 255")),
                };
            }
            Some(Value::String(text)) => Some(text.split(',').collect::<Vec<_>>()),
            Some(Value::Array(entries)) => entries.iter().map(Value::as_str).collect(),
            Some(Value::Object(_)) => None,
        };
        let entries = entries.filter(|entries| !entries.is_empty()).ok_or_else(|| {
            Error::configuration("trustProxy must be a number of proxies or a list such as ['10.0.0.0/8']")
        })?;
        let mut ranges = Vec::new();
        for entry in entries {
            let entry = entry.trim();
            match named(entry) {
                Some(names) => ranges.extend(names.iter().filter_map(|range| Range::parse(range))),
                None => ranges.push(Range::parse(entry).ok_or_else(|| {
                    Error::configuration(format!("trustProxy: '{entry}' is not an address or a range of addresses"))
                })?),
            }
        }
        Ok(Self::Ranges(ranges))
    }

    /// Whether the hop with this address at `distance` (0 is the peer) is trusted to name the hop before it.
    fn trusts(&self, distance: usize, address: IpAddr) -> bool {
        match self {
            Self::None => false,
            Self::Hops(hops) => distance < usize::from(*hops),
            Self::Ranges(ranges) => ranges.iter().any(|range| range.contains(address)),
        }
    }
}

impl Range {
    /// Reads `address/bits`, or a single address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let network = address.parse::<IpAddr>().ok()?;
        let most = width(network);
        let bits = match bits {
            Some(bits) if is_port(bits) => bits.parse::<u8>().ok().filter(|bits| *bits <= most)?,
            Some(_) => return None,
            None => most,
        };
        // A range of IPv4-mapped addresses becomes a range of IPv4 addresses, like the addresses that it is compared
        // with.
        match network.to_canonical() {
            folded if folded == network => Some(Self { network, bits }),
            folded => bits.checked_sub(96).map(|bits| Self { network: folded, bits }),
        }
    }

    /// Whether the range holds the address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let differing = match (self.network, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(a.to_bits() ^ b.to_bits()),
            (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() ^ b.to_bits(),
            _ => return false,
        };
        differing.checked_shr(u32::from(width(self.network) - self.bits)).unwrap_or(0) == 0
    }
}

/// Returns the client's address. It goes from the peer back through `X-Forwarded-For`, as long as every hop is trusted.
/// `forwarded` are the header's values in the order received. An entry that is no address ends the search, since no
/// trusted hop wrote the entries before it.
#[must_use]
pub fn resolve<'a>(peer: IpAddr, forwarded: impl DoubleEndedIterator<Item = &'a str>, trust: &TrustProxy) -> IpAddr {
    walk(peer.to_canonical(), 0, entries(forwarded), trust)
}

/// Returns the client's address, also for a peer without an address, as on a Unix socket. Such a peer is a proxy if
/// `trust` counts proxies. If proxies are trusted by address, or not at all, its client is unknown.
#[must_use]
pub fn client<'a>(
    peer: Option<&str>,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    trust: &TrustProxy,
) -> Option<IpAddr> {
    match (peer.filter(|peer| !peer.is_empty()), trust) {
        (Some(peer), _) => canonical(peer).map(|peer| resolve(peer, forwarded, trust)),
        (None, TrustProxy::Hops(_)) => {
            let mut entries = entries(forwarded);
            let first = canonical(entries.next()?)?;
            Some(walk(first, 1, entries, trust))
        }
        (None, _) => None,
    }
}

/// Whether a request seems to have come through an undeclared proxy. It does if the peer is in a private network, where
/// proxies are and clients seldom, is not trusted, and forwards another address. A peer among the forwarded addresses
/// does not count, since the framework has then resolved the client already. A public peer does not count either, since
/// it may be a client that made the header up.
#[must_use]
pub fn is_undeclared_proxy<'a>(peer: &str, forwarded: impl Iterator<Item = &'a str>, trust: &TrustProxy) -> bool {
    let Some(peer) = canonical(peer).filter(|peer| is_private(*peer) && !trust.trusts(0, *peer)) else { return false };
    let named: Vec<IpAddr> = forwarded.flat_map(|value| value.split(',')).filter_map(canonical).collect();
    !named.contains(&peer) && named.iter().any(|address| !address.is_loopback())
}

/// Whether the address is in a private network (RFC 1918, RFC 4193, RFC 6598), loopback or link-local, so that no
/// client of the internet has it.
fn is_private(address: IpAddr) -> bool {
    let ranges = ["loopback", "linklocal", "uniquelocal"].into_iter().filter_map(named).flatten().copied();
    ranges.chain(["100.64.0.0/10"]).filter_map(Range::parse).any(|range| range.contains(address))
}

/// Returns the entries of the header, from the nearest hop to the farthest.
fn entries<'a>(forwarded: impl DoubleEndedIterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    forwarded.rev().flat_map(|value| value.rsplit(','))
}

fn walk<'a>(mut client: IpAddr, hops: usize, entries: impl Iterator<Item = &'a str>, trust: &TrustProxy) -> IpAddr {
    for (distance, entry) in entries.enumerate() {
        if !trust.trusts(hops + distance, client) {
            break;
        }
        match canonical(entry) {
            Some(address) => client = address,
            None => break,
        }
    }
    client
}

fn v6(text: &str) -> Option<IpAddr> {
    let address = text.split_once('%').map_or(text, |(address, _zone)| address);
    address.parse::<Ipv6Addr>().ok().map(|address| IpAddr::V6(address).to_canonical())
}

/// Whether a text is one to five digits.
fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Returns the ranges of a name, as Express has them.
fn named(name: &str) -> Option<&'static [&'static str]> {
    match name {
        "loopback" => Some(&["127.0.0.0/8", "::1/128"]),
        "linklocal" => Some(&["169.254.0.0/16", "fe80::/10"]),
        "uniquelocal" => Some(&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]),
        _ => None,
    }
}
