//! The place of the largest or smallest element, and the element.

use super::super::convert::{self, Convert, Elem};
use super::super::tile::with_scratch;
use super::{GRAIN, kernels};
use crate::device::cpu::pool;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::program::{Compute, Reduce};
use crate::kernels::{Operand, Ptr};
use crate::shape::without;

/// Columns that are scanned together.
const COLS: usize = 512;
/// Elements of a row that are scanned together.
const RUN: usize = 2048;

/// Along `dim`: the index of the largest (`max`) or smallest element into `indices` (int64), the element itself into
/// `values`. The first one among equals; NaN counts as the largest and as the smallest. Strides of the outputs are for the
/// full rank; those on `dim` are not looked at.
pub fn arg_reduce(
    shape: &[i64],
    dim: usize,
    input: Operand,
    values: Option<Operand>,
    indices: Operand,
    max: bool,
) -> Result<()> {
    if input.dtype.is_complex() || indices.dtype != DType::I64 {
        bail!(Runtime, "max and min of an index need real numbers and int64 indices");
    }
    let (n, step) = if shape.is_empty() { (1, 0) } else { (shape[dim], input.strides[dim]) };
    let outer: i64 = shape.iter().enumerate().filter(|(d, _)| *d != dim).map(|(_, s)| *s).product();
    if outer <= 0 || n <= 0 {
        return Ok(());
    }
    // A walk over the kept dimensions, by the input's order.
    let v = values.unwrap_or(indices);
    let (si, sx, sv) = (without(input.strides, dim), without(indices.strides, dim), without(v.strides, dim));
    let ops = [Operand { strides: &si, ..input }, Operand { strides: &sx, ..indices }, Operand { strides: &sv, ..v }];
    let walk = super::Walk::new(&without(shape, dim), &ops[..2 + values.is_some() as usize]);
    let compute = Compute::of(input.dtype);
    let size = input.dtype.size();
    let load = if input.dtype == compute.dtype() { None } else { Some(convert::load(input.dtype, compute)) };
    let across = kernels(compute, if max { Reduce::Max } else { Reduce::Min })?.across;
    let inner = if walk.total == 1 { size as i64 } else { walk.stride(0, 0) };
    let columns = inner.abs() <= step.abs() * size as i64 && walk.total > 1 && n > 1 && walk.size(0) >= 4;
    let grain = (GRAIN / n).max(if columns { COLS as i64 } else { 1 });
    let blocks = (walk.total + grain - 1) / grain;
    let job = Job { n, step: step * size as i64, inner, size, load, across, max, has_values: values.is_some() };
    let vstore = values.map(|v| (convert::store(compute, v.dtype), v.dtype.size()));
    let w = Shared(&walk);
    pool::parallel(blocks as usize, &|b| {
        let (k0, k1) = (b as i64 * grain, ((b as i64 + 1) * grain).min(w.get().total));
        match compute {
            Compute::F32 => job.run::<f32>(w.get(), k0, k1, columns, vstore),
            Compute::F64 => job.run::<f64>(w.get(), k0, k1, columns, vstore),
            _ => job.run::<i64>(w.get(), k0, k1, columns, vstore),
        }
    });
    Ok(())
}

struct Shared<'a>(&'a super::Walk);
// SAFETY: a walk is addresses and numbers; threads take different ranges of it.
unsafe impl Sync for Shared<'_> {}
impl<'a> Shared<'a> {
    fn get(&self) -> &'a super::Walk {
        self.0
    }
}

struct Job {
    n: i64,
    step: i64,
    inner: i64,
    size: usize,
    load: Option<Convert>,
    across: unsafe fn(*const u8, usize, *mut u8),
    max: bool,
    has_values: bool,
}

trait Num: Elem + PartialOrd {
    fn better(self, than: Self, max: bool) -> bool;
    fn nan(self) -> bool;
}
macro_rules! nums {
    ($($T:ty),*) => {$(
        impl Num for $T {
            #[inline(always)]
            fn better(self, than: Self, max: bool) -> bool {
                if than.nan() { false } else if self.nan() { true } else if max { self > than } else { self < than }
            }
            #[inline(always)]
            fn nan(self) -> bool {
                #[allow(clippy::eq_op)]
                { self != self }
            }
        }
    )*};
}
nums!(f32, f64, i64);

impl Job {
    fn run<T: Num>(&self, w: &super::Walk, k0: i64, k1: i64, columns: bool, vstore: Option<(Convert, usize)>) {
        let e = std::mem::size_of::<T>();
        let max_piece = if columns { COLS as i64 } else { i64::MAX };
        let out_strides = |op: usize, size: usize| if w.total == 1 { size as i64 } else { w.stride(0, op) };
        let si = out_strides(1, 8);
        let sv = if self.has_values { out_strides(2, vstore.map_or(0, |v| v.1)) } else { 0 };
        with_scratch(RUN * 16 * 3, |scratch| {
            let raw = scratch;
            let tile = scratch.wrapping_add(RUN * 16);
            let best = Ptr(scratch.wrapping_add(RUN * 16 * 2) as *mut T);
            let place = Ptr(scratch.wrapping_add(RUN * 16 * 2 + COLS * 8) as *mut i64);
            w.range(k0, k1, max_piece, |a, len| {
                // SAFETY: the walk gives len rows of n elements inside the operands; tiles hold RUN elements.
                unsafe {
                    let put = |k: i64, v: *const u8, at: i64| {
                        *(a.p[1].wrapping_offset((k * si) as isize) as *mut i64) = at;
                        if let Some((store, _)) = vstore {
                            store(a.p[2].wrapping_offset((k * sv) as isize), v, 1);
                        }
                    };
                    if columns {
                        let len = len as usize;
                        for r in 0..self.n {
                            let from = a.p[0].wrapping_offset((r * self.step) as isize);
                            let x = self.fetch(from, self.inner, len, raw, tile) as *const T;
                            let (b, p) = (best.get(), place.get());
                            if r == 0 {
                                std::ptr::copy_nonoverlapping(x, b, len);
                                for i in 0..len {
                                    *p.add(i) = 0;
                                }
                            } else {
                                for i in 0..len {
                                    let v = *x.add(i);
                                    let better = v.better(*b.add(i), self.max);
                                    *b.add(i) = if better { v } else { *b.add(i) };
                                    *p.add(i) = if better { r } else { *p.add(i) };
                                }
                            }
                        }
                        for i in 0..len {
                            put(i as i64, best.get().add(i) as *const u8, *place.get().add(i));
                        }
                    } else {
                        // Short rows where they lie: a plain scan.
                        let small = self.n <= 64 && self.load.is_none();
                        for k in 0..if small { len } else { 0 } {
                            let row = a.p[0].wrapping_offset((k * self.inner) as isize);
                            let (mut b, mut at) = (*(row as *const T), 0);
                            for r in 1..self.n {
                                let v = *(row.wrapping_offset((r * self.step) as isize) as *const T);
                                let better = v.better(b, self.max);
                                b = if better { v } else { b };
                                at = if better { r } else { at };
                            }
                            put(k, &b as *const T as *const u8, at);
                        }
                        for k in 0..if small { 0 } else { len } {
                            let row = a.p[0].wrapping_offset((k * self.inner) as isize);
                            let (mut have, mut at): (Option<T>, i64) = (None, 0);
                            let mut r = 0;
                            while r < self.n {
                                let m = (self.n - r).min(RUN as i64) as usize;
                                let from = row.wrapping_offset((r * self.step) as isize);
                                let x = self.fetch(from, self.step, m, raw, tile) as *const T;
                                let mut top = [0u64; 2];
                                (self.across)(x as *const u8, m, top.as_mut_ptr() as *mut u8);
                                let top = *(top.as_ptr() as *const T);
                                if have.is_none_or(|h| top.better(h, self.max)) {
                                    let mut i = 0;
                                    while i + 1 < m {
                                        let v = *x.add(i);
                                        if v == top || (top.nan() && v.nan()) {
                                            break;
                                        }
                                        i += 1;
                                    }
                                    have = Some(*x.add(i));
                                    at = r + i as i64;
                                }
                                r += m as i64;
                            }
                            let v = have.unwrap_or_default();
                            put(k, &v as *const T as *const u8, at);
                        }
                    }
                }
            });
            let _ = e;
        });
    }

    /// `n` elements as the compute type, contiguous.
    ///
    /// # Safety
    /// `n` elements at this stride (bytes); tiles of that many.
    unsafe fn fetch(&self, from: *const u8, stride: i64, n: usize, raw: *mut u8, tile: *mut u8) -> *const u8 {
        // SAFETY: by the contract.
        unsafe {
            let flat = if stride == self.size as i64 || n == 1 {
                from
            } else {
                convert::gather(self.size, raw, from, stride, n);
                raw
            };
            match self.load {
                None => flat,
                Some(load) => {
                    load(tile, flat, n);
                    tile
                }
            }
        }
    }
}
