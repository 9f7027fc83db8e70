//! One step of LSTM and GRU after its products: the gates' arithmetic in one pass, and its gradients. The gates as applied
//! are a result too, for backward to read; derivatives of the gradient are tensor operations on them.

use crate::error::Result;
use crate::kernels::cpu::rnn as kernel;
use crate::op::arg::Ctx;
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::ops::short::{add, mul, sub};
use crate::shape::Dims;
use crate::tensor::graph::Grads;
use crate::tensor::{Tensor, mode};
use smallvec::smallvec;

const PRIVATE: u32 = flag::PRIVATE | flag::NO_METHOD;

/// The address of a tensor's elements in a row; `hold` keeps what had to be copied.
fn flat(t: &Tensor, hold: &mut Vec<Tensor>) -> Result<*mut u8> {
    let t = if t.is_contiguous() { t.clone() } else { t.copied(t.dtype())? };
    let p = t.body().ptr();
    hold.push(t);
    Ok(p)
}

/// Rows and features of a state.
fn extent(t: &Tensor) -> (usize, usize) {
    let s = t.sizes();
    let (width, lead) = s.split_last().map_or((1, &s[..]), |(w, l)| (*w, l));
    (lead.iter().product::<i64>() as usize, width as usize)
}

/// A state's sizes with `n` times as many features.
fn times(t: &Tensor, n: i64) -> Dims {
    let mut s = t.sizes();
    if let Some(w) = s.last_mut() {
        *w *= n;
    }
    s
}

/// The metas of a step's results: `states` of the state's shape, and the gates.
fn step_meta(cx: &Ctx, gates: i64, states: usize) -> Result<Metas> {
    let (a, b, state) = (cx.tensor(0)?, cx.tensor(1)?, cx.tensor(2)?);
    let wide = times(state, gates);
    if wide.is_empty()
        || a.sizes() != wide
        || b.sizes() != wide
        || a.dtype() != state.dtype()
        || b.dtype() != state.dtype()
    {
        bail!(Runtime, "{}: gates and state do not fit each other", cx.op.python_name());
    }
    let mut out: Metas = (0..states).map(|_| Meta::new(state.sizes(), state.dtype())).collect();
    out.push(Meta::new(wide, state.dtype()));
    Ok(out)
}

/// The metas of a step's gradients: `gates` times of the gates' shape, and of the state's. Arguments `states` are alike, and
/// so are arguments `wide`, with `n` gates.
fn back_meta(cx: &Ctx, n: i64, states: &[usize], wide: &[usize], gates: usize) -> Result<Metas> {
    let state = cx.tensor(states[0])?;
    let full = times(state, n);
    let like = |t: &Tensor, sizes: &Dims| t.sizes() == *sizes && t.dtype() == state.dtype();
    let mut fits = !full.is_empty();
    for &i in states {
        fits &= like(cx.tensor(i)?, &state.sizes());
    }
    for &i in wide {
        fits &= like(cx.tensor(i)?, &full);
    }
    if !fits {
        bail!(
            Runtime,
            "{}: the arguments do not belong to one call\nThis is a part of the gradient of a recurrent step.",
            cx.op.python_name()
        );
    }
    let mut out: Metas = (0..gates).map(|_| Meta::new(full.clone(), state.dtype())).collect();
    out.push(Meta::new(state.sizes(), state.dtype()));
    Ok(out)
}

/// The addresses of arguments and results.
fn addresses<const N: usize>(cx: &Ctx, ins: &[usize], out: &[Tensor], hold: &mut Vec<Tensor>) -> Result<[*mut u8; N]> {
    let mut at = [std::ptr::null_mut(); N];
    for (k, &i) in ins.iter().enumerate() {
        at[k] = flat(cx.tensor(i)?, hold)?;
    }
    for (k, t) in out.iter().enumerate() {
        at[ins.len() + k] = t.body().ptr();
    }
    Ok(at)
}

/// The `n` gates that lie side by side.
fn parts(t: &Tensor, n: i64) -> Result<Vec<Tensor>> {
    ops::chunk(t, n, -1)
}

/// 1 - x
fn rest(x: &Tensor) -> Result<Tensor> {
    ops::sub(1.into(), x.into(), None)
}

/// The slope of a sigmoid, by its value.
fn sigmoid_slope(y: &Tensor) -> Result<Tensor> {
    mul(y, &rest(y)?)
}

/// The slope of tanh, by its value.
fn tanh_slope(y: &Tensor) -> Result<Tensor> {
    rest(&mul(y, y)?)
}

fn lstm_grad(b: &Bw) -> Result<Grads> {
    let (gh, gc, cell) = (b.grad_of(0)?, b.grad_of(1)?, b.tensor(2)?);
    if !mode::grad() && !b.has_grad(2) {
        let (next, act) = (b.out(1)?.detached(), b.out(2)?.detached());
        let [gates, cell] = ops::_lstm_step_backward(&gh, &gc, cell, &next, &act)?;
        return Ok(smallvec![Some(gates.clone()), Some(gates), Some(cell)]);
    }
    let p = parts(b.out(2)?, 4)?;
    let (i, f, g, o) = (&p[0], &p[1], &p[2], &p[3]);
    let t = ops::tanh(b.out(1)?)?;
    let gc = add(&gc, &mul(&mul(&gh, o)?, &tanh_slope(&t)?)?)?;
    let mut of = [mul(&gc, g)?, mul(&gc, cell)?, mul(&gc, i)?, mul(&gh, &t)?];
    if b.has_grad(2) {
        for (d, more) in of.iter_mut().zip(parts(&b.grad_of(2)?, 4)?) {
            *d = add(d, &more)?;
        }
    }
    let slopes = [sigmoid_slope(i)?, sigmoid_slope(f)?, tanh_slope(g)?, sigmoid_slope(o)?];
    let each: Vec<Tensor> = of.iter().zip(&slopes).map(|(d, s)| mul(d, s)).collect::<Result<_>>()?;
    let gates = ops::cat(&each, -1)?;
    Ok(smallvec![Some(gates.clone()), Some(gates), Some(mul(&gc, f)?)])
}

fn gru_grad(b: &Bw) -> Result<Grads> {
    let (g, more, hidden) = (b.grad_of(0)?, b.tensor(1)?, b.tensor(2)?);
    if !mode::grad() && !b.has_grad(1) {
        let [x, y, h] = ops::_gru_step_backward(&g, more, hidden, &b.out(1)?.detached())?;
        return Ok(smallvec![Some(x), Some(y), Some(h)]);
    }
    let p = parts(b.out(1)?, 3)?;
    let (reset, update, new) = (&p[0], &p[1], &p[2]);
    let (mut of_reset, mut of_update) = (None, mul(&g, &sub(hidden, new)?)?);
    let mut of_new = mul(&g, &rest(update)?)?;
    if b.has_grad(1) {
        let extra = parts(&b.grad_of(1)?, 3)?;
        of_reset = Some(extra[0].clone());
        of_update = add(&of_update, &extra[1])?;
        of_new = add(&of_new, &extra[2])?;
    }
    let of_new = mul(&of_new, &tanh_slope(new)?)?;
    let through = mul(&of_new, &parts(more, 3)?[2])?;
    let of_reset = match of_reset {
        Some(d) => add(&through, &d)?,
        None => through,
    };
    let of_reset = mul(&of_reset, &sigmoid_slope(reset)?)?;
    let of_update = mul(&of_update, &sigmoid_slope(update)?)?;
    let x = ops::cat(&[of_reset.clone(), of_update.clone(), of_new.clone()], -1)?;
    let y = ops::cat(&[of_reset, of_update, mul(&of_new, reset)?], -1)?;
    Ok(smallvec![Some(x), Some(y), Some(mul(&g, update)?)])
}

ops! {
    /// One step of long short-term memory from the input's and the state's part of its gates: the next h and c, and the gates
    /// as applied.
    fn _lstm_step(gates: Tensor, more: Tensor, cell: Tensor) -> (_hidden, _cell, _gates) {
        .kernel(|cx| step_meta(cx, 4, 2), |cx, out| {
            let (n, h) = extent(cx.tensor(2)?);
            let mut hold = Vec::new();
            let at = addresses(cx, &[0, 1, 2], out, &mut hold)?;
            // SAFETY: the meta function checked the sizes; the addresses are of adjacent elements, which `hold` and `out` keep.
            unsafe { kernel::lstm(cx.tensor(2)?.dtype(), n, h, at) }
        }, "rnn.cu", Batch::Loop).grad(&[2], &[1, 2], lstm_grad).node("LstmCellBackward0").with(PRIVATE)
    }

    /// The gradients of a step of long short-term memory in its gates and its cell.
    fn _lstm_step_backward(grad_hidden: Tensor, grad_cell: Tensor, cell: Tensor, next: Tensor, gates: Tensor) -> (_in_gates, _in_cell) {
        .kernel(|cx| back_meta(cx, 4, &[0, 1, 2, 3], &[4], 1), |cx, out| {
            let (n, h) = extent(cx.tensor(2)?);
            let mut hold = Vec::new();
            let at = addresses(cx, &[0, 1, 2, 3, 4], out, &mut hold)?;
            // SAFETY: as above; gradients and kept results have the shapes of the step.
            unsafe { kernel::lstm_backward(cx.tensor(2)?.dtype(), n, h, at) }
        }, "rnn.cu", Batch::Loop).with(PRIVATE)
    }

    /// One step of gated recurrent units from the input's and the state's part of its gates: the next state, and the gates as
    /// applied.
    fn _gru_step(gates: Tensor, more: Tensor, hidden: Tensor) -> (_hidden, _gates) {
        .kernel(|cx| step_meta(cx, 3, 1), |cx, out| {
            let (n, h) = extent(cx.tensor(2)?);
            let mut hold = Vec::new();
            let at = addresses(cx, &[0, 1, 2], out, &mut hold)?;
            // SAFETY: as above.
            unsafe { kernel::gru(cx.tensor(2)?.dtype(), n, h, at) }
        }, "rnn.cu", Batch::Loop).grad(&[1, 2], &[1], gru_grad).node("GruCellBackward0").with(PRIVATE)
    }

    /// The gradients of a step of gated recurrent units in both parts of its gates and in its state.
    fn _gru_step_backward(grad: Tensor, more: Tensor, hidden: Tensor, gates: Tensor) -> (_in_gates, _in_more, _in_hidden) {
        .kernel(|cx| back_meta(cx, 3, &[0, 2], &[1, 3], 2), |cx, out| {
            let (n, h) = extent(cx.tensor(2)?);
            let mut hold = Vec::new();
            let at = addresses(cx, &[0, 1, 2, 3], out, &mut hold)?;
            // SAFETY: as above.
            unsafe { kernel::gru_backward(cx.tensor(2)?.dtype(), n, h, at) }
        }, "rnn.cu", Batch::Loop).with(PRIVATE)
    }
}
