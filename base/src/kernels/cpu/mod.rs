//! CPU kernels. They take raw pointers: two Python threads may write one tensor while the GIL is free, and that is a race
//! on numbers, never a Rust reference that is not unique.

pub mod attention;
pub mod bessel;
pub mod conv;
pub mod convert;
pub mod coo;
pub mod copy;
pub mod creation;
pub mod ctc;
pub mod dense;
#[cfg(feature = "linalg")]
pub mod fft;
#[cfg(not(feature = "linalg"))]
#[path = "fft_without.rs"]
pub mod fft;
pub mod fft_lines;
pub(crate) mod fold;
pub mod gather;
pub mod gemm;
pub mod grid_sample;
pub mod index;
pub mod lines;
pub mod loss;
pub mod mask;
pub mod math;
pub mod norm;
pub mod num;
pub mod optim;
pub mod polynomial;
pub mod pooling;
pub mod random;
pub mod reduce;
pub mod resample;
pub mod rnn;
pub mod scan;
pub mod search;
pub mod select;
pub mod sort;
pub mod special;
pub mod tile;
pub mod walk;

#[cfg(test)]
mod tests;
