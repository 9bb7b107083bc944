//! Changes inputs at random: what libFuzzer does, without its eyes.

/// A small generator of random numbers (xorshift64*), so that a seed brings a run back.
pub struct Random(u64);

impl Random {
    /// Begins with `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap_or(0) % limit
    }

    fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// Pieces that readers treat in a way of their own.
const PIECES: &[&str] = &[
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    ";",
    "=",
    "&",
    "%",
    "%00",
    "%2f",
    "+",
    "-",
    ".",
    "..",
    "/",
    "//",
    "@",
    "#",
    "?",
    "$",
    "\n",
    "\r\n",
    "\t",
    " ",
    "\0",
    "\u{1f}",
    "\u{7f}",
    "\u{feff}",
    "\u{200b}",
    "\u{2028}",
    "\u{d7ff}",
    "ﬁ",
    "İ",
    "ß",
    "９",
    "＠",
    "é",
    "e\u{301}",
    "0",
    "-0",
    "1e999",
    "9223372036854775807",
    "18446744073709551616",
    "0.1",
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "\\u0000",
    "\\ud800",
    "\"a\":1,\"a\":2",
    "__proto__",
    "Bearer ",
    "::ffff:1.2.3.4",
    "fe80::1%eth0",
    "[::1]:80",
    "-----BEGIN PRIVATE KEY-----",
    "$2b$10$",
    "$argon2id$v=19$m=19456,t=2,p=1$",
    "15m",
    "sslmode=verify-full",
];

const LONGEST: usize = 16 * 1024;

/// Makes another input from `seed`, now and then with a part of `other`.
pub fn mutate(seed: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(4) {
        change(&mut data, other, random);
    }
    data.truncate(LONGEST);
    data
}

fn change(data: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(data.len() + 1);
    let length = random.below(data.len() - at + 1).min(1 << random.below(9));
    match random.below(8) {
        0 if at < data.len() => data[at] ^= 1 << random.below(8),
        1 if at < data.len() => data[at] = u8::try_from(random.below(256)).unwrap_or(0),
        2 => drop(data.drain(at..at + length)),
        3 => {
            let again = data[at..at + length].to_vec();
            insert(data, at, &again);
        }
        4 if !other.is_empty() => {
            let from = random.below(other.len());
            let until = from + random.below(other.len() - from) + 1;
            drop(data.splice(at..at + length, other[from..until].iter().copied()));
        }
        5 => {
            let to = random.below(data.len() - length + 1);
            let moved: Vec<u8> = data.drain(at..at + length).collect();
            insert(data, to.min(data.len()), &moved);
        }
        _ => {
            let piece = random.pick(PIECES).as_bytes();
            insert(data, at, piece);
        }
    }
}

fn insert(data: &mut Vec<u8>, at: usize, piece: &[u8]) {
    drop(data.splice(at..at, piece.iter().copied()));
}
