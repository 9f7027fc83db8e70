//! Recurrent networks over whole sequences, padded or packed: layers, directions, projections, dropout between layers; and
//! their single steps. One GEMM makes the input's part of the gates for all time steps; then each step is a product and one
//! pass over the gates (`rnn_step.rs`).

use crate::dtype::DType;
use crate::error::Result;
use crate::op::autocast::Cast;
use crate::op::flag;
use crate::ops;
use crate::tensor::{Tensor, mode};

#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Tanh,
    Relu,
    Gru,
    Lstm,
}

/// The weights of one layer in one direction: w_ih, w_hh, b_ih, b_hh, w_hr.
struct Weights<'a> {
    ih: &'a Tensor,
    hh: &'a Tensor,
    bias_ih: Option<&'a Tensor>,
    bias_hh: Option<&'a Tensor>,
    hr: Option<&'a Tensor>,
}

/// What goes from step to step: h, and c of an LSTM.
type State = (Tensor, Option<Tensor>);

fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ops::add(a.into(), b.into(), None)
}

fn mul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ops::mul(a.into(), b.into())
}

/// The `n` gates that lie side by side in the last dimension.
fn parts(gates: &Tensor, n: i64) -> Result<Vec<Tensor>> {
    let width = gates.sizes().last().copied().unwrap_or(0);
    if width == 0 || width % n != 0 {
        bail!(
            Runtime,
            "the weights must have {n} times as many rows as the hidden state has features, but they have {width}"
        );
    }
    ops::chunk(gates, n, -1)
}

/// The arithmetic of a step in one pass; None for what the kernels do not serve (half types, shapes that are errors).
fn fused(cell: Cell, gates: &Tensor, from_h: &Tensor, state: &State) -> Result<Option<State>> {
    let n = match cell {
        Cell::Lstm => 4,
        Cell::Gru => 3,
        _ => return Ok(None),
    };
    let kept = if cell == Cell::Lstm { state.1.as_ref() } else { Some(&state.0) };
    let Some(kept) = kept else { return Ok(None) };
    let mut wide = kept.sizes();
    if let Some(w) = wide.last_mut() {
        *w *= n;
    }
    let fits = [gates, from_h].iter().all(|t| t.sizes() == wide && t.dtype() == kept.dtype());
    if !fits || wide.is_empty() || !matches!(kept.dtype(), DType::F32 | DType::F64) {
        return Ok(None);
    }
    if cell == Cell::Lstm {
        let [h, c, _] = ops::_lstm_step(gates, from_h, kept)?;
        return Ok(Some((h, Some(c))));
    }
    let [h, _] = ops::_gru_step(gates, from_h, kept)?;
    Ok(Some((h, None)))
}

/// One step; `gates` is the input's part, with its bias. `shown`: users see the nodes of the result, which are then PyTorch's.
fn step(cell: Cell, gates: &Tensor, state: &State, w: &Weights, shown: bool) -> Result<State> {
    let h = &state.0;
    let from_h = ops::linear(h, w.hh, w.bias_hh)?;
    let recorded =
        [gates, &from_h].iter().any(|t| t.requires_grad()) || state.1.as_ref().is_some_and(|c| c.requires_grad());
    if !(shown && recorded && mode::grad())
        && let Some(next) = fused(cell, gates, &from_h, state)?
    {
        return Ok(match (next, w.hr) {
            ((h, c), Some(w)) => (ops::linear(&h, w, None)?, c),
            (next, None) => next,
        });
    }
    match cell {
        Cell::Tanh => Ok((ops::tanh(&add(gates, &from_h)?)?, None)),
        Cell::Relu => Ok((ops::relu(&add(gates, &from_h)?)?, None)),
        Cell::Gru => {
            let (x, y) = (parts(gates, 3)?, parts(&from_h, 3)?);
            let reset = ops::sigmoid(&add(&y[0], &x[0])?)?;
            let update = ops::sigmoid(&add(&y[1], &x[1])?)?;
            let new = ops::tanh(&add(&x[2], &mul(&y[2], &reset)?)?)?;
            Ok((add(&mul(&ops::sub(h.into(), (&new).into(), None)?, &update)?, &new)?, None))
        }
        Cell::Lstm => {
            let all = parts(&add(gates, &from_h)?, 4)?;
            let (i, f, o) = (ops::sigmoid(&all[0])?, ops::sigmoid(&all[1])?, ops::sigmoid(&all[3])?);
            let g = ops::tanh(&all[2])?;
            let Some(c) = &state.1 else { bail!(Runtime, "lstm expects two hidden states") };
            let c = add(&mul(&f, c)?, &mul(&i, &g)?)?;
            let h = mul(&o, &ops::tanh(&c)?)?;
            let h = if let Some(w) = w.hr { ops::linear(&h, w, None)? } else { h };
            Ok((h, Some(c)))
        }
    }
}

/// How many sequences are still there at each step; None where all are as long.
type Lengths<'a> = Option<&'a [i64]>;

/// The first `n` sequences of a state.
fn head(s: &State, n: i64) -> Result<State> {
    let cut = |t: &Tensor| if t.size_at(0) == n { Ok(t.clone()) } else { ops::narrow(t, 0, 0, n) };
    Ok((cut(&s.0)?, s.1.as_ref().map(cut).transpose()?))
}

/// `a`, then what `b` has beyond its first `from` sequences.
fn with_rest(a: &State, b: &State, from: i64) -> Result<State> {
    let join = |a: &Tensor, b: &Tensor| {
        let more = b.size_at(0) - from;
        if more == 0 { Ok(a.clone()) } else { ops::cat(&[a.clone(), ops::narrow(b, 0, from, more)?], 0) }
    };
    Ok((
        join(&a.0, &b.0)?,
        match (&a.1, &b.1) {
            (Some(a), Some(b)) => Some(join(a, b)?),
            _ => None,
        },
    ))
}

/// All steps of one layer in one direction: the outputs in the order of time, and the last state.
fn run(cell: Cell, x: &Tensor, lengths: Lengths, start: &State, w: &Weights, back: bool) -> Result<(Tensor, State)> {
    let gates = ops::linear(x, w.ih, w.bias_ih)?;
    // Turned once and not by the product of each step. (With gradients, backward would turn it back each time.)
    let turned = match gates.ndim() > 2 && !(mode::grad() && w.hh.requires_grad()) {
        true => Some(ops::transpose(&ops::contiguous(&ops::transpose(w.hh, 0, 1)?, None)?, 0, 1)?),
        false => None,
    };
    let w = &Weights { hh: turned.as_ref().unwrap_or(w.hh), ..*w };
    let steps = match lengths {
        None => ops::unbind(&gates, 0)?,
        Some(n) => ops::split_with_sizes(&gates, n, 0)?,
    };
    let count = steps.len();
    let mut outs = Vec::with_capacity(count);
    let mut state = match lengths {
        Some(n) if back => head(start, n.last().copied().unwrap_or(0))?,
        _ => start.clone(),
    };
    // Forward, sequences that end are laid aside; backward, they join when their last step comes.
    let mut ended: Option<State> = None;
    for k in 0..count {
        let t = if back { count - 1 - k } else { k };
        if let Some(n) = lengths {
            let (have, want) = (state.0.size_at(0), n[t]);
            if want > have {
                state = with_rest(&state, &head(start, want)?, have)?;
            } else if want < have {
                let gone = with_rest(&head(&state, 0)?, &state, want)?;
                ended = Some(match &ended {
                    Some(e) => with_rest(&gone, e, 0)?,
                    None => gone,
                });
                state = head(&state, want)?;
            }
        }
        state = step(cell, &steps[t], &state, w, false)?;
        outs.push(state.0.clone());
    }
    if back {
        outs.reverse();
    }
    let last = match ended {
        Some(e) => with_rest(&state, &e, 0)?,
        None => state,
    };
    let out = if outs.is_empty() {
        ops::narrow(&gates, -1, 0, start.0.size_at(1))?
    } else if lengths.is_some() {
        ops::cat(&outs, 0)?
    } else {
        ops::stack(&outs, 0)?
    };
    Ok((out, last))
}

struct Net<'a> {
    cell: Cell,
    params: &'a [Tensor],
    biases: bool,
    layers: i64,
    dropout: f64,
    train: bool,
    both: bool,
}

impl Net<'_> {
    /// Output, h and c of all layers and directions.
    fn call(
        &self,
        x: &Tensor,
        lengths: Lengths,
        h: &Tensor,
        c: Option<&Tensor>,
    ) -> Result<(Tensor, Tensor, Option<Tensor>)> {
        if h.ndim() != 3 || c.is_some_and(|c| c.ndim() != 3) {
            bail!(Runtime, "hidden states have 3 dimensions (layers * directions, batch, features), got {}", h.ndim());
        }
        let Some(runs) = self.layers.checked_mul(1 + self.both as i64) else {
            bail!(Runtime, "{} layers are too many", self.layers)
        };
        let each = 2 + 2 * self.biases as usize;
        let total = self.params.len();
        let projected = total == (each + 1) * runs as usize && total != each * runs as usize;
        let each = each + projected as usize;
        if runs <= 0 || total != each * runs as usize {
            bail!(
                Runtime,
                "{total} weights do not fit {} layers with {} directions",
                self.layers,
                1 + self.both as i64
            );
        }
        if h.size_at(0) != runs || c.is_some_and(|c| c.size_at(0) != runs) {
            bail!(Runtime, "Expected hidden size ({runs}, ...), got {:?}", h.sizes().as_slice());
        }
        let mut x = x.clone();
        let (mut hs, mut cs) = (Vec::new(), Vec::new());
        for layer in 0..self.layers {
            let mut sides = Vec::new();
            for back in [false, true].into_iter().take(1 + self.both as usize) {
                let at = layer * (1 + self.both as i64) + back as i64;
                let p = &self.params[at as usize * each..][..each];
                let w = Weights {
                    ih: &p[0],
                    hh: &p[1],
                    bias_ih: self.biases.then(|| &p[2]),
                    bias_hh: self.biases.then(|| &p[3]),
                    hr: if projected { p.last() } else { None },
                };
                let start = (ops::select(h, 0, at)?, c.map(|c| ops::select(c, 0, at)).transpose()?);
                let (out, last) = run(self.cell, &x, lengths, &start, &w, back)?;
                sides.push(out);
                hs.push(last.0);
                cs.extend(last.1);
            }
            x = match sides.len() {
                1 => sides.remove(0),
                _ => ops::cat(&sides, -1)?,
            };
            if self.dropout > 0.0 && self.train && layer + 1 < self.layers {
                x = ops::dropout(&x, self.dropout, true)?;
            }
        }
        let c = if cs.is_empty() { None } else { Some(ops::stack(&cs, 0)?) };
        Ok((x, ops::stack(&hs, 0)?, c))
    }

    /// Of a padded batch: (L, N, F), or (N, L, F) where `batch_first`.
    fn padded(
        &self,
        x: &Tensor,
        h: &Tensor,
        c: Option<&Tensor>,
        batch_first: bool,
    ) -> Result<(Tensor, Tensor, Option<Tensor>)> {
        if x.ndim() != 3 {
            bail!(Runtime, "a padded batch of sequences has 3 dimensions, this input has {}", x.ndim());
        }
        let x = if batch_first { ops::transpose(x, 0, 1)? } else { x.clone() };
        let (out, h, c) = self.call(&x, None, h, c)?;
        Ok((if batch_first { ops::transpose(&out, 0, 1)? } else { out }, h, c))
    }

    /// Of a packed batch: (sum of lengths, F), and how many sequences there are at each step.
    fn packed(
        &self,
        x: &Tensor,
        sizes: &Tensor,
        h: &Tensor,
        c: Option<&Tensor>,
    ) -> Result<(Tensor, Tensor, Option<Tensor>)> {
        if x.ndim() != 2 {
            bail!(Runtime, "a packed batch of sequences has 2 dimensions, this one has {}", x.ndim());
        }
        if sizes.dtype() != DType::I64 || sizes.ndim() != 1 {
            bail!(Runtime, "batch_sizes should be a 1-D int64 tensor");
        }
        let mut n = Vec::new();
        for t in ops::unbind(sizes, 0)? {
            n.push(t.item()?.i64());
        }
        if n.windows(2).any(|w| w[1] > w[0]) || n.iter().any(|&k| k <= 0 || k > h.size_at(1)) {
            bail!(Runtime, "batch_sizes must be positive, at most the batch's size, and must not grow");
        }
        self.call(x, Some(&n), h, c)
    }
}

fn hidden_pair(hx: &[Tensor]) -> Result<(&Tensor, &Tensor)> {
    match hx {
        [h, c] => Ok((h, c)),
        _ => bail!(Runtime, "lstm expects two hidden states"),
    }
}

fn one_step(cell: Cell, x: &Tensor, h: &Tensor, c: Option<&Tensor>, w: Weights) -> Result<State> {
    step(cell, &ops::linear(x, w.ih, w.bias_ih)?, &(h.clone(), c.cloned()), &w, true)
}

ops! {
    /// Elman network with tanh over a padded batch; gives the output and the last hidden states.
    "rnn_tanh.input" fn rnn_tanh(input: Tensor, hx: Tensor, params: Tensors, has_biases: Bool, num_layers: Int, dropout: Float, train: Bool, bidirectional: Bool, batch_first: Bool) -> (output, hidden) = {
        let n = Net { cell: Cell::Tanh, params, biases: has_biases, layers: num_layers, dropout, train, both: bidirectional };
        let (out, h, _) = n.padded(input, hx, None, batch_first)?;
        Ok([out, h])
    } { .cast(Cast::Lower).with(flag::NO_METHOD) }

    /// The same over a packed batch.
    "rnn_tanh.data" fn rnn_tanh_packed(data: Tensor, batch_sizes: Tensor, hx: Tensor, params: Tensors, has_biases: Bool, num_layers: Int, dropout: Float, train: Bool, bidirectional: Bool) -> (output, hidden) = {
        let n = Net { cell: Cell::Tanh, params, biases: has_biases, layers: num_layers, dropout, train, both: bidirectional };
        let (out, h, _) = n.packed(data, batch_sizes, hx, None)?;
        Ok([out, h])
    } { .cast(Cast::Lower).with(flag::NO_METHOD) }

    /// Elman network with relu over a padded batch; gives the output and the last hidden states.
    "rnn_relu.input" fn rnn_relu(input: Tensor, hx: Tensor, params: Tensors, has_biases: Bool, num_layers: Int, dropout: Float, train: Bool, bidirectional: Bool, batch_first: Bool) -> (output, hidden) = {
        let n = Net { cell: Cell::Relu, params, biases: has_biases, layers: num_layers, dropout, train, both: bidirectional };
        let (out, h, _) = n.padded(input, hx, None, batch_first)?;
        Ok([out, h])
    } { .cast(Cast::Lower).with(flag::NO_METHOD) }

    /// The same over a packed batch.
    "rnn_relu.data" fn rnn_relu_packed(data: Tensor, batch_sizes: Tensor, hx: Tensor, params: Tensors, has_biases: Bool, num_layers: Int, dropout: Float, train: Bool, bidirectional: Bool) -> (output, hidden) = {
        let n = Net { cell: Cell::Relu, params, biases: has_biases, layers: num_layers, dropout, train, both: bidirectional };
        let (out, h, _) = n.packed(data, batch_sizes, hx, None)?;
        Ok([out, h])
    } { .cast(Cast::Lower).with(flag::NO_METHOD) }

    /// Gated recurrent units over a padded batch; gives the output and the last hidden states. Cho et al. 2014.
    "gru.input" fn gru(input: Tensor, hx: Tensor, params: Tensors, has_biases: Bool, num_layers: Int, dropout: Float, train: Bool, bidirectional: Bool, batch_first: Bool) -> (output, hidden) = {
        let n = Net { cell: Cell::Gru, params, biases: has_biases, layers: num_layers, dropout, train, both: bidirectional };
        let (out, h, _) = n.padded(input, hx, None, batch_first)?;
        Ok([out, h])
    } { .cast(Cast::Like(1)).with(flag::NO_METHOD) }

    /// The same over a packed batch.
    "gru.data" fn gru_packed(data: Tensor, batch_sizes: Tensor, hx: Tensor, params: Tensors, has_biases: Bool, num_layers: Int, dropout: Float, train: Bool, bidirectional: Bool) -> (output, hidden) = {
        let n = Net { cell: Cell::Gru, params, biases: has_biases, layers: num_layers, dropout, train, both: bidirectional };
        let (out, h, _) = n.packed(data, batch_sizes, hx, None)?;
        Ok([out, h])
    } { .cast(Cast::Like(2)).with(flag::NO_METHOD) }

    /// Long short-term memory over a padded batch; gives the output and the last h and c. Hochreiter and Schmidhuber 1997.
    "lstm.input" fn lstm(input: Tensor, hx: Tensors, params: Tensors, has_biases: Bool, num_layers: Int, dropout: Float, train: Bool, bidirectional: Bool, batch_first: Bool) -> (output, hidden, cell) = {
        let n = Net { cell: Cell::Lstm, params, biases: has_biases, layers: num_layers, dropout, train, both: bidirectional };
        let (h, c) = hidden_pair(hx)?;
        let (out, h, c) = n.padded(input, h, Some(c), batch_first)?;
        Ok([out, h.clone(), c.unwrap_or(h)])
    } { .cast(Cast::Lower).with(flag::NO_METHOD) }

    /// The same over a packed batch.
    "lstm.data" fn lstm_packed(data: Tensor, batch_sizes: Tensor, hx: Tensors, params: Tensors, has_biases: Bool, num_layers: Int, dropout: Float, train: Bool, bidirectional: Bool) -> (output, hidden, cell) = {
        let n = Net { cell: Cell::Lstm, params, biases: has_biases, layers: num_layers, dropout, train, both: bidirectional };
        let (h, c) = hidden_pair(hx)?;
        let (out, h, c) = n.packed(data, batch_sizes, h, Some(c))?;
        Ok([out, h.clone(), c.unwrap_or(h)])
    } { .cast(Cast::Lower).with(flag::NO_METHOD) }

    /// One step of an Elman network with tanh.
    fn rnn_tanh_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: OptTensor = None, b_hh: OptTensor = None) -> Tensor = {
        Ok(one_step(Cell::Tanh, input, hx, None, Weights { ih: w_ih, hh: w_hh, bias_ih: b_ih, bias_hh: b_hh, hr: None })?.0)
    } { .cast(Cast::Lower).with(flag::NO_METHOD) }

    /// One step of an Elman network with relu.
    fn rnn_relu_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: OptTensor = None, b_hh: OptTensor = None) -> Tensor = {
        Ok(one_step(Cell::Relu, input, hx, None, Weights { ih: w_ih, hh: w_hh, bias_ih: b_ih, bias_hh: b_hh, hr: None })?.0)
    } { .cast(Cast::Lower).with(flag::NO_METHOD) }

    /// One step of gated recurrent units.
    fn gru_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: OptTensor = None, b_hh: OptTensor = None) -> Tensor = {
        Ok(one_step(Cell::Gru, input, hx, None, Weights { ih: w_ih, hh: w_hh, bias_ih: b_ih, bias_hh: b_hh, hr: None })?.0)
    } { .cast(Cast::Like(1)).with(flag::NO_METHOD) }

    /// One step of long short-term memory: the next h and c.
    fn lstm_cell(input: Tensor, hx: Tensors, w_ih: Tensor, w_hh: Tensor, b_ih: OptTensor = None, b_hh: OptTensor = None) -> (hidden, cell) = {
        let (h, c) = hidden_pair(hx)?;
        let w = Weights { ih: w_ih, hh: w_hh, bias_ih: b_ih, bias_hh: b_hh, hr: None };
        let (h, c) = one_step(Cell::Lstm, input, h, Some(c), w)?;
        Ok([h.clone(), c.unwrap_or(h)])
    } { .cast(Cast::Like(1)).with(flag::NO_METHOD) }
}
