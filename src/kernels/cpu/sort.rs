//! Sorting along a dimension: always stable, NaN is the largest. Elements become unsigned keys in their order (`Real::key`)
//! with their position beside them: short lines go to the standard sort, long ones to a radix sort that skips digits
//! which all keys share.

use super::lines::{Scratch, along, step};
use super::num::{Keyed, Real};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::Operand;
use parking_lot::Mutex;

/// Lines up to this length are sorted on the stack.
const SMALL: usize = 128;
/// Lines from this length on are sorted by radix.
const RADIX: usize = 1024;

/// Bits that turn an ascending key into a descending one.
#[inline(always)]
pub(super) fn flip<T: Real>(descending: bool) -> u64 {
    if descending { u64::MAX >> (64 - T::KEY_BITS) } else { 0 }
}

/// The first error of any thread.
#[derive(Default)]
pub(super) struct Failure(Mutex<Option<Error>>);

impl Failure {
    pub(super) fn note(&self, r: Result<()>) {
        if let Err(e) = r {
            self.0.lock().get_or_insert(e);
        }
    }

    pub(super) fn result(self) -> Result<()> {
        match self.0.into_inner() {
            Some(e) => Err(e),
            None => Ok(()),
        }
    }
}

/// `values, indices = x.sort(dim, descending, stable=True)`; either result may be left out. `values` has the dtype of `x`
/// and does not overlap it, `indices` is int64.
pub fn sort(
    shape: &[i64],
    dim: usize,
    values: Option<Operand>,
    indices: Option<Operand>,
    x: Operand,
    descending: bool,
) -> Result<()> {
    if indices.is_some_and(|i| i.dtype != DType::I64) || values.is_some_and(|v| v.dtype != x.dtype) {
        bail!(Runtime, "sort: values must have the dtype of the input, indices int64");
    }
    let len = shape.get(dim).copied().unwrap_or(1) as usize;
    let failure = Failure::default();
    let (v, i) = (values.unwrap_or(x), indices.unwrap_or(x));
    let (sv, si, sx) = (step(&v, dim), step(&i, dim), step(&x, dim));
    let done = dispatch!(x.dtype, T in REAL => along(shape, dim, &[v, i, x], &|p| {
        let line = Line {
            values: if values.is_some() { p[0] } else { std::ptr::null_mut() } as *mut T,
            indices: if indices.is_some() { p[1] } else { std::ptr::null_mut() } as *mut i64,
            x: p[2] as *const T,
            sv, si, sx, len,
        };
        failure.note(line.sort(descending));
    }));
    if done.is_none() {
        bail!(Runtime, "Sort does not support complex dtypes on CPU");
    }
    failure.result()
}

/// One line: addresses, strides in elements.
struct Line<T> {
    values: *mut T,
    indices: *mut i64,
    x: *const T,
    sv: isize,
    si: isize,
    sx: isize,
    len: usize,
}

impl<T: Real> Line<T> {
    fn sort(&self, descending: bool) -> Result<()> {
        let n = self.len;
        if n <= SMALL {
            let mut keys = [T::Pair::default(); SMALL];
            // SAFETY: there is room for `n` pairs.
            let plain = unsafe { load(self.x, self.sx, n, keys.as_mut_ptr(), descending) };
            keys[..n].sort_unstable();
            self.write(&keys[..n], descending, plain);
            return Ok(());
        }
        if n > T::Pair::LIMIT {
            bail!(NotImplemented, "sorting more than {} elements of this dtype along one dimension", T::Pair::LIMIT);
        }
        let scratch = Scratch::<T::Pair>::new(if n < RADIX { n } else { 2 * n })?;
        // SAFETY: the memory is ours alone and holds `n` pairs, or twice as many for the radix sort; pairs are written
        // before a slice of them is made.
        unsafe {
            let plain = load(self.x, self.sx, n, scratch.ptr(), descending);
            let sorted = if n < RADIX {
                std::slice::from_raw_parts_mut(scratch.ptr(), n).sort_unstable();
                scratch.ptr()
            } else {
                radix(scratch.ptr(), scratch.ptr().add(n), n, T::KEY_BITS)
            };
            self.write(std::slice::from_raw_parts(sorted, n), descending, plain);
        }
        Ok(())
    }

    fn write(&self, keys: &[T::Pair], descending: bool, plain: bool) {
        let flip = flip::<T>(descending);
        // SAFETY: `len` elements lie at each address at its stride; positions are below `len`.
        unsafe {
            if !self.indices.is_null() {
                for (i, k) in keys.iter().enumerate() {
                    *self.indices.offset(i as isize * self.si) = k.at() as i64;
                }
            }
            if !self.values.is_null() {
                for (i, k) in keys.iter().enumerate() {
                    let v = if plain { T::from_key(k.key() ^ flip) } else { *self.x.offset(k.at() as isize * self.sx) };
                    *self.values.offset(i as isize * self.sv) = v;
                }
            }
        }
    }
}

/// Writes the keys of a line with their positions; says whether keys alone give the values back.
///
/// # Safety
/// `n` elements lie at `x` with this stride, and there is room for `n` pairs.
pub(super) unsafe fn load<T: Real>(x: *const T, step: isize, n: usize, pairs: *mut T::Pair, descending: bool) -> bool {
    let flip = flip::<T>(descending);
    let mut plain = true;
    for i in 0..n {
        // SAFETY: the caller's promise.
        unsafe {
            let v = *x.offset(i as isize * step);
            plain &= v.plain();
            pairs.add(i).write(T::Pair::new(v.key() ^ flip, i));
        }
    }
    plain
}

/// Least significant digit first; the result lies in one of the two places.
///
/// # Safety
/// `a` holds `n` pairs, `b` has room for as many, they do not overlap and nobody else uses them.
unsafe fn radix<K: Keyed>(a: *mut K, b: *mut K, n: usize, bits: u32) -> *mut K {
    const DIGIT: u32 = 11;
    const SIZE: usize = 1 << DIGIT;
    let digits = bits.div_ceil(DIGIT) as usize;
    let mut counts = vec![[0usize; SIZE]; digits];
    for i in 0..n {
        // SAFETY: the caller's promise.
        let mut key = unsafe { *a.add(i) }.key();
        for c in counts.iter_mut() {
            c[key as usize & (SIZE - 1)] += 1;
            key >>= DIGIT;
        }
    }
    let (mut from, mut to) = (a, b);
    for (d, c) in counts.iter_mut().enumerate() {
        if c.contains(&n) {
            continue;
        }
        let mut at = 0;
        for c in c.iter_mut() {
            let m = *c;
            *c = at;
            at += m;
        }
        let shift = d as u32 * DIGIT;
        for i in 0..n {
            // SAFETY: the counts of one digit add up to `n`, so that every place is inside `to`.
            unsafe {
                let k = *from.add(i);
                let digit = (k.key() >> shift) as usize & (SIZE - 1);
                let at = c[digit];
                c[digit] = at + 1;
                to.add(at).write(k);
            }
        }
        std::mem::swap(&mut from, &mut to);
    }
    from
}

/// The positions that sort one line, for kernels that want nothing else: `order[i]` is where the i-th element lies.
pub fn argsort(n: i64, x: Operand, stride: i64, order: *mut i64) -> Result<()> {
    let (strides, own) = ([stride], [1]);
    let x = Operand { strides: &strides, ..x };
    let order = Operand { ptr: order as *mut u8, dtype: DType::I64, strides: &own };
    sort(&[n], 0, None, Some(order), x, false).map_err(|e| match e.kind() {
        crate::error::Kind::Runtime => err!(NotImplemented, "\"unique\" not implemented for '{}'", x.dtype.c10_name()),
        _ => e,
    })
}
