//! Softmax and log-softmax along one dimension, forward and backward.
//!
//! Where the dimension is the innermost, a row is taken in segments of [`RUN`] elements and its statistics are numbers;
//! where not, segments are rows of up to [`COLS`] neighbouring columns and the statistics are vectors. Three passes over
//! the segments (largest, sum, result) serve both, and no buffer grows with the length.

use super::super::convert::{self, Convert};
use super::super::math::{self, Form, Kernel};
use super::super::tile::with_scratch;
use super::tree::{Levels, Tree};
use super::{GRAIN, Kernels, RUN, Walk, kernels};
use crate::device::cpu::pool;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::program::{Compute, Prim, Reduce};
use crate::shape::{Dims, without};
use std::sync::OnceLock;

/// Columns that go together where the dimension is not the innermost.
const COLS: i64 = 256;
/// Bytes of one buffer: a segment of any type.
const BUF: usize = RUN as usize * 8;

/// The loops, of one compute type.
struct Loops {
    max: Kernels,
    sum: Kernels,
    exp: Kernel,
    log: Kernel,
    sub: [Kernel; 2],
    mul: [Kernel; 2],
    recip: Kernel,
    rows: [super::SoftmaxRows; 2],
    double: bool,
    elem: usize,
}

impl Loops {
    /// Those of a compute type, looked up once.
    fn of(compute: Compute) -> Result<&'static Loops> {
        static FOUND: [OnceLock<Loops>; 2] = [const { OnceLock::new() }; 2];
        let found = &FOUND[(compute == Compute::F64) as usize];
        match found.get() {
            Some(l) => Ok(l),
            None => {
                let l = Loops::new(compute)?;
                Ok(found.get_or_init(|| l))
            }
        }
    }

    fn new(compute: Compute) -> Result<Loops> {
        let get = |p: Prim, f: Form| match math::kernel(compute, p, f) {
            Some(k) => Ok(k),
            None => bail!(NotImplemented, "\"softmax\" not implemented for '{}'", compute.dtype().c10_name()),
        };
        Ok(Loops {
            max: kernels(compute, Reduce::Max)?,
            sum: kernels(compute, Reduce::Sum)?,
            exp: get(Prim::Exp, Form::VV)?,
            log: get(Prim::Log, Form::VV)?,
            sub: [get(Prim::Sub, Form::VV)?, get(Prim::Sub, Form::VS)?],
            mul: [get(Prim::Mul, Form::VV)?, get(Prim::Mul, Form::VS)?],
            recip: get(Prim::Recip, Form::VV)?,
            rows: super::softmax_kernels(),
            double: compute == Compute::F64,
            elem: compute.dtype().size(),
        })
    }
}

/// How segments of one operand lie.
#[derive(Clone, Copy)]
struct Side {
    /// Bytes between neighbours along the dimension.
    step: i64,
    /// Bytes between neighbouring columns.
    inner: i64,
    /// Bytes between the elements of a segment (one of the two above).
    within: i64,
    size: usize,
    convert: Option<Convert>,
}

/// The walk over the other dimensions, and the operands: the output, then the inputs.
struct Rows {
    walk: Walk,
    n: i64,
    sides: [Side; 3],
    columns: bool,
    /// Whole rows go to the loops as they lie.
    plain: bool,
    log: bool,
    backward: bool,
    loops: &'static Loops,
}

// SAFETY: raw pointers are addresses of operands; threads take different rows.
unsafe impl Sync for Rows {}

impl Rows {
    /// Of the forward pass (output, input) or the backward one (result, gradient, output).
    fn new(shape: &[i64], dim: usize, ops: &[Operand], log: bool) -> Result<Rows> {
        let compute = match Compute::of(ops[1].dtype) {
            c @ (Compute::F32 | Compute::F64) => c,
            _ => bail!(NotImplemented, "\"softmax_kernel\" not implemented for '{}'", ops[1].dtype.c10_name()),
        };
        let n = if shape.is_empty() { 1 } else { shape[dim] };
        // Two or three operands; the first stands for one that is not there.
        let at = |i: usize| ops.get(i).unwrap_or(&ops[0]);
        let strides: [Dims; 3] = std::array::from_fn(|i| without(at(i).strides, dim));
        let walk_ops: [Operand; 3] = std::array::from_fn(|i| Operand { strides: &strides[i], ..*at(i) });
        let walk = Walk::new(&without(shape, dim), &walk_ops[..ops.len()]);
        let mut sides = [Side { step: 0, inner: 0, within: 0, size: 1, convert: None }; 3];
        for (i, o) in ops.iter().enumerate() {
            let size = o.dtype.size();
            sides[i] = Side {
                step: if n == 1 { size as i64 } else { o.strides[dim] * size as i64 },
                inner: if walk.total == 1 { size as i64 } else { walk.stride(0, i) },
                within: 0,
                size,
                convert: match (o.dtype == compute.dtype(), i) {
                    (true, _) => None,
                    (false, 0) => Some(convert::store(compute, o.dtype)),
                    _ => Some(convert::load(o.dtype, compute)),
                },
            };
        }
        let s = &sides[1];
        let columns = walk.total > 1 && n > 1 && walk.size(0) >= 4 && s.inner.abs() < s.step.abs();
        for s in &mut sides {
            s.within = if columns { s.inner } else { s.step };
        }
        let plain = !columns
            && n <= RUN
            && ops.iter().enumerate().all(|(i, o)| {
                let s = &sides[i];
                s.convert.is_none() && (s.within == s.size as i64 || n == 1) && (i == 0 || o.ptr != ops[0].ptr)
            });
        Ok(Rows { walk, n, sides, columns, plain, log, backward: ops.len() == 3, loops: Loops::of(compute)? })
    }

    /// Calls `f(scratch, addresses, length of a segment, number of segments)` for every row, or block of columns.
    /// The scratch has room for eight buffers.
    fn each(&self, f: &(dyn Fn(*mut u8, [*mut u8; 3], &Cut) + Sync)) {
        let total = self.walk.total;
        let grain = (GRAIN / self.n.max(1)).max(if self.columns { COLS } else { 1 });
        let blocks = (total + grain - 1) / grain;
        pool::parallel(blocks as usize, &|b| {
            let (k0, k1) = (b as i64 * grain, ((b as i64 + 1) * grain).min(total));
            let max = if self.columns { COLS } else { i64::MAX };
            with_scratch(if self.plain { 0 } else { 8 * BUF }, |buf| {
                self.walk.range(k0, k1, max, |a, len| {
                    if self.plain {
                        let steps = [0, 1, 2].map(|i| self.sides[i].inner as isize);
                        let (n, count) = (self.n as usize, len as usize);
                        let many = super::RowBatch { out: a.p[0], a: a.p[1], b: a.p[2], steps, count, n };
                        // SAFETY: the walk gives rows inside the operands, which are adjacent numbers of the compute type.
                        unsafe { self.loops.rows[self.backward as usize](many, self.log, self.loops.double) };
                        return;
                    }
                    if self.columns {
                        f(buf, [a.p[0], a.p[1], a.p[2]], &Cut { len: len as usize, count: self.n, rest: len as usize });
                        return;
                    }
                    let rest = self.n % RUN;
                    let count = self.n / RUN + (rest > 0) as i64;
                    let rest = if rest > 0 { rest } else { RUN } as usize;
                    let cut = Cut { len: RUN as usize, count, rest };
                    for k in 0..len {
                        let p = |i: usize| a.p[i].wrapping_offset((k * self.sides[i].inner) as isize);
                        f(buf, [p(0), p(1), p(2)], &cut);
                    }
                });
            });
        });
    }

    /// Address of segment `s` of operand `i`, whose first element is at `p`.
    fn at(&self, i: usize, p: *mut u8, s: i64) -> *mut u8 {
        let every = if self.columns { 1 } else { RUN };
        p.wrapping_offset((s * every * self.sides[i].step) as isize)
    }

    /// Segment `s` as contiguous numbers of the compute type: in place, or in `to`.
    ///
    /// # Safety
    /// The segment is inside operand `i`; `to` and `raw` are buffers.
    unsafe fn load(&self, i: usize, p: *mut u8, s: i64, n: usize, to: *mut u8, raw: *mut u8) -> *mut u8 {
        let side = &self.sides[i];
        let from = self.at(i, p, s);
        // SAFETY: by the contract.
        unsafe {
            let flat = if side.within == side.size as i64 || n == 1 {
                from
            } else {
                let into = if side.convert.is_some() { raw } else { to };
                convert::gather(side.size, into, from, side.within, n);
                into
            };
            match side.convert {
                None => flat,
                Some(load) => {
                    load(to, flat, n);
                    to
                }
            }
        }
    }

    /// May a segment of the output be computed where it lies?
    fn direct(&self, n: usize) -> bool {
        let s = &self.sides[0];
        s.convert.is_none() && (s.within == s.size as i64 || n == 1)
    }

    /// Brings `n` numbers at `from` to segment `s` of the output.
    ///
    /// # Safety
    /// As for `load`.
    unsafe fn store(&self, p: *mut u8, s: i64, n: usize, from: *mut u8, raw: *mut u8) {
        let side = &self.sides[0];
        let to = self.at(0, p, s);
        if from == to {
            return;
        }
        // SAFETY: by the contract.
        unsafe {
            match side.convert {
                None => convert::scatter(side.size, to, side.within, from, n),
                Some(store) if side.within == side.size as i64 => store(to, from, n),
                Some(store) => {
                    store(raw, from, n);
                    convert::scatter(side.size, to, side.within, raw, n);
                }
            }
        }
    }

    /// `out = x op stat`, the statistic a number for a row and a vector for columns.
    ///
    /// # Safety
    /// `n` numbers at out and x.
    unsafe fn with(&self, op: &[Kernel; 2], out: *mut u8, x: *const u8, stat: *const u8, n: usize) {
        // SAFETY: by the contract.
        unsafe { op[!self.columns as usize](out, x, stat, std::ptr::null(), n) }
    }

    /// The sum over all segments that `f` gives, into `out`: a tree over segments of a row; over columns in groups of 32.
    ///
    /// # Safety
    /// `f(s, n)` gives `n` numbers; `out` and `part` are buffers.
    unsafe fn sum(&self, cut: &Cut, out: *mut u8, part: *mut u8, mut f: impl FnMut(i64, usize) -> *const u8) {
        let l = self.loops;
        // SAFETY: by the contract.
        unsafe {
            if self.columns {
                let identity = l.sum.identity.as_ptr() as *const u8;
                convert::gather(l.elem, out, identity, 0, cut.len);
                convert::gather(l.elem, part, identity, 0, cut.len);
                for s in 0..cut.count {
                    (l.sum.along)(part, f(s, cut.len), cut.len);
                    if s % 32 == 31 {
                        (l.sum.fold)(out, part, cut.len);
                        convert::gather(l.elem, part, identity, 0, cut.len);
                    }
                }
                (l.sum.fold)(out, part, cut.len);
                return;
            }
            let mut levels = Levels::uninit();
            let mut tree = Tree::new(l.sum.fold, l.elem, 1, levels.as_mut_ptr().cast());
            for s in 0..cut.count {
                let n = cut.of(s);
                (l.sum.across)(f(s, n), n, part);
                tree.push(part);
            }
            tree.finish(&l.sum.identity, out);
        }
    }
}

/// How a row (or block of columns) is cut: `count` segments of `len` elements, the last one of `rest`.
struct Cut {
    len: usize,
    count: i64,
    rest: usize,
}

impl Cut {
    fn of(&self, s: i64) -> usize {
        if s + 1 == self.count { self.rest } else { self.len }
    }
}

/// Rows without gaps that are one thread's work: straight to the loops, which is what [`Rows`] would come to. False where
/// the case is another one. The operands are those of `Rows::new`.
fn few_rows(shape: &[i64], dim: usize, ops: &[Operand], log: bool) -> Result<bool> {
    let (mut n, mut total) = (1i64, 1i64);
    for d in (0..shape.len()).rev() {
        if shape[d] == 1 {
            continue;
        }
        if ops.iter().any(|o| o.strides[d] != total) || (d != dim && n == 1 && shape[dim] != 1) {
            return Ok(false);
        }
        total *= shape[d].min(GRAIN + 1);
        if total > GRAIN {
            return Ok(false);
        }
        if d == dim {
            n = shape[d];
        }
    }
    let compute = Compute::of(ops[0].dtype);
    let apart = |o: &Operand| o.dtype == ops[0].dtype && o.ptr != ops[0].ptr;
    if n > RUN || compute.dtype() != ops[0].dtype || !matches!(compute, Compute::F32 | Compute::F64) {
        return Ok(false);
    }
    if !ops[1..].iter().all(apart) {
        return Ok(false);
    }
    let l = Loops::of(compute)?;
    let (a, b) = (ops[1].ptr, ops[ops.len() - 1].ptr);
    let (steps, count) = ([n as isize * l.elem as isize; 3], (total / n) as usize);
    let many = super::RowBatch { out: ops[0].ptr, a, b, steps, count, n: n as usize };
    // SAFETY: so many rows of n adjacent numbers of the compute type at all operands, the output apart from the others.
    unsafe { l.rows[(ops.len() == 3) as usize](many, log, l.double) };
    Ok(true)
}

/// `output = softmax(input)` along `dim`, or its logarithm. `output` may be `input`.
pub fn softmax(shape: &[i64], dim: usize, input: Operand, output: Operand, log: bool) -> Result<()> {
    if shape.contains(&0) || few_rows(shape, dim, &[output, input], log)? {
        return Ok(());
    }
    let rows = Rows::new(shape, dim, &[output, input], log)?;
    let l = rows.loops;
    rows.each(&|scratch, p, cut| {
        let buf = |i: usize| scratch.wrapping_add(i * BUF);
        let (x_buf, raw, d, e, m, s, part) = (buf(0), buf(1), buf(2), buf(3), buf(4), buf(5), buf(6));
        let none = std::ptr::null();
        // SAFETY: segments are inside the operands, buffers hold one each.
        unsafe {
            if !rows.columns && cut.count == 1 {
                let n = cut.rest;
                let x = rows.load(1, p[1], 0, n, x_buf, raw);
                let y = if rows.direct(n) && p[0] != x { p[0] } else { e };
                let one = super::RowBatch { out: y, a: x, b: x, steps: [0; 3], count: 1, n };
                (l.rows[0])(one, log, l.double);
                rows.store(p[0], 0, n, y, raw);
                return;
            }
            // The largest.
            if rows.columns {
                convert::gather(l.elem, m, l.max.identity.as_ptr() as *const u8, 0, cut.len);
            } else {
                std::ptr::copy_nonoverlapping(l.max.identity.as_ptr() as *const u8, m, l.elem);
            }
            for i in 0..cut.count {
                let n = cut.of(i);
                let x = rows.load(1, p[1], i, n, x_buf, raw);
                if rows.columns {
                    (l.max.along)(m, x, n);
                } else {
                    (l.max.across)(x, n, part);
                    (l.max.fold)(m, part, 1);
                }
            }
            // The sum of the exponentials, which stay in the output where it can hold them.
            let keep = !log && rows.direct(cut.len);
            rows.sum(cut, s, part, |i, n| {
                let x = rows.load(1, p[1], i, n, x_buf, raw);
                rows.with(&l.sub, d, x, m, n);
                let to = if keep { rows.at(0, p[0], i) } else { e };
                (l.exp)(to, d, none, none, n);
                to
            });
            let width = if rows.columns { cut.len } else { 1 };
            let stat = if log { l.log } else { l.recip };
            stat(part, s, none, none, width);
            for i in 0..cut.count {
                let n = cut.of(i);
                if keep {
                    let y = rows.at(0, p[0], i);
                    rows.with(&l.mul, y, y, part, n);
                    continue;
                }
                let x = rows.load(1, p[1], i, n, x_buf, raw);
                rows.with(&l.sub, d, x, m, n);
                if log {
                    rows.with(&l.sub, e, d, part, n);
                    rows.store(p[0], i, n, e, raw);
                } else {
                    (l.exp)(e, d, none, none, n);
                    rows.with(&l.mul, d, e, part, n);
                    rows.store(p[0], i, n, d, raw);
                }
            }
        }
    });
    Ok(())
}

/// The gradient of [`softmax`] with respect to its input; `output` is what it gave.
pub fn softmax_backward(
    shape: &[i64],
    dim: usize,
    grad: Operand,
    output: Operand,
    grad_input: Operand,
    log: bool,
) -> Result<()> {
    if shape.contains(&0) || few_rows(shape, dim, &[grad_input, grad, output], log)? {
        return Ok(());
    }
    let rows = Rows::new(shape, dim, &[grad_input, grad, output], log)?;
    let l = rows.loops;
    rows.each(&|scratch, p, cut| {
        let buf = |i: usize| scratch.wrapping_add(i * BUF);
        let (g_buf, y_buf, raw, t, u, s, part) = (buf(0), buf(1), buf(2), buf(3), buf(4), buf(5), buf(6));
        let none = std::ptr::null();
        // softmax: (g - sum(g y)) y; log-softmax: g - exp(y) sum(g).
        // SAFETY: segments are inside the operands, buffers hold one each.
        unsafe {
            if !rows.columns && cut.count == 1 {
                let n = cut.rest;
                let (g, y) = (rows.load(1, p[1], 0, n, g_buf, raw), rows.load(2, p[2], 0, n, y_buf, raw));
                let out = if rows.direct(n) && p[0] != g && p[0] != y { p[0] } else { buf(7) };
                let one = super::RowBatch { out, a: g, b: y, steps: [0; 3], count: 1, n };
                (l.rows[1])(one, log, l.double);
                rows.store(p[0], 0, n, out, raw);
                return;
            }
            rows.sum(cut, s, part, |i, n| {
                let g = rows.load(1, p[1], i, n, g_buf, raw);
                if log {
                    return g;
                }
                let y = rows.load(2, p[2], i, n, y_buf, raw);
                (l.mul[0])(t, g, y, none, n);
                t
            });
            for i in 0..cut.count {
                let n = cut.of(i);
                let g = rows.load(1, p[1], i, n, g_buf, raw);
                let y = rows.load(2, p[2], i, n, y_buf, raw);
                let at = rows.at(0, p[0], i);
                let out = if rows.direct(n) && at != g && at != y { at } else { buf(7) };
                if log {
                    (l.exp)(t, y, none, none, n);
                    rows.with(&l.mul, u, t, s, n);
                    (l.sub[0])(out, g, u, none, n);
                } else {
                    rows.with(&l.sub, t, g, s, n);
                    (l.mul[0])(out, t, y, none, n);
                }
                rows.store(p[0], i, n, out, raw);
            }
        }
    });
    Ok(())
}
