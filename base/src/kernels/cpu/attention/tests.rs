//! Attention against a plain sum in double precision, and the same bits for any number of threads.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::device::cpu::pool;
use crate::shape::contiguous_strides;

struct Case {
    heads: usize,
    rows: usize,
    keys: usize,
    width: usize,
    value_width: usize,
    causal: bool,
    mask: Option<DType>,
}

fn wave(n: usize, step: f64) -> Vec<f32> {
    (0..n).map(|i| ((i as f64 * step).sin() * 1.5) as f32).collect()
}

struct Data {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    g: Vec<f32>,
    mask: Vec<f32>,
    open: Vec<u8>,
}

impl Case {
    fn data(&self) -> Data {
        let (h, l, s) = (self.heads, self.rows, self.keys);
        let mask = wave(l * s, 0.91);
        // The second row may attend to nothing.
        let open = mask.iter().enumerate().map(|(i, &m)| (m > -0.5 && (i / s != 1 || l == 1)) as u8).collect();
        Data {
            q: wave(h * l * self.width, 0.37),
            k: wave(h * s * self.width, 0.53),
            v: wave(h * s * self.value_width, 0.71),
            g: wave(h * l * self.value_width, 0.29),
            mask,
            open,
        }
    }

    /// Results and gradients: output, in query, in key, in value.
    fn run(&self, d: &Data) -> [Vec<f32>; 4] {
        let (h, l, s, e, ev) = (self.heads, self.rows, self.keys, self.width, self.value_width);
        let strides = |a: usize, b: usize| contiguous_strides(&[h as i64, a as i64, b as i64]);
        let (sq, sk, sv, so) = (strides(l, e), strides(s, e), strides(s, ev), strides(l, ev));
        let sm = [0, s as i64, 1];
        let op = |x: &[f32], st| Operand { ptr: x.as_ptr() as *mut u8, dtype: DType::F32, strides: st };
        let mask = self.mask.map(|t| match t {
            DType::Bool => Operand { ptr: d.open.as_ptr() as *mut u8, dtype: t, strides: &sm },
            _ => op(&d.mask, &sm),
        });
        let batch = [h as i64];
        let a = Attention {
            batch: &batch,
            rows: l,
            keys: s,
            width: e,
            value_width: ev,
            query: op(&d.q, &sq),
            key: op(&d.k, &sk),
            value: op(&d.v, &sv),
            mask,
            causal: self.causal,
            scale: 0.4,
        };
        let mut out = vec![f32::NAN; h * l * ev];
        let mut lse = vec![f32::NAN; h * l];
        let to = Operand { ptr: out.as_mut_ptr().cast(), dtype: DType::F32, strides: &so };
        forward(&a, to, lse.as_mut_ptr().cast()).unwrap();
        let mut of = [vec![f32::NAN; h * l * e], vec![f32::NAN; h * s * e], vec![f32::NAN; h * s * ev]];
        let st = [&sq, &sk, &sv];
        let mut ops =
            of.iter_mut().zip(st).map(|(x, s)| Operand { ptr: x.as_mut_ptr().cast(), dtype: DType::F32, strides: s });
        let (iq, ik, iv) = (ops.next().unwrap(), ops.next().unwrap(), ops.next().unwrap());
        backward(&a, op(&d.g, &so), to, lse.as_ptr().cast(), iq, ik, iv).unwrap();
        let [iq, ik, iv] = of;
        [out, iq, ik, iv]
    }

    fn plain(&self, d: &Data) -> [Vec<f64>; 4] {
        let (l, s, e, ev) = (self.rows, self.keys, self.width, self.value_width);
        let mut r = [d.g.len(), d.q.len(), d.k.len(), d.v.len()].map(|n| vec![0.0; n]);
        for (h, i) in (0..self.heads).flat_map(|h| (0..l).map(move |i| (h, i))) {
            let q = |c: usize| d.q[(h * l + i) * e + c] as f64;
            let k = |j: usize, c: usize| d.k[(h * s + j) * e + c] as f64;
            let v = |j: usize, c: usize| d.v[(h * s + j) * ev + c] as f64;
            let g = |c: usize| d.g[(h * l + i) * ev + c] as f64;
            let score = |j: usize| match self.mask {
                _ if self.causal && j > i => f64::NEG_INFINITY,
                Some(DType::Bool) if d.open[i * s + j] == 0 => f64::NEG_INFINITY,
                m => {
                    let x: f64 = (0..e).map(|c| q(c) * k(j, c)).sum::<f64>() * 0.4;
                    if m == Some(DType::F32) { x + d.mask[i * s + j] as f64 } else { x }
                }
            };
            let scores: Vec<f64> = (0..s).map(score).collect();
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if top == f64::NEG_INFINITY {
                continue;
            }
            let p: Vec<f64> = scores.iter().map(|x| (x - top).exp()).collect();
            let sum: f64 = p.iter().sum();
            let p: Vec<f64> = p.iter().map(|x| x / sum).collect();
            let back: Vec<f64> = (0..s).map(|j| (0..ev).map(|c| g(c) * v(j, c)).sum()).collect();
            let mean: f64 = (0..s).map(|j| p[j] * back[j]).sum();
            for j in 0..s {
                let ds = p[j] * (back[j] - mean) * 0.4;
                for c in 0..ev {
                    r[0][(h * l + i) * ev + c] += p[j] * v(j, c);
                    r[3][(h * s + j) * ev + c] += p[j] * g(c);
                }
                for c in 0..e {
                    r[1][(h * l + i) * e + c] += ds * k(j, c);
                    r[2][(h * s + j) * e + c] += ds * q(c);
                }
            }
        }
        r
    }
}

const fn case(heads: usize, sizes: [usize; 4], causal: bool, mask: Option<DType>) -> Case {
    let [rows, keys, width, value_width] = sizes;
    Case { heads, rows, keys, width, value_width, causal, mask }
}

const CASES: &[Case] = &[
    case(1, [1, 1, 1, 1], false, None),
    case(2, [5, 7, 3, 4], false, Some(DType::F32)),
    case(3, [64, 64, 32, 32], true, None),
    case(2, [70, 333, 20, 50], false, Some(DType::Bool)),
    case(1, [300, 410, 16, 17], true, Some(DType::Bool)),
    case(1, [260, 200, 33, 8], true, Some(DType::F32)),
    case(2, [9, 0, 4, 3], false, None),
];

#[test]
fn values_and_gradients_are_those_of_the_definition() {
    for (n, c) in CASES.iter().enumerate() {
        let d = c.data();
        for (what, (got, want)) in c.run(&d).iter().zip(c.plain(&d)).enumerate() {
            let most = want.iter().fold(1.0f64, |m, w| m.max(w.abs()));
            for (i, (g, w)) in got.iter().zip(&want).enumerate() {
                assert!((*g as f64 - w).abs() <= 1e-5 * most, "case {n}, result {what}, [{i}]: {g} for {w}");
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let before = pool::num_threads();
    for (n, c) in CASES.iter().enumerate() {
        let d = c.data();
        let mut first = None;
        for threads in 1..=3 {
            pool::set_num_threads(threads);
            let r = c.run(&d).map(|x| x.into_iter().map(f32::to_bits).collect::<Vec<_>>());
            match &first {
                None => first = Some(r),
                Some(f) => assert!(*f == r, "case {n}, {threads} threads"),
            }
        }
    }
    pool::set_num_threads(before);
}
