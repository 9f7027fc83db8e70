//! Softmax and log-softmax along one dimension, forward and backward.

use super::super::convert::{self, Convert};
use super::super::math::{self, Form, Kernel};
use super::super::tile::with_scratch;
use super::{GRAIN, Kernels, Walk, kernels};
use crate::device::cpu::pool;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::program::{Compute, Prim, Reduce};

/// Columns that go together where the dimension is not the innermost.
const COLS: i64 = 64;

/// The loops, of one compute type.
struct Loops {
    max: Kernels,
    sum: Kernels,
    exp: Kernel,
    log: Kernel,
    sub: Kernel,
    sub_s: Kernel,
    mul: Kernel,
    mul_s: Kernel,
    div: Kernel,
    recip: Kernel,
    row: unsafe fn(*mut u8, *const u8, usize),
    elem: usize,
}

impl Loops {
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
            sub: get(Prim::Sub, Form::VV)?,
            sub_s: get(Prim::Sub, Form::VS)?,
            mul: get(Prim::Mul, Form::VV)?,
            mul_s: get(Prim::Mul, Form::VS)?,
            div: get(Prim::Div, Form::VV)?,
            recip: get(Prim::Recip, Form::VV)?,
            row: super::softmax_kernel(compute),
            elem: compute.dtype().size(),
        })
    }
}

/// One operand of a row operation.
#[derive(Clone, Copy)]
struct Side {
    /// Bytes between elements along the dimension, and between columns.
    step: i64,
    inner: i64,
    size: usize,
    convert: Option<Convert>,
}

/// What all the row operations share: the walk over the other dimensions and the operands.
struct Rows {
    walk: Walk,
    n: i64,
    sides: [Side; 3],
    columns: bool,
}

// SAFETY: raw pointers are addresses of operands; threads take different rows.
unsafe impl Sync for Rows {}

impl Rows {
    /// `ops[0]` is the output, converted by a store; the others are loaded.
    fn new(shape: &[i64], dim: usize, compute: Compute, ops: &[Operand]) -> Rows {
        let n = if shape.is_empty() { 1 } else { shape[dim] };
        let kept: Vec<i64> = (0..shape.len()).filter(|d| *d != dim).map(|d| shape[d]).collect();
        let strides: Vec<Vec<i64>> =
            ops.iter().map(|o| (0..shape.len()).filter(|d| *d != dim).map(|d| o.strides[d]).collect()).collect();
        let walk_ops: Vec<Operand> = ops.iter().zip(&strides).map(|(o, s)| Operand { strides: s, ..*o }).collect();
        let walk = Walk::new(&kept, &walk_ops);
        let mut sides = [Side { step: 0, inner: 0, size: 1, convert: None }; 3];
        for (i, o) in ops.iter().enumerate() {
            let size = o.dtype.size();
            sides[i] = Side {
                step: if shape.is_empty() { 0 } else { o.strides[dim] * size as i64 },
                inner: if walk.total == 1 { size as i64 } else { walk.stride(0, i) },
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
        Rows { walk, n, sides, columns }
    }

    /// Calls `f(scratch, pointers, rows or columns)` over everything: single rows, or blocks of columns.
    fn each(&self, scratch: usize, f: &(dyn Fn(*mut u8, [*mut u8; 3], usize) + Sync)) {
        let total = self.walk.total;
        let grain = (GRAIN / self.n.max(1)).max(if self.columns { COLS } else { 1 });
        let blocks = (total + grain - 1) / grain;
        pool::parallel(blocks as usize, &|b| {
            let (k0, k1) = (b as i64 * grain, ((b as i64 + 1) * grain).min(total));
            let max = if self.columns { COLS } else { i64::MAX };
            with_scratch(scratch, |buf| {
                self.walk.range(k0, k1, max, |a, len| {
                    if self.columns {
                        f(buf, [a.p[0], a.p[1], a.p[2]], len as usize);
                    } else {
                        for k in 0..len {
                            let p = |i: usize| a.p[i].wrapping_offset((k * self.sides[i].inner) as isize);
                            f(buf, [p(0), p(1), p(2)], 1);
                        }
                    }
                });
            });
        });
    }

    /// The block at `p` as a contiguous array of the compute type: `n` elements, or `n` rows of `cols`.
    ///
    /// # Safety
    /// `p` is inside operand `i`; `to` and `raw` hold the block.
    unsafe fn load(&self, i: usize, p: *mut u8, cols: usize, to: *mut u8, raw: *mut u8, elem: usize) -> *mut u8 {
        let s = &self.sides[i];
        let n = self.n as usize;
        // SAFETY: by the contract.
        unsafe {
            if !self.columns {
                let flat = if s.step == s.size as i64 || n == 1 {
                    p
                } else {
                    let into = if s.convert.is_some() { raw } else { to };
                    convert::gather(s.size, into, p, s.step, n);
                    into
                };
                return match s.convert {
                    None => flat,
                    Some(load) => {
                        load(to, flat, n);
                        to
                    }
                };
            }
            for r in 0..n {
                let from = p.wrapping_offset(r as isize * s.step as isize);
                let into = to.wrapping_add(r * cols * elem);
                match s.convert {
                    None => convert::gather(s.size, into, from, s.inner, cols),
                    Some(load) => {
                        let flat = if s.inner == s.size as i64 {
                            from
                        } else {
                            convert::gather(s.size, raw, from, s.inner, cols);
                            raw
                        };
                        load(into, flat, cols);
                    }
                }
            }
            to
        }
    }

    /// Where a result of row form may be computed: the output itself, or `to`.
    fn target(&self, p: *mut u8, inputs: &[*mut u8], to: *mut u8) -> *mut u8 {
        let s = &self.sides[0];
        let own = !self.columns && s.convert.is_none() && (s.step == s.size as i64 || self.n == 1);
        if own && !inputs.contains(&p) { p } else { to }
    }

    /// Brings a result computed at `from` to the output, unless it is there.
    ///
    /// # Safety
    /// As for `load`.
    unsafe fn store(&self, p: *mut u8, cols: usize, from: *mut u8, raw: *mut u8, elem: usize) {
        if from == p {
            return;
        }
        let s = &self.sides[0];
        let n = self.n as usize;
        let (rows, len, step, inner) = if self.columns { (n, cols, s.step, s.inner) } else { (1, n, 0, s.step) };
        for r in 0..rows {
            let at = from.wrapping_add(r * len * elem);
            let to = p.wrapping_offset(r as isize * step as isize);
            // SAFETY: by the contract.
            unsafe {
                match s.convert {
                    None => convert::scatter(s.size, to, inner, at, len),
                    Some(store) if inner == s.size as i64 => store(to, at, len),
                    Some(store) => {
                        store(raw, at, len);
                        convert::scatter(s.size, to, inner, raw, len);
                    }
                }
            }
        }
    }
}

fn floating(o: &Operand) -> Result<Compute> {
    match Compute::of(o.dtype) {
        c @ (Compute::F32 | Compute::F64) => Ok(c),
        _ => bail!(NotImplemented, "\"softmax_lastdim_kernel_impl\" not implemented for '{}'", o.dtype.c10_name()),
    }
}

/// `output = softmax(input)` along `dim`, or its logarithm. `output` may be `input`.
pub fn softmax(shape: &[i64], dim: usize, input: Operand, output: Operand, log: bool) -> Result<()> {
    if shape.contains(&0) {
        return Ok(());
    }
    let compute = floating(&input)?;
    let l = Loops::new(compute)?;
    let rows = Rows::new(shape, dim, compute, &[output, input]);
    let n = rows.n as usize;
    let cols = if rows.columns { COLS as usize } else { 1 };
    let block = (n * cols * 16).next_multiple_of(64);
    rows.each(4 * block + 4 * 1024, &|buf, p, cols| {
        let (x, y, raw) = (buf, buf.wrapping_add(block), buf.wrapping_add(2 * block));
        let t = buf.wrapping_add(3 * block);
        let small = buf.wrapping_add(4 * block);
        // SAFETY: buffers of `block` bytes hold n * cols elements, `small` two rows of COLS.
        unsafe {
            let x = rows.load(1, p[1], cols, x, raw, l.elem);
            let y = rows.target(p[0], &[x, p[1]], y);
            if rows.columns {
                l.softmax_columns(x, y, t, n, cols, small, log);
            } else {
                l.softmax_row(x, y, t, n, log);
            }
            rows.store(p[0], cols, y, raw, l.elem);
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
    if shape.contains(&0) {
        return Ok(());
    }
    let compute = floating(&output)?;
    let l = Loops::new(compute)?;
    let rows = Rows::new(shape, dim, compute, &[grad_input, grad, output]);
    let n = rows.n as usize;
    let cols = if rows.columns { COLS as usize } else { 1 };
    let block = (n * cols * 16).next_multiple_of(64);
    rows.each(5 * block + 4 * 1024, &|buf, p, cols| {
        let at = |i: usize| buf.wrapping_add(i * block);
        let (raw, t, small) = (at(3), at(4), at(5));
        let e = l.elem;
        let len = n * cols;
        // SAFETY: as in softmax.
        unsafe {
            let g = rows.load(1, p[1], cols, at(0), raw, e);
            let y = rows.load(2, p[2], cols, at(1), raw, e);
            let out = rows.target(p[0], &[g, y, p[1], p[2]], at(2));
            let none = std::ptr::null();
            // softmax: (g - sum(g y)) y; log-softmax: g - exp(y) sum(g).
            if log {
                (l.exp)(t, y, none, none, len);
                l.sum_of(g, small, n, cols);
                l.times_sum(t, small, raw, n, cols);
                (l.sub)(out, g, raw, none, len);
            } else {
                (l.mul)(t, g, y, none, len);
                l.sum_of(t, small, n, cols);
                l.minus_sum(g, small, raw, n, cols);
                (l.mul)(out, raw, y, none, len);
            }
            rows.store(p[0], cols, out, raw, e);
        }
    });
    Ok(())
}

impl Loops {
    /// # Safety
    /// `n` elements at x, y and t; y and t overlap nothing.
    unsafe fn softmax_row(&self, x: *mut u8, y: *mut u8, t: *mut u8, n: usize, log: bool) {
        let mut s = [[0u64; 2]; 3];
        let slot = |i: usize, s: &mut [[u64; 2]; 3]| s[i].as_mut_ptr() as *mut u8;
        let (m, sum, r) = (slot(0, &mut s), slot(1, &mut s), slot(2, &mut s));
        let none = std::ptr::null();
        // SAFETY: by the contract.
        unsafe {
            if !log && n <= super::RUN as usize {
                (self.row)(y, x, n);
                return;
            }
            (self.max.across)(x, n, m);
            if log {
                (self.sub_s)(t, x, m, none, n);
                (self.exp)(y, t, none, none, n);
                self.total(y, n, sum);
                (self.log)(r, sum, none, none, 1);
                (self.sub_s)(y, t, r, none, n);
            } else {
                (self.sub_s)(y, x, m, none, n);
                (self.exp)(t, y, none, none, n);
                self.total(t, n, sum);
                (self.recip)(r, sum, none, none, 1);
                (self.mul_s)(y, t, r, none, n);
            }
        }
    }

    /// The sum of `n` elements, in a tree over runs.
    ///
    /// # Safety
    /// `n` elements at p, room for one at out.
    unsafe fn total(&self, p: *mut u8, n: usize, out: *mut u8) {
        let mut tree = super::Tree::new(self.sum.fold, self.elem);
        let mut one = [0u64; 2];
        let slot = one.as_mut_ptr() as *mut u8;
        let mut i = 0;
        // SAFETY: by the contract.
        unsafe {
            while i < n {
                let m = (n - i).min(super::RUN as usize);
                (self.sum.across)(p.wrapping_add(i * self.elem), m, slot);
                tree.push(slot);
                i += m;
            }
            tree.finish(&self.sum.identity, out);
        }
    }

    /// # Safety
    /// `n` rows of `cols` at x, y, t; two rows of COLS doubles at small.
    unsafe fn softmax_columns(
        &self,
        x: *mut u8,
        y: *mut u8,
        t: *mut u8,
        n: usize,
        cols: usize,
        small: *mut u8,
        log: bool,
    ) {
        let row = cols * self.elem;
        let (m, s) = (small, small.wrapping_add(1024));
        let none = std::ptr::null();
        // SAFETY: by the contract.
        unsafe {
            convert::gather(self.elem, m, self.max.identity.as_ptr() as *const u8, 0, cols);
            for r in 0..n {
                (self.max.along)(m, x.wrapping_add(r * row), cols);
            }
            // The differences are kept where the logarithm needs them.
            let (d, e) = if log { (t, y) } else { (y, t) };
            for r in 0..n {
                (self.sub)(d.wrapping_add(r * row), x.wrapping_add(r * row), m, none, cols);
            }
            (self.exp)(e, d, none, none, n * cols);
            self.sum_of(e, s, n, cols);
            if log {
                (self.log)(m, s, none, none, cols);
            }
            for r in 0..n {
                let (to, at) = (y.wrapping_add(r * row), t.wrapping_add(r * row));
                if log { (self.sub)(to, at, m, none, cols) } else { (self.div)(to, at, s, none, cols) }
            }
        }
    }

    /// Sums over rows (one for a single row of `n`, `cols` for a block) into `small`.
    ///
    /// # Safety
    /// `n * cols` elements at p.
    unsafe fn sum_of(&self, p: *mut u8, small: *mut u8, n: usize, cols: usize) {
        // SAFETY: by the contract.
        unsafe {
            if cols == 1 {
                self.total(p, n, small);
                return;
            }
            let row = cols * self.elem;
            convert::gather(self.elem, small, self.sum.identity.as_ptr() as *const u8, 0, cols);
            let mut r = 0;
            while r + 8 <= n {
                (self.sum.along8)(small, p.wrapping_add(r * row), row as isize, cols);
                r += 8;
            }
            while r < n {
                (self.sum.along)(small, p.wrapping_add(r * row), cols);
                r += 1;
            }
        }
    }

    /// `out = x * small` by rows.
    ///
    /// # Safety
    /// As for `sum_of`.
    unsafe fn times_sum(&self, x: *mut u8, small: *mut u8, out: *mut u8, n: usize, cols: usize) {
        // SAFETY: by the contract.
        unsafe { self.by_rows(self.mul, self.mul_s, x, small, out, n, cols) }
    }

    /// `out = x - small` by rows.
    ///
    /// # Safety
    /// As for `sum_of`.
    unsafe fn minus_sum(&self, x: *mut u8, small: *mut u8, out: *mut u8, n: usize, cols: usize) {
        // SAFETY: by the contract.
        unsafe { self.by_rows(self.sub, self.sub_s, x, small, out, n, cols) }
    }

    /// # Safety
    /// As for `sum_of`.
    unsafe fn by_rows(&self, vv: Kernel, vs: Kernel, x: *mut u8, small: *mut u8, out: *mut u8, n: usize, cols: usize) {
        let none = std::ptr::null();
        // SAFETY: by the contract.
        unsafe {
            if cols == 1 {
                vs(out, x, small, none, n);
                return;
            }
            let row = cols * self.elem;
            for r in 0..n {
                vv(out.wrapping_add(r * row), x.wrapping_add(r * row), small, none, cols);
            }
        }
    }
}
