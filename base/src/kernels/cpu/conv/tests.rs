//! All three passes against naive loops in f64, over strides, paddings, dilations, groups, dtypes, instruction sets.

use super::*;
use crate::device::cpu::isa::best;

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }
    fn values(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| (self.below(17) as f64 - 8.0) / 8.0).collect()
    }
}

/// Calls `f(x index, w index, y index)` for each multiplication of the convolution.
fn naive(s: &ConvShape, mut f: impl FnMut(usize, usize, usize)) {
    let (ins, outs, ks) = (s.in_sizes, s.out_sizes, s.kernel);
    for n in 0..s.n {
        for g in 0..s.groups {
            for co in 0..s.cout {
                for ci in 0..s.cin {
                    for o in 0..volume(outs) {
                        let oc = [o / (outs[1] * outs[2]), o / outs[2] % outs[1], o % outs[2]];
                        for t in 0..volume(ks) {
                            let tc = [t / (ks[1] * ks[2]), t / ks[2] % ks[1], t % ks[2]];
                            let mut at = 0;
                            let mut ok = true;
                            for d in 0..3 {
                                let i = (oc[d] * s.stride[d] + tc[d] * s.dilation[d]) as isize - s.padding[d] as isize;
                                ok &= i >= 0 && (i as usize) < ins[d];
                                at = at * ins[d] + i.max(0) as usize;
                            }
                            if ok {
                                let x = (n * s.groups + g) * s.cin + ci;
                                let w = (g * s.cout + co) * s.cin + ci;
                                let y = (n * s.groups + g) * s.cout + co;
                                f(x * volume(ins) + at, w * volume(ks) + t, y * volume(outs) + o);
                            }
                        }
                    }
                }
            }
        }
    }
}

fn check<S: Load<T> + Store<T>, T: Native + Load<T> + Store<T>>(
    s: &ConvShape,
    isa: Isa,
    tol: f64,
    to: fn(f64) -> S,
    back: fn(S) -> f64,
    rng: &mut Rng,
) {
    let nx = s.n * s.groups * s.cin * volume(s.in_sizes);
    let nw = s.groups * s.cout * s.cin * volume(s.kernel);
    let ny = s.n * s.groups * s.cout * volume(s.out_sizes);
    let (x, w, dy) = (rng.values(nx), rng.values(nw), rng.values(ny));
    let (by, bx) = (rng.values(s.groups * s.cout), rng.values(s.groups * s.cin));
    let as_s = |v: &[f64]| v.iter().map(|&v| to(v)).collect::<Vec<S>>();
    let (xs, ws, dys, bys, bxs) = (as_s(&x), as_s(&w), as_s(&dy), as_s(&by), as_s(&bx));
    let mut got = [vec![to(f64::NAN); ny], vec![to(f64::NAN); nx], vec![to(f64::NAN); nw]];
    // SAFETY: the vectors have the tensors' sizes.
    unsafe {
        forward_as::<S, T>(s, isa, xs.as_ptr(), ws.as_ptr(), Some(bys.as_ptr()), got[0].as_mut_ptr()).expect("forward");
        grad_input_as::<S, T>(s, isa, dys.as_ptr(), ws.as_ptr(), Some(bxs.as_ptr()), got[1].as_mut_ptr())
            .expect("grad_input");
        grad_weight_as::<S, T>(s, isa, xs.as_ptr(), dys.as_ptr(), got[2].as_mut_ptr()).expect("grad_weight");
    }
    let (outp, inp) = (volume(s.out_sizes), volume(s.in_sizes));
    let mut want = [
        (0..ny).map(|i| by[i / outp % (s.groups * s.cout)]).collect::<Vec<f64>>(),
        (0..nx).map(|i| bx[i / inp % (s.groups * s.cin)]).collect(),
        vec![0.0; nw],
    ];
    naive(s, |i, j, k| {
        want[0][k] += x[i] * w[j];
        want[1][i] += dy[k] * w[j];
        want[2][j] += x[i] * dy[k];
    });
    for (pass, name) in ["forward", "grad_input", "grad_weight"].iter().enumerate() {
        for (i, (&g, &w)) in got[pass].iter().zip(&want[pass]).enumerate() {
            let g = back(g);
            assert!((g - w).abs() <= tol * (1.0 + w.abs()), "{name} {isa:?} {s:?} at {i}: {g} for {w}");
        }
    }
}

fn shape(rng: &mut Rng, dims: usize) -> ConvShape {
    loop {
        let mut s = ConvShape {
            n: 1 + rng.below(3),
            groups: [1, 1, 2, 3][rng.below(4)],
            cin: 1 + rng.below(5),
            cout: 1 + rng.below(12),
            in_sizes: [1; 3],
            out_sizes: [1; 3],
            kernel: [1; 3],
            stride: [1; 3],
            padding: [0; 3],
            dilation: [1; 3],
        };
        if rng.below(4) == 0 {
            (s.groups, s.cin, s.cout) = (1 + rng.below(6), 1, 1);
        }
        let mut ok = true;
        for d in 3 - dims..3 {
            s.in_sizes[d] = 1 + rng.below(if dims == 3 { 7 } else { 24 });
            s.kernel[d] = 1 + rng.below(4);
            s.stride[d] = 1 + rng.below(3);
            s.padding[d] = rng.below(3);
            s.dilation[d] = 1 + rng.below(2);
            match ConvShape::out_size(s.in_sizes[d], s.kernel[d], s.stride[d], s.padding[d], s.dilation[d]) {
                Some(o) => s.out_sizes[d] = o,
                None => ok = false,
            }
        }
        if ok {
            return s;
        }
    }
}

#[test]
fn three_passes_against_naive_loops() {
    let mut rng = Rng(1);
    for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|&i| i <= best()) {
        for round in 0..60 {
            let s = shape(&mut rng, 1 + round % 3);
            check::<f32, f32>(&s, isa, 1e-5, |v| v as f32, |v| v as f64, &mut rng);
            check::<f64, f64>(&s, isa, 1e-12, |v| v, |v| v, &mut rng);
            check::<f16, f32>(&s, isa, 2e-3, f16::from_f64, f16::to_f64, &mut rng);
            check::<bf16, f32>(&s, isa, 1e-2, bf16::from_f64, bf16::to_f64, &mut rng);
        }
    }
}

#[test]
fn larger_images() {
    let mut rng = Rng(2);
    let base = ConvShape {
        n: 2,
        groups: 1,
        cin: 16,
        cout: 24,
        in_sizes: [1, 40, 37],
        out_sizes: [1, 40, 37],
        kernel: [1, 3, 3],
        stride: [1; 3],
        padding: [0, 1, 1],
        dilation: [1; 3],
    };
    let pointwise = ConvShape { kernel: [1; 3], padding: [0; 3], ..base };
    let halved = ConvShape { stride: [1, 2, 2], out_sizes: [1, 20, 19], ..base };
    for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|&i| i <= best()) {
        for s in [base, pointwise, halved] {
            check::<f32, f32>(&s, isa, 1e-4, |v| v as f32, |v| v as f64, &mut rng);
            check::<bf16, f32>(&s, isa, 1e-2, bf16::from_f64, bf16::to_f64, &mut rng);
        }
    }
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let mut rng = Rng(4);
    let s = ConvShape {
        n: 3,
        groups: 2,
        cin: 17,
        cout: 20,
        in_sizes: [1, 33, 29],
        out_sizes: [1, 33, 29],
        kernel: [1, 3, 3],
        stride: [1; 3],
        padding: [0, 1, 1],
        dilation: [1; 3],
    };
    let floats = |rng: &mut Rng, n: usize| (0..n).map(|_| rng.below(1 << 20) as f32 / 1e6 - 0.5).collect::<Vec<f32>>();
    let (nx, nw, ny) = (3 * 34 * 33 * 29, 40 * 17 * 9, 3 * 40 * 33 * 29);
    let (x, w, dy) = (floats(&mut rng, nx), floats(&mut rng, nw), floats(&mut rng, ny));
    let run = |threads| {
        pool::set_num_threads(threads);
        let (mut y, mut dx, mut dw) = (vec![0f32; ny], vec![0f32; nx], vec![0f32; nw]);
        let (d, px, pw, py) = (DType::F32, x.as_ptr().cast(), w.as_ptr().cast(), dy.as_ptr().cast());
        // SAFETY: the vectors have the tensors' sizes.
        unsafe {
            forward(&s, d, px, pw, None, y.as_mut_ptr().cast()).expect("forward");
            grad_input(&s, d, py, pw, None, dx.as_mut_ptr().cast()).expect("grad_input");
            grad_weight(&s, d, px, py, dw.as_mut_ptr().cast()).expect("grad_weight");
        }
        [y, dx, dw].map(|v| v.into_iter().map(f32::to_bits).collect::<Vec<u32>>())
    };
    let one = run(1);
    assert!(one == run(2) && one == run(5));
    pool::set_num_threads(2);
}
