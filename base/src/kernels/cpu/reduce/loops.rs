//! Loops of reductions, compiled once per instruction set.

use super::super::fold::fold as fold_lanes;
use super::super::math::{f32m, f64m, sel};
use super::{Kernels, Lanes};
use crate::kernels::program::{Compute, Reduce};

/// Elements that one step of a softmax's row takes; the last step is filled up, so that body and tail are the same vectors.
const STEP: usize = 16;

/// Columns that eight rows are taken in by at once.
const VECTOR: usize = 16;

/// `acc[i] = $all!(acc[i], r0[i], ..., r7[i])`, by whole vectors of their own, so that no test of nine addresses for overlap
/// stands before the loop.
macro_rules! eight_rows {
    ($T:ty, $all:ident, $acc:ident, $n:ident, $($r:ident),*) => {{
        let mut i = 0;
        while i + VECTOR <= $n {
            // SAFETY: the caller gives n elements in each of eight rows, and at acc.
            unsafe {
                $(let $r = (*($r.add(i) as *const Lanes<$T, VECTOR>)).0;)*
                let mut c = (*($acc.add(i) as *const Lanes<$T, VECTOR>)).0;
                for j in 0..VECTOR {
                    c[j] = $all!(c[j], $($r[j]),*);
                }
                *($acc.add(i) as *mut Lanes<$T, VECTOR>) = Lanes(c);
            }
            i += VECTOR;
        }
        while i < $n {
            // SAFETY: as above.
            unsafe { *$acc.add(i) = $all!(*$acc.add(i), $(*$r.add(i)),*) };
            i += 1;
        }
    }};
}

/// `$op(acc, x)`; `$id` the value that changes nothing.
macro_rules! reducer {
    ($T:ty, $L:expr, $integer:literal, $id:expr, |$a:ident, $x:ident| $op:expr, $start:expr, |$b:ident, $y:ident| $fold:expr) => {{
        target! {
            unsafe fn across(p: *const u8, n: usize, out: *mut u8) {
                let p = p as *const $T;
                if $integer {
                    // Integers: the order does not matter, and the compiler finds its own lanes (fixed ones it takes apart
                    // into single registers).
                    let mut acc: $T = $id;
                    for i in 0..n {
                        // SAFETY: the caller gives n elements.
                        let ($a, $x) = (acc, unsafe { *p.add(i) });
                        acc = $op;
                    }
                    // SAFETY: the caller gives room for one element.
                    unsafe { *(out as *mut $T) = acc };
                    return;
                }
                // Four vectors that nothing but this loop touches, so that they stay in registers.
                const W: usize = $L / 4;
                let id: [$T; W] = [$id; W];
                let (mut a0, mut a1, mut a2, mut a3) = (id, id, id, id);
                let mut i = 0;
                while i + $L <= n {
                    // SAFETY: the caller gives n elements.
                    let v = unsafe { *(p.add(i) as *const [Lanes<$T, W>; 4]) };
                    macro_rules! take {
                        ($acc:ident, $k:literal) => {
                            for j in 0..W {
                                let ($a, $x) = ($acc[j], v[$k].0[j]);
                                $acc[j] = $op;
                            }
                        };
                    }
                    take!(a0, 0);
                    take!(a1, 1);
                    take!(a2, 2);
                    take!(a3, 3);
                    i += $L;
                }
                let mut one = id;
                if i < n {
                    // SAFETY: as above.
                    unsafe { rest(p.add(i), n - i, &mut one) };
                }
                let mut all = id;
                for j in 0..W {
                    macro_rules! join {
                        ($p:expr, $q:expr) => {{
                            let ($b, $y) = ($p, $q);
                            $fold
                        }};
                    }
                    all[j] = join!(join!(join!(a0[j], a2[j]), join!(a1[j], a3[j])), one[j]);
                }
                // SAFETY: the caller gives room for one element.
                unsafe { *(out as *mut $T) = fold_lanes(all, |$b, $y| $fold) };
            }
            /// Fewer elements than one step of `across` takes; the last vector is filled up with what changes nothing.
            #[inline(never)]
            unsafe fn rest(p: *const $T, n: usize, acc: &mut [$T; $L / 4]) {
                const W: usize = $L / 4;
                let mut sum: [$T; W] = [$id; W];
                let mut i = 0;
                while i < n {
                    let mut v: [$T; W] = [$id; W];
                    // SAFETY: the caller gives n elements.
                    unsafe {
                        if i + W <= n {
                            v = (*(p.add(i) as *const Lanes<$T, W>)).0;
                        } else {
                            std::ptr::copy_nonoverlapping(p.add(i), v.as_mut_ptr(), n - i);
                        }
                    }
                    for j in 0..W {
                        let ($a, $x) = (sum[j], v[j]);
                        sum[j] = $op;
                    }
                    i += W;
                }
                *acc = sum;
            }
            unsafe fn along(acc: *mut u8, x: *const u8, n: usize) {
                let (acc, x) = (acc as *mut $T, x as *const $T);
                for i in 0..n {
                    // SAFETY: the caller gives n elements at both.
                    unsafe {
                        let ($a, $x) = (*acc.add(i), *x.add(i));
                        *acc.add(i) = $op;
                    }
                }
            }
            unsafe fn along8(acc: *mut u8, x: *const u8, stride: isize, n: usize) {
                let acc = acc as *mut $T;
                let r = |k: isize| x.wrapping_offset(k * stride) as *const $T;
                let (r0, r1, r2, r3) = (r(0), r(1), r(2), r(3));
                let (r4, r5, r6, r7) = (r(4), r(5), r(6), r(7));
                macro_rules! pair {
                    ($p:expr, $q:expr) => {{
                        let ($b, $y) = ($p, $q);
                        $fold
                    }};
                }
                macro_rules! start {
                    ($p:expr) => {{
                        let $x: $T = $p;
                        $start
                    }};
                }
                macro_rules! all {
                    ($c:expr, $p:expr, $q:expr, $r:expr, $s:expr, $t:expr, $u:expr, $v:expr, $w:expr) => {{
                        let a = pair!(start!($p), start!($q));
                        let b = pair!(start!($r), start!($s));
                        let c = pair!(start!($t), start!($u));
                        let d = pair!(start!($v), start!($w));
                        pair!($c, pair!(pair!(a, b), pair!(c, d)))
                    }};
                }
                eight_rows!($T, all, acc, n, r0, r1, r2, r3, r4, r5, r6, r7);
            }
            unsafe fn fold(acc: *mut u8, x: *const u8, n: usize) {
                let (acc, x) = (acc as *mut $T, x as *const $T);
                for i in 0..n {
                    // SAFETY: the caller gives n elements at both.
                    unsafe {
                        let ($b, $y) = (*acc.add(i), *x.add(i));
                        *acc.add(i) = $fold;
                    }
                }
            }
        }
        let id: $T = $id;
        let mut identity = [0u64; 2];
        // SAFETY: an element fits in 16 bytes.
        unsafe { *(identity.as_mut_ptr() as *mut $T) = id };
        Kernels { across, along, along8, fold, identity }
    }};
}

/// The larger of two, or NaN if one is: one instruction for the maximum and a choice.
macro_rules! extreme {
    ($a:expr, $x:expr, $op:tt) => {{
        let (a, x) = ($a, $x);
        sel(a != a, a, sel(a $op x, a, x))
    }};
}

/// `along8` of an extreme: eight rows are looked at for NaN together, which takes half the instructions of minding it at
/// each comparison.
macro_rules! extreme8 {
    ($T:ident, $op:tt) => {{
        target! {
            unsafe fn along8(acc: *mut u8, x: *const u8, stride: isize, n: usize) {
                let acc = acc as *mut $T;
                let r = |k: isize| x.wrapping_offset(k * stride) as *const $T;
                let (r0, r1, r2, r3) = (r(0), r(1), r(2), r(3));
                let (r4, r5, r6, r7) = (r(4), r(5), r(6), r(7));
                macro_rules! better {
                    ($a:expr, $b:expr) => {{
                        let (a, b): ($T, $T) = ($a, $b);
                        if a $op b { a } else { b }
                    }};
                }
                macro_rules! all {
                    ($c:expr, $p:expr, $q:expr, $r:expr, $s:expr, $t:expr, $u:expr, $v:expr, $w:expr) => {{
                        let (o, p, q, r, s): ($T, $T, $T, $T, $T) = ($c, $p, $q, $r, $s);
                        let (t, u, v, w): ($T, $T, $T, $T) = ($t, $u, $v, $w);
                        let a = better!(better!(p, q), better!(r, s));
                        let b = better!(better!(t, u), better!(v, w));
                        let any = (((p != p) | (q != q)) | ((r != r) | (s != s)))
                            | (((t != t) | (u != u)) | ((v != v) | (w != w)))
                            | (o != o);
                        sel(any, $T::NAN, better!(o, better!(a, b)))
                    }};
                }
                eight_rows!($T, all, acc, n, r0, r1, r2, r3, r4, r5, r6, r7);
            }
        }
        along8
    }};
}

macro_rules! floats {
    ($T:ident, $L:expr, $reduce:expr) => {
        match $reduce {
            Reduce::Sum => reducer!($T, $L, false, 0.0, |a, x| a + x, x, |b, y| b + y),
            Reduce::Prod => reducer!($T, $L, false, 1.0, |a, x| a * x, x, |b, y| b * y),
            Reduce::Max => Kernels {
                along8: extreme8!($T, >),
                ..reducer!($T, $L, false, $T::NEG_INFINITY, |a, x| extreme!(a, x, >), x, |b, y| extreme!(b, y, >))
            },
            Reduce::Min => Kernels {
                along8: extreme8!($T, <),
                ..reducer!($T, $L, false, $T::INFINITY, |a, x| extreme!(a, x, <), x, |b, y| extreme!(b, y, <))
            },
            Reduce::Any => reducer!($T, $L, false, 0.0, |a, x| sel(x != 0.0, 1.0, a), sel(x != 0.0, 1.0, 0.0), |b, y| sel(
                y != 0.0,
                1.0,
                b
            )),
            Reduce::All => reducer!($T, $L, false, 1.0, |a, x| sel(x == 0.0, 0.0, a), sel(x == 0.0, 0.0, 1.0), |b, y| sel(
                y == 0.0,
                0.0,
                b
            )),
        }
    };
}

pub(super) fn kernels(compute: Compute, reduce: Reduce) -> Option<Kernels> {
    Some(match compute {
        Compute::F32 => floats!(f32, 64, reduce),
        Compute::F64 => floats!(f64, 32, reduce),
        Compute::I64 => match reduce {
            Reduce::Sum => reducer!(i64, 32, true, 0, |a, x| a.wrapping_add(x), x, |b, y| b.wrapping_add(y)),
            Reduce::Prod => reducer!(i64, 32, true, 1, |a, x| a.wrapping_mul(x), x, |b, y| b.wrapping_mul(y)),
            Reduce::Max => reducer!(i64, 32, true, i64::MIN, |a, x| sel(a < x, x, a), x, |b, y| sel(b < y, y, b)),
            Reduce::Min => reducer!(i64, 32, true, i64::MAX, |a, x| sel(a > x, x, a), x, |b, y| sel(b > y, y, b)),
            Reduce::Any => reducer!(i64, 32, true, 0, |a, x| sel(x != 0, 1, a), sel(x != 0, 1, 0), |b, y| b | y),
            Reduce::All => reducer!(i64, 32, true, 1, |a, x| sel(x == 0, 0, a), sel(x == 0, 0, 1), |b, y| b & y),
        },
        _ => return None,
    })
}

/// The sum of squares.
pub(super) fn squares(compute: Compute) -> Option<Kernels> {
    Some(match compute {
        Compute::F32 => reducer!(f32, 64, false, 0.0, |a, x| a + x * x, x * x, |b, y| b + y),
        Compute::F64 => reducer!(f64, 32, false, 0.0, |a, x| a + x * x, x * x, |b, y| b + y),
        _ => return None,
    })
}

type S = isa!();

/// Fewer than [`STEP`] elements, filled up.
///
/// # Safety
/// There are `n` elements.
#[inline(never)]
unsafe fn filled<T: Copy>(p: *const T, n: usize, with: T) -> [T; STEP] {
    let mut v = [with; STEP];
    // SAFETY: the caller's; n is at most STEP.
    unsafe { std::ptr::copy_nonoverlapping(p, v.as_mut_ptr(), n.min(STEP)) };
    v
}

macro_rules! softmax_rows {
    ($forward:ident, $backward:ident, $T:ident, $exp:path, $log:path) => {
        #[inline(always)]
        unsafe fn $forward<const LOG: bool>(y: *mut $T, x: *const $T, n: usize) {
            type V = Lanes<$T, STEP>;
            let whole = n / STEP * STEP;
            let low = [$T::NEG_INFINITY; STEP];
            macro_rules! join {
                ($t:ident, $v:expr) => {{
                    let v = $v;
                    for j in 0..STEP {
                        $t[j] = if v[j] > $t[j] { v[j] } else { $t[j] };
                    }
                }};
            }
            // SAFETY: the caller gives n elements at x and y.
            unsafe {
                let get = |i: usize| (*(x.add(i) as *const V)).0;
                let last = if n > whole { filled(x.add(whole), n - whole, $T::NEG_INFINITY) } else { low };
                // NaN is left to the sum, which it makes NaN.
                let (mut t0, mut t1, mut t2, mut t3) = (last, low, low, low);
                let mut i = 0;
                while i + 4 * STEP <= n {
                    join!(t0, get(i));
                    join!(t1, get(i + STEP));
                    join!(t2, get(i + 2 * STEP));
                    join!(t3, get(i + 3 * STEP));
                    i += 4 * STEP;
                }
                while i < whole {
                    join!(t0, get(i));
                    i += STEP;
                }
                join!(t0, t1);
                join!(t2, t3);
                join!(t0, t2);
                let top = fold_lanes(t0, |a, b| if b > a { b } else { a });
                let mut sums = [0.0; STEP];
                macro_rules! add {
                    ($v:expr) => {{
                        let v = $v;
                        let mut e = [0.0; STEP];
                        for j in 0..STEP {
                            e[j] = $exp(v[j] - top);
                        }
                        for j in 0..STEP {
                            sums[j] += e[j];
                        }
                        e
                    }};
                }
                i = 0;
                while i < whole {
                    let e = add!(get(i));
                    if !LOG {
                        *(y.add(i) as *mut V) = Lanes(e);
                    }
                    i += STEP;
                }
                if n > whole {
                    let e = add!(last);
                    if !LOG {
                        std::ptr::copy_nonoverlapping(e.as_ptr(), y.add(whole), n - whole);
                    }
                }
                let sum = fold_lanes(sums, |a, b| a + b);
                if LOG {
                    let by = $log(sum);
                    for i in 0..n {
                        *y.add(i) = *x.add(i) - top - by;
                    }
                } else {
                    let by = 1.0 / sum;
                    for i in 0..n {
                        *y.add(i) *= by;
                    }
                }
            }
        }

        #[inline(always)]
        unsafe fn $backward<const LOG: bool>(o: *mut $T, g: *const $T, y: *const $T, n: usize) {
            type V = Lanes<$T, STEP>;
            let whole = n / STEP * STEP;
            let none = [0.0; STEP];
            // SAFETY: the caller gives n elements at all three.
            unsafe {
                let get = |p: *const $T, i: usize| (*(p.add(i) as *const V)).0;
                let rest = |p: *const $T| if n > whole { filled(p.add(whole), n - whole, 0.0) } else { none };
                let (last_g, last_y) = (rest(g), rest(y));
                let (mut s0, mut s1) = (none, none);
                macro_rules! add {
                    ($s:ident, $g:expr, $y:expr) => {{
                        let (g, y): ([$T; STEP], [$T; STEP]) = ($g, $y);
                        for j in 0..STEP {
                            $s[j] += if LOG { g[j] } else { g[j] * y[j] };
                        }
                    }};
                }
                let mut i = 0;
                while i + 2 * STEP <= n {
                    add!(s0, get(g, i), get(y, i));
                    add!(s1, get(g, i + STEP), get(y, i + STEP));
                    i += 2 * STEP;
                }
                if i < whole {
                    add!(s0, get(g, i), get(y, i));
                }
                add!(s1, last_g, last_y);
                for j in 0..STEP {
                    s0[j] += s1[j];
                }
                let sum = fold_lanes(s0, |a, b| a + b);
                for i in 0..n {
                    let (g, y) = (*g.add(i), *y.add(i));
                    *o.add(i) = if LOG { g - $exp(y) * sum } else { (g - sum) * y };
                }
            }
        }
    };
}
softmax_rows!(forward_f32, backward_f32, f32, f32m::exp_below::<S>, f32m::log::<S>);
softmax_rows!(forward_f64, backward_f64, f64, f64m::exp::<S>, f64m::log::<S>);

target! {
    /// Rows of a softmax, or of its logarithm; see [`super::Rows`].
    pub(super) unsafe fn softmax(p: super::RowBatch, log: bool, double: bool) {
        macro_rules! go {
            ($T:ident, $f:ident, $log:literal) => {
                for k in 0..p.count as isize {
                    // SAFETY: the caller gives `count` rows of `n` elements.
                    unsafe {
                        let y = p.out.wrapping_offset(k * p.steps[0]) as *mut $T;
                        $f::<$log>(y, p.a.wrapping_offset(k * p.steps[1]) as *const $T, p.n)
                    }
                }
            };
        }
        match (log, double) {
            (false, false) => go!(f32, forward_f32, false),
            (true, false) => go!(f32, forward_f32, true),
            (false, true) => go!(f64, forward_f64, false),
            (true, true) => go!(f64, forward_f64, true),
        }
    }

    /// Rows of the gradient of a softmax, from its gradient `a` and its result `b`.
    pub(super) unsafe fn softmax_backward(p: super::RowBatch, log: bool, double: bool) {
        macro_rules! go {
            ($T:ident, $f:ident, $log:literal) => {
                for k in 0..p.count as isize {
                    // SAFETY: the caller gives `count` rows of `n` elements.
                    unsafe {
                        let o = p.out.wrapping_offset(k * p.steps[0]) as *mut $T;
                        let g = p.a.wrapping_offset(k * p.steps[1]) as *const $T;
                        $f::<$log>(o, g, p.b.wrapping_offset(k * p.steps[2]) as *const $T, p.n)
                    }
                }
            };
        }
        match (log, double) {
            (false, false) => go!(f32, backward_f32, false),
            (true, false) => go!(f32, backward_f32, true),
            (false, true) => go!(f64, backward_f64, false),
            (true, true) => go!(f64, backward_f64, true),
        }
    }
}
