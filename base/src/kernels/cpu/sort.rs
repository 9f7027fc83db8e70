//! Sorting along a dimension: always stable, NaN is the largest. Elements become unsigned keys in their order (`Real::key`)
//! with their position beside them: short lines go to the standard sort, long ones to a radix sort.

use super::lines::{Scratch, along, step};
use super::num::{Keyed, Real};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::Operand;
use parking_lot::Mutex;

/// Lines up to this length are sorted on the stack.
const SMALL: usize = 128;
/// Lines from this length on are sorted by radix.
const RADIX: usize = 256;

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
        match self.len {
            0..=16 => self.sort_here::<16>(descending),
            17..=SMALL => self.sort_here::<SMALL>(descending),
            _ => return self.sort_long(descending),
        }
        Ok(())
    }

    fn sort_here<const N: usize>(&self, descending: bool) {
        let n = self.len.min(N);
        let mut pairs = [T::Pair::default(); N];
        // SAFETY: there is room for `n` pairs.
        let plain = unsafe { load(self.x, self.sx, n, pairs.as_mut_ptr(), descending) };
        pairs[..n].sort_unstable();
        let flip = flip::<T>(descending);
        for (i, p) in pairs[..n].iter().enumerate() {
            self.put(i, p.at(), plain.then(|| p.key() ^ flip));
        }
    }

    /// Writes element `i` of the results: it was at `at`, and its key gives it back, or is not known.
    #[inline(always)]
    fn put(&self, i: usize, at: usize, key: Option<u64>) {
        // SAFETY: `len` elements lie at each address at its stride; `at` is below `len`.
        unsafe {
            if !self.indices.is_null() {
                *self.indices.offset(i as isize * self.si) = at as i64;
            }
            if !self.values.is_null() {
                let v = match key {
                    Some(k) => T::from_key(k),
                    None => *self.x.offset(at as isize * self.sx),
                };
                *self.values.offset(i as isize * self.sv) = v;
            }
        }
    }

    /// The key of the element at `at`, as it is sorted.
    #[inline(always)]
    fn key(&self, at: usize, flip: u64) -> u64 {
        // SAFETY: `at` is below `len`.
        unsafe { *self.x.offset(at as isize * self.sx) }.key() ^ flip
    }

    /// Keys less the least one are packed above their positions into 64 bits, as many of their upper bits as there is
    /// room for; then the uppermost of those are sorted by radix, and what is still equal by comparison.
    fn sort_long(&self, descending: bool) -> Result<()> {
        let n = self.len;
        let flip = flip::<T>(descending);
        let (mut lo, mut hi, mut plain) = (u64::MAX, 0, true);
        for i in 0..n {
            // SAFETY: `len` elements lie at `x` at this stride.
            let v = unsafe { *self.x.offset(i as isize * self.sx) };
            plain &= v.plain();
            let k = v.key();
            lo = lo.min(k);
            hi = hi.max(k);
        }
        if descending {
            (lo, hi) = (hi ^ flip, lo ^ flip);
        }
        let position = 64 - (n as u64 - 1).leading_zeros();
        let span = 64 - (hi - lo).leading_zeros();
        let keep = span.min(64 - position);
        let drop = span - keep;
        // Digits: few and small for short lines, whose last bits are cheaper to compare.
        let (digit, passes) = match n {
            0..4096 => (8, 3),
            4096..32768 => (11, 2),
            _ => (11, 3),
        };
        let radix_bits = if n < RADIX { 0 } else { keep.min(digit * passes) };
        let scratch = Scratch::<u64>::new(if radix_bits == 0 { n } else { 2 * n })?;
        // SAFETY: the memory is ours alone, with room for `n` values, twice where there is a radix sort; every value is
        // written before a slice of them is made.
        let sorted = unsafe {
            let a = scratch.ptr();
            for i in 0..n {
                a.add(i).write(((self.key(i, flip) - lo) >> drop) << position | i as u64);
            }
            let a = if radix_bits == 0 {
                a
            } else if digit == 8 {
                radix::<8, 256>(a, a.add(n), n, position + keep - radix_bits, radix_bits)
            } else {
                radix::<11, 2048>(a, a.add(n), n, position + keep - radix_bits, radix_bits)
            };
            std::slice::from_raw_parts_mut(a, n)
        };
        let mask = (1 << position) - 1;
        if radix_bits == 0 && drop == 0 {
            sorted.sort_unstable();
        } else if radix_bits < span {
            self.finish(sorted, position + keep - radix_bits, drop, mask, flip);
        }
        if plain && drop == 0 {
            for (i, p) in sorted.iter().enumerate() {
                self.put(i, (p & mask) as usize, Some(((p >> position) + lo) ^ flip));
            }
        } else {
            for (i, p) in sorted.iter().enumerate() {
                self.put(i, (p & mask) as usize, None);
            }
        }
        Ok(())
    }

    /// Sorts the runs that are equal from bit `low` on; where bits of the keys were dropped, by the keys themselves.
    fn finish(&self, pairs: &mut [u64], low: u32, drop: u32, mask: u64, flip: u64) {
        let upper = |p: u64| if low >= 64 { 0 } else { p >> low };
        let mut start = 0;
        let mut wide: Vec<(u64, u64)> = Vec::new();
        while start < pairs.len() {
            let mut end = start + 1;
            while end < pairs.len() && upper(pairs[end]) == upper(pairs[start]) {
                end += 1;
            }
            let run = &mut pairs[start..end];
            match run.len() {
                1 => {}
                n if drop == 0 && n <= 16 => {
                    for i in 1..n {
                        let p = run[i];
                        let mut at = i;
                        while at > 0 && run[at - 1] > p {
                            run[at] = run[at - 1];
                            at -= 1;
                        }
                        run[at] = p;
                    }
                }
                _ if drop == 0 => run.sort_unstable(),
                _ => {
                    wide.clear();
                    wide.extend(run.iter().map(|p| (self.key((p & mask) as usize, flip), *p)));
                    wide.sort_unstable_by_key(|&(k, p)| (k, p & mask));
                    for (to, (_, p)) in run.iter_mut().zip(&wide) {
                        *to = *p;
                    }
                }
            }
            start = end;
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

/// Sorts by `bits` bits from bit `low` on, the least significant digit first; the result lies in one of the two places.
///
/// # Safety
/// `a` holds `n` values, `b` has room for as many, they do not overlap and nobody else uses them. `SIZE` is `1 << DIGIT`,
/// and there are at most three digits.
unsafe fn radix<const DIGIT: u32, const SIZE: usize>(
    a: *mut u64,
    b: *mut u64,
    n: usize,
    low: u32,
    bits: u32,
) -> *mut u64 {
    let digits = bits.div_ceil(DIGIT).min(3) as usize;
    let mut counts = [[0usize; SIZE]; 3];
    for i in 0..n {
        // SAFETY: the caller's promise.
        let mut key = unsafe { *a.add(i) } >> low;
        for c in counts[..digits].iter_mut() {
            c[key as usize & (SIZE - 1)] += 1;
            key >>= DIGIT;
        }
    }
    let (mut from, mut to) = (a, b);
    for (d, c) in counts[..digits].iter_mut().enumerate() {
        if c.contains(&n) {
            continue;
        }
        let mut at = 0;
        for c in c.iter_mut() {
            let m = *c;
            *c = at;
            at += m;
        }
        let shift = low + d as u32 * DIGIT;
        for i in 0..n {
            // SAFETY: the counts of one digit add up to `n`, so that every place is inside `to`.
            unsafe {
                let k = *from.add(i);
                let digit = (k >> shift) as usize & (SIZE - 1);
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
