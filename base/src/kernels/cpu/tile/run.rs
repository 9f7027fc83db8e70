//! Running the steps of a planned machine on one chunk of elements.

use super::{At, Divisors, FIXED, INS, LinkAt, Machine, SCRATCH, TILE, Way, Work};
use crate::error::Result;
use crate::kernels::cpu::convert;
use crate::kernels::cpu::math::chain::{Link, Mem, Rows};
use crate::kernels::cpu::walk::MAX_OPERANDS;
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering;

/// What places count from: the scratch, the numbers, the inputs, then the outputs.
struct Bases([*mut u8; MAX_OPERANDS + INS as usize]);

impl Bases {
    #[inline(always)]
    fn at(&self, a: At) -> *mut u8 {
        self.0[a.base as usize].wrapping_add(a.off as usize)
    }
}

impl Machine {
    /// Bytes of scratch that [`run`](Self::run) needs.
    pub fn scratch(&self) -> usize {
        self.plan.scratch
    }

    /// To be called on scratch before the first `run` with it: fills what stays the same.
    pub fn begin(&self, scratch: *mut u8) {
        let p = &*self.plan;
        for s in p.splats.iter().filter(|s| s.fixed) {
            let from = p.fixed.as_ptr().cast::<u8>().wrapping_add(s.from.off as usize);
            let to = scratch.wrapping_add(s.to.off as usize);
            // SAFETY: a number's place, and a tile of TILE elements.
            unsafe { convert::gather(p.elem, to, from, 0, self.hint.min(TILE)) };
        }
    }

    /// Runs the program on `n` elements (at most [`TILE`], unless `unbounded`).
    ///
    /// # Safety
    /// Addresses and strides as announced to `new`, valid for `n` elements; scratch as asked for by `scratch`, after
    /// `begin`.
    pub unsafe fn run(
        &self,
        scratch: *mut u8,
        ins: &[*mut u8],
        in_strides: &[i64],
        outs: &[*mut u8],
        out_strides: &[i64],
        n: usize,
    ) {
        let p = &*self.plan;
        let n_in = p.n_in;
        let mut b = Bases([std::ptr::null_mut(); MAX_OPERANDS + INS as usize]);
        b.0[SCRATCH as usize] = scratch;
        b.0[FIXED as usize] = p.fixed.as_ptr() as *mut u8;
        for i in 0..n_in {
            b.0[INS as usize + i] = ins[i];
        }
        for o in 0..p.n_out {
            b.0[INS as usize + n_in + o] = outs[o];
        }
        for f in &p.fetches {
            let (i, to, size) = (f.input as usize, b.at(f.to), f.size as usize);
            // SAFETY: addresses and strides are valid for n elements, tiles for TILE, slots for one.
            unsafe {
                match (f.way, f.load) {
                    (Way::Single, Some(load)) => load(to, ins[i], 1),
                    (Way::Convert, Some(load)) => load(to, ins[i], n),
                    (_, Some(load)) => {
                        let raw = scratch.add(p.raw as usize);
                        convert::gather(size, raw, ins[i], in_strides[i], n);
                        load(to, raw, n);
                    }
                    (_, None) => convert::gather(size, to, ins[i], in_strides[i], n),
                }
            }
        }
        for (k, step) in p.steps.iter().enumerate() {
            let to = b.at(step.to);
            match step.work {
                Work::Chain { first, from, len, mem } => {
                    let list = &p.links[from as usize..from as usize + len as usize];
                    let past = step.to.base != SCRATCH;
                    // SAFETY: operands and destination hold n elements each, or one where the link says so.
                    unsafe { self.links(to, b.at(first), list, &b, n, None, mem, past) };
                }
                Work::One { kernel, args } => {
                    let m = if step.single { 1 } else { n };
                    for s in p.splats.iter().filter(|s| !s.fixed && s.step as usize == k) {
                        // SAFETY: one element, and a tile.
                        unsafe { convert::gather(p.elem, b.at(s.to), b.at(s.from), 0, n) };
                    }
                    if step.divides != Divisors::None {
                        let m = if step.divides == Divisors::One { 1 } else { m };
                        // SAFETY: the divisors are m elements, or the one.
                        unsafe { self.check_divisors(b.at(args[1]) as *const i64, m) };
                    }
                    // SAFETY: operands and destination hold m elements each, or one in a scalar position.
                    unsafe { kernel(to, b.at(args[0]), b.at(args[1]), b.at(args[2]), m) };
                }
            }
        }
        for out in &p.outs {
            let (v, to, size) = (b.at(out.from), outs[out.output as usize], out.size as usize);
            let stride = out_strides[out.output as usize];
            // SAFETY: the output has n elements at this stride; raw holds TILE elements of any size.
            unsafe {
                if out.single {
                    let mut one = [0u64; 2];
                    let one = one.as_mut_ptr() as *mut u8;
                    match out.store {
                        Some(store) => store(one, v, 1),
                        None => std::ptr::copy_nonoverlapping(v, one, p.elem),
                    }
                    if out.flat {
                        convert::gather(size, to, one, 0, n);
                    } else {
                        for i in 0..n as isize {
                            std::ptr::copy_nonoverlapping(one, to.wrapping_offset(i * stride as isize), size);
                        }
                    }
                    continue;
                }
                match (out.store, out.flat) {
                    (None, true) => std::ptr::copy(v, to, n * size),
                    (Some(store), true) => store(to, v, n),
                    (None, false) => convert::scatter(size, to, stride, v, n),
                    (Some(store), false) => {
                        let raw = scratch.add(p.raw as usize);
                        store(raw, v, n);
                        convert::scatter(size, to, stride, raw, n);
                    }
                }
            }
        }
    }

    /// Can [`rows`](Self::rows) do it?
    pub fn takes_rows(&self) -> bool {
        let p = &*self.plan;
        self.unbounded
            && p.fetches.is_empty()
            && p.steps.len() == 1
            && p.steps[0].divides == Divisors::None
            && !p.steps[0].single
    }

    /// Runs the program on `count` rows of `n` elements; `steps` says how far the next row of each operand is, outputs
    /// first as in `at`.
    ///
    /// # Safety
    /// As for [`run`](Self::run), without scratch, for every row; and only where [`takes_rows`](Self::takes_rows).
    pub unsafe fn rows(&self, at: &[*mut u8], steps: &[i64], n: usize, count: usize) {
        let p = &*self.plan;
        let mut b = Bases([std::ptr::null_mut(); MAX_OPERANDS + INS as usize]);
        let mut next = [0isize; MAX_OPERANDS + INS as usize];
        b.0[FIXED as usize] = p.fixed.as_ptr() as *mut u8;
        for k in 0..p.n_in + p.n_out {
            // Outputs come first in `at` and last among the bases.
            let base = INS as usize + if k < p.n_out { p.n_in + k } else { k - p.n_out };
            (b.0[base], next[base]) = (at[k], steps[k] as isize);
        }
        let step = &p.steps[0];
        let work = match step.alone {
            Some((kernel, [x, y])) if !self.past => Work::One { kernel, args: [x, y, y] },
            _ => step.work,
        };
        match work {
            Work::Chain { first, from, len, mem } => {
                let list = &p.links[from as usize..from as usize + len as usize];
                let rows = Some((count, &next, step.to, first));
                // SAFETY: by the contract.
                unsafe { self.links(b.at(step.to), b.at(first), list, &b, n, rows, mem, true) };
            }
            Work::One { kernel, args } => {
                let (mut to, mut a) = (b.at(step.to), args.map(|x| b.at(x)));
                for _ in 0..count {
                    // SAFETY: by the contract.
                    unsafe { kernel(to, a[0], a[1], a[2], n) };
                    to = to.wrapping_offset(next[step.to.base as usize]);
                    for k in 0..3 {
                        a[k] = a[k].wrapping_offset(next[args[k].base as usize]);
                    }
                }
            }
        }
    }

    /// # Safety
    /// As for [`Chain`](crate::kernels::cpu::math::chain::Chain).
    #[inline(always)]
    unsafe fn links(
        &self,
        to: *mut u8,
        first: *const u8,
        list: &[LinkAt],
        b: &Bases,
        n: usize,
        rows: Option<(usize, &[isize; MAX_OPERANDS + INS as usize], At, At)>,
        mem: [Mem; 2],
        past: bool,
    ) {
        let mut links = [const { MaybeUninit::<Link>::uninit() }; super::plan::MAX_LINKS];
        for (to, l) in links.iter_mut().zip(list) {
            let arg = |k: usize| if k < l.n as usize { b.at(l.args[k]) as *const u8 } else { std::ptr::null() };
            let steps = match rows {
                Some((_, next, ..)) => l.args.map(|a| next[a.base as usize]),
                None => [0; 2],
            };
            to.write(Link { op: l.op, single: l.single, args: [arg(0), arg(1)], mem: l.mem, steps, call: l.call });
        }
        let mut at = Rows { from: mem[0], to: mem[1], past: self.past && past, ..Rows::ONE };
        if let Some((count, next, o, f)) = rows {
            (at.count, at.out, at.first) = (count, next[o.base as usize], next[f.base as usize]);
        }
        // SAFETY: that many were just written, and a chain is no longer than the array; the rest by the contract.
        unsafe {
            let links = std::slice::from_raw_parts_mut(links.as_mut_ptr().cast::<Link>(), list.len());
            (self.plan.chain)(to, first, links, n, at)
        }
    }

    /// # Safety
    /// `b` has `n` elements.
    #[cold]
    unsafe fn check_divisors(&self, b: *const i64, n: usize) {
        let mut zero = false;
        for i in 0..n {
            // SAFETY: by the contract.
            zero |= unsafe { *b.add(i) } == 0;
        }
        if zero {
            self.zero_division.store(true, Ordering::Relaxed);
        }
    }

    /// An error that running met (a division by an integer 0).
    pub fn finish(&self) -> Result<()> {
        if self.zero_division.load(Ordering::Relaxed) {
            crate::bail!(Runtime, "ZeroDivisionError");
        }
        Ok(())
    }
}
