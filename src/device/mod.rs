//! Where memory lies and work runs. `cpu` is the thread pool and what the processor can do.

pub mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;

use std::fmt;

/// A device. `Meta` has shapes and dtypes, and no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Device {
    Cpu,
    Cuda(u8),
    Meta,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(i) => write!(f, "cuda:{i}"),
            Device::Meta => f.write_str("meta"),
        }
    }
}

impl Device {
    /// `cpu`, `cuda` or `meta`, without an index.
    pub fn kind(self) -> &'static str {
        match self {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
            Device::Meta => "meta",
        }
    }
}

/// The answer to a CUDA request where there is no usable CUDA.
#[cold]
pub fn no_cuda() -> crate::error::Error {
    crate::err!(
        Assertion,
        "Torch not compiled with CUDA enabled\nrtorch finds no CUDA device that it can use here: say device=\"cpu\", or ask \
         torch.cuda.is_available() first."
    )
}
