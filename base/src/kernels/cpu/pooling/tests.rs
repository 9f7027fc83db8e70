//! Against naive loops.

use super::average::{avg_as, avg_back_as};
use super::maximum::{max_as, max_back_as};
use super::*;

fn shape2(h: usize, w: usize, k: usize, stride: usize, padding: usize, ceil: bool) -> PoolShape {
    let out = |n: usize| {
        let mut o = (n + 2 * padding - k + if ceil { stride - 1 } else { 0 }) / stride + 1;
        if ceil && (o - 1) * stride >= n + padding {
            o -= 1;
        }
        o
    };
    PoolShape {
        planes: 3,
        in_sizes: [1, h, w],
        out_sizes: [1, out(h), out(w)],
        kernel: [1, k, k],
        stride: [1, stride, stride],
        padding: [0, padding, padding],
        dilation: [1; 3],
    }
}

fn values(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919) % 23) as f32 - 11.0).collect()
}

#[test]
fn maxima_and_their_places() {
    for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|&i| i <= crate::device::cpu::isa::best()) {
        for (h, w, k, st, pad, ceil) in
            [(7, 9, 3, 2, 1, false), (6, 6, 2, 2, 0, false), (5, 150, 3, 1, 1, true), (8, 11, 3, 3, 1, true)]
        {
            let s = shape2(h, w, k, st, pad, ceil);
            let (inp, outp) = (h * w, volume(s.out_sizes));
            let mut x = values(3 * inp);
            x[inp + 5] = f32::NAN;
            for v in &mut x[2 * inp..] {
                *v = f32::NEG_INFINITY;
            }
            let (mut y, mut at) = (vec![0f32; 3 * outp], vec![-1i64; 3 * outp]);
            // SAFETY: the vectors have the sizes of the shape.
            unsafe { max_as::<f32, f32>(&s, isa, x.as_ptr(), y.as_mut_ptr(), Some(at.as_mut_ptr())) }.expect("max");
            for p in 0..3 {
                for o in 0..outp {
                    let (oy, ox) = (o / s.out_sizes[2], o % s.out_sizes[2]);
                    let (mut best, mut place, mut none) = (f32::NEG_INFINITY, 0, true);
                    for i in 0..k {
                        for j in 0..k {
                            let (r, c) = ((oy * st + i) as isize - pad as isize, (ox * st + j) as isize - pad as isize);
                            if r < 0 || c < 0 || r >= h as isize || c >= w as isize {
                                continue;
                            }
                            let q = r as usize * w + c as usize;
                            let v = x[p * inp + q];
                            if none {
                                (place, none) = (q, false);
                            }
                            if v > best || v.is_nan() {
                                (best, place) = (v, q);
                            }
                        }
                    }
                    assert_eq!(y[p * outp + o].to_bits(), best.to_bits());
                    assert_eq!(at[p * outp + o], place as i64);
                }
            }
            let dy = values(3 * outp);
            let mut dx = vec![f32::NAN; 3 * inp];
            // SAFETY: as above.
            unsafe { max_back_as::<f32, f32>(3, inp, outp, dy.as_ptr(), at.as_ptr(), dx.as_mut_ptr()) }.expect("back");
            assert!((dx.iter().sum::<f32>() - dy.iter().sum::<f32>()).abs() < 1e-2);
        }
    }
}

#[test]
fn averages_and_what_they_divide_by() {
    for (h, w, k, st, pad, ceil) in
        [(7, 9, 3, 2, 1, false), (6, 6, 2, 2, 0, false), (5, 150, 3, 1, 1, true), (8, 11, 3, 3, 1, true)]
    {
        for by in [
            Divisor { count_include_pad: true, fixed: None },
            Divisor { count_include_pad: false, fixed: None },
            Divisor { count_include_pad: true, fixed: Some(5) },
        ] {
            let s = shape2(h, w, k, st, pad, ceil);
            let (inp, outp) = (h * w, volume(s.out_sizes));
            let x = values(3 * inp);
            let dy = values(3 * outp);
            let (mut y, mut dx) = (vec![0f32; 3 * outp], vec![f32::NAN; 3 * inp]);
            // SAFETY: the vectors have the sizes of the shape.
            unsafe {
                avg_as::<f32, f32>(&s, isa(), by, x.as_ptr(), y.as_mut_ptr()).expect("avg");
                avg_back_as::<f32, f32>(&s, by, dy.as_ptr(), dx.as_mut_ptr()).expect("back");
            }
            let mut want_dx = vec![0f32; 3 * inp];
            for p in 0..3 {
                for o in 0..outp {
                    let (oy, ox) = (o / s.out_sizes[2], o % s.out_sizes[2]);
                    let end = |o: usize, n: usize| (o * st + k).min(n + 2 * pad);
                    let (mut sum, mut seen) = (0f32, vec![]);
                    for i in oy * st..end(oy, h) {
                        for j in ox * st..end(ox, w) {
                            if i >= pad && j >= pad && i < h + pad && j < w + pad {
                                seen.push((i - pad) * w + j - pad);
                                sum += x[p * inp + (i - pad) * w + j - pad];
                            }
                        }
                    }
                    let area = (end(oy, h) - oy * st) * (end(ox, w) - ox * st);
                    let d = match by.fixed {
                        Some(d) => d as f32,
                        None if by.count_include_pad => area as f32,
                        None => seen.len() as f32,
                    };
                    assert!((y[p * outp + o] - sum / d).abs() < 1e-5);
                    for q in seen {
                        want_dx[p * inp + q] += dy[p * outp + o] / d;
                    }
                }
            }
            assert!(dx.iter().zip(&want_dx).all(|(a, b)| (a - b).abs() < 1e-4));
        }
    }
}

#[test]
fn adaptive_windows_cover() {
    let (ins, outs) = ([3, 7, 40], [2, 3, 5]);
    let x = values(2 * volume(ins));
    let n = 2 * volume(outs);
    let (mut y, mut m, mut at) = (vec![0f32; n], vec![0f32; n], vec![0i64; n]);
    let mut dx = vec![0f32; x.len()];
    // SAFETY: the vectors have the sizes.
    unsafe {
        adaptive_avg_forward(2, ins, outs, DType::F32, x.as_ptr().cast(), y.as_mut_ptr().cast()).expect("avg");
        adaptive_max_forward(2, ins, outs, DType::F32, x.as_ptr().cast(), m.as_mut_ptr().cast(), at.as_mut_ptr())
            .expect("max");
        adaptive_avg_backward(2, ins, outs, DType::F32, y.as_ptr().cast(), dx.as_mut_ptr().cast()).expect("back");
    }
    for o in 0..n {
        let (p, r) = (o / volume(outs), o % volume(outs));
        let c = [r / (outs[1] * outs[2]), r / outs[2] % outs[1], r % outs[2]];
        let w = [0, 1, 2].map(|d| (c[d] * ins[d] / outs[d])..((c[d] + 1) * ins[d]).div_ceil(outs[d]));
        let (mut sum, mut count, mut best) = (0f32, 0, f32::NEG_INFINITY);
        for z in w[0].clone() {
            for yy in w[1].clone() {
                for xx in w[2].clone() {
                    let v = x[p * volume(ins) + (z * ins[1] + yy) * ins[2] + xx];
                    sum += v;
                    count += 1;
                    best = best.max(v);
                }
            }
        }
        assert!((y[o] - sum / count as f32).abs() < 1e-5);
        assert_eq!(m[o], best);
        assert_eq!(x[p * volume(ins) + at[o] as usize], best);
    }
    assert!((dx.iter().sum::<f32>() - y.iter().sum::<f32>()).abs() < 1e-3);
}
