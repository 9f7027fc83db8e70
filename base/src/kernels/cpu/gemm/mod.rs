//! Matrix multiplication: `C = act(alpha * A B + beta * C + bias)` for any strides, batches and dtypes.
//!
//! One engine (`engine`: BLIS's loops) with micro-kernels chosen at run time (`micro`, `lane`), operands packed from
//! wherever they come (`pack`), and results written wherever they go (`sink`). Convolution is this engine with a packer
//! that reads the image.

mod complex;
pub(crate) mod engine;
pub(crate) mod lane;
pub(crate) mod micro;
pub(crate) mod pack;
pub(crate) mod sink;
#[cfg(test)]
mod tests;
pub(crate) mod thin;

use crate::device::cpu::isa::{self, Isa};
use crate::device::cpu::pool;
use crate::dtype::{DType, bf16, f16};
use crate::error::Result;
use engine::{Job, Out};
use micro::Native;
use pack::{Load, Strided};
use sink::{Store, StridedSink};

/// A matrix, or a batch of them, in memory. Strides count elements, and may be 0 or negative.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// Element (0, 0) of the first matrix.
    pub ptr: *mut u8,
    /// Distance of rows.
    pub row_stride: i64,
    /// Distance of columns.
    pub col_stride: i64,
    /// Distance of matrices, one per dimension of [`Gemm::batch`].
    pub batch_strides: &'a [i64],
}

impl Matrix<'_> {
    /// A single matrix.
    pub fn new(ptr: *mut u8, row_stride: i64, col_stride: i64) -> Matrix<'static> {
        Matrix { ptr, row_stride, col_stride, batch_strides: &[] }
    }
}

/// What is added to each element of the product; the dtype is the product's. The same for all matrices of a batch.
#[derive(Clone, Copy, Debug)]
pub enum Bias {
    /// One value per column (a linear layer).
    Col(*const u8, i64),
    /// One value per row (a convolution's channels).
    Row(*const u8, i64),
}

/// What is applied last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `max(x, 0)`
    Relu,
}

/// One call: C (m x n) from A (m x k) and B (k x n), for each matrix of the batch.
#[derive(Clone, Copy, Debug)]
pub struct Gemm<'a> {
    /// Of all three matrices and the bias.
    pub dtype: DType,
    /// Rows of C.
    pub m: usize,
    /// Columns of C.
    pub n: usize,
    /// Columns of A.
    pub k: usize,
    /// Sizes of the batch dimensions; empty for one product.
    pub batch: &'a [usize],
    /// Left operand; only read.
    pub a: Matrix<'a>,
    /// Right operand; only read.
    pub b: Matrix<'a>,
    /// Result.
    pub c: Matrix<'a>,
    /// Factor of the product (integers: truncated).
    pub alpha: f64,
    /// Factor of what C holds; 0 does not read it.
    pub beta: f64,
    /// Added before the activation.
    pub bias: Option<Bias>,
    /// Applied last.
    pub act: Option<Activation>,
}

impl<'a> Gemm<'a> {
    /// `C = A B`, one product.
    pub fn new(dtype: DType, m: usize, n: usize, k: usize, a: Matrix<'a>, b: Matrix<'a>, c: Matrix<'a>) -> Gemm<'a> {
        Gemm { dtype, m, n, k, batch: &[], a, b, c, alpha: 1.0, beta: 0.0, bias: None, act: None }
    }
}

/// One matrix of a batch.
#[derive(Clone, Copy)]
struct Mat {
    ptr: *mut u8,
    rs: isize,
    cs: isize,
}

/// One product of a batch.
#[derive(Clone, Copy)]
struct Item {
    m: usize,
    n: usize,
    k: usize,
    a: Mat,
    b: Mat,
    c: Mat,
    alpha: f64,
    beta: f64,
    /// Address (or null) and stride.
    row_bias: (*const u8, isize),
    col_bias: (*const u8, isize),
    relu: bool,
    isa: Isa,
}

// SAFETY: addresses and numbers; products of one batch write different matrices.
unsafe impl Sync for Item {}

/// Most bytes that a packed B takes.
const B_LIMIT: usize = 6 << 20;

/// Multiplies. The result has the same bits for any number of threads.
///
/// # Safety
/// Each matrix covers its sizes and strides in memory that lives as long as the call; C overlaps neither A nor B, and no
/// two of its elements are the same.
pub unsafe fn gemm(g: &Gemm) -> Result<()> {
    // SAFETY: the caller's.
    unsafe { gemm_with(g, isa::isa()) }
}

/// [`gemm`] by a given instruction set, which the machine must have (tests and benches).
///
/// # Safety
/// As for [`gemm`].
pub unsafe fn gemm_with(g: &Gemm, isa: Isa) -> Result<()> {
    let dims = g.batch.len();
    if g.a.batch_strides.len() != dims || g.b.batch_strides.len() != dims || g.c.batch_strides.len() != dims {
        bail!(Runtime, "gemm: {dims} batch dimensions, but other numbers of batch strides");
    }
    let mut one = Item {
        m: g.m,
        n: g.n,
        k: g.k,
        a: mat(&g.a),
        b: mat(&g.b),
        c: mat(&g.c),
        alpha: g.alpha,
        beta: g.beta,
        row_bias: (std::ptr::null(), 0),
        col_bias: (std::ptr::null(), 0),
        relu: g.act == Some(Activation::Relu),
        isa,
    };
    match g.bias {
        Some(Bias::Col(p, s)) => one.col_bias = (p, s as isize),
        Some(Bias::Row(p, s)) => one.row_bias = (p, s as isize),
        None => {}
    }
    let count: usize = g.batch.iter().product();
    if count == 0 || g.m == 0 || g.n == 0 {
        return Ok(());
    }
    if count == 1 {
        // SAFETY: the caller's.
        return unsafe { item(g.dtype, &one) };
    }
    // One matrix B for a dense stack of A: a taller A.
    if let ([batch], [sa], [0], [sc]) = (g.batch, g.a.batch_strides, g.b.batch_strides, g.c.batch_strides)
        && *sa == g.m as i64 * g.a.row_stride
        && *sc == g.m as i64 * g.c.row_stride
        && one.row_bias.0.is_null()
    {
        one.m *= batch;
        // SAFETY: the same elements.
        return unsafe { item(g.dtype, &one) };
    }
    let size = g.dtype.size() as isize;
    let run = |i: usize| {
        let (mut rest, mut o) = (i, [0isize; 3]);
        for d in (0..dims).rev() {
            let x = (rest % g.batch[d]) as isize;
            rest /= g.batch[d];
            o[0] += x * g.a.batch_strides[d] as isize;
            o[1] += x * g.b.batch_strides[d] as isize;
            o[2] += x * g.c.batch_strides[d] as isize;
        }
        let mut it = one;
        it.a.ptr = it.a.ptr.wrapping_offset(o[0] * size);
        it.b.ptr = it.b.ptr.wrapping_offset(o[1] * size);
        it.c.ptr = it.c.ptr.wrapping_offset(o[2] * size);
        // SAFETY: the caller's.
        unsafe { item(g.dtype, &it) }
    };
    let work = g.m * g.n * g.k.max(1);
    if work > 16 << 20 || count * work < 400_000 {
        for i in 0..count {
            run(i)?;
        }
        return Ok(());
    }
    let tasks = (count * work / 400_000).clamp(1, count).min(256);
    let failed = parking_lot::Mutex::new(None);
    // `g` holds addresses; what the closure shares of them is covered by `Item`.
    let run = Shared(&run);
    pool::parallel(tasks, &|t| {
        for i in count * t / tasks..count * (t + 1) / tasks {
            if let Err(e) = run.call(i) {
                *failed.lock() = Some(e);
            }
        }
    });
    match failed.into_inner() {
        Some(e) => Err(e),
        None => Ok(()),
    }
}

/// A closure over addresses that threads may share.
struct Shared<'a, F>(&'a F);

// SAFETY: products of one batch write different matrices.
unsafe impl<F> Sync for Shared<'_, F> {}

impl<F: Fn(usize) -> Result<()>> Shared<'_, F> {
    fn call(&self, i: usize) -> Result<()> {
        (self.0)(i)
    }
}

fn mat(m: &Matrix) -> Mat {
    Mat { ptr: m.ptr, rs: m.row_stride as isize, cs: m.col_stride as isize }
}

/// C turned: `C^T = B^T A^T`.
fn turned(i: &Item) -> Item {
    let t = |m: Mat| Mat { ptr: m.ptr, rs: m.cs, cs: m.rs };
    Item { m: i.n, n: i.m, a: t(i.b), b: t(i.a), c: t(i.c), row_bias: i.col_bias, col_bias: i.row_bias, ..*i }
}

/// One product.
unsafe fn item(dtype: DType, it: &Item) -> Result<()> {
    // A matrix of one row or column has no stride to speak of; then C's columns are what is adjacent, if anything is.
    let mut it = *it;
    if it.n == 1 {
        it.c.cs = 1;
    }
    if it.c.cs != 1 && (it.c.rs == 1 || it.m == 1) {
        it = turned(&it);
        if it.n == 1 {
            it.c.cs = 1;
        }
    }
    // SAFETY: the caller's.
    unsafe {
        match dtype {
            DType::F32 => real::<f32>(&it),
            DType::F64 => real::<f64>(&it),
            DType::I32 => native::<i32>(&it),
            DType::I64 => native::<i64>(&it),
            DType::U8 => through::<u8, i32>(&it),
            DType::I8 => through::<i8, i32>(&it),
            DType::I16 => through::<i16, i32>(&it),
            DType::F16 => through::<f16, f32>(&it),
            DType::BF16 => bf16_pairs(&it),
            DType::C64 => complex::complex_f32(&it),
            DType::C128 => complex::complex_f64(&it),
            DType::Bool => Err(no_kernel(dtype)),
        }
    }
}

#[cold]
fn no_kernel(d: DType) -> crate::error::Error {
    err!(NotImplemented, "\"addmm_impl_cpu_\" not implemented for '{}'", d.c10_name())
}

fn sink_of<S, T: lane::Num>(it: &Item) -> StridedSink<S, T> {
    StridedSink {
        ptr: it.c.ptr.cast(),
        rs: it.c.rs,
        cs: it.c.cs,
        alpha: T::of(it.alpha),
        beta: T::of(it.beta),
        row_bias: (it.row_bias.0.cast(), it.row_bias.1),
        col_bias: (it.col_bias.0.cast(), it.col_bias.1),
        relu: it.relu,
    }
}

/// f32 and f64: thin products have loops of their own.
unsafe fn real<T: thin::HasThin>(it: &Item) -> Result<()> {
    // SAFETY: the caller's.
    unsafe {
        match thin::thin::<T>(it) {
            Some(r) => r,
            None => native::<T>(it),
        }
    }
}

/// C's elements are what the kernels sum.
unsafe fn native<T: Native + Load<T> + Store<T>>(it: &Item) -> Result<()> {
    let a = Strided::<T> { ptr: it.a.ptr.cast(), js: it.a.rs, ks: it.a.cs, isa: it.isa };
    let b = Strided::<T> { ptr: it.b.ptr.cast(), js: it.b.cs, ks: it.b.rs, isa: it.isa };
    let dense = |b: (*const u8, isize), n: usize| b.0.is_null() || b.1 == 1 || n == 1;
    let sink;
    let out = if it.c.cs == 1 && dense(it.row_bias, it.m) && dense(it.col_bias, it.n) {
        Out {
            ptr: it.c.ptr.cast(),
            rs: it.c.rs,
            alpha: T::of(it.alpha),
            beta: T::of(it.beta),
            row_bias: it.row_bias.0.cast(),
            col_bias: it.col_bias.0.cast(),
            relu: it.relu,
            sink: None,
        }
    } else {
        sink = sink_of::<T, T>(it);
        Out::sink(&sink)
    };
    Job { kern: T::kernels(it.isa), m: it.m, n: it.n, k: it.k, a: &a, b: &b, out, limit: B_LIMIT }.run()
}

/// C's elements are converted on the way in and out.
unsafe fn through<S: Load<T> + Store<T>, T: Native>(it: &Item) -> Result<()> {
    let a = Strided::<S> { ptr: it.a.ptr.cast(), js: it.a.rs, ks: it.a.cs, isa: it.isa };
    let b = Strided::<S> { ptr: it.b.ptr.cast(), js: it.b.cs, ks: it.b.rs, isa: it.isa };
    let sink = sink_of::<S, T>(it);
    let out = Out::sink(&sink);
    Job { kern: T::kernels(it.isa), m: it.m, n: it.n, k: it.k, a: &a, b: &b, out, limit: B_LIMIT }.run()
}

/// bf16 by pairs where the machine multiplies them, else through floats.
unsafe fn bf16_pairs(it: &Item) -> Result<()> {
    let Some(kern) = micro::bf16_kernels().filter(|_| it.isa == Isa::Avx512) else {
        // SAFETY: the caller's.
        return unsafe { through::<bf16, f32>(it) };
    };
    let a = pack::Pairs { ptr: it.a.ptr.cast(), js: it.a.rs, ks: it.a.cs, k: it.k, isa: it.isa };
    let b = pack::Pairs { ptr: it.b.ptr.cast(), js: it.b.cs, ks: it.b.rs, k: it.k, isa: it.isa };
    let sink = sink_of::<bf16, f32>(it);
    let out = Out::sink(&sink);
    Job { kern, m: it.m, n: it.n, k: it.k.div_ceil(2), a: &a, b: &b, out, limit: B_LIMIT }.run()
}
