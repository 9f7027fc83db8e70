//! CPU kernels. They take raw pointers: two Python threads may write one tensor while the GIL is free, and that is a race
//! on numbers, never a Rust reference that is not unique.

pub mod convert;
pub mod copy;
pub mod math;
pub mod tile;
pub mod walk;

#[cfg(test)]
mod tests;
pub mod gemm;
pub mod random;
pub mod gather;
pub mod index;
pub mod lines;
pub mod mask;
pub mod num;
pub mod reduce;
pub mod creation;
