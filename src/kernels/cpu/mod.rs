//! CPU kernels. They take raw pointers: two Python threads may write one tensor while the GIL is free, and that is a race
//! on numbers, never a Rust reference that is not unique.

pub mod creation;
pub mod gather;
pub mod index;
pub mod lines;
pub mod mask;
pub mod num;
pub mod scan;
pub mod search;
pub mod select;
pub mod sort;
