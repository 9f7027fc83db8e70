//! Reading and writing at positions that other tensors name: the one gather loop and the one scatter loop, advanced
//! indexing, `index_*`, `take`, `put`, embeddings. (`gather` and `scatter` along a dimension are in `gather.rs`.)
//!
//! Everything here is one of two forms. `fetch`: `out[p] = src[p + sum(index_k[p] * stride_k)]`. `store`: the same with
//! the arrow turned round and an operation at its head. Who calls makes the strides say the rest (0 where an operand does
//! not vary). Writes to one place happen in row-major order of `p`, for any number of threads.

use super::lines::{GRAIN, Lines, Scratch, blocks};
use super::num::{Num, Real, bf16_up, f16_up, max, min};
use crate::device::cpu::pool;
use crate::dtype::{DType, bf16, f16};
use crate::error::{Error, Result};
use crate::kernels::{Operand, Ptr};
use crate::shape::Dims;
use smallvec::SmallVec;
use std::sync::atomic::{AtomicBool, Ordering};

/// A tensor of positions along one dimension.
#[derive(Clone, Copy, Debug)]
pub struct Index<'a> {
    /// The positions, int64 or int32; strides over the shape of the walk.
    pub at: Operand<'a>,
    /// Size of the dimension that they select from.
    pub size: i64,
    /// Distance between neighbours of that dimension, in elements.
    pub stride: i64,
    /// Number of that dimension, for messages.
    pub dim: usize,
}

/// Which positions are allowed, and what is said of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `x[index]`, `index_put`, `index_fill`: negative ones count from the end; IndexError.
    Wrap,
    /// `gather`, `scatter`, `index_add`: RuntimeError.
    Gather,
    /// `index_select`, `embedding`: IndexError without a number.
    Select,
    /// `index_copy`: IndexError.
    Copy,
    /// `take`, `put`: negative ones count from the end.
    Take,
}

impl Rule {
    fn wraps(self) -> bool {
        matches!(self, Rule::Wrap | Rule::Take)
    }

    #[cold]
    fn error(self, v: i64, size: i64, dim: usize) -> Error {
        match self {
            Rule::Wrap => err!(Index, "index {v} is out of bounds for dimension {dim} with size {size}"),
            Rule::Gather => err!(Runtime, "index {v} is out of bounds for dimension {dim} with size {size}"),
            Rule::Select => err!(Index, "index out of range in self\nThe index {v} is not in the range [0, {size})."),
            Rule::Copy => err!(Index, "index_copy_(): index {v} is out of bounds for dimension {dim} with size {size}"),
            Rule::Take => err!(Index, "out of range: tried to access index {v} on a tensor of {size} elements."),
        }
    }
}

/// What a write does with what is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduce {
    /// Overwrites.
    Set,
    /// Adds.
    Sum,
    /// Multiplies.
    Prod,
    /// Keeps the larger; NaN wins.
    Amax,
    /// Keeps the smaller; NaN wins.
    Amin,
}

/// What the loops know of an index, in bytes.
#[derive(Clone, Copy)]
struct Pos {
    wide: bool,
    size: i64,
    stride: i64,
}

type Positions = SmallVec<[Pos; 4]>;

fn positions(indices: &[Index], element: usize) -> Result<Positions> {
    indices
        .iter()
        .map(|i| match i.at.dtype {
            DType::I64 | DType::I32 => {
                Ok(Pos { wide: i.at.dtype == DType::I64, size: i.size, stride: i.stride * element as i64 })
            }
            d => Err(err!(Index, "tensors used as indices must be long, int, byte or bool tensors (got {})", d.name())),
        })
        .collect()
}

/// # Safety
/// `p` is the address of an element of the index.
#[inline(always)]
unsafe fn read(p: *const u8, wide: bool) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { if wide { *(p as *const i64) } else { *(p as *const i32) as i64 } }
}

/// Every position of the indices is looked at, each once.
fn check(shape: &[i64], indices: &[Index], rule: Rule) -> Result<()> {
    if shape.contains(&0) {
        return Ok(());
    }
    for i in indices {
        let dims: SmallVec<[usize; 6]> = (0..shape.len()).filter(|&d| i.at.strides[d] != 0).collect();
        let sizes: Dims = dims.iter().map(|&d| shape[d]).collect();
        let strides: Dims = dims.iter().map(|&d| i.at.strides[d]).collect();
        let l = Lines::new(&sizes, &[Operand { strides: &strides, ..i.at }]);
        let (wide, step) = (i.at.dtype == DType::I64, l.inner()[0]);
        let low = if rule.wraps() { -i.size } else { 0 };
        let bad = AtomicBool::new(false);
        l.parallel(GRAIN, &|p, n| {
            // The sign bit of either number says that a position is outside.
            let mut signs = 0;
            if wide && step == 8 {
                let at = p[0] as *const i64;
                for k in 0..n as usize {
                    // SAFETY: the position is inside the index, see `Operand`.
                    let v = unsafe { *at.add(k) };
                    signs |= v.wrapping_sub(low) | (i.size - 1).wrapping_sub(v);
                }
            } else {
                for k in 0..n {
                    // SAFETY: as above.
                    let v = unsafe { read(p[0].offset((k * step) as isize), wide) };
                    signs |= v.wrapping_sub(low) | (i.size - 1).wrapping_sub(v);
                }
            }
            if signs < 0 {
                bad.store(true, Ordering::Relaxed);
            }
        });
        if bad.load(Ordering::Relaxed) {
            let mut first = None;
            l.serial(&mut |p, n| {
                for k in 0..n {
                    // SAFETY: as above.
                    let v = unsafe { read(p[0].offset((k * step) as isize), wide) };
                    if first.is_none() && (v < low || v >= i.size) {
                        first = Some(v);
                    }
                }
            });
            if let Some(v) = first {
                return Err(rule.error(v, i.size, i.dim));
            }
        }
    }
    Ok(())
}

fn space<'a>(
    shape: &[i64],
    a: Operand<'a>,
    b: Operand<'a>,
    indices: &[Index<'a>],
    mark: impl Fn(usize) -> bool,
) -> Lines {
    let ops: SmallVec<[Operand; 6]> = [a, b].into_iter().chain(indices.iter().map(|i| i.at)).collect();
    Lines::marked(shape, &ops, mark)
}

/// `out[p] = src[p + indices]`. The dtypes of `out` and `src` are the same.
pub fn fetch(shape: &[i64], out: Operand, src: Operand, indices: &[Index], rule: Rule) -> Result<()> {
    let size = src.dtype.size();
    let pos = positions(indices, size)?;
    let l = space(shape, out, src, indices, |_| false);
    let bad = AtomicBool::new(false);
    let wraps = rule.wraps();
    let steps = l.inner();
    let row = steps[2..].iter().all(|&s| s == 0);
    if let (true, [one], 2) = (row, &pos[..], l.sizes.len()) {
        if !fetch_rows(&l, one, size, wraps) {
            check(shape, indices, rule)?;
        }
        return Ok(());
    }
    l.parallel(GRAIN, &|p, n| {
        let ok = if row {
            let mut at = 0i64;
            let mut ok = true;
            for (k, i) in pos.iter().enumerate() {
                // SAFETY: the position is inside the index, see `Operand`.
                let mut v = unsafe { read(p[2 + k], i.wide) };
                if v < 0 && wraps {
                    v += i.size;
                }
                ok &= v >= 0 && v < i.size;
                at = at.wrapping_add(v.wrapping_mul(i.stride));
            }
            if ok {
                let src = p[1].wrapping_offset(at as isize);
                // SAFETY: all positions are inside `src`, and `out` has `n` elements here.
                dispatch!(src_dtype(size), T in SIZE => unsafe { copy_row::<T>(p[0], src, n, steps[0], steps[1]) });
            }
            ok
        } else {
            // SAFETY: the addresses are those of `n` elements at the strides; positions are checked before use.
            dispatch!(src_dtype(size), T in SIZE => unsafe { fetch_line::<T>(p, n, steps, &pos, wraps) })
                .unwrap_or(true)
        };
        if !ok {
            bad.store(true, Ordering::Relaxed);
        }
    });
    if bad.load(Ordering::Relaxed) {
        check(shape, indices, rule)?;
    }
    Ok(())
}

/// Rows that are on their way while one is copied.
const AHEAD: i64 = 6;

/// Whole rows, one position for each: `l` has the rows and the elements of one. False if a position is outside.
fn fetch_rows(l: &Lines, pos: &Pos, size: usize, wraps: bool) -> bool {
    let (rows, n) = (l.sizes[0], l.sizes[1]);
    let (over, steps, start) = (l.strides(0), l.inner(), l.start());
    let p: [Ptr<u8>; 3] = [Ptr(start[0]), Ptr(start[1]), Ptr(start[2])];
    let grain = (GRAIN / n.max(1)).max(1);
    let bad = AtomicBool::new(false);
    let place = |r: i64| {
        // SAFETY: the position is inside the index, see `Operand`.
        let v = unsafe { read(p[2].get().wrapping_offset((r * over[2]) as isize), pos.wide) };
        let v = if v < 0 && wraps { v + pos.size } else { v };
        let at = r.wrapping_mul(over[1]).wrapping_add(v.wrapping_mul(pos.stride));
        ((v as u64) < pos.size as u64, p[1].get().wrapping_offset(at as isize))
    };
    pool::parallel(((rows + grain - 1) / grain) as usize, &|b| {
        let (first, end) = (b as i64 * grain, ((b as i64 + 1) * grain).min(rows));
        for r in first..end {
            if r + AHEAD < end {
                prefetch(place(r + AHEAD).1, n as usize * size);
            }
            let (inside, src) = place(r);
            if !inside {
                bad.store(true, Ordering::Relaxed);
                continue;
            }
            let out = p[0].get().wrapping_offset((r * over[0]) as isize);
            // SAFETY: the position is inside `src`, and `out` has `n` elements here.
            dispatch!(src_dtype(size), T in SIZE => unsafe { copy_row::<T>(out, src, n, steps[0], steps[1]) });
        }
    });
    !bad.load(Ordering::Relaxed)
}

/// Asks for the first lines of memory that is read soon. The address may be any.
#[inline(always)]
fn prefetch(p: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in 0..bytes.div_ceil(64).min(8) {
        // SAFETY: a prefetch of an address that is not mapped does nothing.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(p.wrapping_add(64 * line).cast())
        };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (p, bytes);
}

/// A dtype of this size, for `dispatch!(.. in SIZE ..)`.
fn src_dtype(size: usize) -> DType {
    match size {
        1 => DType::U8,
        2 => DType::I16,
        4 => DType::I32,
        8 => DType::I64,
        _ => DType::C128,
    }
}

/// # Safety
/// `n` elements lie at each address with these strides in bytes.
#[inline(always)]
unsafe fn copy_row<T: Copy>(out: *mut u8, src: *const u8, n: i64, so: i64, ss: i64) {
    let size = size_of::<T>() as i64;
    // SAFETY: the caller's promise. Source and destination may be the same memory (a race on numbers): `copy`.
    unsafe {
        if so == size && ss == size && n >= 16 {
            std::ptr::copy(src, out, (n * size) as usize);
        } else {
            for k in 0..n {
                *(out.offset((k * so) as isize) as *mut T) = *(src.offset((k * ss) as isize) as *const T);
            }
        }
    }
}

/// # Safety
/// `p` are addresses of `n` elements at the strides `s`; every checked position is inside `src`.
unsafe fn fetch_line<T: Copy>(p: &[*mut u8], n: i64, s: &[i64], pos: &[Pos], wraps: bool) -> bool {
    let mut ok = true;
    // SAFETY: the caller's promise.
    unsafe {
        if let [i] = *pos {
            let (out, src, at) = (p[0], p[1], p[2]);
            let (so, ss, si) = (s[0], s[1], s[2]);
            let wrap = if wraps { i.size } else { 0 };
            // The common case apart: int64 positions and results side by side.
            if i.wide && si == 8 && so == size_of::<T>() as i64 {
                let (out, at) = (out as *mut T, at as *const i64);
                for k in 0..n {
                    let v = *at.offset(k as isize);
                    let v = if v < 0 { v + wrap } else { v };
                    if (v as u64) < i.size as u64 {
                        *out.offset(k as isize) = *(src.offset((k * ss + v * i.stride) as isize) as *const T);
                    } else {
                        ok = false;
                    }
                }
                return ok;
            }
            for k in 0..n {
                let v = read(at.offset((k * si) as isize), i.wide);
                let v = if v < 0 { v + wrap } else { v };
                if (v as u64) < i.size as u64 {
                    *(out.offset((k * so) as isize) as *mut T) =
                        *(src.offset((k * ss + v * i.stride) as isize) as *const T);
                } else {
                    ok = false;
                }
            }
            return ok;
        }
        for k in 0..n {
            let mut at = k * s[1];
            let mut inside = true;
            for (j, i) in pos.iter().enumerate() {
                let mut v = read(p[2 + j].offset((k * s[2 + j]) as isize), i.wide);
                if v < 0 && wraps {
                    v += i.size;
                }
                inside &= (v as u64) < i.size as u64;
                at = at.wrapping_add(v.wrapping_mul(i.stride));
            }
            if inside {
                *(p[0].offset((k * s[0]) as isize) as *mut T) = *(p[1].offset(at as isize) as *const T);
            }
            ok &= inside;
        }
    }
    ok
}

/// `dst[p + indices] = reduce(dst[p + indices], src[p])`, nothing being written if a position is not allowed. `free`
/// names the dimensions of `shape` along which different positions always mean different places (work is split there).
/// The dtypes are the same, but for sums and products of halves in a float32 `dst`.
pub fn store(
    shape: &[i64],
    dst: Operand,
    src: Operand,
    indices: &[Index],
    rule: Rule,
    reduce: Reduce,
    free: impl Fn(usize) -> bool,
) -> Result<()> {
    check(shape, indices, rule)?;
    let size = dst.dtype.size();
    let pos = positions(indices, size)?;
    let wraps = rule.wraps();
    let l = space(shape, dst, src, indices, |d| free(d) && dst.strides[d] != 0);
    let line = match reduce {
        Reduce::Set => dispatch!(src_dtype(size), T in SIZE => store_line::<T, T, Put> as Line),
        Reduce::Amax => dispatch!(dst.dtype, T in REAL => store_line::<T, T, Amax> as Line),
        Reduce::Amin => dispatch!(dst.dtype, T in REAL => store_line::<T, T, Amin> as Line),
        Reduce::Prod => match (dst.dtype, src.dtype) {
            (DType::F32, DType::F16) => Some(store_line::<f32, f16, Mul> as Line),
            (DType::F32, DType::BF16) => Some(store_line::<f32, bf16, Mul> as Line),
            _ => dispatch!(dst.dtype, T in ALL => store_line::<T, T, Mul> as Line),
        },
        Reduce::Sum => match (dst.dtype, src.dtype) {
            (DType::F32, DType::F16) => Some(store_line::<f32, f16, Add> as Line),
            (DType::F32, DType::BF16) => Some(store_line::<f32, bf16, Add> as Line),
            _ => dispatch!(dst.dtype, T in ALL => store_line::<T, T, Add> as Line),
        },
    };
    let Some(line) = line else {
        bail!(NotImplemented, "\"scatter_reduce\" not implemented for '{}'", dst.dtype.c10_name())
    };
    let steps = l.inner();
    let last = l.sizes.len() - 1;
    // Rows that one index names: split by the row that is written to, and keep rows whole.
    if let [i] = *pos
        && last == 1
        && l.marks[1]
        && steps[2] == 0
    {
        let parts = (l.total / GRAIN).min(l.sizes[1] / 32).clamp(1, 16);
        let outer = l.strides(0);
        pool::parallel(parts as usize, &|b| {
            let start = l.start();
            for r in 0..l.sizes[0] {
                let at = start[2].wrapping_offset((r * outer[2]) as isize);
                // SAFETY: the position is inside the index, see `Operand`.
                let v = unsafe { read(at, i.wide) };
                let v = if v < 0 && wraps { v + i.size } else { v };
                if v as u64 % parts as u64 == b as u64 {
                    let p = [
                        start[0].wrapping_offset((r * outer[0]) as isize),
                        start[1].wrapping_offset((r * outer[1]) as isize),
                        at,
                    ];
                    line(&p, l.sizes[1], steps, &pos, wraps);
                }
            }
        });
        return Ok(());
    }
    l.split_marked(&|l| {
        let steps = l.inner();
        l.serial(&mut |p, n| line(p, n, steps, &pos, wraps));
    });
    Ok(())
}

/// One line of a store: addresses, length, strides in bytes, positions, whether negative ones wrap.
type Line = fn(&[*mut u8], i64, &[i64], &[Pos], bool);

trait Join<T, S> {
    fn join(old: T, new: S) -> T;
}

struct Put;
struct Add;
struct Mul;
struct Amax;
struct Amin;

impl<T> Join<T, T> for Put {
    #[inline(always)]
    fn join(_: T, new: T) -> T {
        new
    }
}
impl<T: Num> Join<T, T> for Add {
    #[inline(always)]
    fn join(old: T, new: T) -> T {
        old.add(new)
    }
}
impl<T: Num> Join<T, T> for Mul {
    #[inline(always)]
    fn join(old: T, new: T) -> T {
        old.mul(new)
    }
}
macro_rules! halves {
    ($($t:ty, $up:ident);*) => {$(
        impl Join<f32, $t> for Add {
            #[inline(always)]
            fn join(old: f32, new: $t) -> f32 {
                old + $up(new)
            }
        }
        impl Join<f32, $t> for Mul {
            #[inline(always)]
            fn join(old: f32, new: $t) -> f32 {
                old * $up(new)
            }
        }
    )*};
}
halves!(f16, f16_up; bf16, bf16_up);
impl<T: Real> Join<T, T> for Amax {
    #[inline(always)]
    fn join(old: T, new: T) -> T {
        max(old, new)
    }
}
impl<T: Real> Join<T, T> for Amin {
    #[inline(always)]
    fn join(old: T, new: T) -> T {
        min(old, new)
    }
}

/// One line of `store`. Positions have been checked.
fn store_line<T: Copy, S: Copy, J: Join<T, S>>(p: &[*mut u8], n: i64, s: &[i64], pos: &[Pos], wraps: bool) {
    let (size, from) = (size_of::<T>() as i64, size_of::<S>() as i64);
    let (dst, src) = (p[0], p[1]);
    let place = |k: i64| {
        let mut at = 0;
        for (j, i) in pos.iter().enumerate() {
            // SAFETY: the position is inside the index, see `Operand`.
            let mut v = unsafe { read(p[2 + j].offset((k * s[2 + j]) as isize), i.wide) };
            if v < 0 && wraps {
                v += i.size;
            }
            // Another thread of the host may have changed the index since it was checked: stay inside.
            v = if (v as u64) < i.size as u64 { v } else { 0 };
            at += v * i.stride;
        }
        at as isize
    };
    // SAFETY: `n` elements lie at each address with these strides, and every place is inside `dst`.
    unsafe {
        if s[2..].iter().all(|&x| x == 0) {
            let dst = dst.offset(place(0));
            if s[0] == size && s[1] == from {
                let (d, x) = (dst as *mut T, src as *const S);
                for k in 0..n as usize {
                    *d.add(k) = J::join(*d.add(k), *x.add(k));
                }
            } else {
                for k in 0..n {
                    let d = dst.offset((k * s[0]) as isize) as *mut T;
                    *d = J::join(*d, *(src.offset((k * s[1]) as isize) as *const S));
                }
            }
        } else if let [i] = *pos
            && i.wide
            && s[2] == 8
            && s[1] == from
        {
            let (x, at, wrap) = (src as *const S, p[2] as *const i64, if wraps { i.size } else { 0 });
            for k in 0..n {
                let v = *at.offset(k as isize);
                let v = if v < 0 { v + wrap } else { v };
                let v = if (v as u64) < i.size as u64 { v } else { 0 };
                let d = dst.offset((k * s[0] + v * i.stride) as isize) as *mut T;
                *d = J::join(*d, *x.offset(k as isize));
            }
        } else {
            for k in 0..n {
                let d = dst.offset((k * s[0]) as isize + place(k)) as *mut T;
                *d = J::join(*d, *(src.offset((k * s[1]) as isize) as *const S));
            }
        }
    }
}

/// How `x[..., index, ...]` lies: what `index` and `index_put` walk over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Shape of the result.
    pub shape: Dims,
    /// Strides of `x` over it; 0 along the dimensions that come from the indices.
    pub strides: Dims,
    /// Where the indices' dimensions stand in the result.
    pub first: usize,
    /// How many there are.
    pub count: usize,
}

impl Plan {
    /// `indexed[d]`: is dimension d of `x` given by an index? (Missing ones are not.) `index_shape` is the shape that all
    /// indices broadcast to. Indices side by side leave their result in their place, others move it to the front.
    pub fn new(sizes: &[i64], strides: &[i64], indexed: &[bool], index_shape: &[i64]) -> Plan {
        let is = |d: usize| indexed.get(d).copied().unwrap_or(false);
        let dims: SmallVec<[usize; 6]> = (0..sizes.len()).filter(|&d| is(d)).collect();
        let adjacent = dims.windows(2).all(|w| w[1] == w[0] + 1);
        let first = if adjacent { dims.first().copied().unwrap_or(0) } else { 0 };
        let mut plan = Plan { shape: Dims::new(), strides: Dims::new(), first, count: index_shape.len() };
        let mut kept = (0..sizes.len()).filter(|&d| !is(d));
        for d in kept.by_ref().take(first) {
            plan.shape.push(sizes[d]);
            plan.strides.push(strides[d]);
        }
        plan.shape.extend_from_slice(index_shape);
        plan.strides.extend(index_shape.iter().map(|_| 0));
        for d in kept {
            plan.shape.push(sizes[d]);
            plan.strides.push(strides[d]);
        }
        plan
    }

    /// Strides of an index over the plan's shape; `strides` are over the broadcast shape of the indices.
    pub fn index_strides(&self, strides: &[i64]) -> Dims {
        let mut s = Dims::from_elem(0, self.shape.len());
        for (i, &x) in strides.iter().enumerate() {
            s[self.first + i] = x;
        }
        s
    }
}

/// `out = x[indices]` over a plan's shape: `src` has the plan's strides, the indices `Plan::index_strides`.
pub fn index(shape: &[i64], out: Operand, src: Operand, indices: &[Index]) -> Result<()> {
    // Indices on dimensions of which nothing is read still must be inside.
    if shape.contains(&0) {
        return Ok(());
    }
    fetch(shape, out, src, indices, Rule::Wrap)
}

/// `x[indices] = value`, or `+=` with `accumulate`, over a plan's shape. The later of two writes to a place wins.
pub fn index_put(shape: &[i64], dst: Operand, value: Operand, indices: &[Index], accumulate: bool) -> Result<()> {
    let reduce = if accumulate { Reduce::Sum } else { Reduce::Set };
    store(shape, dst, value, indices, Rule::Wrap, reduce, |d| indices.iter().all(|i| i.at.strides[d] == 0))
}

/// A one-dimensional index laid along `dim` of a shape of `ndim` dimensions.
fn spread(ndim: usize, dim: usize, step: i64) -> Dims {
    let mut s = Dims::from_elem(0, ndim);
    if dim < ndim {
        s[dim] = step;
    }
    s
}

/// The strides with 0 along `dim`.
fn flat(strides: &[i64], dim: usize) -> Dims {
    let mut s: Dims = strides.into();
    if dim < s.len() {
        s[dim] = 0;
    }
    s
}

/// `x.index_select(dim, index)`. `shape` is that of `out`; `src` has the strides of `x`, whose size along `dim` is
/// `size`; `index` has one dimension (or none, then `x` is a scalar or `shape[dim]` is 1).
pub fn index_select(shape: &[i64], dim: usize, out: Operand, src: Operand, size: i64, index: Operand) -> Result<()> {
    let step = index.strides.first().copied().unwrap_or(1);
    let (at, fixed) = (spread(shape.len(), dim, step), flat(src.strides, dim));
    let stride = src.strides.get(dim).copied().unwrap_or(1);
    let index = Index { at: Operand { strides: &at, ..index }, size, stride, dim };
    fetch(shape, out, Operand { strides: &fixed, ..src }, &[index], Rule::Select)
}

/// `index_add` (`Reduce::Sum`), `index_copy` (`Set`), `index_fill` (`Set`, a `src` whose strides are all 0),
/// `index_reduce`. `shape` is that of `src`, `dst` has the strides of the result, whose size along `dim` is `size`.
/// Sums of halves are rounded once, unless few are added to many.
pub fn index_store(
    shape: &[i64],
    dim: usize,
    dst: Operand,
    size: i64,
    index: Operand,
    src: Operand,
    reduce: Reduce,
    rule: Rule,
) -> Result<()> {
    let len = shape.get(dim).copied().unwrap_or(1);
    if dst.dtype.is_half() && matches!(reduce, Reduce::Sum | Reduce::Prod) && len * 8 >= size {
        return widened(shape, dim, size, dst, &|dst| index_store(shape, dim, dst, size, index, src, reduce, rule));
    }
    let step = index.strides.first().copied().unwrap_or(1);
    let (at, fixed) = (spread(shape.len(), dim, step), flat(dst.strides, dim));
    let stride = dst.strides.get(dim).copied().unwrap_or(1);
    let index = Index { at: Operand { strides: &at, ..index }, size, stride, dim };
    store(shape, Operand { strides: &fixed, ..dst }, src, &[index], rule, reduce, |d| d != dim)
}

/// Calls `f` with a float32 copy of `dst` (halves; `shape` with `size` along `dim`) and rounds that back into it: sums and
/// products of halves are rounded once.
pub(super) fn widened(
    shape: &[i64],
    dim: usize,
    size: i64,
    dst: Operand,
    f: &dyn Fn(Operand) -> Result<()>,
) -> Result<()> {
    let mut whole: Dims = shape.into();
    if dim < whole.len() {
        whole[dim] = size;
    }
    let strides = crate::shape::contiguous_strides(&whole);
    let wide = Scratch::<f32>::new(whole.iter().product::<i64>().max(1) as usize)?;
    let tmp = Operand { ptr: wide.ptr() as *mut u8, dtype: DType::F32, strides: &strides };
    let l = Lines::new(&whole, &[tmp, dst]);
    let (st, sd) = (l.inner()[0] as isize, l.inner()[1] as isize);
    dispatch!(dst.dtype, T in FLOAT => l.parallel(GRAIN, &|p, n| for k in 0..n as isize {
        // SAFETY: `n` elements lie at both addresses at these strides.
        unsafe { *(p[0].offset(k * st) as *mut f32) = (*(p[1].offset(k * sd) as *const T)).to_f64() as f32 }
    }));
    f(tmp)?;
    dispatch!(dst.dtype, T in FLOAT => l.parallel(GRAIN, &|p, n| for k in 0..n as isize {
        // SAFETY: as above.
        unsafe { *(p[1].offset(k * sd) as *mut T) = T::from_f64(*(p[0].offset(k * st) as *const f32) as f64) }
    }));
    Ok(())
}

/// Turns positions in the row-major order of `sizes` into distances in elements for these strides, in place of the
/// division by sizes that a non-contiguous `take` would need in its loop. `out` is contiguous int64.
fn unravel(shape: &[i64], out: *mut i64, index: Operand, sizes: &[i64], strides: &[i64]) -> Result<()> {
    let total: i64 = sizes.iter().product();
    let own = crate::shape::contiguous_strides(shape);
    let o = Operand { ptr: out as *mut u8, dtype: DType::I64, strides: &own };
    let l = Lines::new(shape, &[o, index]);
    let (so, si) = (l.inner()[0] as isize, l.inner()[1] as isize);
    l.parallel(GRAIN, &|p, n| {
        for k in 0..n as isize {
            // SAFETY: `n` elements lie at both addresses; the positions have been checked.
            unsafe {
                let mut v = *(p[1].offset(k * si) as *const i64);
                if v < 0 {
                    v += total;
                }
                let mut at = 0;
                for d in (0..sizes.len()).rev() {
                    at += v % sizes[d] * strides[d];
                    v /= sizes[d];
                }
                *(p[0].offset(k * so) as *mut i64) = at;
            }
        }
    });
    Ok(())
}

/// `x.take(index)` (`store` is None) or `x.put_(index, source, accumulate)`: positions in the row-major order of `x`.
/// `shape` is that of the index; `other` is the result of take, the source of put, with strides over it.
fn take_put(
    shape: &[i64],
    sizes: &[i64],
    x: Operand,
    index: Operand,
    other: Operand,
    reduce: Option<Reduce>,
) -> Result<()> {
    if index.dtype != DType::I64 {
        bail!(Runtime, "take(): Expected a long tensor for index, but got {}", index.dtype.c10_name());
    }
    let total: i64 = sizes.iter().product();
    let zero = Dims::from_elem(0, shape.len());
    let plain = Index { at: index, size: total, stride: 1, dim: 0 };
    let one = Lines::new(sizes, &[x]);
    if one.sizes.len() == 1 {
        let stride = one.inner()[0] / x.dtype.size() as i64;
        let i = Index { stride, ..plain };
        let x = Operand { strides: &zero, ..x };
        return match reduce {
            None => fetch(shape, other, x, &[i], Rule::Take),
            Some(r) => store(shape, x, other, &[i], Rule::Take, r, |_| false),
        };
    }
    check(shape, &[plain], Rule::Take)?;
    let n: i64 = shape.iter().product();
    let places = Scratch::<i64>::new(n.max(0) as usize)?;
    unravel(shape, places.ptr(), index, sizes, x.strides)?;
    let own = crate::shape::contiguous_strides(shape);
    let at = Operand { ptr: places.ptr() as *mut u8, dtype: DType::I64, strides: &own };
    let i = Index { at, size: i64::MAX, stride: 1, dim: 0 };
    let x = Operand { strides: &zero, ..x };
    // Strides may be negative in principle, then distances are: no wrapping here.
    match reduce {
        None => fetch(shape, other, x, &[i], Rule::Gather),
        Some(r) => store(shape, x, other, &[i], Rule::Gather, r, |_| false),
    }
}

/// `out = x.take(index)`; `sizes` and the strides of `src` are those of `x`, `shape` is that of the index and of `out`.
pub fn take(shape: &[i64], out: Operand, sizes: &[i64], src: Operand, index: Operand) -> Result<()> {
    take_put(shape, sizes, src, index, out, None)
}

/// `x.put_(index, source, accumulate)`; `sizes` and the strides of `dst` are those of `x`.
pub fn put(
    shape: &[i64],
    sizes: &[i64],
    dst: Operand,
    index: Operand,
    source: Operand,
    accumulate: bool,
) -> Result<()> {
    let reduce = if accumulate { Reduce::Sum } else { Reduce::Set };
    take_put(shape, sizes, dst, index, source, Some(reduce))
}

/// `embedding(weight, index)`. `shape` is the index' shape with the width of `weight` behind it; `index` has strides over
/// that shape (0 at the end); `weight` has its two strides, `rows` rows.
pub fn embedding(shape: &[i64], out: Operand, weight: Operand, rows: i64, index: Operand) -> Result<()> {
    let src = spread(shape.len(), shape.len().wrapping_sub(1), weight.strides[1]);
    let i = Index { at: index, size: rows, stride: weight.strides[0], dim: 0 };
    fetch(shape, out, Operand { strides: &src, ..weight }, &[i], Rule::Select)
}

/// Adds `grad` (shape `[n, width]`) to the rows of `out` (`[rows, width]`, zeroed by the caller) that `index` names, in
/// order; rows of `padding` stay as they are; `by_freq` divides by how often a row is named.
pub fn embedding_backward(
    n: i64,
    width: i64,
    out: Operand,
    rows: i64,
    grad: Operand,
    index: Operand,
    padding: Option<i64>,
    by_freq: bool,
) -> Result<()> {
    let index_ptr = Ptr(index.ptr);
    let place = |k: i64| {
        // SAFETY: `index` has `n` elements.
        let v = unsafe {
            read(
                index_ptr.get().offset((k * index.strides[0] * index.dtype.size() as i64) as isize),
                index.dtype == DType::I64,
            )
        };
        (v >= 0 && v < rows && Some(v) != padding).then_some(v)
    };
    let at = [index.strides[0], 0];
    let i = Index { at: Operand { strides: &at, ..index }, size: rows, stride: out.strides[0], dim: 0 };
    if padding.is_none() && !by_freq {
        let fixed = [0, out.strides[1]];
        let dst = Operand { strides: &fixed, ..out };
        return store(&[n, width], dst, grad, &[i], Rule::Select, Reduce::Sum, |d| d == 1);
    }
    check(&[n], &[Index { at: Operand { strides: &at[..1], ..index }, ..i }], Rule::Select)?;
    positions(&[i], 1)?;
    let scratch = Scratch::<u64>::zeroed(if by_freq { rows.max(0) as usize } else { 0 })?;
    let counts = Ptr(scratch.ptr());
    if by_freq {
        for k in 0..n {
            if let Some(v) = place(k) {
                // SAFETY: `v` is below `rows`.
                unsafe { *counts.get().add(v as usize) += 1 };
            }
        }
    }
    let grain = if n * width <= GRAIN { width.max(1) } else { 64 };
    let (out_ptr, grad_ptr) = (Ptr(out.ptr), Ptr(grad.ptr));
    let done = dispatch!(out.dtype, T in FLOAT => blocks(width, grain, &|a, b| {
        for k in 0..n {
            let Some(v) = place(k) else { continue };
            // SAFETY: row `v` and columns `a..b` are inside `out`, row `k` inside `grad`, `v` below `rows`.
            unsafe {
                let d = (out_ptr.get() as *mut T).offset((v * out.strides[0]) as isize);
                let g = (grad_ptr.get() as *const T).offset((k * grad.strides[0]) as isize);
                let times = if by_freq { *counts.get().add(v as usize) } else { 1 };
                for c in a..b {
                    let d = d.offset((c * out.strides[1]) as isize);
                    let g = *g.offset((c * grad.strides[1]) as isize);
                    *d = (*d).add(if times > 1 { g.mul(T::from_f64(1.0 / times as f64)) } else { g });
                }
            }
        }
    }));
    if done.is_none() {
        bail!(NotImplemented, "\"embedding_dense_backward_cpu\" not implemented for '{}'", out.dtype.c10_name());
    }
    Ok(())
}
