//! The address of the client: one spelling for each, and the proxies that are trusted for it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use crate::error::Error;

/// Reads an address as frameworks and proxies write it: with a zone (`fe80::1%eth0`), in brackets, with a port. An
/// IPv4-mapped IPv6 address becomes the IPv4 address, and the zone is dropped.
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

/// The bucket of a client: an IPv4 address, or the /64 of an IPv6 one, since every customer has that many.
#[must_use]
pub fn bucket(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{}/64", Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

/// Which forwarded addresses are believed (`trustProxy` option).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TrustProxy {
    /// None: the peer is the client.
    #[default]
    None,
    /// The number of proxies before us; the address that the outermost of them saw is the client's.
    Hops(u8),
    /// Proxies have addresses in these ranges; the last one outside of them is the client.
    Ranges(Vec<Range>),
}

/// A range of addresses (CIDR).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    network: IpAddr,
    bits: u8,
}

impl TrustProxy {
    /// Reads the option: absent, null or `false`; a number of hops from 1 to 255; a range, or a list of ranges
    /// (`10.0.0.0/8`, an address, `loopback`, `linklocal`, `uniquelocal`), also with commas in one string.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR`, also for `true`, which would trust any client.
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

    /// Whether the hop at `distance` (0 is the peer) with this address is trusted to name the hop before it.
    fn trusts(&self, distance: usize, address: IpAddr) -> bool {
        match self {
            Self::None => false,
            Self::Hops(hops) => distance < usize::from(*hops),
            Self::Ranges(ranges) => ranges.iter().any(|range| range.contains(address)),
        }
    }
}

impl Range {
    /// Reads `address/bits`, or one address.
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
        // A range of mapped addresses is a range of IPv4 ones, as the addresses it is compared with are.
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

/// The client's address: from the peer back through `X-Forwarded-For`, as far as every hop is trusted. `forwarded` are
/// the header's values in the order received. An entry that is no address ends the walk: the entries before it have no
/// trusted author.
#[must_use]
pub fn resolve<'a>(peer: IpAddr, forwarded: impl DoubleEndedIterator<Item = &'a str>, trust: &TrustProxy) -> IpAddr {
    walk(peer.to_canonical(), 0, entries(forwarded), trust)
}

/// The client's address from what the host knows of the peer. A peer without address, at the other end of a Unix
/// socket, is a proxy like any other where proxies are counted; if proxies are trusted by address, the client behind it
/// is unknown.
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

/// Whether a request seems to have come through an undeclared proxy: the peer is in a private network, where proxies
/// are and clients seldom, it is not trusted, and it names a client that is not itself. A peer that a framework has
/// resolved already is among the entries. A public peer may be a client that made the header up, so it counts as a
/// client.
#[must_use]
pub fn is_undeclared_proxy<'a>(peer: &str, forwarded: impl Iterator<Item = &'a str>, trust: &TrustProxy) -> bool {
    let Some(peer) = canonical(peer).filter(|peer| is_private(*peer) && !trust.trusts(0, *peer)) else { return false };
    let named: Vec<IpAddr> = forwarded.flat_map(|value| value.split(',')).filter_map(canonical).collect();
    !named.contains(&peer) && named.iter().any(|address| !address.is_loopback())
}

/// Whether the address is of no client of the internet: private networks (RFC 1918, RFC 4193, RFC 6598), loopback and
/// link-local addresses.
fn is_private(address: IpAddr) -> bool {
    let ranges = ["loopback", "linklocal", "uniquelocal"].into_iter().filter_map(named).flatten().copied();
    ranges.chain(["100.64.0.0/10"]).filter_map(Range::parse).any(|range| range.contains(address))
}

/// From the nearest hop to the farthest.
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

/// Up to five digits.
fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The names that Express knows for ranges.
fn named(name: &str) -> Option<&'static [&'static str]> {
    match name {
        "loopback" => Some(&["127.0.0.0/8", "::1/128"]),
        "linklocal" => Some(&["169.254.0.0/16", "fe80::/10"]),
        "uniquelocal" => Some(&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]),
        _ => None,
    }
}
