//! Reductions across memory: neighbouring results are taken together, a row of them at a time.

use super::super::convert;
use super::super::tile::{TILE, with_scratch};
use super::super::walk::{Addr, MAX_OPERANDS};
use super::{Job, ROWS};
use crate::error::Result;
use smallvec::SmallVec;

impl Job<'_> {
    pub(super) fn columns(&self, k0: i64, k1: i64, r0: i64, r1: i64, partial: Option<*mut u8>) -> Result<()> {
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
