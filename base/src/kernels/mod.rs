//! Kernels: raw pointers, layouts, dtypes; never a `Tensor`. `program` is the formula in a form that every device runs.

pub mod cpu;
pub mod cuda;
pub mod program;

use crate::dtype::DType;

/// One tensor argument of a kernel: the address of its first element, and strides in elements, one per dimension of
/// the shape that the kernel is told.
///
/// Kernels read and write through the pointer only. Who makes an `Operand` sees to it that every index of the shape
/// stays inside memory that lives as long as the call. Two threads of the host language may write the same memory at
/// once; that is a race on numbers, and the reason why no reference to tensor memory is ever made.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// Address of element (0, 0, ...).
    pub ptr: *mut u8,
    /// Element type.
    pub dtype: DType,
    /// Distances in elements.
    pub strides: &'a [i64],
}

// SAFETY: an operand is an address and numbers; what may be done with the address is stated above.
unsafe impl Send for Operand<'_> {}
// SAFETY: as above.
unsafe impl Sync for Operand<'_> {}

/// A raw pointer that may travel to the threads of the pool.
#[derive(Clone, Copy, Debug)]
pub struct Ptr<T>(pub *mut T);

// SAFETY: kernels split their work so that threads write different elements.
unsafe impl<T> Send for Ptr<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Ptr<T> {}

impl<T> Ptr<T> {
    /// The pointer. (A method, so that closures capture the wrapper and not its field.)
    pub fn get(self) -> *mut T {
        self.0
    }
}
