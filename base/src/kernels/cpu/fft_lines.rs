//! What a Fourier transform is told: which lines of which tensors.

/// What a transform reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Complex to complex.
    Complex,
    /// Real to the first half of a complex result, which determines the rest.
    RealToHalf,
    /// The first half of what is conjugate symmetric to real.
    HalfToReal,
}

/// Lines along one dimension of two tensors of equal other sizes. Strides in elements.
pub struct Lines<'a> {
    /// First elements.
    pub from: *const u8,
    /// First elements of the result; the same as `from` for a transform in place.
    pub to: *mut u8,
    /// Sizes of the other dimensions.
    pub sizes: &'a [i64],
    /// Their strides.
    pub from_strides: &'a [i64],
    /// Their strides in the result.
    pub to_strides: &'a [i64],
    /// Distance along the line.
    pub from_step: i64,
    /// Distance along the line of the result.
    pub to_step: i64,
    /// Elements read of each line.
    pub have: usize,
    /// Length of the transform.
    pub n: usize,
    /// Elements written of each line.
    pub want: usize,
}

// SAFETY: addresses and numbers; each line is written by one block of the pool.
unsafe impl Sync for Lines<'_> {}
