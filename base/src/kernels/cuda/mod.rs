//! CUDA kernels as text: the device code of `/cuda`, embedded, and the printer that makes kernels of it. Nothing here
//! needs a GPU, a driver or a compiler; `device/cuda` compiles and launches what is printed.

pub mod args;
pub mod names;
pub mod print;

/// The device code, by the names that `#include` uses. Kernels are compiled with these as in-memory headers.
pub const HEADERS: [(&str, &str); 13] = [
    ("types.cuh", include_str!("../../../cuda/include/types.cuh")),
    ("prims.cuh", include_str!("../../../cuda/include/prims.cuh")),
    ("index.cuh", include_str!("../../../cuda/include/index.cuh")),
    ("block.cuh", include_str!("../../../cuda/include/block.cuh")),
    ("ops.cuh", include_str!("../../../cuda/include/ops.cuh")),
    ("map.cu", include_str!("../../../cuda/map.cu")),
    ("reduce.cu", include_str!("../../../cuda/reduce.cu")),
    ("scan.cu", include_str!("../../../cuda/scan.cu")),
    ("arg.cu", include_str!("../../../cuda/arg.cu")),
    ("softmax.cu", include_str!("../../../cuda/softmax.cu")),
    ("index.cu", include_str!("../../../cuda/index.cu")),
    ("copy.cu", include_str!("../../../cuda/copy.cu")),
    ("moments.cu", include_str!("../../../cuda/moments.cu")),
];

/// Options of every compilation. Without contraction `a * b + c` rounds twice, as on the CPU: the same bits.
pub const OPTIONS: [&str; 2] = ["--std=c++17", "--fmad=false"];
