//! One channel in, one channel out: each plane by itself, sums in registers over the taps.

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

/// Lanes 0..16 of positions `at..at + 16` that lie in `0..w`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn inside(at: isize, w: isize) -> u16 {
    let low = (-at).clamp(0, 16) as u32;
    let high = (w - at).clamp(0, 16) as u32;
    (((1u32 << high) - 1) & !((1u32 << low) - 1)) as u16
}

/// Sixteen positions `at, at + step, ...` of a row of `w` floats, zero outside.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn sixteen(row: *const f32, at: isize, step: usize, w: isize) -> std::arch::x86_64::__m512 {
    use std::arch::x86_64::*;
    // SAFETY: masked lanes are not read; the caller has AVX-512.
    unsafe {
        let a = _mm512_maskz_loadu_ps(inside(at, w), row.wrapping_offset(at));
        if step == 1 {
            return a;
        }
        let b = _mm512_maskz_loadu_ps(inside(at + 16, w), row.wrapping_offset(at + 16));
        let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        _mm512_permutex2var_ps(a, even, b)
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
unsafe fn plane512(p: &Plane, x: *const f32, w: &[f32], bias: f32, out: *mut f32) {
    use std::arch::x86_64::*;
    let w_in = p.size[2] as isize;
    for z in 0..p.grid[0] {
        let mut y = 0;
        while y < p.grid[1] {
            // Two rows at a time: two chains of sums.
            let two = y + 1 < p.grid[1];
            let mut at = 0;
            while at < p.grid[2] {
                let keep = inside(0, (p.grid[2] - at).min(16) as isize);
                let mut s = [_mm512_set1_ps(bias); 2];
                for (t, tap) in p.taps.iter().enumerate() {
                    let x0 = (at * p.step[2]) as isize + tap[2];
                    let f = _mm512_set1_ps(w[t]);
                    // SAFETY: rows lie inside the plane; the rest is masked.
                    unsafe {
                        if let Some(r) = p.row(z, y, *tap) {
                            s[0] = _mm512_fmadd_ps(f, sixteen(x.add(r), x0, p.step[2], w_in), s[0]);
                        }
                        if two && let Some(r) = p.row(z, y + 1, *tap) {
                            s[1] = _mm512_fmadd_ps(f, sixteen(x.add(r), x0, p.step[2], w_in), s[1]);
                        }
                    }
                }
                // SAFETY: inside the grid.
                unsafe {
                    let o = out.add((z * p.grid[1] + y) * p.grid[2] + at);
                    _mm512_mask_storeu_ps(o, keep, s[0]);
                    if two {
                        _mm512_mask_storeu_ps(o.add(p.grid[2]), keep, s[1]);
                    }
                }
                at += 16;
            }
            y += if two { 2 } else { 1 };
        }
    }
}

unsafe fn plane<S: Load<T> + Store<T>, T: Num>(p: &Plane, isa: Isa, x: *const S, w: &[T], bias: T, out: *mut S) {
    // SAFETY: the caller's; types were compared.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        if isa == Isa::Avx512 && TypeId::of::<S>() == TypeId::of::<f32>() && p.step[2] <= 2 {
            let w = std::slice::from_raw_parts(w.as_ptr().cast::<f32>(), w.len());
            let bias = std::ptr::from_ref(&bias).cast::<f32>().read();
            return plane512(p, x.cast(), w, bias, out.cast());
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

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
unsafe fn weight512(p: &Plane, x: *const f32, dy: *const f32, tap: [isize; 3]) -> f32 {
    use std::arch::x86_64::*;
    let w_in = p.size[2] as isize;
    let mut s = [_mm512_setzero_ps(); 2];
    for z in 0..p.grid[0] {
        for y in 0..p.grid[1] {
            let Some(r) = p.row(z, y, tap) else { continue };
            let mut at = 0;
            while at < p.grid[2] {
                let keep = inside(0, (p.grid[2] - at).min(16) as isize);
                let x0 = (at * p.step[2]) as isize + tap[2];
                // SAFETY: rows lie inside the planes; the rest is masked.
                unsafe {
                    let d = _mm512_maskz_loadu_ps(keep, dy.add((z * p.grid[1] + y) * p.grid[2] + at));
                    s[y % 2] = _mm512_fmadd_ps(d, sixteen(x.add(r), x0, p.step[2], w_in), s[y % 2]);
                }
                at += 16;
            }
        }
    }
    _mm512_reduce_add_ps(_mm512_add_ps(s[0], s[1]))
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
        for (t, tap) in taps.iter().enumerate() {
            let mut sum = T::default();
            for image in 0..s.n {
                let i = image * s.groups + c;
                // SAFETY: the caller's; types were compared and the instruction set found.
                unsafe {
                    let (xp, dp) = (x.get().add(i * inp).cast_const(), dy.get().add(i * outp).cast_const());
                    #[cfg(target_arch = "x86_64")]
                    if isa == Isa::Avx512 && TypeId::of::<S>() == TypeId::of::<f32>() && p.step[2] <= 2 {
                        let v = weight512(&p, xp.cast(), dp.cast(), *tap);
                        sum = sum.plus(std::ptr::from_ref(&v).cast::<T>().read());
                        continue;
                    }
                    sum = sum.plus(weight_plain::<S, T>(&p, xp, dp, *tap));
                }
            }
            // SAFETY: one weight per (channel, tap).
            unsafe { dw.get().add(c * n + t).write(S::from_sum(sum)) };
        }
        Ok(())
    })
}
