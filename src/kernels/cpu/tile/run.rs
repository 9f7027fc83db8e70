//! Running the steps of a planned machine on one chunk of elements.

use super::{At, Divisors, FIXED, INS, LinkAt, Machine, SCRATCH, TILE, Way, Work};
use crate::error::Result;
use crate::kernels::cpu::convert;
use crate::kernels::cpu::math::chain::Link;
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

impl Machine<'_> {
    /// Bytes of scratch that [`run`](Self::run) needs.
    pub fn scratch(&self) -> usize {
        self.scratch
    }

    /// To be called on scratch before the first `run` with it: fills what stays the same.
    pub fn begin(&self, scratch: *mut u8) {
        for s in self.splats.iter().filter(|s| s.fixed) {
            let from = self.fixed.as_ptr().cast::<u8>().wrapping_add(s.from.off as usize);
            let to = scratch.wrapping_add(s.to.off as usize);
            // SAFETY: a number's place, and a tile of TILE elements.
            unsafe { convert::gather(self.elem, to, from, 0, self.hint.min(TILE)) };
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
        let n_in = self.program.n_in;
        let mut b = Bases([std::ptr::null_mut(); MAX_OPERANDS + INS as usize]);
        b.0[SCRATCH as usize] = scratch;
        b.0[FIXED as usize] = self.fixed.as_ptr() as *mut u8;
        for i in 0..n_in {
            b.0[INS as usize + i] = ins[i];
        }
        for o in 0..self.program.outs.len() {
            b.0[INS as usize + n_in + o] = outs[o];
        }
        for f in &self.fetches {
            let (i, to, size) = (f.input as usize, b.at(f.to), f.size as usize);
            // SAFETY: addresses and strides are valid for n elements, tiles for TILE, slots for one.
            unsafe {
                match (f.way, f.load) {
                    (Way::Single, Some(load)) => load(to, ins[i], 1),
                    (Way::Convert, Some(load)) => load(to, ins[i], n),
                    (_, Some(load)) => {
                        let raw = scratch.add(self.raw as usize);
                        convert::gather(size, raw, ins[i], in_strides[i], n);
                        load(to, raw, n);
                    }
                    (_, None) => convert::gather(size, to, ins[i], in_strides[i], n),
                }
            }
        }
        for (k, step) in self.steps.iter().enumerate() {
            let to = b.at(step.to);
            match step.work {
                Work::Chain { first, from, len } => {
                    let list = &self.links[from as usize..from as usize + len as usize];
                    // SAFETY: operands and destination hold n elements each, or one where the link says so.
                    unsafe { self.links(to, b.at(first), list, &b, n) };
                }
                Work::One { kernel, args } => {
                    let m = if step.single { 1 } else { n };
                    for s in self.splats.iter().filter(|s| !s.fixed && s.step as usize == k) {
                        // SAFETY: one element, and a tile.
                        unsafe { convert::gather(self.elem, b.at(s.to), b.at(s.from), 0, n) };
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
        for p in &self.outs {
            let (v, to, size) = (b.at(p.from), outs[p.output as usize], p.size as usize);
            let stride = out_strides[p.output as usize];
            // SAFETY: the output has n elements at this stride; raw holds TILE elements of any size.
            unsafe {
                if p.single {
                    let mut one = [0u64; 2];
                    let one = one.as_mut_ptr() as *mut u8;
                    match p.store {
                        Some(store) => store(one, v, 1),
                        None => std::ptr::copy_nonoverlapping(v, one, self.elem),
                    }
                    if p.flat {
                        convert::gather(size, to, one, 0, n);
                    } else {
                        for i in 0..n as isize {
                            std::ptr::copy_nonoverlapping(one, to.wrapping_offset(i * stride as isize), size);
                        }
                    }
                    continue;
                }
                match (p.store, p.flat) {
                    (None, true) => std::ptr::copy(v, to, n * size),
                    (Some(store), true) => store(to, v, n),
                    (None, false) => convert::scatter(size, to, stride, v, n),
                    (Some(store), false) => {
                        let raw = scratch.add(self.raw as usize);
                        store(raw, v, n);
                        convert::scatter(size, to, stride, raw, n);
                    }
                }
            }
        }
    }

    /// # Safety
    /// As for [`Chain`](crate::kernels::cpu::math::chain::Chain).
    #[inline(always)]
    unsafe fn links(&self, to: *mut u8, first: *const u8, list: &[LinkAt], b: &Bases, n: usize) {
        let mut links = [const { MaybeUninit::<Link>::uninit() }; super::plan::MAX_LINKS];
        for (to, l) in links.iter_mut().zip(list) {
            let arg = |k: usize| if k < l.n as usize { b.at(l.args[k]) as *const u8 } else { std::ptr::null() };
            to.write(Link { op: l.op, single: l.single, args: [arg(0), arg(1)] });
        }
        // SAFETY: that many were just written, and a chain is no longer than the array; the rest by the contract.
        unsafe {
            let links = std::slice::from_raw_parts(links.as_ptr().cast::<Link>(), list.len());
            (self.chain)(to, first, links, n)
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
