//! The loops around the micro-kernel: blocks of B packed once for all, blocks of A packed by whoever computes with them.
//!
//! How a product is cut depends on its shape alone, and each element of C is a chain of steps over k whose order depends
//! on k alone; so the number of threads shows nowhere in the result.

use super::lane::Num;
use super::micro::{Kernels, Tile};
use super::pack::Source;
use crate::device::cpu::pool;
use crate::error::Result;
use crate::memory::alloc;
use std::cell::Cell;

/// Takes finished sums where C cannot be written as it stands (other dtype, other strides, a map of columns).
pub(crate) trait Sink<T>: Sync {
    /// Sums of rows `i0..i0 + rows`, columns `j0..j0 + cols`; row distance `rs`.
    ///
    /// # Safety
    /// `tile` covers the range, which lies inside C.
    unsafe fn put(&self, tile: *const T, rs: usize, i0: usize, rows: usize, j0: usize, cols: usize);
}

/// Where sums go: to memory with adjacent columns (`ptr`, `rs`), or to a sink, which then does the rest itself.
pub(crate) struct Out<'a, T> {
    pub ptr: *mut T,
    pub rs: isize,
    pub alpha: T,
    pub beta: T,
    /// Null, or one per row / column.
    pub row_bias: *const T,
    pub col_bias: *const T,
    pub relu: bool,
    pub sink: Option<&'a dyn Sink<T>>,
}

// SAFETY: addresses and numbers; tasks write different elements.
unsafe impl<T> Sync for Out<'_, T> {}

impl<'a, T: Num> Out<'a, T> {
    /// Sums only, to memory.
    pub fn plain(ptr: *mut T, rs: isize) -> Out<'a, T> {
        let null = std::ptr::null();
        Out { ptr, rs, alpha: T::ONE, beta: T::default(), row_bias: null, col_bias: null, relu: false, sink: None }
    }

    /// To a sink.
    pub fn sink(sink: &'a dyn Sink<T>) -> Out<'a, T> {
        Out { sink: Some(sink), ..Out::plain(std::ptr::null_mut(), 0) }
    }
}

/// One product.
pub(crate) struct Job<'a, I: 'static, T: 'static> {
    pub kern: &'static Kernels<I, T>,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: &'a dyn Source<I>,
    pub b: &'a dyn Source<I>,
    pub out: Out<'a, T>,
    /// Most bytes that packed B may take.
    pub limit: usize,
}

/// Steps of k between two visits of C.
const KC: usize = 256;
/// Rows of A packed at a time.
const MC: usize = 96;
/// Bytes of packed B that one pass over rows of A uses (it should stay in the second-level cache).
const B_BLOCK: usize = 480 << 10;

/// A block of scratch memory.
struct Scratch {
    ptr: *mut u8,
    bytes: usize,
}

thread_local! {
    // For packed A and sums of a task, for packed B, for the callers of the engine.
    static KEPT: [Cell<Option<Scratch>>; 3] = const { [Cell::new(None), Cell::new(None), Cell::new(None)] };
}

/// Larger blocks are given back at once.
const KEEP: usize = 8 << 20;

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: the block came from `alloc` with this size.
        unsafe { alloc::free(self.ptr, self.bytes) }
    }
}

/// Runs `f` with a block of at least `bytes`, kept by the thread between calls. A nested call gets a block of its own.
pub(crate) fn with_scratch<R>(slot: usize, bytes: usize, f: impl FnOnce(*mut u8) -> R) -> Result<R> {
    let kept = KEPT.try_with(|k| k[slot].take()).ok().flatten();
    let block = match kept {
        Some(b) if b.bytes >= bytes => b,
        _ => {
            let size = bytes.max(64 << 10).next_multiple_of(4096);
            Scratch { ptr: alloc::alloc(size)?, bytes: size }
        }
    };
    let r = f(block.ptr);
    if block.bytes <= KEEP {
        let _ = KEPT.try_with(|k| k[slot].set(Some(block)));
    }
    Ok(r)
}

/// How columns are cut into panels of up to `nv` vectors.
#[derive(Clone, Copy)]
struct Panels {
    vectors: usize,
    nv: usize,
    count: usize,
}

impl Panels {
    fn new(cols: usize, lanes: usize, nv: usize) -> Panels {
        let vectors = cols.div_ceil(lanes);
        Panels { vectors, nv, count: vectors.div_ceil(nv) }
    }

    /// First vector and number of vectors of panel `p`; a last panel of one vector takes one from its neighbour.
    #[inline(always)]
    fn get(self, p: usize) -> (usize, usize) {
        if self.nv == 3 && self.vectors % 3 == 1 && self.count > 1 && p + 2 >= self.count {
            let first = (self.count - 2) * 3;
            return (first + (p + 2 - self.count) * 2, 2);
        }
        let s = p * self.nv;
        (s, self.nv.min(self.vectors - s))
    }
}

/// How k is cut: blocks of nearly one size.
#[derive(Clone, Copy)]
struct Steps {
    k: usize,
    size: usize,
    count: usize,
}

impl Steps {
    fn new(k: usize) -> Steps {
        let count = k.div_ceil(KC).max(1);
        Steps { k, size: k.div_ceil(count).next_multiple_of(4).max(4), count }
    }

    fn get(self, i: usize) -> (usize, usize) {
        let s = (i * self.size).min(self.k);
        (s, self.size.min(self.k - s))
    }
}

/// Work below this many multiplications is one task.
const SERIAL: usize = 700_000;
/// Tasks that a large product is cut into at least.
const TASKS: usize = 16;

impl<I: Copy + Send + Sync + 'static, T: Num> Job<'_, I, T> {
    /// Computes the product.
    pub fn run(&self) -> Result<()> {
        if self.m == 0 || self.n == 0 {
            return Ok(());
        }
        let (mr, lanes, nv) = (self.kern.mr, self.kern.lanes, self.kern.nv);
        let size = size_of::<I>();
        let b_mem = self.b.strided().filter(|b| b.1 == 1);
        // B in place: where few rows would use a packed copy, or all of B sits in the first-level cache.
        let pack_b = match b_mem {
            Some(_) => self.m > 2 * mr && self.k * self.n * size > 24 << 10,
            None => true,
        };
        let full = lanes * nv;
        let row = self.k.max(1) * size;
        let cols = if pack_b {
            // Whole panels, evenly: at least one, at most what the limit allows.
            let most = (self.limit / row / full).max(1) * full;
            let passes = self.n.div_ceil(most);
            self.n.div_ceil(passes).next_multiple_of(full)
        } else {
            self.n
        };
        let steps = Steps::new(self.k);
        let mut j = 0;
        while j < self.n {
            let n = cols.min(self.n - j);
            if pack_b {
                let panels = Panels::new(n, lanes, nv);
                let bytes = panels.vectors * lanes * row;
                with_scratch(1, bytes, |buf| {
                    self.pack_b(buf.cast(), j, n, panels, steps);
                    self.multiply(j, n, Some(buf.cast()), steps)
                })??;
            } else {
                self.multiply(j, n, None, steps)?;
            }
            j += n;
        }
        Ok(())
    }

    /// Packs columns `j0..j0 + n` of B over all of k: blocks of k, in each the panels.
    fn pack_b(&self, buf: *mut I, j0: usize, n: usize, panels: Panels, steps: Steps) {
        let lanes = self.kern.lanes;
        let width = panels.vectors * lanes;
        let buf = crate::kernels::Ptr(buf);
        let one = |t: usize| {
            let (s, p) = (t / panels.count, t % panels.count);
            let (k0, kc) = steps.get(s);
            let (v, c) = panels.get(p);
            let cols = (c * lanes).min(n - v * lanes);
            // SAFETY: panels lie one behind the other; the source covers n columns and k steps.
            unsafe {
                let dst = buf.get().add(k0 * width + v * lanes * kc);
                self.b.pack(dst, c * lanes, j0 + v * lanes, cols, k0, kc);
            }
        };
        let total = steps.count * panels.count;
        let elements = self.k * n;
        let tasks = (elements / (64 << 10)).clamp(1, 64).min(total);
        if tasks == 1 {
            for t in 0..total {
                one(t);
            }
        } else {
            pool::parallel(tasks, &|t| {
                for i in total * t / tasks..total * (t + 1) / tasks {
                    one(i);
                }
            });
        }
    }

    /// C's columns `j0..j0 + n`, B packed or in place.
    fn multiply(&self, j0: usize, n: usize, packed: Option<*const I>, steps: Steps) -> Result<()> {
        let (mr, lanes, nv) = (self.kern.mr, self.kern.lanes, self.kern.nv);
        let panels = Panels::new(n, lanes, nv);
        let strips = self.m.div_ceil(mr);
        let work = self.m * n * self.k.max(1);
        let group = (B_BLOCK / (lanes * nv * steps.size * size_of::<I>())).max(1);
        let (mut rows, mut cols) = (1, 1);
        if work > SERIAL {
            let want = work / SERIAL;
            rows = strips.div_ceil(MC / mr);
            cols = panels.count.div_ceil(group);
            let least = want.min(TASKS);
            if rows * cols < least {
                rows = strips.min(least.div_ceil(cols));
            }
            if rows * cols < least {
                cols = panels.count.min(least.div_ceil(rows));
            }
            if rows * cols > want {
                rows = (want / cols).max(1);
            }
        }
        let pack_a = match self.a.strided() {
            Some(_) => panels.count > 3 || (packed.is_some() && panels.count > 2),
            None => true,
        };
        let plan =
            Plan { j0, panels, steps, group, packed: packed.map(|p| crate::kernels::Ptr(p.cast_mut())), pack_a, n };
        if rows * cols == 1 {
            return self.task(&plan, 0, strips, 0, panels.count);
        }
        let failed = parking_lot::Mutex::new(None);
        pool::parallel(rows * cols, &|t| {
            let (r, c) = (t / cols, t % cols);
            let i = (strips * r / rows, strips * (r + 1) / rows);
            let p = (panels.count * c / cols, panels.count * (c + 1) / cols);
            if let Err(e) = self.task(&plan, i.0, i.1, p.0, p.1) {
                *failed.lock() = Some(e);
            }
        });
        match failed.into_inner() {
            Some(e) => Err(e),
            None => Ok(()),
        }
    }

    /// Strips `s0..s1` of rows by panels `p0..p1` of columns, over all of k.
    fn task(&self, plan: &Plan<I>, s0: usize, s1: usize, p0: usize, p1: usize) -> Result<()> {
        let (mr, lanes) = (self.kern.mr, self.kern.lanes);
        let steps = plan.steps;
        let mc = (MC / mr).min(s1 - s0);
        let a_bytes = if plan.pack_a { (mc * mr * steps.size * size_of::<I>()).next_multiple_of(64) } else { 0 };
        let group = plan.group.min(p1 - p0);
        // Sums for a sink: of all k at once when k is one block, else of a whole block of C.
        let sum_rows = if steps.count == 1 { mr } else { mc * mr };
        let sum_rs = group * self.kern.nv * lanes;
        let sums = if self.out.sink.is_some() { sum_rows * sum_rs * size_of::<T>() } else { 0 };
        let body = |buf: *mut u8| {
            let sums_at: *mut T = buf.wrapping_add(a_bytes).cast();
            let mut p = p0;
            while p < p1 {
                let pe = (p + group).min(p1);
                let mut s = s0;
                while s < s1 {
                    let se = (s + mc).min(s1);
                    for step in 0..steps.count {
                        // SAFETY: the buffer has room for the block of A and the sums; the rest is the caller's.
                        unsafe { self.block(plan, buf.cast(), sums_at, sum_rs, step, (s, se), (p, pe)) };
                    }
                    s = se;
                }
                p = pe;
            }
        };
        if a_bytes + sums == 0 {
            body(std::ptr::null_mut());
            return Ok(());
        }
        with_scratch(0, a_bytes + sums, body)
    }

    /// One block of k for a block of rows and a group of panels.
    unsafe fn block(
        &self,
        plan: &Plan<I>,
        abuf: *mut I,
        sums: *mut T,
        sum_rs: usize,
        step: usize,
        strips: (usize, usize),
        group: (usize, usize),
    ) {
        let (mr, lanes) = (self.kern.mr, self.kern.lanes);
        let (steps, panels) = (plan.steps, plan.panels);
        let (k0, kc) = steps.get(step);
        let (first, last) = (step == 0, step + 1 == steps.count);
        let width = panels.vectors * lanes;
        let left = panels.get(group.0).0 * lanes;
        let b_mem = self.b.strided();
        let a_mem = self.a.strided();
        let null = std::ptr::null();
        // SAFETY: all addresses lie inside the operands, the packed blocks and C, by how the task was cut.
        unsafe {
            if plan.pack_a {
                for s in strips.0..strips.1 {
                    let dst = abuf.add((s - strips.0) * mr * kc);
                    self.a.pack(dst, mr, s * mr, mr.min(self.m - s * mr), k0, kc);
                }
            }
            let to_sink = self.out.sink.is_some();
            for s in strips.0..strips.1 {
                let i0 = s * mr;
                let rows = mr.min(self.m - i0);
                let (a, a_rs, a_ks) = match (plan.pack_a, a_mem) {
                    (false, Some((p, rs, ks))) => (p.offset(i0 as isize * rs + k0 as isize * ks), rs, ks),
                    _ => (abuf.add((s - strips.0) * mr * kc).cast_const(), 1, mr as isize),
                };
                let sum_row = if steps.count == 1 { 0 } else { (s - strips.0) * mr };
                for p in group.0..group.1 {
                    let (v, nv) = panels.get(p);
                    let j = v * lanes;
                    let cols = (nv * lanes).min(plan.n - j);
                    let tail = cols - (nv - 1) * lanes;
                    let (b, b_ks, b_last) = match (plan.packed, b_mem) {
                        (Some(buf), _) => {
                            (buf.get().cast_const().add(k0 * width + j * kc), (nv * lanes) as isize, lanes)
                        }
                        (None, Some((q, _, ks))) => (q.offset((plan.j0 + j) as isize + k0 as isize * ks), ks, tail),
                        (None, None) => (null, 0, 0),
                    };
                    let mut t = Tile {
                        k: kc,
                        a,
                        a_rs,
                        a_ks,
                        b,
                        b_ks,
                        b_last,
                        c_last: tail,
                        c: sums.wrapping_add(sum_row * sum_rs + j - left),
                        c_rs: sum_rs as isize,
                        alpha: T::ONE,
                        beta: if first { T::default() } else { T::ONE },
                        row_bias: std::ptr::null(),
                        col_bias: std::ptr::null(),
                        relu: false,
                    };
                    if !to_sink {
                        t.c = self.out.ptr.offset(i0 as isize * self.out.rs + (plan.j0 + j) as isize);
                        t.c_rs = self.out.rs;
                        t.alpha = self.out.alpha;
                        if first {
                            t.beta = self.out.beta;
                        }
                        if last {
                            if !self.out.row_bias.is_null() {
                                t.row_bias = self.out.row_bias.add(i0);
                            }
                            if !self.out.col_bias.is_null() {
                                t.col_bias = self.out.col_bias.add(plan.j0 + j);
                            }
                            t.relu = self.out.relu;
                        }
                    }
                    let table = if plan.pack_a && plan.packed.is_some() { self.kern.packed } else { self.kern.strided };
                    (table[rows - 1][nv - 1])(&t);
                }
                if steps.count == 1
                    && let Some(sink) = self.out.sink
                {
                    let right = self.right(plan, group.1);
                    sink.put(sums, sum_rs, i0, rows, plan.j0 + left, right - left);
                }
            }
            if steps.count > 1
                && last
                && let Some(sink) = self.out.sink
            {
                let right = self.right(plan, group.1);
                let i0 = strips.0 * mr;
                let rows = (strips.1 * mr).min(self.m) - i0;
                sink.put(sums, sum_rs, i0, rows, plan.j0 + left, right - left);
            }
        }
    }

    /// First column that is not in panels before `p`.
    fn right(&self, plan: &Plan<I>, p: usize) -> usize {
        if p == plan.panels.count { plan.n } else { plan.panels.get(p).0 * self.kern.lanes }
    }
}

/// How one pass is cut.
struct Plan<I> {
    j0: usize,
    n: usize,
    panels: Panels,
    steps: Steps,
    group: usize,
    packed: Option<crate::kernels::Ptr<I>>,
    pack_a: bool,
}
