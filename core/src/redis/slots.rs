//! Slots of a cluster: the slot of a key, and the server of a slot.

use std::collections::HashMap;

use ::redis::{Value, from_redis_value};

const SLOTS: u16 = 16_384;

/// Host and port.
pub(super) type Address = (String, u16);

/// Returns the slot of a key. The text between the first braces, if it is not empty, stands for the whole key.
pub(super) fn slot_of(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    crc16(tag.filter(|tag| !tag.is_empty()).unwrap_or(key).as_bytes()) % SLOTS
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 },
        )
    })
}

/// The servers, of the type `S`, with the slots that each has.
pub(super) struct Slots<S> {
    ranges: Vec<(u16, u16, S)>,
}

impl<S> Slots<S> {
    /// Reads the answer to `CLUSTER SLOTS`. A server without a host in the answer is on `host`. `server` makes the
    /// value for a server, and is called once for each.
    pub(super) fn read(answer: &Value, host: &str, mut server: impl FnMut(&Address) -> Option<S>) -> Option<Self>
    where
        S: Clone,
    {
        let rows = from_redis_value::<Vec<Vec<Value>>>(answer.clone()).ok()?;
        let mut servers: HashMap<Address, S> = HashMap::new();
        let mut ranges = Vec::with_capacity(rows.len());
        for row in rows {
            let [first, last, master, ..] = &row[..] else { return None };
            let address = address_of(master, host)?;
            let server = match servers.get(&address) {
                Some(known) => known.clone(),
                None => server(&address)?,
            };
            servers.insert(address, server.clone());
            ranges.push((from_redis_value(first.clone()).ok()?, from_redis_value(last.clone()).ok()?, server));
        }
        (!ranges.is_empty()).then_some(Self { ranges })
    }

    pub(super) fn owner(&self, slot: u16) -> Option<&S> {
        self.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&slot)).map(|(_, _, server)| server)
    }

    /// Returns a server for each range of slots, so a server with several ranges comes several times.
    pub(super) fn servers(&self) -> impl Iterator<Item = &S> {
        self.ranges.iter().map(|(_, _, server)| server)
    }
}

fn address_of(node: &Value, host: &str) -> Option<Address> {
    let parts = from_redis_value::<Vec<Value>>(node.clone()).ok()?;
    let [name, port, ..] = &parts[..] else { return None };
    let name = from_redis_value::<Option<String>>(name.clone()).ok()?.filter(|name| !name.is_empty() && name != "?");
    Some((name.unwrap_or_else(|| host.to_owned()), from_redis_value(port.clone()).ok()?))
}

/// Reads the address from the error `MOVED 1234 host:port` or `ASK 1234 host:port`. An address without a host is on
/// `host`.
pub(super) fn redirection(error: &::redis::RedisError, host: &str) -> Option<Address> {
    let (_, address) = error.detail()?.split_once(' ')?;
    let (name, port) = address.trim().rsplit_once(':')?;
    let name = if name.is_empty() || name == "?" { host } else { name };
    Some((name.to_owned(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::slot_of;

    /// The answers of `CLUSTER KEYSLOT` in Redis 7.
    #[test]
    fn slots_are_those_of_redis() {
        for (key, slot) in [("123456789", 12_739), ("foo", 12_182), ("{foo}.bar", 12_182), ("a{foo}{bar}", 12_182)] {
            assert_eq!(slot_of(key), slot, "{key}");
        }
        assert_ne!(slot_of("{}foo"), slot_of("{}bar"), "an empty tag is none");
    }
}
