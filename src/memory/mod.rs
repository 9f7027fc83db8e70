//! Bytes: the allocator (`alloc`) and storages with their owners and version counters (`storage`).

pub mod alloc;
pub mod storage;

pub use storage::Storage;
