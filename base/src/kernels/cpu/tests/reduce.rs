use super::*;
use crate::dtype::{B8, f16};
use crate::kernels::cpu::reduce::{arg_reduce, logsumexp, map_reduce, softmax, softmax_backward, var_mean};
use crate::kernels::program::{Compute, Reduce};

fn wave(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 % 10007) as f32 / 10007.0 - 0.3) * 4.0).collect()
}

fn identity() -> Program {
    Program { n_in: 1, outs: vec![Src::In(0)], ..Program::default() }
}

/// Reference: f64, by index arithmetic.
fn reference(x: &[f64], shape: &[i64], reduced: &[bool], init: f64, f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let c = contiguous_strides(shape);
    let kept: Vec<usize> = (0..shape.len()).filter(|&d| !reduced[d]).collect();
    let ks: Vec<i64> = kept.iter().map(|&d| shape[d]).collect();
    let kc = contiguous_strides(&ks);
    let mut out = vec![init; ks.iter().product::<i64>() as usize];
    for i in 0..x.len() as i64 {
        let mut k = 0;
        for (j, &d) in kept.iter().enumerate() {
            k += i / c[d] % shape[d] * kc[j];
        }
        out[k as usize] = f(out[k as usize], x[i as usize]);
    }
    out
}

fn out_strides(shape: &[i64], reduced: &[bool]) -> Vec<i64> {
    let mut n = 1;
    let mut s = vec![0; shape.len()];
    for d in (0..shape.len()).rev() {
        if !reduced[d] {
            s[d] = n;
            n *= shape[d];
        }
    }
    s
}

const SHAPES: &[(&[i64], &[bool])] = &[
    (&[1], &[true]),
    (&[7], &[true]),
    (&[100_003], &[true]),
    (&[300_000], &[true]),
    (&[5, 9], &[false, true]),
    (&[5, 9], &[true, false]),
    (&[1000, 3], &[true, false]),
    (&[1000, 3], &[false, true]),
    (&[5003, 3], &[true, false]),
    (&[3, 70_000], &[false, true]),
    (&[70_000, 5], &[true, false]),
    (&[3000, 700], &[true, false]),
    (&[300, 700], &[false, true]),
    (&[17, 40, 33], &[false, true, false]),
    (&[17, 40, 33], &[true, false, true]),
    (&[8, 6, 20, 20], &[true, false, true, true]),
    (&[8, 6, 200, 2], &[true, false, true, true]),
    (&[4, 5, 6, 7], &[false, true, false, true]),
    (&[40, 50, 16], &[true, true, false]),
];

#[test]
fn sums_and_maxima_over_any_dimensions() {
    for &(shape, reduced) in SHAPES {
        let n: i64 = shape.iter().product();
        let x = wave(n as usize);
        let wide: Vec<f64> = x.iter().map(|&v| v as f64).collect();
        let so = out_strides(shape, reduced);
        for (reduce, init, f) in [
            (Reduce::Sum, 0.0, (|a, b| a + b) as fn(f64, f64) -> f64),
            (Reduce::Max, f64::NEG_INFINITY, f64::max),
            (Reduce::Min, f64::INFINITY, f64::min),
        ] {
            let want = reference(&wide, shape, reduced, init, f);
            let out = vec![f32::NAN; want.len()];
            let a = T::new(x.clone(), shape);
            map_reduce(&identity(), reduce, None, Compute::F32, &[], shape, reduced, &[a.op()], op(&out, &so)).unwrap();
            let count = n as f64 / want.len() as f64;
            for (i, (g, w)) in out.iter().zip(&want).enumerate() {
                let tolerance = if reduce == Reduce::Sum { 1e-6 * (count.sqrt() + w.abs()) } else { 0.0 };
                assert!((*g as f64 - w).abs() <= tolerance, "{shape:?} {reduced:?} {reduce:?} [{i}] {g} {w}");
            }
            // A formula before, another layout: sum of squares of a transposed view, halved after.
            if reduce == Reduce::Sum {
                let post = Program {
                    n_in: 1,
                    consts: vec![0.5],
                    code: vec![instr(Prim::Mul, 0, &[Src::In(0), Src::Const(0)])],
                    outs: vec![Src::Reg(0)],
                    n_regs: 1,
                    ..Program::default()
                };
                let back: Vec<i64> = shape.iter().rev().copied().collect();
                let mut st = contiguous_strides(&back).to_vec();
                st.reverse();
                let c = contiguous_strides(shape);
                let mut y = vec![0f32; n as usize];
                for i in 0..n {
                    let at: i64 = (0..shape.len()).map(|d| i / c[d] % shape[d] * st[d]).sum();
                    y[at as usize] = x[i as usize];
                }
                let sq: Vec<f64> = wide.iter().map(|v| v * v * 0.5).collect();
                let want = reference(&sq, shape, reduced, 0.0, f);
                map_reduce(
                    &single(Prim::Square),
                    reduce,
                    Some(&post),
                    Compute::F32,
                    &[],
                    shape,
                    reduced,
                    &[op(&y, &st)],
                    op(&out, &so),
                )
                .unwrap();
                for (g, w) in out.iter().zip(&want) {
                    assert!((*g as f64 - w).abs() <= 2e-6 * w.abs() + 1e-6, "{shape:?} {reduced:?} squares {g} {w}");
                }
            }
        }
    }
}

#[test]
fn other_types_and_nan() {
    let s = [1000i64, 3];
    let x: Vec<i32> = (0..3000).collect();
    let out = vec![0i64; 3];
    let a = T::new(x, &s);
    map_reduce(&identity(), Reduce::Sum, None, Compute::I64, &[], &s, &[true, false], &[a.op()], op(&out, &[0, 1]))
        .unwrap();
    assert_eq!(out, [1_498_500, 1_499_500, 1_500_500]);
    let any = vec![B8(9); 1];
    map_reduce(&identity(), Reduce::All, None, Compute::I64, &[], &s, &[true, true], &[a.op()], op(&any, &[0, 0]))
        .unwrap();
    assert_eq!(any, [B8(0)]);
    map_reduce(&identity(), Reduce::Any, None, Compute::I64, &[], &s, &[true, true], &[a.op()], op(&any, &[0, 0]))
        .unwrap();
    assert_eq!(any, [B8(1)]);
    let h = T::new(vec![f16::ONE; 5000], &[5000]);
    let o = vec![f16::ZERO];
    map_reduce(&identity(), Reduce::Sum, None, Compute::F32, &[], &[5000], &[true], &[h.op()], op(&o, &[0])).unwrap();
    assert_eq!(o[0].to_f32(), 5000.0);
    for at in [0, 3, 700, 1999] {
        let mut v = wave(2000);
        v[at] = f32::NAN;
        let v = T::new(v, &[2000]);
        let o = vec![0f32];
        map_reduce(&identity(), Reduce::Max, None, Compute::F32, &[], &[2000], &[true], &[v.op()], op(&o, &[0]))
            .unwrap();
        assert!(o[0].is_nan());
        let i = vec![0i64];
        arg_reduce(&[2000], 0, v.op(), None, op(&i, &[0]), false).unwrap();
        assert_eq!(i[0], at as i64);
    }
    // Nothing to reduce.
    let e: [f32; 0] = [];
    let o = vec![5f32; 2];
    map_reduce(
        &identity(),
        Reduce::Sum,
        None,
        Compute::F32,
        &[],
        &[0, 2],
        &[true, false],
        &[op(&e, &[2, 1])],
        op(&o, &[0, 1]),
    )
    .unwrap();
    assert_eq!(o, [0.0; 2]);
}

#[test]
fn places_of_maxima() {
    for shape in [[4i64, 7, 9], [30, 1, 5], [1, 3000, 1], [3, 2500, 600]] {
        let n: i64 = shape.iter().product();
        let x: Vec<f32> = (0..n).map(|i| (i * 7919 % 101) as f32).collect();
        let c = contiguous_strides(&shape);
        for dim in 0..3 {
            for max in [true, false] {
                let mut ks = shape;
                ks[dim] = 1;
                let so = contiguous_strides(&ks);
                let m = (n / shape[dim]) as usize;
                let (v, ix) = (vec![0f32; m], vec![0i64; m]);
                arg_reduce(&shape, dim, op(&x, &c), Some(op(&v, &so)), op(&ix, &so), max).unwrap();
                for k in 0..m as i64 {
                    let base: i64 = (0..3).map(|d| k / so[d] % ks[d] * c[d]).sum();
                    let (mut bv, mut bi) = (x[base as usize], 0);
                    for r in 1..shape[dim] {
                        let y = x[(base + r * c[dim]) as usize];
                        if if max { y > bv } else { y < bv } {
                            (bv, bi) = (y, r);
                        }
                    }
                    assert_eq!((v[k as usize], ix[k as usize]), (bv, bi), "{shape:?} {dim} {max} {k}");
                }
            }
        }
    }
}

#[test]
fn variance_and_logsumexp() {
    for &(shape, reduced) in SHAPES {
        let n: i64 = shape.iter().product();
        let x = wave(n as usize);
        let wide: Vec<f64> = x.iter().map(|&v| v as f64).collect();
        let so = out_strides(shape, reduced);
        let sum = reference(&wide, shape, reduced, 0.0, |a, b| a + b);
        let squares: Vec<f64> = wide.iter().map(|v| v * v).collect();
        let sq = reference(&squares, shape, reduced, 0.0, |a, b| a + b);
        let exps: Vec<f64> = wide.iter().map(|v| v.exp()).collect();
        let ex = reference(&exps, shape, reduced, 0.0, |a, b| a + b);
        let count = n as f64 / sum.len() as f64;
        let (v, m, l) = (vec![0f32; sum.len()], vec![0f32; sum.len()], vec![0f32; sum.len()]);
        let a = T::new(x, shape);
        var_mean(shape, reduced, a.op(), 1.0, Some(op(&v, &so)), Some(op(&m, &so))).unwrap();
        logsumexp(shape, reduced, a.op(), op(&l, &so)).unwrap();
        for i in 0..sum.len() {
            let mean = sum[i] / count;
            let var = (sq[i] - mean * mean * count) / (count - 1.0).max(0.0);
            assert!((m[i] as f64 - mean).abs() < 1e-5, "{shape:?} mean {} {mean}", m[i]);
            assert!(
                count == 1.0 && v[i].is_nan() || (v[i] as f64 - var).abs() < 1e-5 * (1.0 + var),
                "{shape:?} var {} {var}",
                v[i]
            );
            assert!((l[i] as f64 - ex[i].ln()).abs() < 1e-5, "{shape:?} logsumexp");
        }
    }
}

#[test]
fn softmax_forward_and_backward() {
    for shape in [[1i64, 1, 1], [3, 17, 5], [2, 300, 64], [1, 5000, 3], [7, 4, 1]] {
        let n: i64 = shape.iter().product();
        let c = contiguous_strides(&shape);
        let x = wave(n as usize);
        let g: Vec<f32> = wave(n as usize).iter().map(|v| v * 0.7 - 0.1).collect();
        for dim in 0..3 {
            for log in [false, true] {
                let (y, gi) = (vec![0f32; n as usize], vec![0f32; n as usize]);
                softmax(&shape, dim, op(&x, &c), op(&y, &c), log).unwrap();
                softmax_backward(&shape, dim, op(&g, &c), op(&y, &c), op(&gi, &c), log).unwrap();
                let in_place = x.clone();
                softmax(&shape, dim, op(&in_place, &c), op(&in_place, &c), log).unwrap();
                assert_eq!(y, in_place);
                let at = |i: i64, r: i64| (i - i / c[dim] % shape[dim] * c[dim] + r * c[dim]) as usize;
                for i in 0..n {
                    let row: Vec<usize> = (0..shape[dim]).map(|r| at(i, r)).collect();
                    let sum: f64 = row.iter().map(|&j| (x[j] as f64).exp()).sum();
                    let p = |j: usize| (x[j] as f64).exp() / sum;
                    let j = i as usize;
                    let (want, grad) = if log {
                        (p(j).ln(), g[j] as f64 - p(j) * row.iter().map(|&k| g[k] as f64).sum::<f64>())
                    } else {
                        (p(j), p(j) * (g[j] as f64 - row.iter().map(|&k| g[k] as f64 * p(k)).sum::<f64>()))
                    };
                    assert!(
                        (y[j] as f64 - want).abs() < 1e-6 * (1.0 + want.abs()),
                        "{shape:?} {dim} {log} {} {want}",
                        y[j]
                    );
                    assert!((gi[j] as f64 - grad).abs() < 1e-5, "{shape:?} {dim} {log} grad {} {grad}", gi[j]);
                }
            }
        }
    }
}
