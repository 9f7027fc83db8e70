//! Thin products, where each element of the large operand is used a few times and memory sets the pace: a few rows
//! against a matrix whose k is adjacent (`dots`) or whose columns are (`axpy`), and long sums with a small result.

use super::engine::{Job, Out, Sink, with_scratch};
use super::lane::{Lane, Num, Plain};
use super::micro::Native;
use super::pack::{Load, Strided};
use super::sink::Store;
use super::{B_LIMIT, Item};
use crate::device::cpu::isa::Isa;
use crate::device::cpu::pool;
use crate::error::Result;
use crate::kernels::Ptr;

/// `out[p * Q + q] = sum over k of x[p * xs + k] * y[q * ys + k]`
type DotFn<T> = unsafe fn(usize, *const T, isize, *const T, isize, *mut T);
/// `y[p * ys + j] += sum over k of x[p * xs + k] * b[k * bs + j]`: columns, k, x, xs, b, bs, y, ys.
type AxpyFn<T> = unsafe fn(usize, usize, *const T, isize, *const T, isize, *mut T, isize);

/// The loops of one (instruction set, element type).
pub(crate) struct Thin<T: 'static> {
    /// (rows of x, rows of y, loop), widest first.
    dots: [(usize, usize, DotFn<T>); 4],
    /// One row of y.
    last: [(usize, DotFn<T>); 4],
    axpy: [(usize, AxpyFn<T>); 3],
}

#[inline(always)]
unsafe fn dot<
    L: Lane<In = T, T = T, Vi = V, Vt = V>,
    T: Num,
    V: Copy,
    const P: usize,
    const Q: usize,
    const U: usize,
>(
    k: usize,
    x: *const T,
    xs: isize,
    y: *const T,
    ys: isize,
    out: *mut T,
) {
    // SAFETY: the caller vouches for the rows and the instruction set.
    unsafe {
        let mut acc = [[[L::zero(); Q]; P]; U];
        let mut i = 0;
        while i + U * L::LANES <= k {
            for u in 0..U {
                let o = i + u * L::LANES;
                let yv: [V; Q] = std::array::from_fn(|q| L::load_in(y.offset(q as isize * ys).add(o)));
                for p in 0..P {
                    let xv = L::load_in(x.offset(p as isize * xs).add(o));
                    for q in 0..Q {
                        acc[u][p][q] = L::mac(xv, yv[q], acc[u][p][q]);
                    }
                }
            }
            i += U * L::LANES;
        }
        while i < k {
            let m = L::mask((k - i).min(L::LANES));
            let yv: [V; Q] = std::array::from_fn(|q| L::load_in_part(y.offset(q as isize * ys).add(i), m));
            for p in 0..P {
                let xv = L::load_in_part(x.offset(p as isize * xs).add(i), m);
                for q in 0..Q {
                    acc[0][p][q] = L::mac(xv, yv[q], acc[0][p][q]);
                }
            }
            i += L::LANES;
        }
        let mut room = std::mem::MaybeUninit::<[[u64; 8]; 16]>::uninit();
        let sums = room.as_mut_ptr().cast::<T>();
        for p in 0..P {
            for q in 0..Q {
                let mut s = acc[0][p][q];
                for u in 1..U {
                    s = L::add(s, acc[u][p][q]);
                }
                L::store(sums.add((p * Q + q) * L::LANES), s);
            }
        }
        for r in 0..P * Q {
            let s = sums.add(r * L::LANES);
            let mut half = L::LANES / 2;
            while half > 0 {
                for j in 0..half {
                    s.add(j).write(s.add(j).read().plus(s.add(j + half).read()));
                }
                half /= 2;
            }
            out.add(r).write(s.read());
        }
    }
}

#[inline(always)]
unsafe fn axpy<L: Lane<In = T, T = T, Vi = V, Vt = V>, T: Num, V: Copy, const P: usize, const U: usize>(
    n: usize,
    k: usize,
    x: *const T,
    xs: isize,
    b: *const T,
    bs: isize,
    y: *mut T,
    ys: isize,
) {
    // SAFETY: the caller vouches for the rows and the instruction set.
    unsafe {
        let mut i = 0;
        while i < k {
            let u = if i + U <= k { U } else { 1 };
            let xi = x.add(i);
            let bi = b.offset(i as isize * bs);
            let mut j = 0;
            if u == U {
                let xv: [[V; U]; P] = std::array::from_fn(|p| {
                    std::array::from_fn(|u| L::splat(xi.offset(p as isize * xs).add(u).read()))
                });
                while j + L::LANES <= n {
                    let mut s: [V; P] = std::array::from_fn(|p| L::load(y.offset(p as isize * ys).add(j)));
                    for u in 0..U {
                        let bv = L::load_in(bi.offset(u as isize * bs).add(j));
                        for p in 0..P {
                            s[p] = L::mac(xv[p][u], bv, s[p]);
                        }
                    }
                    for p in 0..P {
                        L::store(y.offset(p as isize * ys).add(j), s[p]);
                    }
                    j += L::LANES;
                }
            }
            while j < n {
                let m = L::mask((n - j).min(L::LANES));
                for p in 0..P {
                    let yp = y.offset(p as isize * ys).add(j);
                    let mut s = L::load_part(yp, m);
                    for u in 0..u {
                        let xv = L::splat(xi.offset(p as isize * xs).add(u).read());
                        s = L::mac(xv, L::load_in_part(bi.offset(u as isize * bs).add(j), m), s);
                    }
                    L::store_part(yp, s, m);
                }
                j += L::LANES;
            }
            i += u;
        }
    }
}

macro_rules! thin {
    ($name:ident, $l:ty, $t:ty $(, $features:literal)?) => {
        pub(super) static $name: Thin<$t> = {
            $(#[target_feature(enable = $features)])?
            unsafe fn d<const P: usize, const Q: usize, const U: usize>(
                k: usize, x: *const $t, xs: isize, y: *const $t, ys: isize, out: *mut $t,
            ) {
                // SAFETY: this function enables what the lane type needs; the rest is the caller's.
                unsafe { dot::<$l, $t, <$l as Lane>::Vt, P, Q, U>(k, x, xs, y, ys, out) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn a<const P: usize, const U: usize>(
                n: usize, k: usize, x: *const $t, xs: isize, b: *const $t, bs: isize, y: *mut $t, ys: isize,
            ) {
                // SAFETY: as above.
                unsafe { axpy::<$l, $t, <$l as Lane>::Vt, P, U>(n, k, x, xs, b, bs, y, ys) }
            }
            Thin {
                dots: [(8, 2, d::<8, 2, 1>), (4, 4, d::<4, 4, 1>), (2, 4, d::<2, 4, 1>), (1, 4, d::<1, 4, 4>)],
                last: [(8, d::<8, 1, 1>), (4, d::<4, 1, 1>), (2, d::<2, 1, 2>), (1, d::<1, 1, 8>)],
                axpy: [(4, a::<4, 4>), (2, a::<2, 4>), (1, a::<1, 4>)],
            }
        };
    };
}
thin!(PLAIN_F32, Plain<f32>, f32);
thin!(PLAIN_F64, Plain<f64>, f64);

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::lane::*;
    use super::*;
    thin!(AVX2_F32, Avx2F32, f32, "avx2,fma");
    thin!(AVX2_F64, Avx2F64, f64, "avx2,fma");
    thin!(AVX512_F32, Avx512F32, f32, "avx512f,avx512vl,avx512dq,avx512bw");
    thin!(AVX512_F64, Avx512F64, f64, "avx512f,avx512vl,avx512dq,avx512bw");
}

/// A type with thin loops.
pub(crate) trait HasThin: Native + Load<Self> + Store<Self> {
    /// Its loops for an instruction set.
    fn thin(isa: Isa) -> &'static Thin<Self>;
}

macro_rules! has_thin {
    ($t:ty, $plain:ident, $avx2:ident, $avx512:ident) => {
        impl HasThin for $t {
            fn thin(isa: Isa) -> &'static Thin<$t> {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => &x86::$avx512,
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => &x86::$avx2,
                    _ => &$plain,
                }
            }
        }
    };
}
has_thin!(f32, PLAIN_F32, AVX2_F32, AVX512_F32);
has_thin!(f64, PLAIN_F64, AVX2_F64, AVX512_F64);

/// Elements of the large operand per task.
const TASK: usize = 64 << 10;

/// Steps of k per partial sum of a product that is long and small.
const CHUNK: usize = 32 << 10;

/// The product in a thin way, if that is the right one (by shape and strides).
pub(super) unsafe fn thin<T: HasThin>(it: &Item) -> Option<Result<()>> {
    if it.k == 0 {
        return None;
    }
    let p = it.m.min(it.n);
    // Large result of few rows: the small operand is x (p rows), the large one y (q rows).
    let flip = it.n < it.m;
    let q = it.m.max(it.n);
    let (x, y) = if flip { (it.b, it.a) } else { (it.a, it.b) };
    let (x_row, x_k) = if flip { (x.cs, x.rs) } else { (x.rs, x.cs) };
    let (y_row, y_k) = if flip { (y.rs, y.cs) } else { (y.cs, y.rs) };
    let y_k_unit = y_k == 1 || (it.k == 1 && p == 1);
    let large = it.k * q;
    let fits = p <= 8 && if p == 1 { large >= 256 } else { large >= 4096 };
    let dots = fits && y_k_unit && it.k >= 16 && (x_k == 1 || q >= 8 * p);
    let axpys = fits && !dots && y_row == 1 && it.k > 1 && (p == 1 || large >= 32 << 10) && q >= 64;
    if !dots && !axpys {
        // A small result of a long sum: chunks of k side by side, added in order.
        let tiles = it.m.div_ceil(8) * it.n.div_ceil(48);
        if tiles <= 2 && it.k >= 4 * 4096 {
            // SAFETY: the caller's.
            return Some(unsafe { split::<T>(it) });
        }
        return None;
    }
    let loops = T::thin(it.isa);
    let copy = x_k != 1;
    let size = size_of::<T>();
    // Dots cut rows of y, and k where there are few of them; axpy cuts k, and columns where there are many.
    let chunks = if dots {
        if p * q <= 64 { it.k.div_ceil(CHUNK) } else { 1 }
    } else if q <= 4096 {
        it.k.div_ceil((256 << 10) / q)
    } else {
        1
    };
    let x_bytes = if copy { (p * it.k * size).next_multiple_of(64) } else { 0 };
    let bytes = x_bytes + chunks * p * q * size;
    let run = |buf: *mut u8| {
        let mut xp: *const T = x.ptr.cast_const().cast();
        let mut xs = x_row;
        // SAFETY: the buffer has room for x, packed, and all sums.
        let sums: *mut T = unsafe {
            if copy {
                let d: *mut T = buf.cast();
                for i in 0..p {
                    for k in 0..it.k {
                        d.add(i * it.k + k).write(xp.offset(i as isize * x_row + k as isize * x_k).read());
                    }
                }
                xp = d;
                xs = it.k as isize;
            }
            buf.add(x_bytes).cast()
        };
        let step = it.k.div_ceil(chunks).next_multiple_of(16);
        let (xp, yp, sums) = (Ptr(xp.cast_mut()), Ptr(y.ptr.cast::<T>()), Ptr(sums));
        let per = if dots { (TASK / step.min(it.k)).max(1).next_multiple_of(8) } else { 1024 };
        let parts = q.div_ceil(per);
        let one = |t: usize| {
            let (c, part) = (t / parts, t % parts);
            let (q0, q1) = (part * per, ((part + 1) * per).min(q));
            let k0 = (c * step).min(it.k);
            let kc = step.min(it.k - k0);
            // SAFETY: parts of rows and of k inside the operands; sums of one part are written by one task.
            unsafe {
                let out = sums.get().add(c * p * q);
                let xc = xp.get().cast_const().add(k0);
                if dots {
                    let yc = yp.get().cast_const().add(k0);
                    dot_part(loops, p, kc, xc, xs, yc, y_row, out, q, q0, q1);
                } else {
                    let yc = yp.get().cast_const().offset(k0 as isize * y_k);
                    axpy_part(loops, p, kc, xc, xs, yc, y_k, out, q, q0, q1);
                }
            }
        };
        let tasks = chunks * parts;
        if tasks == 1 || large < TASK {
            for t in 0..tasks {
                one(t);
            }
        } else {
            pool::parallel(tasks, &one);
        }
        // SAFETY: the sums were all written; C is the caller's.
        unsafe {
            for c in 1..chunks {
                for i in 0..p * q {
                    let s = sums.get().add(i);
                    s.write(s.read().plus(s.add(c * p * q).read()));
                }
            }
            let it = if flip { super::turned(it) } else { *it };
            super::sink_of::<T, T>(&it).put(sums.get(), q, 0, p, 0, q);
        }
    };
    Some(with_scratch(0, bytes, run))
}

/// Rows `q0..q1` of y against all rows of x; `out` is p x q.
unsafe fn dot_part<T: HasThin>(
    loops: &Thin<T>,
    p: usize,
    k: usize,
    x: *const T,
    xs: isize,
    y: *const T,
    ys: isize,
    out: *mut T,
    q: usize,
    q0: usize,
    q1: usize,
) {
    let mut tile = [T::default(); 16];
    let mut row = 0;
    while row < p {
        let Some(w) = (0..4).find(|&w| loops.dots[w].0 <= p - row) else { return };
        let (rows, cols, f) = loops.dots[w];
        let mut j = q0;
        while j < q1 {
            let (c, f) = if j + cols <= q1 { (cols, f) } else { (1, loops.last[w].1) };
            // SAFETY: `rows` rows of x and `c` of y exist; the sums lie inside `out`.
            unsafe {
                f(k, x.offset(row as isize * xs), xs, y.offset(j as isize * ys), ys, tile.as_mut_ptr());
                for i in 0..rows {
                    for s in 0..c {
                        out.add((row + i) * q + j + s).write(tile[i * c + s]);
                    }
                }
            }
            j += c;
        }
        row += rows;
    }
}

/// Columns `q0..q1` of the result; `out` is p x q.
unsafe fn axpy_part<T: HasThin>(
    loops: &Thin<T>,
    p: usize,
    k: usize,
    x: *const T,
    xs: isize,
    b: *const T,
    bs: isize,
    out: *mut T,
    q: usize,
    q0: usize,
    q1: usize,
) {
    /// Columns whose sums stay in the first-level cache.
    const COLS: usize = 1024;
    let mut j = q0;
    while j < q1 {
        let n = COLS.min(q1 - j);
        for i in 0..p {
            for c in 0..n {
                // SAFETY: inside `out`.
                unsafe { out.add(i * q + j + c).write(T::default()) };
            }
        }
        let mut k0 = 0;
        while k0 < k {
            // All rows of x while these rows of b are near.
            let kc = if p <= 2 { k } else { 8.min(k - k0) };
            let mut row = 0;
            while row < p {
                let Some(&(rows, f)) = loops.axpy.iter().find(|a| a.0 <= p - row) else { return };
                // SAFETY: inside the operands and `out`.
                unsafe {
                    let xp = x.offset(row as isize * xs).add(k0);
                    let bp = b.offset(k0 as isize * bs).add(j);
                    f(n, kc, xp, xs, bp, bs, out.add(row * q + j), q as isize);
                }
                row += rows;
            }
            k0 += kc;
        }
        j += n;
    }
}

/// Long sums with a small result: chunks of k as products of their own, added in order.
unsafe fn split<T: HasThin>(it: &Item) -> Result<()> {
    let step = it.k.div_ceil(64).max(4096).next_multiple_of(256);
    let chunks = it.k.div_ceil(step);
    let each = it.m * it.n;
    with_scratch(0, chunks * each * size_of::<T>(), |buf| {
        let sums = Ptr(buf.cast::<T>());
        let (ap, bp) = (Ptr(it.a.ptr.cast::<T>()), Ptr(it.b.ptr.cast::<T>()));
        let failed = parking_lot::Mutex::new(None);
        let (m, n, isa) = (it.m, it.n, it.isa);
        let (a, b) = ((it.a.rs, it.a.cs), (it.b.rs, it.b.cs));
        let total = it.k;
        pool::parallel(chunks, &|c| {
            let k0 = c * step;
            let a = Strided::<T> { ptr: ap.get().wrapping_offset(k0 as isize * a.1), js: a.0, ks: a.1, isa };
            let b = Strided::<T> { ptr: bp.get().wrapping_offset(k0 as isize * b.0), js: b.1, ks: b.0, isa };
            let out = Out::plain(sums.get().wrapping_add(c * each), n as isize);
            let kern = T::kernels(isa);
            let job = Job { kern, m, n, k: step.min(total - k0), a: &a, b: &b, out, limit: B_LIMIT };
            if let Err(e) = job.run() {
                *failed.lock() = Some(e);
            }
        });
        if let Some(e) = failed.into_inner() {
            return Err(e);
        }
        // SAFETY: the sums were all written; C is the caller's.
        unsafe {
            for c in 1..chunks {
                for i in 0..each {
                    let s = sums.get().add(i);
                    s.write(s.read().plus(s.add(c * each).read()));
                }
            }
            super::sink_of::<T, T>(it).put(sums.get(), n, 0, m, 0, n);
        }
        Ok(())
    })?
}
