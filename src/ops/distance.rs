//! How alike rows are: cosine similarity and the distance of pairs.

use crate::error::Result;
use crate::op::flag;
use crate::ops;
use crate::scalar::Scalar;
use crate::shape;
use crate::tensor::Tensor;

const SPACES: &[&str] = &["", "nn.functional"];

/// Integers as the default float.
fn floating(t: &Tensor) -> Result<Tensor> {
    if t.dtype().is_integral() { ops::_to_dtype(t, crate::dtype::DType::F32, None) } else { Ok(t.clone()) }
}

ops! {
    /// The cosine of the angle between vectors along `dim`; norms below `eps` count as `eps`.
    fn cosine_similarity(x1: Tensor, x2: Tensor, dim: Int = 1, eps: Float = 0.00000001) -> Tensor = {
        let size = shape::broadcast(&x1.sizes(), &x2.sizes())?;
        let unit = |t: &Tensor| -> Result<Tensor> {
            let t = ops::expand(&floating(t)?, &size, false)?;
            let norm = ops::vector_norm(&t, 2.into(), Some(&[dim]), true, None)?;
            ops::div((&t).into(), (&ops::clamp_min(&norm, Scalar::Float(eps).into())?).into())
        };
        ops::sum(&ops::mul((&unit(x1)?).into(), (&unit(x2)?).into())?, Some(&[dim]), false, None)
    } { .spaces(SPACES).with(flag::NO_METHOD) }

    /// The `p`-norm of `x1 - x2 + eps` over the last dimension.
    fn pairwise_distance(x1: Tensor, x2: Tensor, p: Float = 2.0, eps: Float = 0.000001, keepdim: Bool = false) -> Tensor = {
        let far = ops::add((&ops::sub(x1.into(), x2.into(), None)?).into(), eps.into(), None)?;
        ops::vector_norm(&far, p.into(), Some(&[-1]), keepdim, None)
    } { .spaces(SPACES).with(flag::NO_METHOD) }
}
