//! `Generator`: the Mersenne Twister with PyTorch's seeding and state bytes, and the cached second normal number.

use super::by_isa;
use crate::error::Result;

const N: usize = 624;
const M: usize = 397;

/// The seed of a new `torch.Generator()`.
pub const DEFAULT_SEED: u64 = 67280421310721;

/// Length of the state that `state` gives and `set_state` takes.
pub const STATE_BYTES: usize = 5056;

/// A stream of random numbers.
#[derive(Clone)]
pub struct Generator {
    seed: u64,
    /// One more than the words that are left before the next twist.
    left: u32,
    /// Where the next word lies.
    next: u32,
    words: [u32; N],
    pub(super) next_f32: Option<f32>,
    pub(super) next_f64: Option<f64>,
}

impl Default for Generator {
    fn default() -> Generator {
        Generator::with_seed(DEFAULT_SEED)
    }
}

impl Generator {
    /// A generator as after `manual_seed(seed)`.
    pub fn with_seed(seed: u64) -> Generator {
        let mut words = [0; N];
        words[0] = seed as u32;
        for j in 1..N {
            let last: u32 = words[j - 1];
            words[j] = 1812433253u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(j as u32);
        }
        Generator { seed, left: 1, next: 0, words, next_f32: None, next_f64: None }
    }

    /// Starts the stream of `seed` (of which the state depends on the low 32 bits).
    pub fn manual_seed(&mut self, seed: u64) {
        *self = Generator::with_seed(seed);
    }

    /// The seed that the stream started from.
    pub fn initial_seed(&self) -> u64 {
        self.seed
    }

    /// Starts a stream that nobody can foresee and returns its seed.
    pub fn seed(&mut self) -> u64 {
        self.manual_seed(nondeterministic_seed());
        self.seed
    }

    /// The next 32 random bits.
    #[inline]
    pub fn random(&mut self) -> u32 {
        if self.left <= 1 {
            self.twist();
        }
        self.left -= 1;
        self.next += 1;
        temper(self.words[self.next as usize - 1])
    }

    /// The next 64 random bits: two words, the high one first.
    #[inline]
    pub fn random64(&mut self) -> u64 {
        let high = self.random();
        (high as u64) << 32 | self.random() as u64
    }

    /// A number in [0, 1) with 53 random bits.
    #[inline]
    pub fn uniform64(&mut self) -> f64 {
        unit64(self.random64())
    }

    /// A standard normal number; the second one of each pair is kept for the next call.
    pub fn normal64(&mut self) -> f64 {
        if let Some(x) = self.next_f64.take() {
            return x;
        }
        let u1 = self.uniform64();
        let u2 = self.uniform64();
        let radius = (-2.0 * (-u2).ln_1p()).sqrt();
        let theta = 2.0 * std::f64::consts::PI * u1;
        self.next_f64 = Some(radius * theta.sin());
        radius * theta.cos()
    }

    /// The next `out.len()` words.
    pub fn fill(&mut self, out: &mut [u32]) {
        let mut done = 0;
        while done < out.len() {
            let part = self.raw(out.len() - done);
            let n = part.len();
            // SAFETY: both ranges have `n` words.
            unsafe { temper_all(part.as_ptr(), out.as_mut_ptr().add(done), n) };
            done += n;
        }
    }

    /// Passes over `n` words.
    pub fn skip(&mut self, mut n: usize) {
        while n > 0 {
            n -= self.raw(n).len();
        }
    }

    /// At least one and at most `most` untempered words, consumed.
    fn raw(&mut self, most: usize) -> &[u32] {
        if self.left <= 1 {
            self.twist();
        }
        let n = most.min(self.left as usize - 1);
        let at = self.next as usize;
        self.left -= n as u32;
        self.next += n as u32;
        &self.words[at..at + n]
    }

    #[cold]
    fn twist(&mut self) {
        self.left = N as u32 + 1;
        self.next = 0;
        // SAFETY: the array is whole and ours.
        unsafe { twist_words(&mut self.words) };
    }

    /// The state as PyTorch's `get_rng_state` lays it out.
    pub fn state(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(STATE_BYTES);
        out.extend(self.seed.to_le_bytes());
        out.extend(self.left.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        out.extend((self.next as u64).to_le_bytes());
        for w in self.words {
            out.extend((w as u64).to_le_bytes());
        }
        out.extend(0f64.to_le_bytes());
        out.extend(self.next_f64.unwrap_or(0.0).to_le_bytes());
        out.extend(0f64.to_le_bytes());
        out.extend((self.next_f64.is_some() as u64).to_le_bytes());
        out.extend(self.next_f32.unwrap_or(0.0).to_le_bytes());
        out.extend((self.next_f32.is_some() as u32).to_le_bytes());
        out
    }

    /// Takes over a state of `state` (or of PyTorch).
    pub fn set_state(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.len() != STATE_BYTES {
            bail!(
                Runtime,
                "Expected a CPUGeneratorImplState of size {STATE_BYTES} but found the input RNG state size to be {}",
                bytes.len()
            );
        }
        let u64_at = |at: usize| {
            let mut b = [0; 8];
            b.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(b)
        };
        let (left, seeded) = (u64_at(8) as u32, (u64_at(8) >> 32) != 0);
        let next = u64_at(16);
        let valid = seeded && (1..=N as u32).contains(&left) && next <= N as u64 && next + left as u64 <= N as u64 + 1;
        if !valid {
            bail!(Runtime, "Invalid mt19937 state");
        }
        self.seed = u64_at(0);
        self.left = left;
        self.next = next as u32;
        for (k, w) in self.words.iter_mut().enumerate() {
            *w = u64_at(24 + 8 * k) as u32;
        }
        let at = 24 + 8 * N;
        self.next_f64 = (u64_at(at + 24) as u32 != 0).then(|| f64::from_bits(u64_at(at + 8)));
        let last = u64_at(at + 32);
        self.next_f32 = ((last >> 32) as u8 != 0).then(|| f32::from_bits(last as u32));
        Ok(())
    }
}

/// 53 of the bits as a number in [0, 1).
#[inline(always)]
pub(super) fn unit64(bits: u64) -> f64 {
    (bits & ((1 << 53) - 1)) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// 24 of the bits as a number in [0, 1).
#[inline(always)]
pub(super) fn unit32(bits: u32) -> f32 {
    (bits & 0xff_ffff) as i32 as f32 * (1.0 / (1 << 24) as f32)
}

#[inline(always)]
fn temper(mut y: u32) -> u32 {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^ (y >> 18)
}

#[inline(always)]
unsafe fn temper_body(from: *const u32, to: *mut u32, n: usize) {
    for i in 0..n {
        // SAFETY: the caller's promise: both ranges have `n` words.
        unsafe { to.add(i).write(temper(from.add(i).read())) };
    }
}
by_isa!(temper_all = temper_body(from: *const u32, to: *mut u32, n: usize));

#[inline(always)]
unsafe fn twist_body(p: &mut [u32; N]) {
    let mix = |u: u32, v: u32| (((u & 0x80000000) | (v & 0x7fffffff)) >> 1) ^ (0u32.wrapping_sub(v & 1) & 0x9908b0df);
    for k in 0..N - M {
        p[k] = p[k + M] ^ mix(p[k], p[k + 1]);
    }
    for k in N - M..N - 1 {
        p[k] = p[k + M - N] ^ mix(p[k], p[k + 1]);
    }
    p[N - 1] = p[M - 1] ^ mix(p[N - 1], p[0]);
}
by_isa!(twist_words = twist_body(p: &mut [u32; N]));

/// A seed from the system's randomness.
pub fn nondeterministic_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    use std::io::Read;
    let mut bytes = [0; 8];
    if std::fs::File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut bytes)).is_ok() {
        return u64::from_le_bytes(bytes);
    }
    let mut hash = std::collections::hash_map::RandomState::new().build_hasher();
    hash.write_u32(std::process::id());
    if let Ok(now) = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
        hash.write_u128(now.as_nanos());
    }
    hash.finish()
}
