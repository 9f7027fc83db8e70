//! Forward: tiles of keys outside, rows of the query inside.

use super::rows::{masked, online, scale};
use super::{Attention, Carve, Mat, Real, Rhs, by_query, panel_width, product};
use crate::device::cpu::isa::isa;
use crate::device::cpu::pool;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::gemm::engine::with_scratch;
use crate::kernels::{Operand, Ptr};

/// Keys of a tile: whole panels of every micro-kernel.
const TILE: usize = 192;
/// Most rows of the query that go together through all tiles.
const ROWS: usize = 1024;
/// Tasks that a call is cut into, if there are rows for it.
const TASKS: usize = 16;
/// Rows that are worth packing the keys for.
const LEAST: usize = 128;

/// `out = softmax(scale * query key^T + mask) value`, and the logarithm of each row's sum of exponentials in `lse`
/// (contiguous, of the compute type; +inf for a row that a mask closes, whose result is 0).
pub fn forward(a: &Attention, out: Operand, lse: *mut u8) -> Result<()> {
    by_query!(a.query.dtype, forward_as(a, out, lse.cast()))
}

fn forward_as<T: Real>(a: &Attention, out: Operand, lse: *mut T) -> Result<()> {
    let heads = a.heads();
    if heads == 0 || a.rows == 0 {
        return Ok(());
    }
    let most = a.rows.div_ceil(ROWS);
    let cuts = if heads * most >= TASKS { most } else { (TASKS / heads).min(a.rows / LEAST).max(most) };
    let each = a.rows.div_ceil(cuts).next_multiple_of(8);
    let cuts = a.rows.div_ceil(each);
    let lse = Ptr(lse);
    let failed = parking_lot::Mutex::new(None);
    let run = |t: usize| {
        let (h, first) = (t / cuts, t % cuts * each);
        let end = (first + each).min(a.rows);
        // SAFETY: the operands cover the call's sizes; tasks write different rows.
        let r = unsafe { task::<T>(a, h, first, end, &a.matrix(&out, h), lse.get().add(h * a.rows)) };
        if let Err(e) = r {
            *failed.lock() = Some(e);
        }
    };
    // Less than about 20 us of work is not worth waking another thread.
    if heads * a.rows * a.keys * (a.width + a.value_width) < 800_000 {
        (0..heads * cuts).for_each(run);
    } else {
        pool::parallel(heads * cuts, &run);
    }
    match failed.into_inner() {
        Some(e) => Err(e),
        None => Ok(()),
    }
}

/// Rows `first..end` of one head.
unsafe fn task<T: Real>(a: &Attention, h: usize, first: usize, end: usize, out: &Mat, lse: *mut T) -> Result<()> {
    let isa = isa();
    let kern = T::kernels(isa);
    let (e, ev, n) = (a.width, a.value_width, end - first);
    let (q, k, v) = (a.matrix(&a.query, h), a.matrix(&a.key, h), a.matrix(&a.value, h));
    let mask = a.mask.map(|m| a.matrix(&m, h));
    let tile = TILE.next_multiple_of(panel_width(kern));
    let spare = |m: &Mat, rows: usize, width: usize| if m.dense::<T>(width) { 0 } else { rows * width };
    let (nq, nk, nv) = (spare(&q, n, e), spare(&k, tile, e), spare(&v, tile, ev));
    let sizes = [nq, nk, nv, tile * e, kern.mr * tile, n * ev, n, n, tile];
    let bytes = sizes.iter().map(|&s| Carve::bytes::<T>(s)).sum();
    with_scratch(2, bytes, |buf| {
        let mut room = Carve { at: buf };
        let [q_at, k_at, v_at, turned, scores, acc, top, sum, line] = sizes.map(|s| room.take::<T>(s));
        // SAFETY: all pieces have room for what is said of them above; the rest is the caller's.
        unsafe {
            let by = T::of(a.scale);
            let q = q.rows(first, n, e, q_at);
            for i in 0..n {
                *top.add(i) = T::LOW;
                *sum.add(i) = T::default();
            }
            if a.keys == 0 {
                (0..n * ev).for_each(|i| *acc.add(i) = T::default());
            }
            let mut j = 0;
            while j < a.keys {
                let keys = tile.min(a.keys - j);
                if a.seen(end - 1, j, keys) == 0 {
                    break;
                }
                let kt = Rhs::turned(k.rows(j, keys, e, k_at), keys, e, turned, kern, isa);
                let vt = Rhs::plain(v.rows(j, keys, ev, v_at), ev, kern);
                let mut i = 0;
                while i < n {
                    let rows = kern.mr.min(n - i);
                    let row = first + i;
                    let all = a.seen(row + rows - 1, j, keys);
                    if all > 0 {
                        product(kern, (rows, all, e), (q.add(i * e), e, 1), kt, scores, tile, false);
                        for r in 0..rows {
                            let s = scores.add(r * tile);
                            let seen = a.seen(row + r, j, keys);
                            let mut left = by;
                            if let Some(m) = &mask {
                                masked(m, row + r, j, s, seen, by, line);
                                left = T::ONE;
                            }
                            let old = online(s, seen, all, left, top.add(i + r), sum.add(i + r));
                            if j > 0 && old != T::ONE {
                                scale(acc.add((i + r) * ev), ev, old);
                            }
                        }
                        product(kern, (rows, ev, all), (scores, tile, 1), vt, acc.add(i * ev), ev, j > 0);
                    }
                    i += rows;
                }
                j += keys;
            }
            for i in 0..n {
                let (s, o) = (*sum.add(i), acc.add(i * ev));
                let dead = s == T::default();
                if dead && mask.is_some() {
                    (0..ev).for_each(|j| *o.add(j) = T::default());
                    *lse.add(first + i) = T::HIGH;
                } else {
                    // Without keys there is nothing to divide.
                    scale(o, ev, if a.keys == 0 { T::default() } else { T::ONE / s });
                    *lse.add(first + i) = *top.add(i) + s.ln();
                }
                out.put(first + i, ev, o);
            }
        }
    })
}
