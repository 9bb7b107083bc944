//! scrypt (RFC 7914), for the hashes of imported users. New hashes are never made by it.

use scrypt::Params;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroize as _;

use super::phc;
use super::unusable::Unusable;
use crate::crypto::{Secret, aes_ctr_keystream, equal_in_constant_time};

/// The most bytes of memory of a stored hash, and the most bytes of memory times parallelism.
const MAX_MEMORY: u64 = 256 << 20;
const MAX_WORK: u64 = 1 << 30;

const NAMES: [&str; 3] = ["ln", "r", "p"];

/// The way in which another system uses scrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScryptKind {
    /// scrypt of the password as it is.
    Plain,
    /// scrypt of the password in NFKC, as better-auth hashes it.
    Nfkc,
    /// Firebase's form. The digest is the key stream of AES-256-CTR under the first half of scrypt's output. Firebase
    /// stores that stream combined with its signer key, which is the same for all users of a project; the import
    /// removes the signer key.
    Firebase,
}

impl ScryptKind {
    const ALL: [Self; 3] = [Self::Plain, Self::Nfkc, Self::Firebase];

    const fn id(self) -> &'static str {
        match self {
            Self::Plain => "scrypt",
            Self::Nfkc => "scrypt-nfkc",
            Self::Firebase => "scrypt-firebase",
        }
    }
}

/// The cost of a hash: the binary logarithm of N, and r and p.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScryptCost {
    /// The binary logarithm of N.
    pub log_n: u32,
    /// The size of a block.
    pub r: u32,
    /// The parallelism.
    pub p: u32,
}

impl ScryptCost {
    /// Returns the bytes of memory times parallelism. `None`: the parameters are implausible.
    fn work(self) -> Option<u64> {
        let Self { log_n, r, p } = self;
        if !(1..=20).contains(&log_n) || !(1..=64).contains(&r) || !(1..=16).contains(&p) {
            return None;
        }
        let memory = (u64::from(r) * 128) << log_n;
        (memory <= MAX_MEMORY && memory * u64::from(p) <= MAX_WORK).then(|| memory * u64::from(p))
    }
}

/// Writes the stored form of a hash.
#[must_use]
pub fn encode_scrypt(kind: ScryptKind, cost: ScryptCost, salt: &[u8], digest: &[u8]) -> Secret<String> {
    phc::write(kind.id(), NAMES, [cost.log_n, cost.r, cost.p], salt, digest)
}

/// A hash that is known to be well-formed and affordable.
pub(super) struct Parsed {
    kind: ScryptKind,
    params: Params,
    /// The bytes of memory times parallelism.
    pub(super) work: u64,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

impl Parsed {
    pub(super) fn new(encoded: &str) -> Result<Self, Unusable> {
        let parsed = ScryptKind::ALL.iter().find_map(|kind| Some((*kind, phc::parse(encoded, kind.id(), NAMES)?)));
        let (kind, phc::Parts { numbers: [log_n, r, p], salt, digest }) = parsed.ok_or(Unusable::Malformed)?;
        let fits = match kind {
            ScryptKind::Firebase => digest.len() == 64,
            ScryptKind::Plain | ScryptKind::Nfkc => (16..=64).contains(&digest.len()),
        };
        if !fits {
            return Err(Unusable::Malformed);
        }
        let work = ScryptCost { log_n, r, p }.work().ok_or(Unusable::Dear)?;
        let log_n = u8::try_from(log_n).map_err(|_| Unusable::Dear)?;
        let params = Params::new(log_n, r, p).map_err(|_| Unusable::Malformed)?;
        Ok(Self { kind, params, work, salt, digest })
    }

    pub(super) fn verify(&self, password: &str) -> bool {
        let mut made = vec![0; self.digest.len()];
        let is_made = match self.kind {
            ScryptKind::Plain => self.derive(password, &mut made),
            ScryptKind::Nfkc => {
                let normalized = Secret::new(password.nfkc().collect::<String>());
                self.derive(normalized.expose(), &mut made)
            }
            ScryptKind::Firebase => {
                let mut key = [0; 32];
                let is_made = self.derive(password, &mut key) && aes_ctr_keystream(&key, &mut made);
                key.zeroize();
                is_made
            }
        };
        let matches = is_made && equal_in_constant_time(&made, &self.digest);
        made.zeroize();
        matches
    }

    /// Whether texts that differ in their normal form alone match this hash alike.
    pub(super) fn is_normalizing(&self) -> bool {
        self.kind == ScryptKind::Nfkc
    }

    fn derive(&self, password: &str, output: &mut [u8]) -> bool {
        scrypt::scrypt(password.as_bytes(), &self.salt, &self.params, output).is_ok()
    }
}
