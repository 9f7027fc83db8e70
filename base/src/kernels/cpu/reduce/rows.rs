//! Reductions along memory: each result's elements are taken one run after the other.

use super::super::convert;
use super::super::tile::{TILE, with_scratch};
use super::super::walk::{Addr, MAX_OPERANDS};
use super::tree::{Levels, Tree, WIDE};
use super::{Buffer, Job, RUN};
use crate::error::Result;
use smallvec::SmallVec;

impl Job<'_> {
    pub(super) fn rows(&self, k0: i64, k1: i64, r0: i64, r1: i64, partial: Option<*mut u8>) -> Result<()> {
        let elem = self.elem;
        let rw = &self.rw;
        let single = rw.total == 1;
        // Rows of several whole runs: the runs of neighbouring rows are summed in turn and joined side by side.
        let inner = rw.size(0);
        let runs = self.identity_in.filter(|&i| {
            let whole = r0 % inner.max(1) == 0 && r1 % inner.max(1) == 0 && r1 > r0;
            rw.ndim() > 1 && (16..=RUN).contains(&inner) && whole && rw.stride(0, i) == elem as i64
        });
        let short = rw.ndim() > 1 && inner < 128 && runs.is_none();
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
        let levels = if runs.is_some() { Tree::bytes((r1 - r0) / inner, WIDE, elem) + WIDE * elem } else { 0 };
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
        let room = if in_place.is_some() { levels } else { need + TILE * 16 * (self.n_in + 1) };
        with_scratch(room, |scratch| {
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
                if let Some(i) = runs {
                    let s = if self.kw.total == 1 { 0 } else { self.kw.stride(0, i + 1) };
                    let mut k = 0;
                    while k < len {
                        let n = ((len - k) as usize).min(WIDE).min(TILE - filled);
                        let mut base = Addr { p: [std::ptr::null_mut(); MAX_OPERANDS] };
                        base.p[i] = a.p[i + 1].wrapping_offset((k * s) as isize);
                        let partials = scratch.wrapping_add(levels - WIDE * elem);
                        let mut tree = Tree::new(self.kern.fold, elem, n, scratch);
                        let to = match partial {
                            Some(p) => p.wrapping_add((first as usize + filled) * elem),
                            None => results.wrapping_add(filled * elem),
                        };
                        // SAFETY: the walk gives runs inside the operand; the scratch holds the levels and one row.
                        unsafe {
                            rw.range_from(&base, r0, r1, RUN, |b, run| {
                                for j in 0..n {
                                    let from = b.p[i].wrapping_offset(j as isize * s as isize);
                                    (self.kern.across)(from, run as usize, partials.wrapping_add(j * elem));
                                }
                                tree.push(partials);
                            });
                            tree.finish(&self.kern.identity, to);
                        }
                        filled += n;
                        k += n as i64;
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
                    let mut levels = Levels::uninit();
                    let mut tree = Tree::new(self.kern.fold, elem, 1, levels.as_mut_ptr().cast());
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
}
