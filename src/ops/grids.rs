//! Several tensors brought to one shape or laid out against each other: grids, broadcasting, products of sets, block
//! diagonals, at least so many dimensions.

use crate::device::Device;
use crate::dtype::{DType, promote};
use crate::error::Result;
use crate::op::{call, flag};
use crate::ops;
use crate::ops::short::cast;
use crate::shape::show;
use crate::tensor::Tensor;

const FREE: u32 = flag::NO_METHOD | flag::SPREAD;

/// How many ways there are to choose `r` of `m`, or None beyond 64 bits. (`n` elements with repetition give m = n + r - 1.)
fn choices(m: i64, r: i64, n: i64) -> Option<i64> {
    if r > m || n == 0 {
        return Some(0);
    }
    let mut c = 1i128;
    for k in 1..=r.min(m - r) as i128 {
        // Each prefix is itself a number of choices, so the division leaves nothing.
        c = c * (m as i128 - k + 1) / k;
        if c > i64::MAX as i128 {
            return None;
        }
    }
    Some(c as i64)
}

ops! {
    /// Grids of coordinates: vectors stretched against each other. With indexing="xy" the first two change places.
    fn meshgrid(tensors: Tensors; indexing: OptStr = None) -> Tensors = {
        if tensors.is_empty() {
            bail!(Runtime, "meshgrid expects a non-empty TensorList");
        }
        let swap = match indexing {
            None | Some("ij") => false,
            Some("xy") => tensors.len() >= 2,
            Some(s) => bail!(Runtime, "torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: {s}"),
        };
        for t in tensors {
            if t.dtype() != tensors[0].dtype() {
                bail!(Runtime, "meshgrid expects all tensors to have the same dtype");
            }
            if t.ndim() > 1 {
                bail!(Runtime, "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {}", show(&t.sizes()));
            }
        }
        let n = tensors.len();
        let mut order: Vec<usize> = (0..n).collect();
        if swap {
            order.swap(0, 1);
        }
        let sizes: Vec<i64> = order.iter().map(|&i| tensors[i].numel()).collect();
        let mut out = Vec::with_capacity(n);
        for (i, t) in tensors.iter().enumerate() {
            let mut s = vec![1; n];
            s[order.iter().position(|&o| o == i).unwrap_or(i)] = -1;
            out.push(ops::expand(&ops::view(t, &s)?, &sizes, false)?);
        }
        Ok(out)
    } { .with(FREE) }

    /// Views of the tensors, all stretched to their common shape.
    fn broadcast_tensors(tensors: Tensors) -> Tensors = {
        let all: Vec<&Tensor> = tensors.iter().collect();
        let s = call::broadcast_all(&all)?;
        tensors.iter().map(|t| ops::expand(t, &s, false)).collect()
    } { .with(FREE) }

    /// All combinations of elements, one of each vector, as rows.
    fn cartesian_prod(tensors: Tensors) -> Tensor = {
        for t in tensors {
            if t.ndim() != 1 {
                bail!(Runtime, "Expect a 1D vector, but got shape {}", show(&t.sizes()));
            }
        }
        if let [one] = tensors {
            return Ok(one.clone());
        }
        let grids = meshgrid(tensors, Some("ij"))?;
        let flat = grids.iter().map(|g| ops::flatten(g, 0, -1)).collect::<Result<Vec<_>>>()?;
        ops::stack(&flat, 1)
    } { .with(FREE) }

    /// All combinations of `r` elements of a vector, as rows; an element may come again with `with_replacement`.
    fn combinations(input: Tensor, r: Int = 2, with_replacement: Bool = false) -> Tensor = {
        if input.ndim() != 1 {
            bail!(Runtime, "Expect a 1D vector, but got shape {}", show(&input.sizes()));
        }
        if r < 0 {
            bail!(Runtime, "Expect a non-negative number, but got {r}");
        }
        if r == 0 {
            return Tensor::empty(&[0], input.dtype(), input.device());
        }
        let n = input.numel();
        let many = choices(if with_replacement { n.saturating_add(r - 1) } else { n }, r, n);
        // No more places than a tensor may have: what does not fit into memory is refused before it is counted out.
        let places = many.and_then(|m| m.checked_mul(r));
        let Some(places) = places else { bail!(Runtime, "combinations: the number of combinations of {r} out of {n} overflows") };
        let places = Tensor::empty(&[places], DType::I64, Device::Cpu)?.numel();
        if places == 0 {
            // Of no elements, and yet a function of the input.
            return ops::stack(&vec![ops::narrow(input, 0, 0, 0)?; r as usize], 1);
        }
        let r = r as usize;
        let mut rows: Vec<i64> = Vec::new();
        let mut at: Vec<i64> = Vec::new();
        if rows.try_reserve_exact(places as usize).is_err() || at.try_reserve_exact(r).is_err() {
            bail!(OutOfMemory, "combinations: {places} places do not fit into memory");
        }
        at.resize(r, 0);
        for (i, v) in at.iter_mut().enumerate() {
            *v = if with_replacement { 0 } else { i as i64 };
        }
        // Counting upwards, the last place fastest.
        while at.iter().enumerate().all(|(i, v)| *v < n - if with_replacement { 0 } else { (r - 1 - i) as i64 }) {
            rows.extend_from_slice(&at);
            let top = |i: usize| n - 1 - if with_replacement { 0 } else { (r - 1 - i) as i64 };
            let Some(i) = (0..r).rev().find(|&i| at[i] < top(i)) else { break };
            at[i] += 1;
            for j in i + 1..r {
                at[j] = at[j - 1] + !with_replacement as i64;
            }
        }
        let places = Tensor::from_slice(&rows, &[rows.len() as i64 / r as i64, r as i64])?;
        ops::reshape(&ops::index_select(input, 0, &ops::reshape(&places, &[-1])?)?, &places.sizes())
    } {}

    /// A matrix with the given matrices along its diagonal, zeros elsewhere.
    fn block_diag(tensors: Tensors) -> Tensor = {
        let mut blocks = Vec::new();
        let mut d = None::<DType>;
        for (i, t) in tensors.iter().enumerate() {
            if t.ndim() > 2 {
                bail!(
                    Runtime,
                    "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {} dimensions",
                    t.ndim()
                );
            }
            d = Some(d.map_or(t.dtype(), |d| promote(d, t.dtype())));
            blocks.push(if t.ndim() == 2 { t.clone() } else { ops::reshape(t, &[1, -1])? });
        }
        let Some(d) = d else { return Tensor::empty(&[1, 0], crate::dtype::default_dtype(), crate::device::Device::Cpu) };
        let width: i64 = blocks.iter().map(|b| b.size_at(1)).sum();
        let (mut rows, mut before) = (Vec::new(), 0);
        for b in &blocks {
            let (m, n) = (b.size_at(0), b.size_at(1));
            let hole = |n: i64| Tensor::zeros(&[m, n], d, b.device());
            rows.push(ops::cat(&[hole(before)?, cast(b, d)?, hole(width - before - n)?], 1)?);
            before += n;
        }
        ops::cat(&rows, 0)
    } { .node("BlockDiagBackward0") .with(FREE) }

    /// The tensor with at least one dimension.
    fn atleast_1d(input: Tensor) -> Tensor = {
        if input.ndim() == 0 { ops::reshape(input, &[1]) } else { Ok(input.clone()) }
    } { .with(flag::NO_METHOD | flag::MAY_ALIAS) }

    /// The tensors with at least one dimension each.
    "atleast_1d.Sequence" fn atleast_1d_each(tensors: Tensors) -> Tensors = { tensors.iter().map(atleast_1d).collect() } { .with(FREE) }

    /// The tensor with at least two dimensions.
    fn atleast_2d(input: Tensor) -> Tensor = {
        match input.ndim() {
            0 => ops::reshape(input, &[1, 1]),
            1 => ops::unsqueeze(input, 0),
            _ => Ok(input.clone()),
        }
    } { .with(flag::NO_METHOD | flag::MAY_ALIAS) }

    /// The tensors with at least two dimensions each.
    "atleast_2d.Sequence" fn atleast_2d_each(tensors: Tensors) -> Tensors = { tensors.iter().map(atleast_2d).collect() } { .with(FREE) }

    /// The tensor with at least three dimensions.
    fn atleast_3d(input: Tensor) -> Tensor = {
        match input.ndim() {
            0 => ops::reshape(input, &[1, 1, 1]),
            1 => ops::unsqueeze(&ops::unsqueeze(input, 0)?, -1),
            2 => ops::unsqueeze(input, -1),
            _ => Ok(input.clone()),
        }
    } { .with(flag::NO_METHOD | flag::MAY_ALIAS) }

    /// The tensors with at least three dimensions each.
    "atleast_3d.Sequence" fn atleast_3d_each(tensors: Tensors) -> Tensors = { tensors.iter().map(atleast_3d).collect() } { .with(FREE) }
}
