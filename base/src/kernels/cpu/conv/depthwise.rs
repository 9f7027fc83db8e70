//! One channel in, one channel out: each plane by itself, sums in registers over the taps.

#[cfg(target_arch = "x86_64")]
use super::image::lanes_inside;
use super::{ConvShape, each, volume};
use crate::device::cpu::isa::Isa;
use crate::error::Result;
use crate::kernels::Ptr;
use crate::kernels::cpu::gemm::lane::Num;
use crate::kernels::cpu::gemm::pack::Load;
use crate::kernels::cpu::gemm::sink::Store;
use std::any::TypeId;

/// A plane read through taps: `out[q] = bias + sum over taps of w[t] * x[q * step + tap]`, zero outside.
struct Plane<'a> {
    size: [usize; 3],
    grid: [usize; 3],
    step: [usize; 3],
    taps: &'a [[isize; 3]],
}

impl Plane<'_> {
    /// The row of x that row (z, y) of the grid sees through a tap.
    #[inline(always)]
    fn row(&self, z: usize, y: usize, tap: [isize; 3]) -> Option<usize> {
        let (z, y) = ((z * self.step[0]) as isize + tap[0], (y * self.step[1]) as isize + tap[1]);
        let inside = z >= 0 && y >= 0 && (z as usize) < self.size[0] && (y as usize) < self.size[1];
        inside.then(|| (z as usize * self.size[1] + y as usize) * self.size[2])
    }
}

#[inline(always)]
unsafe fn plain<S: Load<T> + Store<T>, T: Num>(p: &Plane, x: *const S, w: &[T], bias: T, out: *mut S) {
    const BLOCK: usize = 64;
    let w_in = p.size[2] as isize;
    for z in 0..p.grid[0] {
        for y in 0..p.grid[1] {
            let mut at = 0;
            while at < p.grid[2] {
                let n = BLOCK.min(p.grid[2] - at);
                let mut acc = [T::default(); BLOCK];
                for (t, tap) in p.taps.iter().enumerate() {
                    let Some(row) = p.row(z, y, *tap) else { continue };
                    let x0 = (at * p.step[2]) as isize + tap[2];
                    let step = p.step[2] as isize;
                    let first = if x0 < 0 { (-x0 + step - 1) / step } else { 0 }.min(n as isize) as usize;
                    let end = ((w_in - x0 + step - 1).max(0) / step).clamp(first as isize, n as isize) as usize;
                    for i in first..end {
                        // SAFETY: the index lies inside the row, by the two bounds.
                        let v = unsafe { x.add(row).offset(x0 + i as isize * step).read() };
                        acc[i] = v.load().times(w[t]).plus(acc[i]);
                    }
                }
                for i in 0..n {
                    // SAFETY: inside the grid.
                    unsafe {
                        let o = (z * p.grid[1] + y) * p.grid[2] + at + i;
                        out.add(o).write(S::from_sum(acc[i].plus(bias)));
                    }
                }
                at += n;
            }
        }
    }
}

/// What sixteen columns of the grid read through each tap: the lanes inside the image.
#[cfg(target_arch = "x86_64")]
fn masks(p: &Plane, at: usize, to: &mut [(u16, u16)]) {
    let w = p.size[2] as isize;
    for (m, tap) in to.iter_mut().zip(p.taps) {
        let x = (at * p.step[2]) as isize + tap[2];
        *m = (lanes_inside(x, w), lanes_inside(x + 16, w));
    }
}

/// The sixteen, with masks that were worked out before.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn masked<const STEP: usize>(x: *const f32, m: (u16, u16)) -> std::arch::x86_64::__m512 {
    use std::arch::x86_64::*;
    // SAFETY: masked lanes are not read; the caller has AVX-512.
    unsafe {
        let a = _mm512_maskz_loadu_ps(m.0, x);
        if STEP == 1 {
            return a;
        }
        let b = _mm512_maskz_loadu_ps(m.1, x.wrapping_add(16));
        let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        _mm512_permutex2var_ps(a, even, b)
    }
}

/// Most taps that the vector loops take.
#[cfg(target_arch = "x86_64")]
const TAPS: usize = 128;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
unsafe fn plane512<const STEP: usize>(p: &Plane, x: *const f32, w: &[f32], bias: f32, out: *mut f32) {
    use std::arch::x86_64::*;
    const ROWS: usize = 4;
    let mut room = [(0u16, 0u16); TAPS];
    let m = &mut room[..w.len().min(TAPS)];
    let [_, height, width] = p.size;
    let down = (p.step[1] * width) as isize;
    let (top, bottom) = p.taps.iter().fold((0, 0), |(a, b), t| (t[1].min(a), t[1].max(b)));
    let mut at = 0;
    while at < p.grid[2] {
        masks(p, at, m);
        let keep = lanes_inside(0, (p.grid[2] - at).min(16) as isize);
        for z in 0..p.grid[0] {
            let mut y = 0;
            while y < p.grid[1] {
                let begin = (y * p.step[1]) as isize;
                let whole = y + ROWS <= p.grid[1]
                    && begin + top >= 0
                    && begin + ((ROWS - 1) * p.step[1]) as isize + bottom < height as isize;
                // SAFETY: rows lie inside the planes, the grid covers the result; the rest is masked.
                unsafe {
                    let o = out.add((z * p.grid[1] + y) * p.grid[2] + at);
                    let start = x.wrapping_offset(begin * width as isize + (at * STEP) as isize);
                    if whole {
                        let mut s = [_mm512_set1_ps(bias); ROWS];
                        for (t, tap) in p.taps.iter().enumerate() {
                            let zz = (z * p.step[0]) as isize + tap[0];
                            if zz < 0 || zz >= p.size[0] as isize {
                                continue;
                            }
                            let f = _mm512_set1_ps(w[t]);
                            let q = start.wrapping_offset((zz * height as isize + tap[1]) * width as isize + tap[2]);
                            for r in 0..ROWS {
                                let v = masked::<STEP>(q.wrapping_offset(r as isize * down), m[t]);
                                s[r] = _mm512_fmadd_ps(f, v, s[r]);
                            }
                        }
                        for r in 0..ROWS {
                            _mm512_mask_storeu_ps(o.add(r * p.grid[2]), keep, s[r]);
                        }
                        y += ROWS;
                        continue;
                    }
                    let mut s = _mm512_set1_ps(bias);
                    for (t, tap) in p.taps.iter().enumerate() {
                        if let Some(r) = p.row(z, y, *tap) {
                            let q = x.add(r).wrapping_offset((at * STEP) as isize + tap[2]);
                            s = _mm512_fmadd_ps(_mm512_set1_ps(w[t]), masked::<STEP>(q, m[t]), s);
                        }
                    }
                    _mm512_mask_storeu_ps(o, keep, s);
                    y += 1;
                }
            }
        }
        at += 16;
    }
}

unsafe fn plane<S: Load<T> + Store<T>, T: Num>(p: &Plane, isa: Isa, x: *const S, w: &[T], bias: T, out: *mut S) {
    // SAFETY: the caller's; types were compared.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        if isa == Isa::Avx512 && TypeId::of::<S>() == TypeId::of::<f32>() && p.step[2] <= 2 && w.len() <= TAPS {
            let w = std::slice::from_raw_parts(w.as_ptr().cast::<f32>(), w.len());
            let bias = std::ptr::from_ref(&bias).cast::<f32>().read();
            return match p.step[2] {
                1 => plane512::<1>(p, x.cast(), w, bias, out.cast()),
                _ => plane512::<2>(p, x.cast(), w, bias, out.cast()),
            };
        }
        let _ = isa;
        plain(p, x, w, bias, out);
    }
}

pub(super) unsafe fn forward<S: Load<T> + Store<T>, T: Num>(
    s: &ConvShape,
    isa: Isa,
    x: *const S,
    w: *const S,
    bias: Option<*const S>,
    y: *mut S,
) -> Result<()> {
    let taps = super::taps_of(s.kernel, |d, i| (i * s.dilation[d]) as isize - s.padding[d] as isize);
    let (inp, outp, n) = (volume(s.in_sizes), volume(s.out_sizes), taps.len());
    let p = Plane { size: s.in_sizes, grid: s.out_sizes, step: s.stride, taps: &taps };
    let (x, w, y) = (Ptr(x.cast_mut()), Ptr(w.cast_mut()), Ptr(y));
    let bias = bias.map(|b| Ptr(b.cast_mut()));
    each(s.n * s.groups, outp * n * 8, &|i| {
        let c = i % s.groups;
        // SAFETY: the caller's; one plane per call.
        unsafe {
            let f: Vec<T> = (0..n).map(|t| w.get().add(c * n + t).read().load()).collect();
            let b = bias.map_or(T::default(), |b| b.get().add(c).read().load());
            plane(&p, isa, x.get().add(i * inp).cast_const(), &f, b, y.get().add(i * outp));
        }
        Ok(())
    })
}

pub(super) unsafe fn grad_input<S: Load<T> + Store<T>, T: Num>(
    s: &ConvShape,
    isa: Isa,
    dy: *const S,
    w: *const S,
    bias: Option<*const S>,
    dx: *mut S,
) -> Result<()> {
    let (inp, outp, n) = (volume(s.in_sizes), volume(s.out_sizes), s.taps());
    let at = super::taps_of(s.kernel, |_, i| i as isize);
    // With stride 1 the gradient is the same loop over dy with the taps turned round.
    let turned: Vec<[isize; 3]> =
        at.iter().map(|t| [0, 1, 2].map(|d| s.padding[d] as isize - t[d] * s.dilation[d] as isize)).collect();
    let p = Plane { size: s.out_sizes, grid: s.in_sizes, step: [1; 3], taps: &turned };
    let (dy, w, dx) = (Ptr(dy.cast_mut()), Ptr(w.cast_mut()), Ptr(dx));
    let bias = bias.map(|b| Ptr(b.cast_mut()));
    each(s.n * s.groups, outp * n * 8, &|i| {
        let c = i % s.groups;
        // SAFETY: the caller's; one plane per call.
        unsafe {
            let f: Vec<T> = (0..n).map(|t| w.get().add(c * n + t).read().load()).collect();
            let b = bias.map_or(T::default(), |b| b.get().add(c).read().load());
            let (from, to) = (dy.get().add(i * outp).cast_const(), dx.get().add(i * inp));
            if s.stride == [1; 3] {
                plane(&p, isa, from, &f, b, to);
                return Ok(());
            }
            // Each input pixel gathers the output pixels that read it.
            let mut q = 0;
            for z in 0..s.in_sizes[0] {
                for y in 0..s.in_sizes[1] {
                    for x in 0..s.in_sizes[2] {
                        let mut sum = b;
                        for (t, tap) in at.iter().enumerate() {
                            let here = [z, y, x];
                            let mut o = 0;
                            let mut ok = true;
                            for d in 0..3 {
                                let far = (here[d] + s.padding[d]) as isize - tap[d] * s.dilation[d] as isize;
                                let st = s.stride[d] as isize;
                                ok &= far >= 0 && far % st == 0 && far / st < s.out_sizes[d] as isize;
                                o = o * s.out_sizes[d] + (far / st).max(0) as usize;
                            }
                            if ok {
                                sum = from.add(o).read().load().times(f[t]).plus(sum);
                            }
                        }
                        to.add(q).write(S::from_sum(sum));
                        q += 1;
                    }
                }
            }
        }
        Ok(())
    })
}

/// Adds a plane's share of the weights from `t0` on, up to four, to `sums`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
unsafe fn weight512<const STEP: usize>(p: &Plane, x: *const f32, dy: *const f32, t0: usize, sums: &mut [f32]) {
    use std::arch::x86_64::*;
    const GROUP: usize = 4;
    let n = sums.len().min(GROUP);
    let taps: [[isize; 3]; GROUP] = std::array::from_fn(|i| p.taps[t0 + i.min(n - 1)]);
    let part = Plane { taps: &taps, size: p.size, grid: p.grid, step: p.step };
    let mut m = [(0u16, 0u16); GROUP];
    let mut s = [_mm512_setzero_ps(); GROUP];
    let mut at = 0;
    while at < p.grid[2] {
        masks(&part, at, &mut m);
        let keep = lanes_inside(0, (p.grid[2] - at).min(16) as isize);
        for z in 0..p.grid[0] {
            for y in 0..p.grid[1] {
                // SAFETY: rows lie inside the planes; the rest is masked.
                unsafe {
                    let d = _mm512_maskz_loadu_ps(keep, dy.add((z * p.grid[1] + y) * p.grid[2] + at));
                    for i in 0..GROUP {
                        if let Some(r) = p.row(z, y, taps[i]) {
                            let q = x.add(r).wrapping_offset((at * STEP) as isize + taps[i][2]);
                            s[i] = _mm512_fmadd_ps(d, masked::<STEP>(q, m[i]), s[i]);
                        }
                    }
                }
            }
        }
        at += 16;
    }
    let all: [f32; GROUP] = std::array::from_fn(|i| _mm512_reduce_add_ps(s[i]));
    for (to, v) in sums.iter_mut().zip(all) {
        *to += v;
    }
}

unsafe fn weight_plain<S: Load<T>, T: Num>(p: &Plane, x: *const S, dy: *const S, tap: [isize; 3]) -> T {
    let mut sum = T::default();
    for z in 0..p.grid[0] {
        for y in 0..p.grid[1] {
            let Some(r) = p.row(z, y, tap) else { continue };
            let mut row = T::default();
            for i in 0..p.grid[2] {
                let at = (i * p.step[2]) as isize + tap[2];
                if at >= 0 && (at as usize) < p.size[2] {
                    // SAFETY: inside both planes.
                    unsafe {
                        let d = dy.add((z * p.grid[1] + y) * p.grid[2] + i).read().load();
                        row = x.add(r + at as usize).read().load().times(d).plus(row);
                    }
                }
            }
            sum = sum.plus(row);
        }
    }
    sum
}

pub(super) unsafe fn grad_weight<S: Load<T> + Store<T>, T: Num>(
    s: &ConvShape,
    isa: Isa,
    x: *const S,
    dy: *const S,
    dw: *mut S,
) -> Result<()> {
    let taps = super::taps_of(s.kernel, |d, i| (i * s.dilation[d]) as isize - s.padding[d] as isize);
    let (inp, outp, n) = (volume(s.in_sizes), volume(s.out_sizes), taps.len());
    let p = Plane { size: s.in_sizes, grid: s.out_sizes, step: s.stride, taps: &taps };
    let (x, dy, dw) = (Ptr(x.cast_mut()), Ptr(dy.cast_mut()), Ptr(dw));
    each(s.groups, s.n * outp * n * 8, &|c| {
        let mut sums = vec![T::default(); n];
        for image in 0..s.n {
            let i = image * s.groups + c;
            // SAFETY: the caller's; types were compared and the instruction set found.
            unsafe {
                let (xp, dp) = (x.get().add(i * inp).cast_const(), dy.get().add(i * outp).cast_const());
                #[cfg(target_arch = "x86_64")]
                if isa == Isa::Avx512 && TypeId::of::<S>() == TypeId::of::<f32>() && p.step[2] <= 2 {
                    let sums = std::slice::from_raw_parts_mut(sums.as_mut_ptr().cast::<f32>(), n);
                    for (g, part) in sums.chunks_mut(4).enumerate() {
                        match p.step[2] {
                            1 => weight512::<1>(&p, xp.cast(), dp.cast(), 4 * g, part),
                            _ => weight512::<2>(&p, xp.cast(), dp.cast(), 4 * g, part),
                        }
                    }
                    continue;
                }
                for (t, tap) in taps.iter().enumerate() {
                    sums[t] = sums[t].plus(weight_plain::<S, T>(&p, xp, dp, *tap));
                }
            }
        }
        for (t, sum) in sums.iter().enumerate() {
            // SAFETY: one weight per (channel, tap).
            unsafe { dw.get().add(c * n + t).write(S::from_sum(*sum)) };
        }
        Ok(())
    })
}
