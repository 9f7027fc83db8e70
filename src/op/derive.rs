//! Derivatives of formulas: reverse mode over the expression graph, with PyTorch's conventions at kinks: abs'(0) = 0; ties of
//! two tensors in max and min halve, in fmax and fmin the first one wins; a number in max or min is a bound, and what lies on
//! a bound passes. Adjoints go through `select` by selecting, never by multiplying with a mask.

use super::expr::{self, E, Node, binary, lit, select, unary};
use crate::kernels::program::Prim;
use std::f64::consts::{FRAC_2_SQRT_PI, LN_2, LN_10, PI};

/// The derivative of `root` times `g` with respect to each of `wrt` (inputs of the graph being built). None: it does not
/// depend on it. Complex formulas use conjugates: the adjoint of a holomorphic f is g * conj(f').
pub(crate) fn derive(root: E, g: E, wrt: &[E], complex: bool) -> Vec<Option<E>> {
    let n = root.0 as usize + 1;
    let mut adj: Vec<Option<E>> = vec![None; n];
    let mut sums: Vec<Option<E>> = vec![None; wrt.len()];
    let mut depends = vec![false; n];
    for i in 0..n {
        depends[i] = wrt.contains(&E(i as u32))
            || match expr::node(E(i as u32)) {
                Node::Op(_, args, k) => args[..k as usize].iter().any(|a| depends[a.0 as usize]),
                _ => false,
            };
    }
    adj[root.0 as usize] = Some(g);
    for i in (0..n).rev() {
        let y = E(i as u32);
        let (Some(g), Node::Op(p, args, arity)) = (adj[i], expr::node(y)) else { continue };
        if p == Prim::Select {
            // Both ways are derived apart and selected between at the very end: what the way not taken makes of its
            // operands (inf, NaN) never meets the other.
            let a = derive(args[1], g, wrt, complex);
            let b = derive(args[2], g, wrt, complex);
            for ((d, x), sum) in a.into_iter().zip(b).zip(&mut sums) {
                if d.is_some() || x.is_some() {
                    let d = select(args[0], d.unwrap_or_else(|| lit(0.0)), x.unwrap_or_else(|| lit(0.0)));
                    *sum = Some(match *sum {
                        Some(s) => s + d,
                        None => d,
                    });
                }
            }
            continue;
        }
        for j in 0..arity as usize {
            let a = args[j];
            if !depends[a.0 as usize] {
                continue;
            }
            if let Some(d) = adjoint(p, j, args, y, y == root, g, complex) {
                let slot = &mut adj[a.0 as usize];
                *slot = Some(match *slot {
                    Some(sum) => sum + d,
                    None => d,
                });
            }
        }
    }
    for (e, sum) in wrt.iter().zip(&mut sums) {
        *sum = match (*sum, adj.get(e.0 as usize).copied().flatten()) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
    }
    sums
}

/// trigamma(x), the derivative of digamma: reflected to x >= 1/2, shifted by 6, then the asymptotic series. An expression
/// and not a primitive: it is met only in gradients, and its own derivatives come from it.
fn trigamma(x: E) -> E {
    let reflect = x.lt(0.5);
    let y = select(reflect, 1.0 - x, x);
    let mut sum = (y * y).recip();
    for k in 1..6 {
        let z = y + k as f64;
        sum = sum + (z * z).recip();
    }
    let r = (y + 6.0).recip();
    let r2 = r * r;
    // The Bernoulli numbers B16 ... B2, from the smallest term on.
    let mut series = lit(-3617.0 / 510.0);
    for b in [7.0 / 6.0, -691.0 / 2730.0, 5.0 / 66.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 1.0 / 6.0] {
        series = series * r2 + b;
    }
    let t = sum + r + 0.5 * r2 + series * r2 * r;
    let s = (x * PI).sin();
    select(reflect, PI * PI / (s * s) - t, t)
}

/// Is it a number, not (computed from) a tensor? Then it is a bound.
fn is_number(e: E) -> bool {
    matches!(expr::node(e), Node::Const(_) | Node::Param(_))
}

/// The contribution of `y = p(args)` to the adjoint of its `j`-th operand; None where it is zero everywhere. `last`: `y` is
/// the formula's result, which is kept.
fn adjoint(p: Prim, j: usize, args: [E; 3], y: E, last: bool, g: E, complex: bool) -> Option<E> {
    use Prim::*;
    let (a, b) = (args[0], args[1]);
    // g * conj(d) for complex formulas, g * d for real ones.
    let times = |d: E| g * if complex { unary(Conj, d) } else { d };
    let over = |d: E| g / if complex { unary(Conj, d) } else { d };
    let one = |e: E| 1.0 - e * e;
    Some(match (p, j) {
        (Neg, _) => -g,
        (Abs, _) if complex => unary(Real, g) * unary(Sign, a),
        (Sign, _) if complex => {
            // d sgn = (g - sgn * Re(conj(sgn) g)) / |z|, and 0 at 0.
            let n = a.abs();
            select(n.eq(0.0), lit(0.0), (g - y * unary(Real, unary(Conj, y) * g)) / n)
        }
        (Abs, _) => g * a.sign(),
        (Recip, _) => times(-(y * y)),
        (Sqrt, _) => over(2.0 * y),
        (Rsqrt, _) => times(-0.5 * (y * y * y)),
        (Square, _) => times(2.0 * a),
        (Exp, _) => times(y),
        (Exp2, _) => times(y * LN_2),
        // y + 1 costs less where y is kept; far below 0 it has lost what exp still has.
        (Expm1, _) => times(if last { y + 1.0 } else { a.exp() }),
        (Log, _) => over(a),
        (Log2, _) => over(a * LN_2),
        (Log10, _) => over(a * LN_10),
        (Log1p, _) => over(a + 1.0),
        (Sin, _) => times(a.cos()),
        (Cos, _) => times(-a.sin()),
        (Tan, _) => times(y * y + 1.0),
        (Asin, _) => times(one(a).rsqrt()),
        (Acos, _) => times(-one(a).rsqrt()),
        (Atan, _) => over(a * a + 1.0),
        (Sinh, _) => times(a.cosh()),
        (Cosh, _) => times(a.sinh()),
        (Tanh, _) => times(one(y)),
        (Asinh, _) => times((a * a + 1.0).rsqrt()),
        (Acosh, _) => times((a * a - 1.0).rsqrt()),
        (Atanh, _) => over(one(a)),
        (Sigmoid, _) => times((1.0 - y) * y),
        (Erf, _) => g * (FRAC_2_SQRT_PI * (-(a * a)).exp()),
        (Erfc, _) => g * (-FRAC_2_SQRT_PI * (-(a * a)).exp()),
        (Erfinv, _) => g * (0.5 * PI.sqrt() * (y * y).exp()),
        (Lgamma, _) => g * a.digamma(),
        (Digamma, _) => g * trigamma(a),
        (Conj, _) => unary(Conj, g),
        (Real, _) => unary(Real, g),
        (Imag, _) => binary(Complex, lit(0.0), unary(Real, g)),
        (Angle, _) if complex => {
            // d angle = (re * d im - im * d re) / |z|^2
            let n = a.abs();
            let s = unary(Real, g) / (n * n);
            select(n.eq(0.0), lit(0.0), binary(Complex, -(s * a.imag()), s * a.real()))
        }
        (Complex, 0) => unary(Real, g),
        (Complex, 1) => unary(Imag, g),
        (Add, _) => g,
        (Sub, 0) => g,
        (Sub, 1) => -g,
        (Mul, 0) => times(b),
        (Mul, 1) => times(a),
        (Div, 0) => over(b),
        (Div, 1) => {
            let d = y / b;
            -(g * if complex { unary(Conj, d) } else { d })
        }
        (Pow, 0) => {
            // pow(x, 0) has gradient 0 even at x = 0.
            let d = b * a.pow(b - 1.0);
            select(b.eq(0.0), lit(0.0), times(d))
        }
        (Pow, 1) => {
            // pow(0, y) has gradient 0 for y >= 0.
            let d = times(y * a.log());
            if complex { select(a.eq(0.0), lit(0.0), d) } else { select(a.eq(0.0).and(b.ge(0.0)), lit(0.0), d) }
        }
        (Atan2, 0) => g * (b / (a * a + b * b)),
        (Atan2, 1) => g * (-a / (a * a + b * b)),
        (Hypot, 0) => g * (a / y),
        (Hypot, 1) => g * (b / y),
        (Copysign, 0) => select(a.eq(0.0), lit(0.0), g * (y / a)),
        (Max | Min, _) => {
            let (mine, other) = if j == 0 { (a, b) } else { (b, a) };
            if is_number(other) {
                let inside = if p == Max { mine.ge(other) } else { mine.le(other) };
                return Some(select(inside, g, lit(0.0)));
            }
            let wins = if p == Max { mine.gt(other) } else { mine.lt(other) }.or(mine.is_nan());
            select(a.eq(b), g * 0.5, select(wins, g, lit(0.0)))
        }
        (Fmax | Fmin, _) => {
            let first = if p == Fmax { a.ge(b) } else { a.le(b) }.or(b.is_nan());
            if j == 0 { select(first, g, lit(0.0)) } else { select(first, lit(0.0), g) }
        }
        (Remainder | Fmod, 0) => g,
        (Remainder, 1) => -(g * a.floor_div(b)),
        (Fmod, 1) => -(g * (a / b).trunc()),
        // Steps, comparisons and bits: zero almost everywhere.
        _ => return None,
    })
}
