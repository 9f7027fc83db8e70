//! Reductions, with the formula before them fused tile by tile and the formula after them on the results.
//!
//! Sums are taken in a tree: lanes within a run, runs within a block, blocks within the whole; its shape depends on sizes
//! only, so any number of threads gives the same bits, and the error grows with the logarithm of the length.

mod arg;
mod complex;
mod softmax;
mod stats;

pub use arg::arg_reduce;
pub use softmax::{softmax, softmax_backward};
pub use stats::{logsumexp, var_mean};

use super::convert::{self, Convert};
use super::tile::{self, Machine, TILE, with_scratch};
use super::walk::{Addr, MAX_OPERANDS, Walk};
use crate::device::cpu::{isa, pool};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::program::{Compute, Program, Reduce, Src};
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

/// The largest (or sum) of `n` elements.
type Across = unsafe fn(*const u8, usize, *mut u8);
/// One row of a softmax from `x` into `y`, which overlap nothing; given the loops for the largest and the sum.
type SoftmaxRow = unsafe fn(y: *mut u8, x: *const u8, n: usize, max: Across, sum: Across);

/// The loop for one row of a softmax, up to [`RUN`] elements (longer ones are summed in a tree).
fn softmax_kernel(compute: Compute) -> SoftmaxRow {
    let double = compute == Compute::F64;
    match isa::isa() {
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx512 => {
            if double {
                avx512::softmax_f64
            } else {
                avx512::softmax_f32
            }
        }
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx2 => {
            if double {
                avx2::softmax_f64
            } else {
                avx2::softmax_f32
            }
        }
        _ => {
            if double {
                portable::softmax_f64
            } else {
                portable::softmax_f32
            }
        }
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
    let kern = kernels(compute, reduce)?;
    if let Some(n) = one_run(shape, reduced, ins) {
        if identity_input(program, compute, ins).is_some() && ins.len() == 1 {
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
        identity_in: identity_input(program, compute, ins),
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

/// The input that the program hands on unchanged, if that is all it does and no conversion is needed.
fn identity_input(p: &Program, compute: Compute, ins: &[Operand]) -> Option<usize> {
    let i = match (&p.code[..], &p.outs[0]) {
        ([], Src::In(i)) => *i as usize,
        ([c], Src::Reg(r)) if c.prim == crate::kernels::program::Prim::Copy && c.dst == *r => match c.args[0] {
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
    post: Option<Machine<'a>>,
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
    fn machine(&self, stride: impl Fn(usize) -> i64, to: *mut u8) -> Result<Machine<'_>> {
        let ins: SmallVec<[(DType, i64, *mut u8); 6]> =
            self.ins.iter().enumerate().map(|(i, t)| (t.0, stride(i), std::ptr::null_mut())).collect();
        Machine::new(self.program, self.compute, self.params, &ins, &[(self.compute.dtype(), self.elem as i64, to)])
    }

    fn rows(&self, k0: i64, k1: i64, r0: i64, r1: i64, partial: Option<*mut u8>) -> Result<()> {
        let elem = self.elem;
        let rw = &self.rw;
        let single = rw.total == 1;
        let short = rw.ndim() > 1 && rw.size(0) < 128;
        let mut results = Buffer::new();
        let results = results.get();
        let stride = |i: usize| {
            let size = self.ins[i].1;
            if single {
                size
            } else if short {
                if rw.is_single(i) { 0 } else { size }
            } else {
                rw.stride(0, i)
            }
        };
        let in_place = match self.identity_in {
            Some(i) if !short && stride(i) == elem as i64 => Some(i),
            _ => None,
        };
        let machine = match in_place {
            Some(_) => None,
            None => Some(self.machine(stride, results)?),
        };
        let need = machine.as_ref().map_or(0, |m| m.scratch().div_ceil(64) * 64);
        let strides: SmallVec<[i64; 6]> = (0..self.n_in).map(stride).collect();
        with_scratch(need + TILE * 16 * (self.n_in + 1), |scratch| {
            if let Some(m) = &machine {
                m.begin(scratch);
            }
            let tile = scratch.wrapping_add(need);
            let buffers = tile.wrapping_add(TILE * 16);
            let mut filled = 0usize;
            let mut first = k0;
            // Rows that are one run each: no more than the loop over them.
            let plain = in_place.filter(|_| rw.ndim() == 1 && r1 - r0 <= RUN && r1 > r0);
            self.kw.range(k0, k1, i64::MAX, |a, len| {
                if let Some(i) = plain {
                    let s = if self.kw.total == 1 { 0 } else { self.kw.stride(0, i + 1) };
                    let from = a.p[i + 1].wrapping_offset((r0 * elem as i64) as isize);
                    for k in 0..len {
                        let to = match partial {
                            Some(p) => p.wrapping_add((first as usize + filled) * elem),
                            None => results.wrapping_add(filled * elem),
                        };
                        // SAFETY: the walk gives rows inside the operand; `to` has room for one result.
                        unsafe {
                            (self.kern.across)(from.wrapping_offset((k * s) as isize), (r1 - r0) as usize, to);
                        }
                        filled += 1;
                        if filled == TILE && partial.is_none() {
                            self.emit(first, filled, results);
                            first += filled as i64;
                            filled = 0;
                        }
                    }
                    return;
                }
                for k in 0..len {
                    let mut base = Addr { p: [std::ptr::null_mut(); MAX_OPERANDS] };
                    for i in 0..self.n_in {
                        let s = if self.kw.total == 1 { 0 } else { self.kw.stride(0, i + 1) };
                        base.p[i] = a.p[i + 1].wrapping_offset((k * s) as isize);
                    }
                    let mut tree = Tree::new(self.kern.fold, elem);
                    let mut one = [0u64; 2];
                    let slot = one.as_mut_ptr() as *mut u8;
                    // SAFETY: the walk gives elements inside the operands; tiles hold TILE.
                    unsafe {
                        if let Some(i) = in_place {
                            rw.range_from(&base, r0, r1, RUN, |b, n| {
                                (self.kern.across)(b.p[i], n as usize, slot);
                                tree.push(slot);
                            });
                        } else if let Some(m) = &machine {
                            if short {
                                let mut pos = r0;
                                while pos < r1 {
                                    let n = (r1 - pos).min(TILE as i64);
                                    let mut done = 0;
                                    rw.range_from(&base, pos, pos + n, i64::MAX, |b, len| {
                                        for i in 0..self.n_in {
                                            let to =
                                                buffers.wrapping_add(i * TILE * 16 + done * self.ins[i].1 as usize);
                                            convert::gather(
                                                self.ins[i].1 as usize,
                                                to,
                                                b.p[i],
                                                rw.stride(0, i),
                                                len as usize,
                                            );
                                        }
                                        done += len as usize;
                                    });
                                    let mut at = [std::ptr::null_mut(); MAX_OPERANDS];
                                    for i in 0..self.n_in {
                                        at[i] = buffers.wrapping_add(i * TILE * 16);
                                    }
                                    m.run(scratch, &at, &strides, &[tile], &[elem as i64], n as usize);
                                    (self.kern.across)(tile, n as usize, slot);
                                    tree.push(slot);
                                    pos += n;
                                }
                            } else {
                                rw.range_from(&base, r0, r1, TILE as i64, |b, n| {
                                    m.run(scratch, &b.p, &strides, &[tile], &[elem as i64], n as usize);
                                    (self.kern.across)(tile, n as usize, slot);
                                    tree.push(slot);
                                });
                            }
                        }
                        let to = match partial {
                            Some(p) => p.wrapping_add((first as usize + filled) * elem),
                            None => results.wrapping_add(filled * elem),
                        };
                        tree.finish(&self.kern.identity, to);
                    }
                    filled += 1;
                    if filled == TILE && partial.is_none() {
                        self.emit(first, filled, results);
                        first += filled as i64;
                        filled = 0;
                    }
                }
            });
            if filled > 0 && partial.is_none() {
                self.emit(first, filled, results);
            }
        });
        match machine {
            Some(m) => m.finish(),
            None => Ok(()),
        }
    }

    fn columns(&self, k0: i64, k1: i64, r0: i64, r1: i64, partial: Option<*mut u8>) -> Result<()> {
        let elem = self.elem;
        let (kw, rw) = (&self.kw, &self.rw);
        let kin = kw.size(0);
        // Short rows that follow each other in memory are taken several at a time, as one long row.
        let mut fold = 1;
        if kin < 128 && rw.ndim() == 1 {
            let even = (0..self.n_in).all(|i| rw.stride(0, i) == kw.stride(0, i + 1) * kin);
            if even && r1 - r0 >= 8 {
                fold = (TILE as i64 / kin).min((r1 - r0) / 4).max(1);
            }
        }
        let stride = |i: usize| kw.stride(0, i + 1);
        let in_place = match self.identity_in {
            Some(i) if stride(i) == elem as i64 => Some(i),
            _ => None,
        };
        let mut levels = 2;
        while ((r1 - r0) / fold / ROWS) >> levels > 0 {
            levels += 1;
        }
        let bytes = TILE * elem;
        let mut dummy = [0u64; 2];
        let machine = match in_place {
            Some(_) => None,
            None => Some(self.machine(stride, dummy.as_mut_ptr() as *mut u8)?),
        };
        let need = machine.as_ref().map_or(0, |m| m.scratch().div_ceil(64) * 64);
        let strides: SmallVec<[i64; 6]> = (0..self.n_in).map(stride).collect();
        with_scratch(need + bytes * (2 + levels as usize), |scratch| {
            if let Some(m) = &machine {
                m.begin(scratch);
            }
            let tile = scratch.wrapping_add(need);
            let acc = tile.wrapping_add(bytes);
            let level = |l: usize| acc.wrapping_add((1 + l) * bytes);
            let mut pos = k0;
            // With `fold`, a piece is the whole (short) inner run or a part of it; parts take the rows one by one.
            kw.range(k0, k1, TILE as i64, |a, n| {
                let n = n as usize;
                let fold = if n as i64 == kin { fold } else { 1 };
                let wide = n * fold as usize;
                let mut base = Addr { p: [std::ptr::null_mut(); MAX_OPERANDS] };
                base.p[..self.n_in].copy_from_slice(&a.p[1..1 + self.n_in]);
                // SAFETY: the walks give elements inside the operands; tiles hold TILE elements.
                unsafe {
                    let clear =
                        |t: *mut u8| convert::gather(elem, t, self.kern.identity.as_ptr() as *const u8, 0, wide);
                    clear(acc);
                    let mut in_acc = 0;
                    let mut count = 0u64;
                    let mut r = r0;
                    while r < r1 {
                        // One stretch of rows at even distances.
                        let inner = rw.size(0);
                        let left = (inner - r % inner).min(r1 - r);
                        let mut at = Addr { p: [std::ptr::null_mut(); MAX_OPERANDS] };
                        rw.range_from(&base, r, r + 1, 1, |b, _| at = *b);
                        let mut done = 0;
                        while done < left {
                            let want = (ROWS - in_acc) * fold;
                            let rows = want.min(left - done);
                            let mut q = 0;
                            if let Some(i) = in_place {
                                let step = rw.stride(0, i) as isize;
                                let from = at.p[i].wrapping_offset(done as isize * step);
                                let full = rows / fold;
                                while q + 8 <= full {
                                    let p = from.wrapping_offset((q * fold) as isize * step);
                                    (self.kern.along8)(acc, p, step * fold as isize, wide);
                                    q += 8;
                                }
                                while q < full {
                                    let p = from.wrapping_offset((q * fold) as isize * step);
                                    (self.kern.along)(acc, p, wide);
                                    q += 1;
                                }
                                let rest = (rows - full * fold) as usize;
                                if rest > 0 {
                                    let p = from.wrapping_offset((q * fold) as isize * step);
                                    (self.kern.along)(acc, p, rest * n);
                                }
                            } else if let Some(m) = &machine {
                                while q < rows {
                                    let take = fold.min(rows - q);
                                    let mut b = at;
                                    for i in 0..self.n_in {
                                        b.p[i] = b.p[i].wrapping_offset(((done + q) * rw.stride(0, i)) as isize);
                                    }
                                    let len = take as usize * n;
                                    m.run(scratch, &b.p, &strides, &[tile], &[elem as i64], len);
                                    (self.kern.along)(acc, tile, len);
                                    q += take;
                                }
                            }
                            done += rows;
                            in_acc += (rows + fold - 1) / fold;
                            if in_acc >= ROWS {
                                // Binary counter: equal numbers of rows are joined first.
                                let mut l = 0;
                                while (count >> l) & 1 == 1 {
                                    (self.kern.fold)(acc, level(l), wide);
                                    l += 1;
                                }
                                std::ptr::copy_nonoverlapping(acc, level(l), wide * elem);
                                count += 1;
                                clear(acc);
                                in_acc = 0;
                            }
                        }
                        r += left;
                    }
                    for l in 0..levels as usize {
                        if (count >> l) & 1 == 1 {
                            (self.kern.fold)(acc, level(l), wide);
                        }
                    }
                    // The copies of a folded row, halved until one is left.
                    let mut copies = fold as usize;
                    while copies > 1 {
                        let half = copies / 2;
                        let keep = copies - half;
                        (self.kern.fold)(acc, acc.wrapping_add(keep * n * elem), half * n);
                        copies = keep;
                    }
                    match partial {
                        Some(p) => std::ptr::copy_nonoverlapping(acc, p.wrapping_add(pos as usize * elem), n * elem),
                        None => self.emit(pos, n, acc),
                    }
                }
                pos += n as i64;
            });
        });
        match machine {
            Some(m) => m.finish(),
            None => Ok(()),
        }
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

/// Partial results joined in a balanced tree as they come.
struct Tree {
    fold: unsafe fn(*mut u8, *const u8, usize),
    elem: usize,
    count: u64,
    levels: std::mem::MaybeUninit<[[u64; 2]; 64]>,
}

impl Tree {
    #[inline]
    fn new(fold: unsafe fn(*mut u8, *const u8, usize), elem: usize) -> Tree {
        Tree { fold, elem, count: 0, levels: std::mem::MaybeUninit::uninit() }
    }

    fn level(&mut self, l: usize) -> *mut u8 {
        (self.levels.as_mut_ptr() as *mut u8).wrapping_add(16 * l)
    }

    /// # Safety
    /// `v` is one element, which is changed.
    #[inline]
    unsafe fn push(&mut self, v: *mut u8) {
        let mut l = 0;
        // SAFETY: levels whose bit is set hold one element each.
        unsafe {
            while (self.count >> l) & 1 == 1 {
                // The older half comes first.
                let old = self.level(l);
                (self.fold)(old, v, 1);
                std::ptr::copy_nonoverlapping(old, v, self.elem);
                l += 1;
            }
            let to = self.level(l);
            std::ptr::copy_nonoverlapping(v, to, self.elem);
        }
        self.count += 1;
    }

    /// # Safety
    /// `to` has room for one element.
    #[inline]
    unsafe fn finish(&mut self, identity: &[u64; 2], to: *mut u8) {
        // SAFETY: as for push.
        unsafe {
            if self.count == 0 {
                std::ptr::copy_nonoverlapping(identity.as_ptr() as *const u8, to, self.elem);
                return;
            }
            let mut started = false;
            for l in 0..64 {
                if (self.count >> l) & 1 == 1 {
                    let from = self.level(l);
                    if started {
                        // `to` holds the younger part.
                        (self.fold)(from, to, 1);
                    }
                    std::ptr::copy_nonoverlapping(from, to, self.elem);
                    started = true;
                    if self.count >> l == 1 {
                        break;
                    }
                }
            }
        }
    }
}
