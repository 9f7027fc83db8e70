//! Tests of indexing, scans, sorting and creation: random shapes in random layouts against the plainest code. (What
//! PyTorch itself answers was compared on thousands of cases when they were written; the fixed cases here keep the
//! points where it is peculiar.)

use crate::dtype::{Element, bf16};
use crate::error::Kind;
use crate::kernels::Operand;
use crate::kernels::cpu::index::{self, Index, Plan, Reduce, Rule};
use crate::kernels::cpu::{creation, gather, mask, scan, search, select, sort};
use crate::scalar::Scalar;

/// A generator of small numbers; the same for every run.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as i64) % n.max(1)
    }
    fn shape(&mut self, dims: i64) -> Vec<i64> {
        (0..dims).map(|_| 1 + self.below(5)).collect()
    }
    fn ints(&mut self, n: i64, low: i64, high: i64) -> Vec<i64> {
        (0..n).map(|_| low + self.below(high - low)).collect()
    }
    fn floats(&mut self, n: i64) -> Vec<f32> {
        (0..n).map(|_| self.below(9) as f32 / 2.0 - 2.0).collect()
    }
}

/// A tensor whose elements lie anywhere: permuted, with gaps.
struct A<T> {
    memory: Vec<T>,
    shape: Vec<i64>,
    strides: Vec<i64>,
}

impl<T: Element> A<T> {
    fn new(rng: &mut Rng, shape: &[i64], data: &[T]) -> A<T> {
        let mut order: Vec<usize> = (0..shape.len()).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, rng.below(i as i64 + 1) as usize);
        }
        let mut strides = vec![0; shape.len()];
        let mut next = 1 + rng.below(2);
        for &d in &order {
            strides[d] = next;
            next *= shape[d].max(1) + rng.below(2);
        }
        let mut a = A { memory: vec![T::default(); next as usize + 1], shape: shape.to_vec(), strides };
        for (i, &v) in data.iter().enumerate() {
            let at = a.at(i as i64);
            a.memory[at] = v;
        }
        a
    }
    fn empty(rng: &mut Rng, shape: &[i64]) -> A<T> {
        A::new(rng, shape, &vec![T::default(); shape.iter().product::<i64>() as usize])
    }
    fn at(&self, mut i: i64) -> usize {
        let mut at = 0;
        for d in (0..self.shape.len()).rev() {
            at += i % self.shape[d] * self.strides[d];
            i /= self.shape[d];
        }
        at as usize
    }
    fn op(&self) -> Operand<'_> {
        Operand { ptr: self.memory.as_ptr() as *mut u8, dtype: T::DTYPE, strides: &self.strides }
    }
    fn data(&self) -> Vec<T> {
        (0..self.shape.iter().product::<i64>()).map(|i| self.memory[self.at(i)]).collect()
    }
}

/// Position `i` of `shape` as an index.
fn unravel(mut i: i64, shape: &[i64]) -> Vec<i64> {
    let mut x = vec![0; shape.len()];
    for d in (0..shape.len()).rev() {
        x[d] = i % shape[d];
        i /= shape[d];
    }
    x
}

fn ravel(x: &[i64], shape: &[i64]) -> usize {
    x.iter().zip(shape).fold(0, |a, (x, s)| a * s + x) as usize
}

fn numel(shape: &[i64]) -> i64 {
    shape.iter().product()
}

#[test]
fn advanced_indexing_reads_and_writes_where_it_should() {
    let mut r = Rng(1);
    for _ in 0..200 {
        let dims = 1 + r.below(4);
        let shape = r.shape(dims);
        let data: Vec<i64> = (0..numel(&shape)).collect();
        let mut indexed: Vec<bool> = shape.iter().map(|_| r.below(2) == 0).collect();
        let d = r.below(dims) as usize;
        indexed[d] = true;
        let (nd, count) = (r.below(3), indexed.iter().filter(|&&b| b).count());
        let ishape = r.shape(nd);
        let which: Vec<usize> = (0..shape.len()).filter(|&d| indexed[d]).collect();
        let idx: Vec<A<i64>> = which
            .iter()
            .map(|&d| {
                let v = r.ints(numel(&ishape), -shape[d], shape[d]);
                A::new(&mut r, &ishape, &v)
            })
            .collect();
        let x = A::new(&mut r, &shape, &data);
        let plan = Plan::new(&shape, &x.strides, &indexed, &ishape);
        let strides: Vec<_> = idx.iter().map(|i| plan.index_strides(&i.strides)).collect();
        let indices: Vec<Index> = (0..count)
            .map(|k| Index {
                at: Operand { strides: &strides[k], ..idx[k].op() },
                size: shape[which[k]],
                stride: x.strides[which[k]],
                dim: which[k],
            })
            .collect();
        // Where position `i` of the result comes from.
        let from = |i: i64| {
            let p = unravel(i, &plan.shape);
            let inner = ravel(&p[plan.first..plan.first + plan.count], &ishape);
            let mut kept = p[..plan.first].iter().chain(&p[plan.first + plan.count..]);
            let mut at = vec![0; shape.len()];
            for d in 0..shape.len() {
                at[d] = match which.iter().position(|&w| w == d) {
                    Some(k) => idx[k].data()[inner].rem_euclid(shape[d]),
                    None => *kept.next().unwrap(),
                };
            }
            ravel(&at, &shape)
        };
        let n = numel(&plan.shape);
        let out = A::<i64>::empty(&mut r, &plan.shape);
        let src = Operand { strides: &plan.strides, ..x.op() };
        index::index(&plan.shape, out.op(), src, &indices).unwrap();
        assert_eq!(out.data(), (0..n).map(|i| data[from(i)]).collect::<Vec<_>>());
        for accumulate in [false, true] {
            let y = A { memory: x.memory.clone(), ..A::new(&mut Rng(0), &shape, &data) };
            let y = A { strides: x.strides.clone(), ..y };
            let value: Vec<i64> = (0..n).map(|i| 100 + i).collect();
            let v = A::new(&mut r, &plan.shape, &value);
            index::index_put(&plan.shape, Operand { strides: &plan.strides, ..y.op() }, v.op(), &indices, accumulate)
                .unwrap();
            let mut want = data.clone();
            for i in 0..n {
                let w = &mut want[from(i)];
                *w = if accumulate { *w + value[i as usize] } else { value[i as usize] };
            }
            assert_eq!(y.data(), want);
        }
    }
}

#[test]
fn gather_and_scatter_along_any_dimension() {
    let mut r = Rng(2);
    for round in 0..200 {
        let dims = 1 + r.below(3);
        let (shape, d) = (r.shape(dims), r.below(dims) as usize);
        let mut ishape: Vec<i64> = shape.iter().map(|&s| 1 + r.below(s)).collect();
        ishape[d] = 1 + r.below(7);
        let x = r.floats(numel(&shape));
        let idx = r.ints(numel(&ishape), 0, shape[d]);
        let (ax, ai) = (A::new(&mut r, &shape, &x), A::new(&mut r, &ishape, &idx));
        let to = |i: i64| {
            let mut p = unravel(i, &ishape);
            p[d] = idx[i as usize];
            ravel(&p, &shape)
        };
        let out = A::<f32>::empty(&mut r, &ishape);
        gather::gather(&ishape, d, out.op(), ax.op(), shape[d], ai.op()).unwrap();
        assert_eq!(out.data(), (0..numel(&ishape)).map(|i| x[to(i)]).collect::<Vec<_>>());
        let src = r.floats(numel(&ishape));
        let asrc = A::new(&mut r, &ishape, &src);
        let reduce = [Reduce::Set, Reduce::Sum, Reduce::Prod, Reduce::Amax, Reduce::Amin][round % 5];
        for include in [true, false] {
            let dst = A::new(&mut r, &shape, &x);
            gather::scatter(&ishape, d, dst.op(), shape[d], ai.op(), asrc.op(), reduce, include).unwrap();
            let (mut want, mut touched) = (x.clone(), vec![include; x.len()]);
            for i in 0..numel(&ishape) {
                let (t, v) = (to(i), src[i as usize]);
                want[t] = match reduce {
                    _ if !touched[t] => v,
                    Reduce::Set => v,
                    Reduce::Sum => want[t] + v,
                    Reduce::Prod => want[t] * v,
                    Reduce::Amax => want[t].max(v),
                    Reduce::Amin => want[t].min(v),
                };
                touched[t] = true;
            }
            assert_eq!(dst.data(), want, "{reduce:?}");
        }
    }
}

#[test]
fn large_scatters_do_not_depend_on_the_threads() {
    let mut r = Rng(3);
    let (n, rows, width) = (3000i64, 70i64, 96i64);
    let idx = r.ints(n, 0, rows);
    let g: Vec<f32> = (0..n * width).map(|_| r.below(1000) as f32 / 7.0).collect();
    let (ai, ag) = (A::new(&mut Rng(9), &[n], &idx), A::new(&mut Rng(9), &[n, width], &g));
    let mut want = vec![0f32; (rows * width) as usize];
    for i in 0..n {
        for c in 0..width {
            want[(idx[i as usize] * width + c) as usize] += g[(i * width + c) as usize];
        }
    }
    let out = A::<f32>::empty(&mut r, &[rows, width]);
    index::embedding_backward(n, width, out.op(), rows, ag.op(), ai.op(), None, false).unwrap();
    assert!(out.data() == want);
    let out = A::<f32>::empty(&mut r, &[rows, width]);
    index::index_store(&[n, width], 0, out.op(), rows, ai.op(), ag.op(), Reduce::Sum, Rule::Gather).unwrap();
    assert!(out.data() == want);
    let full: Vec<i64> = (0..n * width).map(|i| idx[(i / width) as usize]).collect();
    let af = A::new(&mut r, &[n, width], &full);
    let out = A::<f32>::empty(&mut r, &[rows, width]);
    gather::scatter(&[n, width], 0, out.op(), rows, af.op(), ag.op(), Reduce::Sum, true).unwrap();
    assert!(out.data() == want);
    let padded = A::<f32>::empty(&mut r, &[rows, width]);
    index::embedding_backward(n, width, padded.op(), rows, ag.op(), ai.op(), Some(5), false).unwrap();
    want[(5 * width) as usize..(6 * width) as usize].fill(0.0);
    assert!(padded.data() == want);
}

#[test]
fn positions_outside_are_errors_in_pytorchs_words() {
    let mut r = Rng(4);
    let x = A::new(&mut r, &[2, 3], &[0f32, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let bad = A::new(&mut r, &[1, 1], &[7i64]);
    let out = A::<f32>::empty(&mut r, &[1, 1]);
    let e = gather::gather(&[1, 1], 1, out.op(), x.op(), 3, bad.op()).unwrap_err();
    assert_eq!((e.kind(), e.text()), (Kind::Runtime, "index 7 is out of bounds for dimension 1 with size 3"));
    let e = gather::scatter(&[1, 1], 1, x.op(), 3, bad.op(), out.op(), Reduce::Set, true).unwrap_err();
    assert_eq!((e.kind(), e.text()), (Kind::Runtime, "index 7 is out of bounds for dimension 1 with size 3"));
    let one = A::new(&mut r, &[1], &[-4i64]);
    let row = A::<f32>::empty(&mut r, &[1, 3]);
    let e = index::index_select(&[1, 3], 0, row.op(), x.op(), 2, one.op()).unwrap_err();
    assert_eq!((e.kind(), e.text()), (Kind::Index, "index out of range in self"));
    let plan = Plan::new(&[2, 3], &x.strides, &[true, false], &[1]);
    let s = plan.index_strides(&one.strides);
    let i = Index { at: Operand { strides: &s, ..one.op() }, size: 2, stride: x.strides[0], dim: 0 };
    let e = index::index(&plan.shape, row.op(), Operand { strides: &plan.strides, ..x.op() }, &[i]).unwrap_err();
    assert_eq!((e.kind(), e.text()), (Kind::Index, "index -4 is out of bounds for dimension 0 with size 2"));
    let e = index::take(&[1], out.op(), &[2, 3], x.op(), A::new(&mut r, &[1], &[-7i64]).op()).unwrap_err();
    assert_eq!(
        (e.kind(), e.text()),
        (Kind::Index, "out of range: tried to access index -7 on a tensor of 6 elements.")
    );
}

#[test]
fn take_put_and_masks() {
    let mut r = Rng(5);
    for round in 0..100 {
        let dims = r.below(4);
        let shape = if round == 0 { vec![50, 3, 700] } else { r.shape(dims) };
        let n = numel(&shape);
        let x = r.floats(n);
        let ax = A::new(&mut r, &shape, &x);
        let idx = r.ints(7, -n, n);
        let ai = A::new(&mut r, &[7], &idx);
        let out = A::<f32>::empty(&mut r, &[7]);
        index::take(&[7], out.op(), &shape, ax.op(), ai.op()).unwrap();
        assert_eq!(out.data(), idx.iter().map(|i| x[i.rem_euclid(n) as usize]).collect::<Vec<_>>());
        let v = r.floats(7);
        let y = A::new(&mut r, &shape, &x);
        index::put(&[7], &shape, y.op(), ai.op(), A::new(&mut Rng(0), &[7], &v).op(), true).unwrap();
        let mut want = x.clone();
        idx.iter().zip(&v).for_each(|(i, v)| want[i.rem_euclid(n) as usize] += v);
        assert_eq!(y.data(), want);

        let counts = mask::count(&shape, ax.op());
        let hits: Vec<i64> = (0..n).filter(|&i| x[i as usize] != 0.0).collect();
        assert_eq!(counts.total, hits.len() as i64);
        let nd = shape.len() as i64;
        let out = A::<i64>::empty(&mut r, &[counts.total, nd.max(1)]);
        mask::nonzero(&shape, ax.op(), &counts, out.op());
        if nd > 0 {
            assert_eq!(out.data(), hits.iter().flat_map(|&i| unravel(i, &shape)).collect::<Vec<_>>());
        }
        let m: Vec<crate::dtype::B8> = x.iter().map(|v| crate::dtype::B8((*v > 0.0) as u8)).collect();
        let am = A::new(&mut r, &shape, &m);
        let counts = mask::count(&shape, am.op());
        let out = A::<f32>::empty(&mut r, &[counts.total]);
        mask::masked_select(&shape, out.op(), ax.op(), am.op(), &counts);
        assert_eq!(out.data(), x.iter().copied().filter(|v| *v > 0.0).collect::<Vec<_>>());
        let y = A::<f32>::empty(&mut r, &shape);
        mask::masked_scatter(&shape, y.op(), am.op(), out.op(), counts.total, &counts).unwrap();
        assert_eq!(y.data(), x.iter().map(|v| v.max(0.0)).collect::<Vec<_>>());
        if counts.total > 0 {
            assert!(mask::masked_scatter(&shape, y.op(), am.op(), out.op(), counts.total - 1, &counts).is_err());
        }
    }
}

/// Every line of `shape` along `d`, as positions.
fn lines(shape: &[i64], d: usize) -> Vec<Vec<usize>> {
    (0..numel(shape))
        .filter(|&i| unravel(i, shape)[d] == 0)
        .map(|i| {
            let p = unravel(i, shape);
            (0..shape[d])
                .map(|k| {
                    let mut p = p.clone();
                    p[d] = k;
                    ravel(&p, shape)
                })
                .collect()
        })
        .collect()
}

#[test]
fn scans_run_along_their_dimension() {
    let mut r = Rng(6);
    for _ in 0..100 {
        let dims = 1 + r.below(3);
        let (mut shape, d) = (r.shape(dims), r.below(dims) as usize);
        shape[d] += r.below(70);
        let x = r.floats(numel(&shape));
        let ax = A::new(&mut r, &shape, &x);
        let (sum, big, least) =
            (A::<f32>::empty(&mut r, &shape), A::<f32>::empty(&mut r, &shape), A::<i64>::empty(&mut r, &shape));
        scan::cumsum(&shape, d, sum.op(), ax.op()).unwrap();
        scan::cummax(&shape, d, big.op(), least.op(), ax.op(), false).unwrap();
        let (got, m, at) = (sum.data(), big.data(), least.data());
        for l in lines(&shape, d) {
            let (mut s, mut best, mut k) = (0f64, f32::NEG_INFINITY, 0);
            for (i, &p) in l.iter().enumerate() {
                s += x[p] as f64;
                if x[p] >= best {
                    (best, k) = (x[p], i as i64);
                }
                assert_eq!((got[p], m[p], at[p]), (s as f32, best, k));
            }
        }
        // Integers and bools are summed in int64.
        let b: Vec<u8> = x.iter().map(|v| (*v * 60.0) as u8).collect();
        let (ab, out) = (A::new(&mut r, &shape, &b), A::<i64>::empty(&mut r, &shape));
        scan::cumsum(&shape, d, out.op(), ab.op()).unwrap();
        let got = out.data();
        for l in lines(&shape, d) {
            let mut s = 0;
            l.iter().for_each(|&p| {
                s += b[p] as i64;
                assert_eq!(got[p], s);
            });
        }
    }
}

#[test]
fn sorting_is_stable_and_puts_nan_last() {
    let mut r = Rng(7);
    let check = |shape: Vec<i64>, d: usize, x: Vec<f64>, r: &mut Rng| {
        let ax = A::new(r, &shape, &x);
        for descending in [false, true] {
            let (v, i) = (A::<f64>::empty(r, &shape), A::<i64>::empty(r, &shape));
            sort::sort(&shape, d, Some(v.op()), Some(i.op()), ax.op(), descending).unwrap();
            let (v, i) = (v.data(), i.data());
            for l in lines(&shape, d) {
                let mut want: Vec<usize> = (0..l.len()).collect();
                let key = |k: &usize| (x[l[*k]].is_nan(), x[l[*k]]);
                want.sort_by(|a, b| {
                    let o = key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal);
                    if descending { o.reverse() } else { o }
                });
                for (k, w) in want.iter().enumerate() {
                    assert_eq!(i[l[k]], *w as i64);
                    assert_eq!(v[l[k]].to_bits(), x[l[*w]].to_bits());
                }
            }
        }
    };
    for _ in 0..60 {
        let dims = 1 + r.below(3);
        let (mut shape, d) = (r.shape(dims), r.below(dims) as usize);
        shape[d] = [3, 20, 150, 700][r.below(4) as usize];
        let special = [0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-300];
        let x: Vec<f64> = (0..numel(&shape))
            .map(|_| if r.below(4) == 0 { special[r.below(7) as usize] } else { r.below(40) as f64 - 20.0 })
            .collect();
        check(shape, d, x, &mut r);
    }
    // Long lines: keys that do not fit beside their positions, and keys that differ in their last bits only.
    let n = 40_000;
    let wide: Vec<f64> =
        (0..n).map(|_| f64::from_bits((r.below(1 << 31) as u64) << 33 | r.below(1 << 31) as u64)).collect();
    check(vec![n], 0, wide, &mut r);
    let near: Vec<f64> =
        (0..n).map(|i| if i == 7 { 1e300 } else { 1.0 + r.below(5000) as f64 * f64::EPSILON }).collect();
    check(vec![n], 0, near, &mut r);
}

#[test]
fn order_statistics() {
    let mut r = Rng(8);
    for _ in 0..100 {
        let n = 1 + r.below(400);
        let x = r.ints(n, -9, 9);
        let ax = A::new(&mut r, &[n], &x);
        let mut sorted = x.clone();
        sorted.sort_unstable();
        let (v, i) = (A::<i64>::empty(&mut r, &[1]), A::<i64>::empty(&mut r, &[1]));
        let k = 1 + r.below(n);
        select::kthvalue(&[n], 0, v.op(), i.op(), ax.op(), k).unwrap();
        assert_eq!((v.data()[0], x[i.data()[0] as usize]), (sorted[k as usize - 1], sorted[k as usize - 1]));
        select::median(&[n], 0, v.op(), i.op(), ax.op(), false).unwrap();
        assert_eq!(v.data()[0], sorted[(n as usize - 1) / 2]);
        assert_eq!(i.data()[0], {
            let m = sorted[(n as usize - 1) / 2];
            let rank = (n as usize - 1) / 2 - sorted.iter().position(|s| *s == m).unwrap();
            x.iter().enumerate().filter(|(_, v)| **v == m).nth(rank).unwrap().0 as i64
        });
        select::mode(&[n], 0, v.op(), i.op(), ax.op()).unwrap();
        let count = |m: i64| x.iter().filter(|v| **v == m).count();
        let best = (-9..9).max_by_key(|&m| (count(m), -m)).unwrap();
        assert_eq!((v.data()[0], x[i.data()[0] as usize]), (best, best));
        for largest in [false, true] {
            let (v, i) = (A::<i64>::empty(&mut r, &[k]), A::<i64>::empty(&mut r, &[k]));
            select::topk(&[n], 0, v.op(), i.op(), ax.op(), k, largest, true).unwrap();
            let want: Vec<i64> = if largest {
                sorted.iter().rev().take(k as usize).copied().collect()
            } else {
                sorted[..k as usize].to_vec()
            };
            assert_eq!(v.data(), want);
            assert_eq!(i.data().iter().map(|&i| x[i as usize]).collect::<Vec<_>>(), want);
        }
    }
    // Ties as PyTorch 2.13 gives them.
    let x: Vec<f32> = (0..40).map(|i| (i * 7 % 5) as f32).collect();
    let ax = A::new(&mut r, &[40], &x);
    let (v, i) = (A::<f32>::empty(&mut r, &[6]), A::<i64>::empty(&mut r, &[6]));
    select::topk(&[40], 0, v.op(), i.op(), ax.op(), 6, true, true).unwrap();
    assert_eq!(i.data(), TOPK_TIES);
}

const TOPK_TIES: [i64; 6] = [22, 12, 27, 32, 7, 37];

#[test]
fn searches_and_counts() {
    let mut r = Rng(10);
    for _ in 0..50 {
        let n = 1 + r.below(60);
        let x = r.ints(n, 0, 12);
        let ax = A::new(&mut r, &[n], &x);
        let inverse = A::<i64>::empty(&mut r, &[n]);
        let u = search::unique(n, ax.op(), Some(inverse.op())).unwrap();
        let mut want = x.clone();
        want.sort_unstable();
        want.dedup();
        let got: Vec<i64> = u.first.iter().map(|&i| x[i as usize]).collect();
        assert_eq!(got, want);
        assert_eq!(inverse.data().iter().map(|&i| got[i as usize]).collect::<Vec<_>>(), x);
        assert_eq!(u.counts.iter().sum::<i64>(), n);
        let bins = search::bincount_size(n, ax.op()).unwrap();
        let out = A::<i64>::empty(&mut r, &[bins]);
        search::bincount(n, out.op(), bins, ax.op(), None).unwrap();
        assert_eq!(out.data(), (0..bins).map(|b| x.iter().filter(|v| **v == b).count() as i64).collect::<Vec<_>>());
        let mut seq = x.clone();
        seq.sort_unstable();
        let (aseq, values) = (A::new(&mut r, &[n], &seq), A::new(&mut r, &[14], &(-1..13).collect::<Vec<i64>>()));
        for right in [false, true] {
            let out = A::<i64>::empty(&mut r, &[14]);
            let s = Operand { strides: &[0], ..aseq.op() };
            search::searchsorted(&[14], out.op(), values.op(), s, n, aseq.strides[0], None, right).unwrap();
            let want: Vec<i64> = (-1..13)
                .map(|v| seq.iter().filter(|e| if right { **e <= v } else { **e < v }).count() as i64)
                .collect();
            assert_eq!(out.data(), want);
        }
    }
    let x = A::new(&mut r, &[5], &[1.0f32, 2.0, 1.0, 4.0, f32::NAN]);
    let out = A::<f32>::empty(&mut r, &[4]);
    search::histc(&[5], out.op(), 4, x.op(), 0.0, 4.0).unwrap();
    assert_eq!(out.data(), [0.0, 2.0, 1.0, 1.0]);
    assert!(search::histc(&[5], out.op(), 4, x.op(), 0.0, 0.0).is_err());
    assert!(search::bincount_size(1, A::new(&mut r, &[1], &[-1i64]).op()).is_err());
}

#[test]
fn creation_has_pytorchs_bits() {
    let mut r = Rng(11);
    let bits = |a: A<f32>| a.data().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let f = |v: f64| Scalar::Float(v);
    let contiguous = |n: i64| A::<f32> { memory: vec![0.0; n as usize], shape: vec![n], strides: vec![1] };
    let a = contiguous(20);
    creation::arange(a.op(), 20, f(0.1), f(0.3)).unwrap();
    assert_eq!(bits(a), ARANGE);
    let a = contiguous(7);
    creation::linspace(a.op(), 7, f(-1.1), f(0.7)).unwrap();
    assert_eq!(bits(a), LINSPACE);
    let h = A::<bf16> { memory: vec![bf16::ZERO; 5], shape: vec![5], strides: vec![1] };
    creation::linspace(h.op(), 5, f(0.1), f(2.3)).unwrap();
    assert_eq!(h.data().iter().map(|x| x.to_bits()).collect::<Vec<_>>(), LINSPACE_BF16);
    let x: Vec<i64> = (0..24).collect();
    for (k, upper) in [(0, false), (1, false), (-1, true), (2, true), (-9, false), (9, false)] {
        let (ax, out) = (A::new(&mut r, &[2, 3, 4], &x), A::<i64>::empty(&mut r, &[2, 3, 4]));
        creation::triangle(&[2, 3, 4], out.op(), ax.op(), k, upper).unwrap();
        let want: Vec<i64> = (0..24)
            .map(|i| {
                let (row, col) = (i / 4 % 3, i % 4);
                let keep = if upper { col - row >= k } else { col - row <= k };
                if keep { i } else { 0 }
            })
            .collect();
        assert_eq!(out.data(), want);
        creation::triangle(&[2, 3, 4], ax.op(), ax.op(), k, upper).unwrap();
        assert_eq!(ax.data(), want);
    }
    let e = A::<u8>::empty(&mut r, &[2, 3]);
    creation::eye(e.op(), 2, 3);
    assert_eq!(e.data(), [1, 0, 0, 0, 1, 0]);
    let h = A::<i64>::empty(&mut r, &[2, 3]);
    creation::one_hot(h.op(), 2, 3, A::new(&mut r, &[2], &[2i64, 0]).op()).unwrap();
    assert_eq!(h.data(), [0, 0, 1, 1, 0, 0]);
    assert!(creation::one_hot(h.op(), 2, 3, A::new(&mut r, &[2], &[3i64, 0]).op()).is_err());
}

const ARANGE: [u32; 20] = [
    0x3dcccccd, 0x3ecccccd, 0x3f333333, 0x3f800000, 0x3fa66666, 0x3fcccccd, 0x3ff33333, 0x400ccccd, 0x40200000,
    0x40333333, 0x40466666, 0x4059999a, 0x406ccccd, 0x40800000, 0x4089999a, 0x40933333, 0x409ccccd, 0x40a66666,
    0x40b00000, 0x40b9999a,
];
const LINSPACE: [u32; 7] = [0xbf8ccccd, 0xbf4cccce, 0xbf000001, 0xbe4cccca, 0x3dccccd0, 0x3ecccccd, 0x3f333333];
const LINSPACE_BF16: [u16; 5] = [0x3dcd, 0x3f27, 0x3f99, 0x3fe0, 0x4013];
