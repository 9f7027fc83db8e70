//! Reductions, with the formula before them fused tile by tile and the formula after them on the results.
//!
//! Sums are taken in a tree: lanes within a run, runs within a block, blocks within the whole; its shape depends on sizes
//! only, so any number of threads gives the same bits, and the error grows with the logarithm of the length.

mod arg;
mod columns;
mod complex;
mod rows;
mod softmax;
mod stats;
mod tree;

pub use arg::arg_reduce;
pub use softmax::{softmax, softmax_backward};
pub use stats::{logsumexp, var_mean};

use super::convert::{self, Convert};
use super::tile::{self, Machine, TILE, with_scratch};
use super::walk::{MAX_OPERANDS, Walk};
use crate::device::cpu::{isa, pool};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::program::{Compute, Prim, Program, Reduce, Src};
use crate::kernels::{Operand, Ptr};
use crate::scalar::Scalar;
use smallvec::SmallVec;

macro_rules! target {
    ($($i:item)*) => { $($i)* };
}
macro_rules! isa {
    () => {
        super::super::math::Plain
    };
}
#[path = "loops.rs"]
mod portable;

#[cfg(target_arch = "x86_64")]
macro_rules! isa {
    () => {
        super::super::math::Fused
    };
}
#[cfg(target_arch = "x86_64")]
macro_rules! target {
    ($($i:item)*) => { $(#[target_feature(enable = "avx2,fma,f16c")] $i)* };
}
#[cfg(target_arch = "x86_64")]
#[allow(clippy::duplicate_mod)]
#[path = "loops.rs"]
mod avx2;

#[cfg(target_arch = "x86_64")]
macro_rules! target {
    ($($i:item)*) => { $(#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512cd,fma,f16c")] $i)* };
}
#[cfg(target_arch = "x86_64")]
#[allow(clippy::duplicate_mod)]
#[path = "loops.rs"]
mod avx512;

/// Elements read as one unit, of the alignment of one.
#[derive(Clone, Copy)]
#[repr(C)]
struct Lanes<T, const L: usize>([T; L]);

/// The loops of one way to reduce one compute type.
#[derive(Clone, Copy)]
pub(super) struct Kernels {
    /// `*out` = all of `p[0..n]`.
    pub across: unsafe fn(p: *const u8, n: usize, out: *mut u8),
    /// `acc[i]` takes in `x[i]`.
    pub along: unsafe fn(acc: *mut u8, x: *const u8, n: usize),
    /// `acc[i]` takes in eight rows, `stride` bytes apart.
    pub along8: unsafe fn(acc: *mut u8, x: *const u8, stride: isize, n: usize),
    /// `acc[i]` joins with the partial result `x[i]`.
    pub fold: unsafe fn(acc: *mut u8, x: *const u8, n: usize),
    pub identity: [u64; 2],
}

pub(super) fn kernels(compute: Compute, reduce: Reduce) -> Result<Kernels> {
    let k = match isa::isa() {
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx512 => avx512::kernels(compute, reduce),
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx2 => avx2::kernels(compute, reduce),
        _ => portable::kernels(compute, reduce),
    }
    .or_else(|| complex::kernels(compute, reduce));
    match k {
        Some(k) => Ok(k),
        None => bail!(NotImplemented, "\"{reduce:?}\" is not implemented for '{}'", compute.dtype().c10_name()),
    }
}

/// The loops that sum squares.
fn squares(compute: Compute) -> Option<Kernels> {
    match isa::isa() {
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx512 => avx512::squares(compute),
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx2 => avx2::squares(compute),
        _ => portable::squares(compute),
    }
}

/// Several rows of up to [`RUN`] adjacent elements (longer ones are summed in a tree), that overlap nothing.
#[derive(Clone, Copy)]
struct RowBatch {
    out: *mut u8,
    a: *const u8,
    b: *const u8,
    /// Bytes from row to row: of the output, of `a`, of `b`.
    steps: [isize; 3],
    count: usize,
    n: usize,
}

/// The loops over rows of a softmax: forward and backward, `(rows, logarithm, double)`.
type SoftmaxRows = unsafe fn(RowBatch, bool, bool);

fn softmax_kernels() -> [SoftmaxRows; 2] {
    match isa::isa() {
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx512 => [avx512::softmax, avx512::softmax_backward],
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx2 => [avx2::softmax, avx2::softmax_backward],
        _ => [portable::softmax, portable::softmax_backward],
    }
}

/// A row longer than this is reduced in blocks of [`BLOCK`].
const LONG: i64 = 65536;
const BLOCK: i64 = 32768;
/// Elements that one thread takes at a time.
const GRAIN: i64 = 32768;
/// A run of contiguous elements that the lanes take in one go.
const RUN: i64 = 2048;
/// Rows that are added one after the other before the tree begins.
const ROWS: i64 = 32;

/// `out[k] = post(reduce over r of program(ins[k, r]))`. `shape` is the whole input's; `reduced` marks the dimensions that
/// go away, on which the strides of `out` are not looked at. `post` has one input, the reduced value.
pub fn map_reduce(
    program: &Program,
    reduce: Reduce,
    post: Option<&Program>,
    compute: Compute,
    params: &[Scalar],
    shape: &[i64],
    reduced: &[bool],
    ins: &[Operand],
    out: Operand,
) -> Result<()> {
    if program.outs.len() != 1
        || ins.len() < program.n_in
        || ins.len() + 1 > MAX_OPERANDS
        || reduced.len() != shape.len()
    {
        bail!(Runtime, "a reduction was called with operands that do not fit its formula");
    }
    let mut kern = kernels(compute, reduce)?;
    let mut identity_in = taken(program, Prim::Copy, compute, ins);
    // The sum of squares (norms) has loops of its own, which read the input where it lies.
    let mut program = program;
    let unchanged;
    if let (Reduce::Sum, Some(i), Some(k)) = (reduce, taken(program, Prim::Square, compute, ins), squares(compute)) {
        unchanged = Program { n_in: program.n_in, outs: vec![Src::In(i as u8)], ..Program::default() };
        (identity_in, kern, program) = (Some(i), k, &unchanged);
    }
    if let Some(n) = one_run(shape, reduced, ins) {
        if identity_in.is_some() && ins.len() == 1 {
            return finish_one(kern, post, compute, params, ins[0].ptr as *const u8, n, out);
        }
        if n <= TILE as i64 {
            // The formula's values in a tile of their own.
            let mut tile = std::mem::MaybeUninit::<[tile::Line; TILE / 4]>::uninit();
            let ptr = tile.as_mut_ptr() as *mut u8;
            let flat: SmallVec<[Operand; 4]> = ins.iter().map(|o| Operand { strides: &[1], ..*o }).collect();
            let to = Operand { ptr, dtype: compute.dtype(), strides: &[1] };
            tile::map(program, compute, params, &[n], &flat, &[to])?;
            return finish_one(kern, post, compute, params, ptr, n, out);
        }
    }
    if let (Some(_), [input]) = (identity_in, ins)
        && let Some((rows, n)) = few_runs(shape, reduced, input, &out)
    {
        return finish_rows(kern, post, compute, params, input.ptr as *const u8, (rows, n), out);
    }
    let mut ks: SmallVec<[i64; 6]> = SmallVec::new();
    let mut rs: SmallVec<[i64; 6]> = SmallVec::new();
    for (d, &s) in shape.iter().enumerate() {
        if reduced[d] { rs.push(s) } else { ks.push(s) }
    }
    let split = |o: &Operand, want: bool| -> SmallVec<[i64; 6]> {
        (0..shape.len()).filter(|&d| reduced[d] == want).map(|d| o.strides[d]).collect()
    };
    let out_k = split(&out, false);
    let in_k: SmallVec<[SmallVec<[i64; 6]>; 4]> = ins.iter().map(|o| split(o, false)).collect();
    let in_r: SmallVec<[SmallVec<[i64; 6]>; 4]> = ins.iter().map(|o| split(o, true)).collect();
    let mut k_ops: SmallVec<[Operand; 6]> = SmallVec::new();
    k_ops.push(Operand { strides: &out_k, ..out });
    k_ops.extend(ins.iter().zip(&in_k).map(|(o, s)| Operand { strides: s, ..*o }));
    let r_ops: SmallVec<[Operand; 6]> = ins.iter().zip(&in_r).map(|(o, s)| Operand { strides: s, ..*o }).collect();
    let kw = Walk::new(&ks, &k_ops);
    let rw = Walk::new(&rs, &r_ops);
    if kw.total <= 0 {
        return Ok(());
    }
    let mut job = Job {
        kern,
        program,
        compute,
        params,
        elem: compute.dtype().size(),
        identity_in,
        store: if out.dtype == compute.dtype() { None } else { Some(convert::store(compute, out.dtype)) },
        out_size: out.dtype.size(),
        n_in: ins.len(),
        kw,
        rw,
        ins: ins.iter().map(|o| (o.dtype, o.dtype.size() as i64)).collect(),
        post: None,
        by_columns: false,
    };
    let native = (compute.dtype(), job.elem as i64, std::ptr::null_mut());
    if let Some(p) = post {
        let after = (compute.dtype(), job.elem as i64, std::ptr::dangling_mut());
        job.post = Some(Machine::new(p, compute, params, &[native], &[after])?);
    }
    job.by_columns = job.choose_columns();
    job.run()
}

/// How many elements there are, if all of them are reduced in one short contiguous run: small tensors need no more of what
/// `rows` does.
fn one_run(shape: &[i64], reduced: &[bool], ins: &[Operand]) -> Option<i64> {
    let mut n = 1;
    for d in (0..shape.len()).rev() {
        if shape[d] != 1 {
            if !reduced[d] || ins.iter().any(|o| o.strides[d] != n) {
                return None;
            }
            n *= shape[d];
        }
    }
    (!ins.is_empty() && (1..=RUN).contains(&n)).then_some(n)
}

fn finish_one(
    kern: Kernels,
    post: Option<&Program>,
    compute: Compute,
    params: &[Scalar],
    p: *const u8,
    n: i64,
    out: Operand,
) -> Result<()> {
    let size = compute.dtype().size() as i64;
    let (mut sum, mut after) = ([0u64; 2], [0u64; 2]);
    let mut v = sum.as_mut_ptr() as *mut u8;
    // SAFETY: `one_run` found n contiguous elements at `p`; a result has at most 16 bytes, and `out` room for one.
    unsafe {
        (kern.across)(p, n as usize, v);
        if let Some(post) = post {
            let to = after.as_mut_ptr() as *mut u8;
            let at = |ptr| Operand { ptr, dtype: compute.dtype(), strides: &[1] };
            tile::map(post, compute, params, &[1], &[at(v)], &[at(to)])?;
            v = to;
        }
        if out.dtype == compute.dtype() {
            std::ptr::copy_nonoverlapping(v, out.ptr, size as usize);
        } else {
            convert::store(compute, out.dtype)(out.ptr, v, 1);
        }
    }
    Ok(())
}

/// How many rows of how many elements, if the last dimensions are reduced, all lies without gaps and is one thread's work:
/// each row is then one run, which is what `rows` would make of it.
fn few_runs(shape: &[i64], reduced: &[bool], input: &Operand, out: &Operand) -> Option<(i64, i64)> {
    let (mut rows, mut n, mut kept) = (1i64, 1i64, false);
    for d in (0..shape.len()).rev() {
        if shape[d] == 1 {
            continue;
        }
        if input.strides[d] != rows * n || (reduced[d] && kept) || (!reduced[d] && out.strides[d] != rows) {
            return None;
        }
        kept |= !reduced[d];
        // (What is larger than a block is not wanted, so that nothing overflows.)
        *(if reduced[d] { &mut n } else { &mut rows }) *= shape[d].min(GRAIN + 1);
        if rows * n > GRAIN {
            return None;
        }
    }
    // (Rows that are shorter may go by columns.)
    ((8..=RUN).contains(&n) && (1..=TILE as i64).contains(&rows)).then_some((rows, n))
}

fn finish_rows(
    kern: Kernels,
    post: Option<&Program>,
    compute: Compute,
    params: &[Scalar],
    p: *const u8,
    (rows, n): (i64, i64),
    out: Operand,
) -> Result<()> {
    let elem = compute.dtype().size();
    let at = |ptr| Operand { ptr, dtype: compute.dtype(), strides: &[1] };
    let (mut results, mut after) = (Buffer::new(), Buffer::new());
    let direct = post.is_none() && out.dtype == compute.dtype();
    let mut v = if direct { out.ptr } else { results.get() };
    for r in 0..rows as usize {
        // SAFETY: `few_runs` found so many rows of n elements at `p`, and room for as many results, at most TILE.
        unsafe { (kern.across)(p.wrapping_add(r * n as usize * elem), n as usize, v.wrapping_add(r * elem)) };
    }
    if direct {
        return Ok(());
    }
    if let Some(post) = post {
        tile::map(post, compute, params, &[rows], &[at(v)], &[at(after.get())])?;
        v = after.get();
    }
    // SAFETY: as above.
    unsafe {
        if out.dtype == compute.dtype() {
            std::ptr::copy_nonoverlapping(v, out.ptr, rows as usize * elem);
        } else {
            convert::store(compute, out.dtype)(out.ptr, v, rows as usize);
        }
    }
    Ok(())
}

/// The input of a program that consists of `prim` alone, if no conversion is needed. (`Copy` may also be no code at all.)
fn taken(p: &Program, prim: Prim, compute: Compute, ins: &[Operand]) -> Option<usize> {
    let i = match (&p.code[..], &p.outs[0]) {
        ([], Src::In(i)) if prim == Prim::Copy => *i as usize,
        ([c], Src::Reg(r)) if c.prim == prim && c.dst == *r => match c.args[0] {
            Src::In(i) => i as usize,
            _ => return None,
        },
        _ => return None,
    };
    (ins.get(i)?.dtype == compute.dtype()).then_some(i)
}

struct Job<'a> {
    kern: Kernels,
    program: &'a Program,
    compute: Compute,
    params: &'a [Scalar],
    elem: usize,
    /// The input that the loops read as it is.
    identity_in: Option<usize>,
    store: Option<Convert>,
    out_size: usize,
    n_in: usize,
    /// Over the kept dimensions: out, then the inputs.
    kw: Walk,
    /// Over the reduced dimensions: the inputs.
    rw: Walk,
    /// dtype and size of each input.
    ins: SmallVec<[(DType, i64); 6]>,
    post: Option<Machine>,
    by_columns: bool,
}

// SAFETY: raw pointers are addresses of operands; threads write different outputs.
unsafe impl Sync for Job<'_> {}

impl Job<'_> {
    fn choose_columns(&self) -> bool {
        if self.kw.total == 1 || self.rw.total == 0 {
            return false;
        }
        let inner = |w: &Walk, first: usize| -> i64 {
            (0..self.n_in)
                .map(|i| (w.stride(0, first + i).abs(), self.ins[i].1))
                .find(|s| s.0 != 0)
                .map_or(i64::MAX, |s| s.0 / s.1)
        };
        let (k, r) = (inner(&self.kw, 1), inner(&self.rw, 0));
        if r <= k {
            // Rows lie along memory. Very short ones are still better taken across, many at a time.
            self.rw.total < 8 && self.kw.size(0) >= 64
        } else {
            self.kw.size(0) >= 4 || self.rw.total < 8
        }
    }

    fn run(&self) -> Result<()> {
        let (k, r) = (self.kw.total, self.rw.total);
        let tile = (TILE as i64).min(self.kw.size(0)).max(1);
        // Block length along the reduced dimensions, by sizes alone.
        let block = if self.by_columns {
            let units = k / tile;
            if units >= 16 || r * k <= 2 * GRAIN { r } else { (2 * GRAIN / tile).max(256) }
        } else if r > LONG {
            BLOCK
        } else {
            r
        };
        let block = block.max(1);
        let blocks = if r == 0 { 1 } else { (r + block - 1) / block };
        if blocks == 1 {
            let group = if self.by_columns { (GRAIN / r.max(1)).max(tile) } else { (GRAIN / r.max(1)).clamp(1, k) };
            return self.each(k, group, &|k0, k1| self.section(k0, k1, 0, r, None));
        }
        let mut partial = vec![0u64; (blocks * k) as usize * self.elem / 8 + 2];
        let base = Ptr(partial.as_mut_ptr() as *mut u8);
        let group = if self.by_columns { tile } else { 1 };
        let groups = (k + group - 1) / group;
        let failed = parking_lot::Mutex::new(None);
        pool::parallel((groups * blocks) as usize, &|u| {
            let (g, b) = (u as i64 / blocks, u as i64 % blocks);
            let to = base.get().wrapping_add((b * k) as usize * self.elem);
            let (k0, k1) = (g * group, ((g + 1) * group).min(k));
            if let Err(e) = self.section(k0, k1, b * block, ((b + 1) * block).min(r), Some(to)) {
                *failed.lock() = Some(e);
            }
        });
        if let Some(e) = failed.lock().take() {
            return Err(e);
        }
        self.each(k, TILE as i64, &|k0, k1| {
            // A tree over the blocks, in place.
            let n = (k1 - k0) as usize;
            let at = |b: i64| base.get().wrapping_add((b * k + k0) as usize * self.elem);
            let mut step = 1;
            while step < blocks {
                let mut b = 0;
                while b + step < blocks {
                    // SAFETY: blocks of partial results, n elements each.
                    unsafe { (self.kern.fold)(at(b), at(b + step), n) };
                    b += 2 * step;
                }
                step *= 2;
            }
            self.emit(k0, n, at(0));
            Ok(())
        })
    }

    /// Runs `f` over `[0, k)` in groups, in parallel where there are several.
    fn each(&self, k: i64, group: i64, f: &(dyn Fn(i64, i64) -> Result<()> + Sync)) -> Result<()> {
        let groups = (k + group - 1) / group;
        if groups <= 1 {
            return f(0, k);
        }
        let failed = parking_lot::Mutex::new(None);
        pool::parallel(groups as usize, &|g| {
            let k0 = g as i64 * group;
            if let Err(e) = f(k0, (k0 + group).min(k)) {
                *failed.lock() = Some(e);
            }
        });
        match failed.lock().take() {
            Some(e) => Err(e),
            None => Ok(()),
        }
    }

    /// Results `[k0, k1)` over the reduced range `[r0, r1)`, written to `partial[k]` or finished and stored.
    fn section(&self, k0: i64, k1: i64, r0: i64, r1: i64, partial: Option<*mut u8>) -> Result<()> {
        if self.by_columns { self.columns(k0, k1, r0, r1, partial) } else { self.rows(k0, k1, r0, r1, partial) }
    }

    /// Applies `post` to `n` results at `v`, converts and stores them. `v` is changed.
    fn emit(&self, k0: i64, n: usize, v: *mut u8) {
        let mut done = 0;
        while done < n {
            let m = (n - done).min(TILE);
            self.emit_tile(k0 + done as i64, m, v.wrapping_add(done * self.elem));
            done += m;
        }
    }

    fn emit_tile(&self, k0: i64, n: usize, v: *mut u8) {
        let size = self.elem as i64;
        let mut after = Buffer::new();
        let mut v = v;
        if let Some(post) = &self.post {
            let to = after.get();
            let need = post.scratch();
            with_scratch(need, |scratch| {
                post.begin(scratch);
                // SAFETY: n <= TILE elements at both ends.
                unsafe { post.run(scratch, &[v], &[size], &[to], &[size], n) };
            });
            v = to;
        }
        let mut converted = Buffer::new();
        if let Some(store) = self.store {
            let to = converted.get();
            // SAFETY: n <= TILE elements.
            unsafe { store(to, v, n) };
            v = to;
        }
        let mut done = 0;
        self.kw.range(k0, k0 + n as i64, i64::MAX, |a, len| {
            let from = v.wrapping_add(done * self.out_size);
            // SAFETY: the walk gives len outputs at this stride.
            unsafe { convert::scatter(self.out_size, a.p[0], self.out_stride(), from, len as usize) };
            done += len as usize;
        });
    }

    fn out_stride(&self) -> i64 {
        if self.kw.total == 1 { self.out_size as i64 } else { self.kw.stride(0, 0) }
    }

    /// A machine whose inputs have the inner strides `stride(i)`, and whose output is a tile.
    fn machine(&self, stride: impl Fn(usize) -> i64, to: *mut u8) -> Result<Machine> {
        let ins: SmallVec<[(DType, i64, *mut u8); 6]> =
            self.ins.iter().enumerate().map(|(i, t)| (t.0, stride(i), std::ptr::null_mut())).collect();
        Machine::new(self.program, self.compute, self.params, &ins, &[(self.compute.dtype(), self.elem as i64, to)])
    }
}

/// TILE elements of any type, on the stack, not initialised.
struct Buffer(std::mem::MaybeUninit<[[u64; 8]; TILE / 4]>);

impl Buffer {
    fn new() -> Buffer {
        Buffer(std::mem::MaybeUninit::uninit())
    }
    fn get(&mut self) -> *mut u8 {
        self.0.as_mut_ptr() as *mut u8
    }
}
