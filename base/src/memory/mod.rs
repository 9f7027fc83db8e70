//! Bytes: the allocator (`alloc`) and storages with their owners and version counters (`storage`).

pub mod alloc;
pub mod storage;

pub use storage::{Owner, Storage};

use crate::error::Result;

/// A `Vec` with room for `n` elements, for lists whose length an argument decides: where the system has no such memory this is
/// an error, while `Vec::with_capacity` ends the process.
pub fn room<T>(n: usize) -> Result<Vec<T>> {
    let mut v = Vec::new();
    match v.try_reserve_exact(n) {
        Ok(()) => Ok(v),
        Err(_) => Err(alloc::refused(n.saturating_mul(size_of::<T>()))),
    }
}

/// `vec![value; n]`, with an error as [`room`] has it.
pub fn filled<T: Clone>(value: T, n: usize) -> Result<Vec<T>> {
    let mut v = room(n)?;
    v.resize(n, value);
    Ok(v)
}
