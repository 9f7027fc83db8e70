//! Products of several tensors over named or numbered dimensions, and what is made of matrix products.

use crate::dtype::DType;
use crate::error::Result;
use crate::op::arg::Num;
use crate::op::autocast::Cast;
use crate::op::flag;
use crate::ops;
use crate::ops::short::{mul, size_of, sub};
use crate::shape::{Dims, show, wrap_dim};
use crate::tensor::Tensor;

ops! {
    /// The vector product of vectors of three elements along `dim` (by default the first dimension of size 3).
    fn cross(input: Tensor, other: Tensor, dim: OptInt = None) -> Tensor = {
        let d = match dim {
            Some(d) => d,
            None => match (0..input.ndim()).find(|&i| input.size_at(i) == 3) {
                Some(d) => d as i64,
                None => bail!(Runtime, "no dimension of size 3 in input"),
            },
        };
        vector_product(input, other, d)
    } { .with(flag::OUT) }

    /// The vector product of vectors of three elements along `dim`.
    "linalg.cross" fn linalg_cross(input: Tensor, other: Tensor; dim: Int = -1) -> Tensor = {
        vector_product(input, other, dim)
    } { .node("LinalgCrossBackward0") .spaces(&["linalg"]).with(flag::NO_METHOD | flag::OUT) }

    /// The sum of products of conjugated `x` and `y` along `dim`.
    "linalg.vecdot" fn vecdot(x: Tensor, y: Tensor; dim: Int = -1) -> Tensor = {
        ops::sum(&mul(&ops::short::conj(x)?, y)?, Some(&[dim]), false, None)
    } { .cast(Cast::Lower).spaces(&["linalg"]).with(flag::NO_METHOD | flag::OUT) }

    /// Every element of `input` times the whole of `other`, side by side.
    fn kron(input: Tensor, other: Tensor) -> Tensor = {
        let n = input.ndim().max(other.ndim());
        // Each dimension of the first is followed by the one of the second.
        let spread = |t: &Tensor, first: bool| -> Result<(Dims, Tensor)> {
            let mut s = Dims::from_elem(1, n - t.ndim());
            s.extend(t.sizes());
            let wide: Dims = s.iter().flat_map(|&v| if first { [v, 1] } else { [1, v] }).collect();
            Ok((s, ops::reshape(t, &wide)?))
        };
        let ((s, a), (t, b)) = (spread(input, true)?, spread(other, false)?);
        let to: Dims = s.iter().zip(&t).map(|(a, b)| a * b).collect();
        ops::_unsafe_view(&ops::duplicate(&mul(&a, &b)?, Some(crate::op::arg::Format::Contiguous))?, &to)
    } { .with(flag::OUT) }

    /// The sums of products of rows: `input @ other.T` over the last dimensions.
    fn inner(input: Tensor, other: Tensor) -> Tensor = {
        if input.ndim() == 0 || other.ndim() == 0 {
            return mul(input, other);
        }
        let (a, b) = (input.ndim() as i64 - 1, other.ndim() as i64 - 1);
        if input.size_at(a as usize) != other.size_at(b as usize) {
            bail!(
                Runtime,
                "inner() the last dimension must match on both input tensors but got shapes {} and {}",
                show(&input.sizes()),
                show(&other.sizes())
            );
        }
        _tensordot(input, other, &[a], &[b])
    } { .with(flag::OUT) }

    /// The sum of the diagonal of a matrix.
    fn trace(input: Tensor) -> Tensor = {
        if input.ndim() != 2 {
            bail!(Runtime, "trace: expected a matrix, but got tensor with dim {}", input.ndim());
        }
        if input.dtype() == DType::Bool {
            return Err(crate::op::arg::not_implemented("trace", DType::Bool));
        }
        ops::sum_all(&ops::diagonal(input, 0, 0, 1)?, None)
    } { .node("TraceBackward0").cast(Cast::Single) }

    /// The product summed over dimensions `dims_self` of the one and `dims_other` of the other tensor.
    fn _tensordot(input: Tensor, other: Tensor, dims_self: Ints, dims_other: Ints) -> Tensor = {
        if dims_self.len() != dims_other.len() {
            bail!(
                Runtime,
                "both dimension lists should have same length, got {} and {}",
                dims_self.len(),
                dims_other.len()
            );
        }
        let sides = |t: &Tensor, dims: &[i64]| -> Result<(Vec<i64>, Vec<i64>)> {
            let mut seen = vec![false; t.ndim()];
            let mut over = Vec::new();
            for &d in dims {
                let w = wrap_dim(d, t.ndim())?;
                match seen.get_mut(w) {
                    Some(s) if !*s => *s = true,
                    _ => bail!(Runtime, "dim {d} appears multiple times in the list of dims"),
                }
                over.push(w as i64);
            }
            Ok((over, (0..t.ndim()).filter(|&i| !seen[i]).map(|i| i as i64).collect()))
        };
        let ((oa, fa), (ob, fb)) = (sides(input, dims_self)?, sides(other, dims_other)?);
        let (mut a, mut b, mut k) = (input.clone(), other.clone(), 1);
        for ((&i, &j), (d, e)) in oa.iter().zip(&ob).zip(dims_self.iter().zip(dims_other)) {
            let (m, n) = (size_of(&a, i as usize), size_of(&b, j as usize));
            if m == 1 && n != 1 {
                b = ops::sum(&b, Some(&[j]), true, Some(b.dtype()))?;
            } else if n == 1 && m != 1 {
                a = ops::sum(&a, Some(&[i]), true, Some(a.dtype()))?;
            } else if m != n {
                bail!(
                    Runtime,
                    "contracted dimensions need to match, but first has size {m} in dim {d} and second has size {n} in dim {e}"
                );
            }
            k *= size_of(&a, i as usize).min(size_of(&b, j as usize));
        }
        let rest = |t: &Tensor, free: &[i64]| -> Dims { free.iter().map(|&d| t.size_at(d as usize)).collect() };
        let (sa, sb) = (rest(&a, &fa), rest(&b, &fb));
        let a = ops::reshape(&ops::permute(&a, &[fa, oa].concat())?, &[sa.iter().product(), k])?;
        let b = ops::reshape(&ops::permute(&b, &[ob, fb].concat())?, &[k, sb.iter().product()])?;
        let mut to = sa;
        to.extend(sb);
        ops::reshape(&ops::mm(&a, &b)?, &to)
    } { .with(flag::NO_METHOD | flag::OUT) }

    /// A matrix (or batch of matrices) times itself, `n` factors.
    fn matrix_power(input: Tensor, n: Int) -> Tensor = {
        let d = input.ndim();
        if d < 2 {
            bail!(Runtime, "linalg.matrix_power: The input tensor A must have at least 2 dimensions.");
        }
        let (r, c) = (input.size_at(d - 2), input.size_at(d - 1));
        if r != c {
            bail!(Runtime, "linalg.matrix_power: A must be batches of square matrices, but they are {r} by {c} matrices");
        }
        if n < 0 {
            if n == i64::MIN {
                bail!(Runtime, "linalg.matrix_power: n is out of range");
            }
            return matrix_power(&ops::linalg_inv(input)?, -n);
        }
        if n == 0 {
            let one = ops::eye(r, Some(input.dtype()), Some(input.device()))?;
            let one = ops::duplicate(&ops::expand(&one, &input.sizes(), false)?, Some(crate::op::arg::Format::Contiguous))?;
            // Nothing depends on the input, but PyTorch's result is still part of its graph.
            return ops::add((&one).into(), (&ops::sum_all(&ops::slice(input, 0, Some(0), Some(0), 1)?, Some(input.dtype()))?).into(), None);
        }
        let (mut square, mut result, mut n) = (input.clone(), None::<Tensor>, n);
        loop {
            if n & 1 == 1 {
                result = Some(match result {
                    Some(r) => ops::matmul(&r, &square)?,
                    None => square.clone(),
                });
            }
            n >>= 1;
            if n == 0 {
                break;
            }
            square = ops::matmul(&square, &square)?;
        }
        let r = result.unwrap_or(square);
        if r.same(input) { ops::duplicate(&r, None) } else { Ok(r) }
    } { .with(flag::OUT).aliases(&["linalg.matrix_power"]) }

    /// The product of several matrices, in the order that takes the fewest multiplications; vectors may stand at the ends.
    "linalg.multi_dot" fn multi_dot(tensors: Tensors) -> Tensor = {
        let n = tensors.len();
        if n < 2 {
            bail!(Runtime, "multi_dot(): expected at least 2 tensors but got {n}");
        }
        let mut ts = tensors.to_vec();
        let (row, col) = (ts[0].ndim() == 1, ts[n - 1].ndim() == 1);
        if row {
            ts[0] = ops::unsqueeze(&ts[0], 0)?;
        }
        if col {
            ts[n - 1] = ops::unsqueeze(&ts[n - 1], 1)?;
        }
        if let Some((i, t)) = ts.iter().enumerate().find(|(_, t)| t.ndim() != 2) {
            let kind = if i == 0 || i == n - 1 { "1D or 2D" } else { "2D" };
            bail!(Runtime, "multi_dot(): tensor {i} must be {kind} but got {}D", t.ndim());
        }
        let mut p = chain(&ts)?;
        if col {
            p = ops::squeeze_dim(&p, 1)?;
        }
        if row { ops::squeeze_dim(&p, 0) } else { Ok(p) }
    } { .spaces(&["linalg"]).with(flag::NO_METHOD | flag::OUT) }

    /// The product of several matrices, in the order that takes the fewest multiplications.
    fn chain_matmul(matrices: Tensors) -> Tensor = { chain(matrices) } { .with(flag::NO_METHOD | flag::OUT | flag::SPREAD) }

    /// Powers of the elements of a vector as columns: from the highest (or, `increasing`, the lowest) of `N`.
    fn vander(x: Tensor, n: OptInt = None, increasing: Bool = false) -> Tensor = {
        if x.ndim() != 1 {
            bail!(Runtime, "x must be a one-dimensional tensor.");
        }
        let n = n.unwrap_or(x.numel());
        if n < 0 {
            bail!(Runtime, "N must be non-negative.");
        }
        let powers = ops::arange(n.into(), Some(DType::I64), Some(x.device()))?;
        let powers = if increasing { powers } else { ops::flip(&powers, &[0])? };
        let x = if x.dtype() == DType::Bool { ops::_to_dtype(x, DType::I64, None)? } else { x.clone() };
        ops::pow(Num::Tensor(&ops::unsqueeze(&x, 1)?), Num::Tensor(&powers))
    } { .with(flag::NO_METHOD) }

    /// Powers 0, 1, ... of the last dimension's elements as a new last dimension.
    "linalg.vander" fn linalg_vander(x: Tensor; n: OptInt = None) -> Tensor = {
        let x = if x.ndim() == 0 { &ops::reshape(x, &[1])? } else { x };
        let n = n.unwrap_or(x.size_at(x.ndim() - 1));
        if n < 2 {
            bail!(Runtime, "N must be greater than 1.");
        }
        let x = if x.dtype() == DType::Bool { ops::_to_dtype(x, DType::I64, None)? } else { x.clone() };
        let powers = ops::arange(n.into(), Some(DType::I64), Some(x.device()))?;
        ops::pow(Num::Tensor(&ops::unsqueeze(&x, -1)?), Num::Tensor(&powers))
    } { .spaces(&["linalg"]).with(flag::NO_METHOD) }
}

fn vector_product(a: &Tensor, b: &Tensor, dim: i64) -> Result<Tensor> {
    if a.ndim() != b.ndim() {
        bail!(
            Runtime,
            "linalg.cross: inputs must have the same number of dimensions (got shapes {} and {}).",
            show(&a.sizes()),
            show(&b.sizes())
        );
    }
    if a.dtype() != b.dtype() {
        bail!(Runtime, "expected scalar type {} but found {}", a.dtype().c10_name(), b.dtype().c10_name());
    }
    let d = wrap_dim(dim, a.ndim())?;
    let (m, n) = (size_of(a, d), size_of(b, d));
    if m != 3 || n != 3 || a.ndim() == 0 {
        bail!(Runtime, "linalg.cross: inputs dimension {dim} must have length 3. Got {m} and {n}");
    }
    let d = [d as i64];
    let turn = |t: &Tensor, k: i64| ops::roll(t, &[k], &d);
    sub(&mul(&turn(a, -1)?, &turn(b, -2)?)?, &mul(&turn(a, -2)?, &turn(b, -1)?)?)
}

/// The matrix chain: of all ways to put brackets the cheapest.
fn chain(ts: &[Tensor]) -> Result<Tensor> {
    let n = ts.len();
    if n == 0 {
        bail!(Runtime, "chain_matmul(): Expected one or more matrices");
    }
    if let Some(t) = ts.iter().find(|t| t.ndim() != 2) {
        bail!(Runtime, "chain_matmul(): Tensor dimension is {}, expected 2 instead", t.ndim());
    }
    let mut size: Vec<f64> = ts.iter().map(|t| t.size_at(0) as f64).collect();
    size.push(ts[n - 1].size_at(1) as f64);
    let (mut cost, mut cut) = (vec![vec![0.0; n]; n], vec![vec![0; n]; n]);
    for len in 1..n {
        for i in 0..n - len {
            let j = i + len;
            cost[i][j] = f64::INFINITY;
            for k in i..j {
                let c = cost[i][k] + cost[k + 1][j] + size[i] * size[k + 1] * size[j + 1];
                if c < cost[i][j] {
                    cost[i][j] = c;
                    cut[i][j] = k;
                }
            }
        }
    }
    fn product(ts: &[Tensor], cut: &[Vec<usize>], i: usize, j: usize) -> Result<Tensor> {
        if i == j {
            return Ok(ts[i].clone());
        }
        let k = cut[i][j];
        ops::mm(&product(ts, cut, i, k)?, &product(ts, cut, k + 1, j)?)
    }
    product(ts, &cut, 0, n - 1)
}
