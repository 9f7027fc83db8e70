//! The exponential of matrices.

use super::base::*;
use crate::ops::short::{add, cast, mul, plus, times};

ops! {
    /// The exponential of square matrices: the sum of A^k / k!.
    fn matrix_exp(input: Tensor) -> Tensor = {
        square("linalg.matrix_exp", input, "A")?;
        floating("linalg.matrix_exp", input)?;
        let (n, _) = shape_of(input);
        if input.numel() == 0 || n == 1 {
            return ops::exp(input);
        }
        exponential(input)
    } { .node("LinalgMatrixExpBackward0") .aliases(&["linalg.matrix_exp"]) }
}

/// By scaling and squaring: each matrix is halved until its 1-norm is at most 1 (float64) or 3, where 19 terms of the series are
/// exact to rounding, and the result is squared as often.
fn exponential(a: &Tensor) -> Result<Tensor> {
    let real = a.dtype().to_real();
    let norm = {
        let _off = crate::tensor::mode::NoGrad::new();
        ops::amax(&ops::sum(&ops::abs(a)?, Some(&[-2]), false, None)?, Some(&[-1]), false)?
    };
    let bound = if real == DType::F64 { 1.0f64 } else { 3.0 };
    // An infinite or undefined norm is not halved: the series tells it.
    let halvings = ops::nan_to_num(
        &ops::clamp_min(&ops::ceil(&plus(&ops::log2(&norm)?, -bound.log2())?)?, 0.into())?,
        Some(0.0),
        Some(0.0),
        Some(0.0),
    )?;
    let most = if a.device() == Device::Meta { 0.0 } else { ops::amax(&halvings, Some(&[]), false)?.item()?.f64() };
    let outer = |t: &Tensor| ops::unsqueeze(&ops::unsqueeze(t, -1)?, -1);
    let halvings = outer(&halvings)?;
    let scale = cast(&ops::exp2(&ops::neg(&halvings)?)?, real)?;
    let a = mul(a, &scale)?;
    // Five groups of four terms: A^2, A^3 and A^4 serve all of them.
    let (n, _) = shape_of(&a);
    let one = eye_like(&a, n, n)?;
    let a2 = mm(&a, &a)?;
    let a3 = mm(&a2, &a)?;
    let a4 = mm(&a2, &a2)?;
    let mut factorial = [1.0f64; 20];
    for k in 1..20 {
        factorial[k] = factorial[k - 1] * k as f64;
    }
    let group = |k: usize| -> Result<Tensor> {
        let mut s = times(&one, 1.0 / factorial[k])?;
        for (j, p) in [&a, &a2, &a3].into_iter().enumerate() {
            s = add(&s, &times(p, 1.0 / factorial[k + j + 1])?)?;
        }
        Ok(s)
    };
    let mut x = group(16)?;
    for k in [12, 8, 4, 0] {
        x = add(&group(k)?, &mm(&x, &a4)?)?;
    }
    for step in 0..most as i64 {
        let more = ops::gt((&halvings).into(), step.into())?;
        x = ops::where_(&more, (&mm(&x, &x)?).into(), (&x).into())?;
    }
    Ok(x)
}
