//! rtorch's core: tensors, autograd and kernels with PyTorch's semantics, without Python.
//!
//! The layers, lowest first: `error`, `dtype`, `scalar`; `shape`; `device`; `memory`; `kernels` (these in the crate
//! `rtorch-base`); `tensor`; `op`; `ops`; `autograd`. A folder uses only those before it (`tests/layers.rs` holds them to
//! it). ARCHITECTURE.md walks through a call.
//!
//! ```
//! use rtorch::{Tensor, autograd, ops};
//!
//! let x = Tensor::from_slice(&[0.0f32, 1.0], &[2])?;
//! x.set_requires_grad(true)?;
//! let y = ops::sum_all(&x.tanh()?, None)?;
//! autograd::backward(&[y], &[], &[], Default::default())?;
//!
//! let slope = x.grad().expect("x requires a gradient").to_vec::<f32>()?;
//! assert_eq!(slope[0], 1.0);
//! assert!((slope[1] - 0.419974).abs() < 1e-6);
//! # Ok::<(), rtorch::Error>(())
//! ```

#[macro_use]
extern crate rtorch_base;

pub use rtorch_base::{bail, device, dispatch, dtype, err, error, field, kernels, memory, scalar, shape};

pub mod tensor;

#[macro_use]
pub mod op;

pub mod ops;

pub mod autograd;

pub use device::Device;
pub use dtype::DType;
pub use error::{Error, Kind, Result};
pub use ops::init;
pub use scalar::Scalar;
pub use tensor::Tensor;
