//! CPU kernels. They take raw pointers: two Python threads may write one tensor while the GIL is free, and that is a race
//! on numbers, never a Rust reference that is not unique.

pub mod convert;
pub mod copy;
pub mod creation;
pub mod gather;
pub mod conv;
pub mod gemm;
pub mod pooling;
pub mod index;
pub mod lines;
pub mod mask;
pub mod math;
pub mod num;
pub mod random;
pub mod reduce;
pub mod tile;
pub mod walk;

#[cfg(test)]
mod tests;
pub mod scan;
pub mod select;
pub mod sort;
