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
    /// A kind of device that PyTorch names and rtorch has no code for (an index into `OTHER`), and its index. Such a
    /// device can be named and compared; to put a tensor there is an error.
    Other(u8, u8),
}

/// Kinds of devices that have a name only.
pub const OTHER: [&str; 15] = [
    "mps", "xpu", "xla", "hpu", "ipu", "mtia", "hip", "ve", "fpga", "maia", "lazy", "vulkan", "mkldnn", "opengl",
    "opencl",
];

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(i) => write!(f, "cuda:{i}"),
            Device::Meta => f.write_str("meta"),
            Device::Other(_, i) => write!(f, "{}:{i}", self.kind()),
        }
    }
}

impl Device {
    /// `cpu`, `cuda`, `meta` ..., without an index.
    pub fn kind(self) -> &'static str {
        match self {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
            Device::Meta => "meta",
            Device::Other(k, _) => OTHER.get(k as usize).copied().unwrap_or("other"),
        }
    }
}

/// The answer to a request for a device that this build cannot compute on.
#[cold]
pub fn absent(device: Device) -> crate::error::Error {
    match device {
        Device::Cuda(_) => no_cuda(),
        _ => crate::err!(
            Runtime,
            "PyTorch is not linked with support for {} devices\nrtorch computes on the CPU: say device=\"cpu\".",
            device.kind()
        ),
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
