//! The gradient of the gradient of normalizations, once for all of them, in tensor operations.

use crate::error::Result;
use crate::ops;
use crate::tensor::Tensor;

/// Where mean and rstd come from.
pub(super) enum Statistics<'a> {
    /// From the input, over these dimensions.
    Of { dims: &'a [i64], eps: f64, centred: bool },
    /// They do not depend on the input.
    Fixed { mean: Tensor, rstd: Tensor },
}

/// A backward pass took the gradient `g` at the input `x` with the weight `w` (absent: 1) to three results; `v`, `vw` and
/// `vb` are the gradients of those (absent: 0). Weights are shaped to be broadcast.
pub(super) struct Second<'a> {
    pub g: &'a Tensor,
    pub x: &'a Tensor,
    pub w: Option<Tensor>,
    pub v: Option<Tensor>,
    pub vw: Option<Tensor>,
    pub vb: Option<Tensor>,
}

fn mul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ops::mul(a.into(), b.into())
}

fn add(a: Option<Tensor>, b: Tensor) -> Result<Option<Tensor>> {
    Ok(Some(match a {
        Some(a) => ops::add((&a).into(), (&b).into(), None)?,
        None => b,
    }))
}

impl Second<'_> {
    fn weighed(&self, t: &Tensor) -> Result<Tensor> {
        self.w.as_ref().map_or_else(|| Ok(t.clone()), |w| mul(t, w))
    }

    /// The gradients of `g`, of `x`, and of `w` before it is summed.
    ///
    /// With xhat = (x - mean) r, the sum over a * xhat has the gradient P(a) = r (a - E[a] - xhat E[a xhat]), P is
    /// symmetric, and the backward pass is P(g w). From r itself comes dr/dx = -r^2 xhat / n.
    pub(super) fn run(&self, s: &Statistics) -> Result<[Option<Tensor>; 3]> {
        let (mut dg, mut dx, mut dw) = (None, None, None);
        match s {
            Statistics::Fixed { mean, rstd } => {
                let hat = mul(&ops::sub(self.x.into(), mean.into(), None)?, rstd)?;
                if let Some(v) = &self.v {
                    let v = mul(v, rstd)?;
                    dg = add(dg, self.weighed(&v)?)?;
                    dw = add(dw, mul(&v, self.g)?)?;
                }
                if let Some(vw) = &self.vw {
                    dg = add(dg, mul(&hat, vw)?)?;
                    dx = add(dx, mul(&mul(self.g, vw)?, rstd)?)?;
                }
            }
            &Statistics::Of { dims, eps, centred } => {
                let mean = |t: &Tensor| ops::mean(t, Some(dims), true, None);
                let deviation =
                    if centred { ops::sub(self.x.into(), (&mean(self.x)?).into(), None)? } else { self.x.clone() };
                let var = mean(&mul(&deviation, &deviation)?)?;
                let r = ops::rsqrt(&ops::add((&var).into(), eps.into(), None)?)?;
                let hat = mul(&deviation, &r)?;
                // P(a) and E[a xhat].
                let project = |a: &Tensor| -> Result<[Tensor; 2]> {
                    let along = mean(&mul(a, &hat)?)?;
                    let mut p = ops::sub(a.into(), (&mul(&hat, &along)?).into(), None)?;
                    if centred {
                        p = ops::sub((&p).into(), (&mean(a)?).into(), None)?;
                    }
                    Ok([mul(&p, &r)?, along])
                };
                if let Some(v) = &self.v {
                    let [pv, av] = project(v)?;
                    let u = self.weighed(self.g)?;
                    let [pu, au] = project(&u)?;
                    dg = add(dg, self.weighed(&pv)?)?;
                    dw = add(dw, mul(self.g, &pv)?)?;
                    let by_r = mul(&mul(&mean(&mul(v, &pu)?)?, &r)?, &hat)?;
                    let by_hat = ops::add((&mul(&au, &pv)?).into(), (&mul(&av, &pu)?).into(), None)?;
                    dx = add(dx, ops::neg(&ops::add((&by_r).into(), (&mul(&by_hat, &r)?).into(), None)?)?)?;
                }
                if let Some(vw) = &self.vw {
                    dg = add(dg, mul(&hat, vw)?)?;
                    let [p, _] = project(&mul(self.g, vw)?)?;
                    dx = add(dx, p)?;
                }
            }
        }
        if let Some(vb) = &self.vb {
            dg = add(dg, ops::expand(vb, &self.g.sizes(), false)?)?;
        }
        Ok([dg, dx, dw])
    }
}
