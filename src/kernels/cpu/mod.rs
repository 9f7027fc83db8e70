//! CPU kernels. They take raw pointers: two Python threads may write one tensor while the GIL is free, and that is a race
//! on numbers, never a Rust reference that is not unique.

pub mod conv;
pub mod gemm;
pub mod pooling;
