//! Backward: tiles of keys outside, blocks of the query's rows inside; the weights are made again from the scores.
//! A task has a head, or a part of its keys where there are few heads; then each part has a gradient of the query of its
//! own, and they are added at the end in a fixed order.

use super::rows::{dot, masked, weights};
use super::{Attention, Carve, Mat, Real, Rhs, by_query, panel_width, product};
use crate::device::cpu::isa::isa;
use crate::device::cpu::pool;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::gemm::engine::with_scratch;
use crate::kernels::{Operand, Ptr};
use crate::memory::alloc;

/// Keys of a tile: whole panels of every micro-kernel.
const TILE: usize = 96;
/// Rows of the query that go together.
const BLOCK: usize = 64;
/// Tasks that a call is cut into, if there are keys for it.
const TASKS: usize = 8;

/// Gradients of what [`super::forward`] computes; `out` and `lse` are its results.
pub fn backward(
    a: &Attention,
    grad: Operand,
    out: Operand,
    lse: *const u8,
    in_query: Operand,
    in_key: Operand,
    in_value: Operand,
) -> Result<()> {
    by_query!(a.query.dtype, backward_as(a, grad, out, lse.cast(), in_query, in_key, in_value))
}

/// Numbers of the compute type, all 0.
struct Zeros<T> {
    ptr: *mut T,
    bytes: usize,
}

impl<T> Zeros<T> {
    fn new(n: usize) -> Result<Zeros<T>> {
        let bytes = n * size_of::<T>();
        if bytes == 0 {
            return Ok(Zeros { ptr: std::ptr::null_mut(), bytes });
        }
        let ptr = alloc::alloc(bytes)?;
        // SAFETY: the block has this size.
        unsafe { ptr.write_bytes(0, bytes) };
        Ok(Zeros { ptr: ptr.cast(), bytes })
    }
}

impl<T> Drop for Zeros<T> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            // SAFETY: the block came from `alloc` with this size.
            unsafe { alloc::free(self.ptr.cast(), self.bytes) }
        }
    }
}

fn backward_as<T: Real>(
    a: &Attention,
    grad: Operand,
    out: Operand,
    lse: *const T,
    in_query: Operand,
    in_key: Operand,
    in_value: Operand,
) -> Result<()> {
    let (heads, e) = (a.heads(), a.width);
    if heads == 0 {
        return Ok(());
    }
    let tile = TILE.next_multiple_of(panel_width(T::kernels(isa())));
    let tiles = a.keys.div_ceil(tile);
    let parts = (TASKS / heads).min(tiles).max(1);
    // One part writes the result itself, if it can be added to.
    let direct = parts == 1 && a.matrix(&in_query, 0).dense::<T>(e);
    let sums = Zeros::<T>::new(if direct { 0 } else { heads * parts * a.rows * e })?;
    let (sum_at, lse) = (Ptr(sums.ptr), Ptr(lse.cast_mut()));
    let failed = parking_lot::Mutex::new(None);
    let run = |t: usize| {
        let (h, p) = (t / parts, t % parts);
        let one = Head {
            grad: a.matrix(&grad, h),
            out: a.matrix(&out, h),
            lse: lse.get().wrapping_add(h * a.rows),
            in_key: a.matrix(&in_key, h),
            in_value: a.matrix(&in_value, h),
            in_query: if direct {
                a.matrix(&in_query, h).ptr.cast()
            } else {
                sum_at.get().wrapping_add(t * a.rows * e)
            },
        };
        let range = (tiles * p / parts * tile, (tiles * (p + 1) / parts * tile).min(a.keys));
        if direct {
            // SAFETY: one dense matrix.
            unsafe { one.in_query.write_bytes(0, a.rows * e) };
        }
        // SAFETY: the operands cover the call's sizes; tasks write different keys and different sums.
        if let Err(e) = unsafe { task::<T>(a, h, &one, range, tile) } {
            *failed.lock() = Some(e);
        }
    };
    let small = heads * a.rows * a.keys * (a.width + a.value_width) < 400_000;
    if small {
        (0..heads * parts).for_each(run);
    } else {
        pool::parallel(heads * parts, &run);
    }
    if let Some(e) = failed.into_inner() {
        return Err(e);
    }
    if direct {
        return Ok(());
    }
    let join = |h: usize| {
        let m = a.matrix(&in_query, h);
        let base = sum_at.get().wrapping_add(h * parts * a.rows * e);
        for i in 0..a.rows {
            // SAFETY: the sums have `parts` matrices of this head.
            unsafe {
                let first = base.add(i * e);
                for p in 1..parts {
                    let more = base.add((p * a.rows + i) * e);
                    for j in 0..e {
                        *first.add(j) = *first.add(j) + *more.add(j);
                    }
                }
                m.put(i, e, first);
            }
        }
    };
    if small {
        (0..heads).for_each(join);
    } else {
        pool::parallel(heads, &join);
    }
    Ok(())
}

/// What belongs to one head, besides query, key and value.
struct Head<T> {
    grad: Mat,
    out: Mat,
    lse: *mut T,
    /// Adjacent rows, added to.
    in_query: *mut T,
    in_key: Mat,
    in_value: Mat,
}

/// Keys `range` of one head.
unsafe fn task<T: Real>(a: &Attention, h: usize, one: &Head<T>, range: (usize, usize), tile: usize) -> Result<()> {
    let isa = isa();
    let kern = T::kernels(isa);
    let (e, ev, n) = (a.width, a.value_width, a.rows);
    let (q, k, v) = (a.matrix(&a.query, h), a.matrix(&a.key, h), a.matrix(&a.value, h));
    let mask = a.mask.map(|m| a.matrix(&m, h));
    let spare = |m: &Mat, rows: usize, width: usize| if m.dense::<T>(width) { 0 } else { rows * width };
    let sizes = [
        spare(&q, n, e),
        spare(&one.grad, n, ev),
        spare(&one.out, BLOCK, ev),
        spare(&k, tile, e),
        spare(&v, tile, ev),
        tile * e,
        tile * ev,
        BLOCK * tile,
        BLOCK * tile,
        tile * e,
        tile * ev,
        n,
        tile,
    ];
    let bytes = sizes.iter().map(|&s| Carve::bytes::<T>(s)).sum();
    with_scratch(2, bytes, |buf| {
        let mut room = Carve { at: buf };
        let [q_at, g_at, o_at, k_at, v_at, kt_at, vt_at, s, d, in_k, in_v, delta, line] =
            sizes.map(|s| room.take::<T>(s));
        // SAFETY: all pieces have room for what is said of them above; the rest is the caller's.
        unsafe {
            let by = T::of(a.scale);
            let q = q.rows(0, n, e, q_at);
            let g = one.grad.rows(0, n, ev, g_at);
            for i in (0..n).step_by(BLOCK) {
                let rows = BLOCK.min(n - i);
                let o = one.out.rows(i, rows, ev, o_at);
                for r in 0..rows {
                    *delta.add(i + r) = dot(g.add((i + r) * ev), o.add(r * ev), ev);
                }
            }
            let mut j = range.0;
            while j < range.1 {
                let keys = tile.min(range.1 - j);
                let k_rows = k.rows(j, keys, e, k_at);
                let kt = Rhs::turned(k_rows, keys, e, kt_at, kern, isa);
                let vt = Rhs::turned(v.rows(j, keys, ev, v_at), keys, ev, vt_at, kern, isa);
                let k_rows = Rhs::plain(k_rows, e, kern);
                in_k.write_bytes(0, keys * e);
                in_v.write_bytes(0, keys * ev);
                let mut i = if a.causal { j / BLOCK * BLOCK } else { 0 };
                while i < n {
                    let rows = BLOCK.min(n - i);
                    let all = a.seen(i + rows - 1, j, keys);
                    if all == 0 {
                        i += rows;
                        continue;
                    }
                    let (qi, gi) = (q.add(i * e), g.add(i * ev));
                    product(kern, (rows, all, e), (qi, e, 1), kt, s, tile, false);
                    product(kern, (rows, all, ev), (gi, ev, 1), vt, d, tile, false);
                    for r in 0..rows {
                        let (s, d) = (s.add(r * tile), d.add(r * tile));
                        let seen = a.seen(i + r, j, keys);
                        let mut left = by;
                        if let Some(m) = &mask {
                            masked(m, i + r, j, s, seen, by, line);
                            left = T::ONE;
                        }
                        weights(s, d, seen, all, left, *one.lse.add(i + r), *delta.add(i + r), by);
                    }
                    let (qi, gi) = (Rhs::plain(qi, e, kern), Rhs::plain(gi, ev, kern));
                    product(kern, (all, ev, rows), (s, 1, tile), gi, in_v, ev, true);
                    product(kern, (all, e, rows), (d, 1, tile), qi, in_k, e, true);
                    product(kern, (rows, e, all), (d, tile, 1), k_rows, one.in_query.add(i * e), e, true);
                    i += rows;
                }
                for r in 0..keys {
                    one.in_key.put(j + r, e, in_k.add(r * e));
                    one.in_value.put(j + r, ev, in_v.add(r * ev));
                }
                j += keys;
            }
        }
    })
}
