//! Maps and sets whose keys are addresses: of nodes in a walk, of objects that were seen.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A hasher for addresses.
#[derive(Default)]
pub struct Address(u64);

impl Hasher for Address {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&b| self.0 = self.0.rotate_left(8) ^ b as u64);
    }
    #[inline]
    fn write_usize(&mut self, i: usize) {
        // Low bits of addresses are zero; multiply to spread the rest.
        self.0 = (i as u64 >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Values by address.
pub type AddressMap<V> = HashMap<usize, V, BuildHasherDefault<Address>>;

/// Addresses, each once.
pub type AddressSet = HashSet<usize, BuildHasherDefault<Address>>;
