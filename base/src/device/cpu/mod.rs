//! The processor: its instruction sets (`isa`) and the kernels' thread pool (`pool`).

pub mod isa;
pub mod pool;
