//! A machine together with the walk that feeds it: tensors of any layout, cut into chunks that the machine takes. Long
//! inner runs are read where they lie. Of short ones, several are collected into a tile. What lies across the walk (a
//! transposed operand) is turned panel by panel.

use super::plan::About;
use super::{LARGE, MAX_OPERANDS, Machine, TILE, with_scratch};
use crate::device::cpu::pool;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::cpu::convert;
use crate::kernels::cpu::math::chain;
use crate::kernels::cpu::walk::{Addr, Walk};
use crate::kernels::program::{Compute, Program};
use crate::scalar::Scalar;
use smallvec::SmallVec;

/// An inner run shorter than this is collected together with its neighbours.
const SHORT_RUN: i64 = 128;
/// A panel: so many inner runs (a cache line of f32), so many elements of each.
const PANEL_ROWS: i64 = 16;
const PANEL: i64 = 256;
/// Bytes of a tile of the widest elements.
const BUFFER: usize = TILE * 16;

/// How chunks are cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Along inner runs.
    Runs,
    /// Several short inner runs at a time.
    Short,
    /// Rows of panels.
    Panels,
}

pub(super) struct Feed<'a> {
    machine: Machine,
    walk: &'a Walk,
    n_out: usize,
    n_ops: usize,
    /// Inner strides of the operands as the machine sees them, outputs first.
    strides: [i64; MAX_OPERANDS],
    sizes: [usize; MAX_OPERANDS],
    /// Bit i: operand i is collected into a buffer.
    pieces: u32,
    /// Bit i: operand i (of short runs) is the same in every inner run, so its buffer is filled once.
    periodic: u32,
    cut: Cut,
    /// Where whole inner runs can be done many at a time: the walk over them.
    outer: Option<Walk>,
}

// SAFETY: the raw pointers in a walk are addresses of operands; threads work on different ranges of the index space.
unsafe impl Sync for Feed<'_> {}

impl<'a> Feed<'a> {
    /// `ops` are the outputs (`n_out` of them), then the inputs.
    pub fn new(
        program: &'a Program,
        compute: Compute,
        params: &[Scalar],
        walk: &'a Walk,
        ops: &[Operand],
        n_out: usize,
    ) -> Result<Feed<'a>> {
        let mut strides = [0; MAX_OPERANDS];
        let mut sizes = [0; MAX_OPERANDS];
        let (mut pieces, mut periodic) = (0u32, 0u32);
        let nd = walk.ndim();
        let short = nd > 1 && walk.size(0) < SHORT_RUN;
        let mut about: SmallVec<[About; 6]> = SmallVec::new();
        for (i, o) in ops.iter().enumerate() {
            let size = o.dtype.size() as i64;
            sizes[i] = size as usize;
            strides[i] = if short {
                if walk.is_flat(i, size) {
                    size
                } else if i >= n_out && walk.is_single(i) {
                    0
                } else {
                    pieces |= 1 << i;
                    if i >= n_out && (1..nd).all(|d| walk.stride(d, i) == 0) {
                        periodic |= 1 << i;
                    }
                    size
                }
            } else if walk.total == 1 {
                size
            } else {
                walk.stride(0, i)
            };
            // An input that lies across: its neighbours in memory are those of the next dimension.
            let across = |s: i64| s == size || s == -size;
            if !short && i >= n_out && nd > 1 && strides[i] != 0 && !across(strides[i]) && across(walk.stride(1, i)) {
                pieces |= 1 << i;
                strides[i] = size;
            }
            about.push((o.dtype, strides[i], o.ptr));
        }
        let (outs, ins) = about.split_at(n_out);
        let mut machine = Machine::new(program, compute, params, ins, outs)?;
        machine.hint = machine.hint.min(walk.total as usize);
        let bytes = |o: &Operand| walk.total * o.dtype.size() as i64;
        machine.past = ops[..n_out].iter().all(|o| bytes(o) >= LARGE && ops[n_out..].iter().all(|i| i.ptr != o.ptr));
        let cut = if short {
            Cut::Short
        } else if pieces != 0 {
            Cut::Panels
        } else {
            Cut::Runs
        };
        let outer = (cut == Cut::Runs && nd > 1 && machine.takes_rows()).then(|| walk.outer());
        Ok(Feed { machine, walk, n_out, n_ops: ops.len(), strides, sizes, pieces, periodic, cut, outer })
    }

    /// Runs the whole walk in blocks of about `grain` elements.
    pub fn all(&self, grain: i64) -> Result<()> {
        let total = self.walk.total;
        if self.cut == Cut::Panels {
            let (inner, next) = (self.walk.size(0), self.walk.size(1));
            let groups = (next + PANEL_ROWS - 1) / PANEL_ROWS;
            let units = total / (inner * next) * groups;
            let each = (grain / (inner * PANEL_ROWS)).max(1);
            self.blocks((units + each - 1) / each, &|b| self.panels(b * each, ((b + 1) * each).min(units)));
        } else if total <= grain {
            self.range(0, total);
        } else {
            // Blocks of whole inner runs, where those are shorter.
            let inner = self.walk.size(0);
            let grain = if inner < grain { grain / inner * inner } else { grain };
            self.blocks((total + grain - 1) / grain, &|b| self.range(b * grain, ((b + 1) * grain).min(total)));
        }
        self.machine.finish()
    }

    fn blocks(&self, n: i64, f: &(dyn Fn(i64) + Sync)) {
        pool::parallel(n as usize, &|b| {
            f(b as i64);
            if self.machine.past {
                chain::fence();
            }
        });
    }

    /// # Safety
    /// Addresses of `n` elements each, at the strides that the machine knows.
    #[inline(always)]
    unsafe fn chunk(&self, scratch: *mut u8, a: &Addr, n: usize) {
        let (outs, ins) = a.p.split_at(self.n_out);
        let (os, is) = self.strides.split_at(self.n_out);
        // SAFETY: by the contract.
        unsafe { self.machine.run(scratch, ins, is, outs, os, n) }
    }

    /// Runs `[start, end)` of the walk's index space.
    fn range(&self, start: i64, end: i64) {
        let m = &self.machine;
        if self.cut == Cut::Short {
            return self.short(start, end);
        }
        let inner = self.walk.size(0);
        if let Some(outer) = &self.outer
            && start % inner == 0
            && end % inner == 0
        {
            let steps: [i64; MAX_OPERANDS] =
                std::array::from_fn(|i| if i < self.n_ops { outer.stride(0, i) } else { 0 });
            outer.range(start / inner, end / inner, i64::MAX, |a, rows| {
                // SAFETY: the walk gives addresses inside the operands, `rows` inner runs at these distances.
                unsafe { m.rows(&a.p, &steps, inner as usize, rows as usize) };
            });
            return;
        }
        with_scratch(m.scratch(), |scratch| {
            m.begin(scratch);
            let max = if m.unbounded { i64::MAX } else { TILE as i64 };
            self.walk.range(start, end, max, |a, n| {
                // SAFETY: the walk gives addresses inside the operands, n elements each at these strides.
                unsafe { self.chunk(scratch, a, n as usize) };
            });
        });
    }

    /// A tile at a time: short runs are collected before, and dealt out after.
    fn short(&self, start: i64, end: i64) {
        let (n_ops, n_out) = (self.n_ops, self.n_out);
        let own = self.machine.scratch().div_ceil(64) * 64;
        // A periodic operand's buffer begins anywhere in its first period, so it is one period longer.
        let buffer = BUFFER + SHORT_RUN as usize * 16;
        let inner = self.walk.size(0);
        with_scratch(own + n_ops * buffer, |scratch| {
            let at = |i: usize| scratch.wrapping_add(own + i * buffer);
            self.machine.begin(scratch);
            for i in (n_out..n_ops).filter(|i| self.periodic & (1 << i) != 0) {
                let mut filled = 0;
                while filled < (end - start).min(TILE as i64) + inner {
                    let to = at(i).wrapping_add(filled as usize * self.sizes[i]);
                    // SAFETY: one inner run of the operand; the buffer has room for TILE elements and a run more, and
                    // less than that was filled before the last run.
                    unsafe {
                        convert::gather(
                            self.sizes[i],
                            to,
                            self.walk.ptr(i),
                            self.walk.stride(0, i),
                            inner.min(TILE as i64 + SHORT_RUN - filled) as usize,
                        )
                    };
                    filled += inner;
                }
            }
            let collected = (self.pieces & !self.periodic) >> n_out << n_out;
            let dealt = self.pieces & ((1 << n_out) - 1);
            let mut pos = start;
            while pos < end {
                let n = (end - pos).min(TILE as i64);
                let mut a = Addr { p: [std::ptr::null_mut(); MAX_OPERANDS] };
                for i in 0..n_ops {
                    a.p[i] = if self.periodic & (1 << i) != 0 {
                        at(i).wrapping_add((pos % inner) as usize * self.sizes[i])
                    } else if self.pieces & (1 << i) != 0 {
                        at(i)
                    } else {
                        self.walk.ptr(i).wrapping_offset((pos * self.strides[i]) as isize)
                    };
                }
                if collected != 0 {
                    self.pieces(collected, pos, n, |i, done, from, len| {
                        let to = a.p[i].wrapping_add(done * self.sizes[i]);
                        // SAFETY: the walk gives len elements at this stride; the buffer has TILE.
                        unsafe { convert::gather(self.sizes[i], to, from, self.walk.stride(0, i), len) };
                    });
                }
                // SAFETY: buffers hold n elements, flat operands too.
                unsafe { self.chunk(scratch, &a, n as usize) };
                if dealt != 0 {
                    self.pieces(dealt, pos, n, |i, done, to, len| {
                        let from = a.p[i].wrapping_add(done * self.sizes[i]);
                        // SAFETY: as above.
                        unsafe { convert::scatter(self.sizes[i], to, self.walk.stride(0, i), from, len) };
                    });
                }
                pos += n;
            }
        });
    }

    /// Calls `f(operand, elements before, address, elements)` for the operands in `which` and each piece of an inner run.
    #[inline(always)]
    fn pieces(&self, which: u32, pos: i64, n: i64, f: impl Fn(usize, usize, *mut u8, usize)) {
        let mut done = 0;
        self.walk.range(pos, pos + n, i64::MAX, |a, len| {
            let mut left = which;
            while left != 0 {
                let i = left.trailing_zeros() as usize;
                f(i, done, a.p[i], len as usize);
                left &= left - 1;
            }
            done += len as usize;
        });
    }

    /// Units `[from, to)` of panels: [`PANEL_ROWS`] inner runs side by side each.
    fn panels(&self, from: i64, to: i64) {
        let w = self.walk;
        let n_ops = self.n_ops;
        let (inner, next) = (w.size(0), w.size(1));
        let groups = (next + PANEL_ROWS - 1) / PANEL_ROWS;
        let own = self.machine.scratch().div_ceil(64) * 64;
        let panel = (PANEL_ROWS * PANEL) as usize * 16;
        with_scratch(own + self.pieces.count_ones() as usize * panel, |scratch| {
            self.machine.begin(scratch);
            for unit in from..to {
                let first = unit % groups * PANEL_ROWS;
                let rows = PANEL_ROWS.min(next - first);
                let mut base = Addr { p: [std::ptr::null_mut(); MAX_OPERANDS] };
                for i in 0..n_ops {
                    let mut off = first * w.stride(1, i);
                    let mut rest = unit / groups;
                    for d in 2..w.ndim() {
                        off += rest % w.size(d) * w.stride(d, i);
                        rest /= w.size(d);
                    }
                    base.p[i] = w.ptr(i).wrapping_offset(off as isize);
                }
                let mut c = 0;
                while c < inner {
                    let n = PANEL.min(inner - c);
                    let mut a = Addr { p: [std::ptr::null_mut(); MAX_OPERANDS] };
                    let mut steps = [0i64; MAX_OPERANDS];
                    let mut which = 0;
                    for i in 0..n_ops {
                        let at = base.p[i].wrapping_offset((c * w.stride(0, i)) as isize);
                        if self.pieces & (1 << i) == 0 {
                            (a.p[i], steps[i]) = (at, w.stride(1, i));
                            continue;
                        }
                        let size = self.sizes[i];
                        let pitch = PANEL as usize * size;
                        (a.p[i], steps[i]) = (scratch.wrapping_add(own + which * panel), pitch as i64);
                        which += 1;
                        let s = [w.stride(0, i), w.stride(1, i)];
                        // SAFETY: `rows` by `n` elements of the operand at these strides; the panel has as many.
                        unsafe { convert::turn(size, a.p[i], pitch, at, s, rows as usize, n as usize) };
                    }
                    for _ in 0..rows {
                        // SAFETY: n elements of one inner run of each operand.
                        unsafe { self.chunk(scratch, &a, n as usize) };
                        for i in 0..n_ops {
                            a.p[i] = a.p[i].wrapping_offset(steps[i] as isize);
                        }
                    }
                    c += n;
                }
            }
        });
    }
}
