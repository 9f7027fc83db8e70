//! The sparse layout COO: a tensor whose storage belongs to two strided tensors, places and values. To everybody who knows only
//! strides it looks like one zero expanded to the sizes: no memory beyond it can be reached.

use super::Tensor;
use crate::device::Device;
use crate::dtype::DType;
use crate::error::Result;
use crate::memory::{Owner, Storage};
use crate::shape::{Dims, Layout};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a sparse tensor holds. Places that no column names are zero; places that several name have the sum of the values.
pub struct Coo {
    /// int64 [sparse dimensions, columns].
    pub indices: Tensor,
    /// [columns, dense dimensions ...].
    pub values: Tensor,
    /// Are the columns sorted, each there once?
    pub coalesced: AtomicBool,
    /// The zero that others see.
    _zero: Box<[u64; 2]>,
}

/// The storage's owner, which a tensor and its aliases share.
struct Shared(Arc<Coo>);

impl Owner for Shared {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

static EXIST: AtomicBool = AtomicBool::new(false);

/// Was any sparse tensor made in this process? Every call asks this first.
#[inline]
pub fn exist() -> bool {
    EXIST.load(Ordering::Relaxed)
}

impl Tensor {
    /// A sparse tensor. The caller has checked that indices (int64) and values fit each other and the sizes.
    pub fn from_coo(sizes: &[i64], indices: Tensor, values: Tensor, coalesced: bool) -> Result<Tensor> {
        crate::shape::numel(sizes)?;
        let dtype = values.dtype();
        let mut zero = Box::new([0u64; 2]);
        let ptr = zero.as_mut_ptr().cast::<u8>();
        let coo = Coo { indices, values, coalesced: AtomicBool::new(coalesced), _zero: zero };
        let owner = Box::new(Shared(Arc::new(coo)));
        // SAFETY: the box is the owner's and never moves; 16 bytes hold one element of any dtype.
        let storage = unsafe { Storage::foreign(ptr, dtype.size(), owner) };
        EXIST.store(true, Ordering::Relaxed);
        let strides = Dims::from_elem(0, sizes.len());
        Ok(Tensor::from_parts(storage, Layout { sizes: sizes.into(), strides, offset: 0 }, dtype))
    }

    /// What it holds, if it is sparse.
    pub fn coo(&self) -> Option<Arc<Coo>> {
        let body = self.body();
        body.storage.owner()?.as_any().downcast_ref::<Shared>().map(|s| s.0.clone())
    }

    /// Is the layout sparse?
    #[inline]
    pub fn is_sparse(&self) -> bool {
        exist() && self.coo().is_some()
    }

    /// An error in the words of PyTorch unless the tensor is strided.
    pub fn needs_strides(&self, what: &str) -> Result<()> {
        if self.is_sparse() {
            bail!(
                NotImplemented,
                "{what}\nMake the tensor dense first: t.to_dense(), or look at t.indices() and t.values()."
            );
        }
        Ok(())
    }
}

impl Coo {
    /// How many dimensions have places; the others are the values' own.
    pub fn sparse_dim(&self) -> usize {
        self.indices.size_at(0) as usize
    }

    /// How many columns.
    pub fn nnz(&self) -> i64 {
        self.indices.size_at(1)
    }

    /// Are the columns sorted, each there once?
    pub fn is_coalesced(&self) -> bool {
        self.coalesced.load(Ordering::Relaxed)
    }

    /// Where it lies.
    pub fn device(&self) -> Device {
        self.values.device()
    }

    /// The values' dtype.
    pub fn dtype(&self) -> DType {
        self.values.dtype()
    }
}
