//! NVIDIA GPUs through libraries that are found at run time. Nothing here may be called before `probe` has said that the
//! library is there: cudarc panics otherwise.

pub mod compile;
pub mod probe;
