//! Recurrent networks: whole sequences over layers and directions, and single steps. The input's part of all gates is one
//! product for all time steps; a step is one product and one formula.

use crate::dtype::DType;
use crate::error::Result;
use crate::op::flag;
use crate::ops;
use crate::shape::show;
use crate::tensor::Tensor;

const HIDDEN: u32 = flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD;
/// The four floats.
const FLOAT: &[DType] = &[DType::F16, DType::BF16, DType::F32, DType::F64];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Lstm,
    Gru,
    Tanh,
    Relu,
}

/// The weights of one layer in one direction.
struct Weights<'a> {
    ih: &'a Tensor,
    hh: &'a Tensor,
    b_ih: Option<&'a Tensor>,
    b_hh: Option<&'a Tensor>,
    /// The projection of an LSTM's output.
    hr: Option<&'a Tensor>,
}

/// What is the same in all layers.
struct Net {
    cell: Cell,
    biases: bool,
    layers: i64,
    dropout: f64,
    train: bool,
    bidirectional: bool,
}

/// Hidden state, and the cell's state of an LSTM.
#[derive(Clone)]
struct State {
    h: Tensor,
    c: Option<Tensor>,
}

impl State {
    fn map(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<State> {
        Ok(State { h: f(&self.h)?, c: self.c.as_ref().map(f).transpose()? })
    }

    fn rows(&self, start: i64, n: i64) -> Result<State> {
        if start == 0 && n == self.h.size_at(0) {
            return Ok(self.clone());
        }
        self.map(|t| ops::narrow(t, 0, start, n))
    }

    /// These states below each other.
    fn join(parts: &[State]) -> Result<State> {
        if let [one] = parts {
            return Ok(one.clone());
        }
        let h: Vec<Tensor> = parts.iter().map(|s| s.h.clone()).collect();
        let c: Vec<Tensor> = parts.iter().filter_map(|s| s.c.clone()).collect();
        Ok(State { h: ops::cat(&h, 0)?, c: if c.is_empty() { None } else { Some(ops::cat(&c, 0)?) } })
    }
}

/// The input's part of the gates.
fn gates(cell: Cell, x: &Tensor, w: &Weights) -> Result<Tensor> {
    // A GRU multiplies the hidden part with its bias by a gate: only the others can add both biases at once.
    let bias = match (cell, w.b_ih, w.b_hh) {
        (Cell::Gru, b, _) => b.cloned(),
        (_, Some(a), Some(b)) => Some(ops::add(a.into(), b.into(), None)?),
        (_, a, b) => a.or(b).cloned(),
    };
    ops::linear(x, w.ih, bias.as_ref())
}

/// One step from the input's part of the gates.
fn step(cell: Cell, gx: &Tensor, s: &State, w: &Weights) -> Result<State> {
    let n = w.hh.size_at(0);
    let hh = ops::t(w.hh)?;
    let parts = |t: &Tensor, k: i64| ops::chunk(t, k, 1);
    match (cell, &s.c) {
        (Cell::Lstm, Some(c)) => {
            let g = parts(&ops::addmm(gx, &s.h, &hh, 1.into(), 1.into())?, 4)?;
            let [i, f, g, o] = &g[..] else { bail!(Runtime, "lstm: weights of {n} rows are not four gates") };
            let c = _lstm_state(i, f, g, c)?;
            let mut h = _lstm_out(o, &c)?;
            if let Some(hr) = w.hr {
                h = ops::linear(&h, hr, None)?;
            }
            Ok(State { h, c: Some(c) })
        }
        (Cell::Gru, _) => {
            let (x, h) = (parts(gx, 3)?, parts(&ops::linear(&s.h, w.hh, w.b_hh)?, 3)?);
            let ([a, b, c], [d, e, f]) = (&x[..], &h[..]) else {
                bail!(Runtime, "gru: weights of {n} rows are not three gates")
            };
            Ok(State { h: _gru_out(a, b, c, d, e, f, &s.h)?, c: None })
        }
        _ => {
            let g = ops::addmm(gx, &s.h, &hh, 1.into(), 1.into())?;
            Ok(State { h: if cell == Cell::Relu { ops::relu(&g)? } else { ops::tanh(&g)? }, c: None })
        }
    }
}

/// One layer in one direction: rows of all steps below each other, `sizes[t]` of them at step t (never more than before).
fn direction(
    cell: Cell,
    x: &Tensor,
    sizes: &[i64],
    start: &State,
    w: &Weights,
    backwards: bool,
) -> Result<(Tensor, State)> {
    let gx = ops::split_with_sizes(&gates(cell, x, w)?, sizes, 0)?;
    let mut outs: Vec<Tensor> = Vec::with_capacity(sizes.len());
    if backwards {
        let mut s = start.rows(0, sizes.last().copied().unwrap_or(0))?;
        for (t, &n) in sizes.iter().enumerate().rev() {
            let now = s.h.size_at(0);
            if n > now {
                s = State::join(&[s, start.rows(now, n - now)?])?;
            }
            s = step(cell, &gx[t], &s, w)?;
            outs.push(s.h.clone());
        }
        outs.reverse();
        return Ok((ops::cat(&outs, 0)?, s));
    }
    let mut s = start.clone();
    let mut ended: Vec<State> = Vec::new();
    for (t, &n) in sizes.iter().enumerate() {
        let now = s.h.size_at(0);
        if n < now {
            ended.push(s.rows(n, now - n)?);
            s = s.rows(0, n)?;
        }
        s = step(cell, &gx[t], &s, w)?;
        outs.push(s.h.clone());
    }
    ended.push(s);
    ended.reverse();
    Ok((ops::cat(&outs, 0)?, State::join(&ended)?))
}

/// All layers. `x` holds the rows of all steps; `start` the states of all layers and directions.
fn run(net: &Net, x: &Tensor, sizes: &[i64], start: &State, params: &[Tensor]) -> Result<(Tensor, State)> {
    let directions = 1 + net.bidirectional as i64;
    let cells = (net.layers * directions) as usize;
    let each = params.len() / cells.max(1);
    let plain = if net.biases { 4 } else { 2 };
    let fits = each == plain || net.cell == Cell::Lstm && each == plain + 1;
    if cells == 0 || sizes.is_empty() {
        bail!(Runtime, "Expected sequence length to be larger than 0 in RNN");
    }
    if params.len() % cells != 0 || !fits {
        bail!(Runtime, "got an incorrect number of RNN parameters: {} for {cells} layers and directions", params.len());
    }
    if start.h.ndim() != 3 || start.h.size_at(0) != cells as i64 {
        bail!(Runtime, "Expected hidden of {cells} layers and directions, but got shape {}", show(&start.h.sizes()));
    }
    let mut x = x.clone();
    let mut ends: Vec<State> = Vec::new();
    for layer in 0..net.layers {
        let mut outs: Vec<Tensor> = Vec::new();
        for d in 0..directions {
            let k = (layer * directions + d) as usize;
            let p = &params[k * each..(k + 1) * each];
            let w = Weights {
                ih: &p[0],
                hh: &p[1],
                b_ih: p.get(2).filter(|_| net.biases),
                b_hh: p.get(3).filter(|_| net.biases),
                hr: p.get(plain),
            };
            let s = start.map(|t| ops::select(t, 0, k as i64))?;
            let (out, end) = direction(net.cell, &x, sizes, &s, &w, d == 1)?;
            outs.push(out);
            ends.push(end);
        }
        x = if let [one] = &outs[..] { one.clone() } else { ops::cat(&outs, 1)? };
        if net.dropout != 0.0 && net.train && layer + 1 < net.layers {
            x = ops::dropout(&x, net.dropout, true)?;
        }
    }
    let h: Vec<Tensor> = ends.iter().map(|s| s.h.clone()).collect();
    let c: Vec<Tensor> = ends.iter().filter_map(|s| s.c.clone()).collect();
    Ok((x, State { h: ops::stack(&h, 0)?, c: if c.is_empty() { None } else { Some(ops::stack(&c, 0)?) } }))
}

/// A padded batch (T, N, I), or (N, T, I).
fn padded(net: &Net, input: &Tensor, batch_first: bool, start: &State, params: &[Tensor]) -> Result<(Tensor, State)> {
    if input.ndim() != 3 {
        bail!(Runtime, "RNN: expected an input of 3 dimensions, got shape {}", show(&input.sizes()));
    }
    let x = if batch_first { ops::transpose(input, 0, 1)? } else { input.clone() };
    let (t, n, width) = (x.size_at(0), x.size_at(1), x.size_at(2));
    let (out, end) = run(net, &ops::reshape(&x, &[t * n, width])?, &vec![n; t as usize], start, params)?;
    let last = out.size_at(1);
    let out = ops::view(&out, &[t, n, last])?;
    Ok((if batch_first { ops::transpose(&out, 0, 1)? } else { out }, end))
}

/// A packed batch: the rows of all steps, and how many each step has.
fn packed(net: &Net, data: &Tensor, sizes: &Tensor, start: &State, params: &[Tensor]) -> Result<(Tensor, State)> {
    run(net, data, &sizes.to_vec::<i64>()?, start, params)
}

fn pair(hx: &[Tensor]) -> Result<State> {
    match hx {
        [h, c] => Ok(State { h: h.clone(), c: Some(c.clone()) }),
        _ => bail!(Runtime, "lstm expects two hidden states"),
    }
}

fn three(r: (Tensor, State)) -> Result<[Tensor; 3]> {
    match r.1.c {
        Some(c) => Ok([r.0, r.1.h, c]),
        None => bail!(Runtime, "internal: an LSTM without its state"),
    }
}

/// A single step, with PyTorch's checks.
fn single(
    cell: Cell,
    input: &Tensor,
    s: &State,
    ih: &Tensor,
    hh: &Tensor,
    biases: [Option<&Tensor>; 2],
) -> Result<State> {
    if input.ndim() != 2 || input.size_at(1) != ih.size_at(1) {
        let got = input.sizes().last().copied().unwrap_or(0);
        bail!(Runtime, "input has inconsistent input_size: got {got} expected {}", ih.size_at(1));
    }
    for (i, h) in [Some(&s.h), s.c.as_ref()].into_iter().flatten().enumerate() {
        if h.ndim() != 2 || input.size_at(0) != h.size_at(0) {
            let got = h.sizes().first().copied().unwrap_or(0);
            bail!(Runtime, "Input batch size {} doesn't match hidden{i} batch size {got}", input.size_at(0));
        }
        if h.size_at(1) != hh.size_at(1) {
            bail!(Runtime, "hidden{i} has inconsistent hidden_size: got {}, expected {}", h.size_at(1), hh.size_at(1));
        }
    }
    let w = Weights { ih, hh, b_ih: biases[0], b_hh: biases[1], hr: None };
    step(cell, &gates(cell, input, &w)?, s, &w)
}

ops! {
    /// sigmoid(f) c + sigmoid(i) tanh(g).
    fn _lstm_state(i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor {
        .only(FLOAT).formula(|e| e.x(1).sigmoid() * e.x(3) + e.x(0).sigmoid() * e.x(2).tanh()).with(HIDDEN)
    }

    /// sigmoid(o) tanh(c).
    fn _lstm_out(o: Tensor, c: Tensor) -> Tensor { .only(FLOAT).formula(|e| e.x(0).sigmoid() * e.x(1).tanh()).with(HIDDEN) }

    /// (1 - z) n + z h with the gates r, z and the proposal n = tanh(xn + r hn).
    fn _gru_out(xr: Tensor, xz: Tensor, xn: Tensor, hr: Tensor, hz: Tensor, hn: Tensor, h: Tensor) -> Tensor {
        .only(FLOAT).formula(|e| {
            let (r, z) = ((e.x(0) + e.x(3)).sigmoid(), (e.x(1) + e.x(4)).sigmoid());
            let n = (e.x(2) + r * e.x(5)).tanh();
            (e.x(6) - n) * z + n
        }).with(HIDDEN)
    }

    /// Long short-term memory over a batch of sequences.
    "lstm.input" fn lstm(input: Tensor, hx: Tensors, params: Tensors, has_biases: Bool, num_layers: Int, dropout: Float, train: Bool, bidirectional: Bool, batch_first: Bool) -> (_output, _h, _c) = {
        let net = Net { cell: Cell::Lstm, biases: has_biases, layers: num_layers, dropout, train, bidirectional };
        three(padded(&net, input, batch_first, &pair(hx)?, params)?)
    } { .with(flag::NO_METHOD) }

    /// Long short-term memory over a packed batch.
    "lstm.data" fn lstm_data(data: Tensor, batch_sizes: Tensor, hx: Tensors, params: Tensors, has_biases: Bool, num_layers: Int, dropout: Float, train: Bool, bidirectional: Bool) -> (_output, _h, _c) = {
        let net = Net { cell: Cell::Lstm, biases: has_biases, layers: num_layers, dropout, train, bidirectional };
        three(packed(&net, data, batch_sizes, &pair(hx)?, params)?)
    } { .with(flag::NO_METHOD) }

    /// Gated recurrent units over a batch of sequences.
    "gru.input" fn gru(input: Tensor, hx: Tensor, params: Tensors, has_biases: Bool, num_layers: Int, dropout: Float, train: Bool, bidirectional: Bool, batch_first: Bool) -> (_output, _h) = {
        let net = Net { cell: Cell::Gru, biases: has_biases, layers: num_layers, dropout, train, bidirectional };
        let (out, s) = padded(&net, input, batch_first, &State { h: hx.clone(), c: None }, params)?;
        Ok([out, s.h])
    } { .with(flag::NO_METHOD) }

    /// Gated recurrent units over a packed batch.
    "gru.data" fn gru_data(data: Tensor, batch_sizes: Tensor, hx: Tensor, params: Tensors, has_biases: Bool, num_layers: Int, dropout: Float, train: Bool, bidirectional: Bool) -> (_output, _h) = {
        let net = Net { cell: Cell::Gru, biases: has_biases, layers: num_layers, dropout, train, bidirectional };
        let (out, s) = packed(&net, data, batch_sizes, &State { h: hx.clone(), c: None }, params)?;
        Ok([out, s.h])
    } { .with(flag::NO_METHOD) }

    /// A plain recurrent network with tanh over a batch of sequences.
    "rnn_tanh.input" fn rnn_tanh(input: Tensor, hx: Tensor, params: Tensors, has_biases: Bool, num_layers: Int, dropout: Float, train: Bool, bidirectional: Bool, batch_first: Bool) -> (_output, _h) = {
        let net = Net { cell: Cell::Tanh, biases: has_biases, layers: num_layers, dropout, train, bidirectional };
        let (out, s) = padded(&net, input, batch_first, &State { h: hx.clone(), c: None }, params)?;
        Ok([out, s.h])
    } { .with(flag::NO_METHOD) }

    /// A plain recurrent network with tanh over a packed batch.
    "rnn_tanh.data" fn rnn_tanh_data(data: Tensor, batch_sizes: Tensor, hx: Tensor, params: Tensors, has_biases: Bool, num_layers: Int, dropout: Float, train: Bool, bidirectional: Bool) -> (_output, _h) = {
        let net = Net { cell: Cell::Tanh, biases: has_biases, layers: num_layers, dropout, train, bidirectional };
        let (out, s) = packed(&net, data, batch_sizes, &State { h: hx.clone(), c: None }, params)?;
        Ok([out, s.h])
    } { .with(flag::NO_METHOD) }

    /// A plain recurrent network with max(x, 0) over a batch of sequences.
    "rnn_relu.input" fn rnn_relu(input: Tensor, hx: Tensor, params: Tensors, has_biases: Bool, num_layers: Int, dropout: Float, train: Bool, bidirectional: Bool, batch_first: Bool) -> (_output, _h) = {
        let net = Net { cell: Cell::Relu, biases: has_biases, layers: num_layers, dropout, train, bidirectional };
        let (out, s) = padded(&net, input, batch_first, &State { h: hx.clone(), c: None }, params)?;
        Ok([out, s.h])
    } { .with(flag::NO_METHOD) }

    /// A plain recurrent network with max(x, 0) over a packed batch.
    "rnn_relu.data" fn rnn_relu_data(data: Tensor, batch_sizes: Tensor, hx: Tensor, params: Tensors, has_biases: Bool, num_layers: Int, dropout: Float, train: Bool, bidirectional: Bool) -> (_output, _h) = {
        let net = Net { cell: Cell::Relu, biases: has_biases, layers: num_layers, dropout, train, bidirectional };
        let (out, s) = packed(&net, data, batch_sizes, &State { h: hx.clone(), c: None }, params)?;
        Ok([out, s.h])
    } { .with(flag::NO_METHOD) }

    /// One step of long short-term memory.
    fn lstm_cell(input: Tensor, hx: Tensors, w_ih: Tensor, w_hh: Tensor, b_ih: OptTensor = None, b_hh: OptTensor = None) -> (_h, _c) = {
        let s = single(Cell::Lstm, input, &pair(hx)?, w_ih, w_hh, [b_ih, b_hh])?;
        match s.c {
            Some(c) => Ok([s.h, c]),
            None => bail!(Runtime, "internal: an LSTM without its state"),
        }
    } { .with(flag::NO_METHOD) }

    /// One step of gated recurrent units.
    fn gru_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: OptTensor = None, b_hh: OptTensor = None) -> Tensor = {
        Ok(single(Cell::Gru, input, &State { h: hx.clone(), c: None }, w_ih, w_hh, [b_ih, b_hh])?.h)
    } { .with(flag::NO_METHOD) }

    /// One step of a plain recurrent network with tanh.
    fn rnn_tanh_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: OptTensor = None, b_hh: OptTensor = None) -> Tensor = {
        Ok(single(Cell::Tanh, input, &State { h: hx.clone(), c: None }, w_ih, w_hh, [b_ih, b_hh])?.h)
    } { .with(flag::NO_METHOD) }

    /// One step of a plain recurrent network with max(x, 0).
    fn rnn_relu_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: OptTensor = None, b_hh: OptTensor = None) -> Tensor = {
        Ok(single(Cell::Relu, input, &State { h: hx.clone(), c: None }, w_ih, w_hh, [b_ih, b_hh])?.h)
    } { .with(flag::NO_METHOD) }
}
