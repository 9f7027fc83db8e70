//! Autograd: the backward walk (`engine`) and what users call (`backward`, `grad`).

mod address;
pub mod engine;

pub use address::{AddressMap, AddressSet};

use crate::error::Result;
use crate::tensor::Tensor;
use crate::tensor::graph::{self, Edge, Grads};
use engine::Want;

/// Options of a backward walk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keep saved tensors for another walk.
    pub retain_graph: bool,
    /// Record the walk itself, for higher derivatives.
    pub create_graph: bool,
    /// `grad`: inputs that were not reached give None instead of an error.
    pub allow_unused: bool,
}

/// Where walks start: an edge and a gradient for each output.
fn roots(outputs: &[Tensor], grads: &[Option<Tensor>], create_graph: bool) -> Result<Vec<(Edge, Tensor)>> {
    let mut out = Vec::new();
    for (i, t) in outputs.iter().enumerate() {
        let Some(edge) = graph::edge_of(t) else {
            bail!(
                Runtime,
                "element {i} of tensors does not require grad and does not have a grad_fn\nbackward has no graph to walk: nothing it \
                 was computed from requires a gradient (requires_grad=True), or it was computed under no_grad, or it is detached."
            )
        };
        let g = match grads.get(i).cloned().flatten() {
            Some(g) => {
                if g.sizes() != t.sizes() {
                    bail!(
                        Runtime,
                        "Mismatch in shape: grad_output[{i}] has a shape of {} and output[{i}] has a shape of {}.",
                        size_text(&g.sizes()),
                        size_text(&t.sizes())
                    );
                }
                if g.dtype().is_complex() != t.dtype().is_complex() {
                    bail!(
                        Runtime,
                        "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: \
                         grad_output[{i}] has a dtype of torch.{} and output[{i}] has a dtype of torch.{}.",
                        g.dtype().name(),
                        t.dtype().name()
                    );
                }
                g
            }
            None => {
                if t.numel() != 1 {
                    bail!(
                        Runtime,
                        "grad can be implicitly created only for scalar outputs\nThis one has shape {}: reduce it with .sum() or \
                         .mean(), or pass gradient=.",
                        crate::shape::show(&t.sizes())
                    );
                }
                if !t.dtype().is_float() {
                    bail!(
                        Runtime,
                        "grad can be implicitly created only for real scalar outputs but got torch.{}",
                        t.dtype().name()
                    );
                }
                Tensor::full(&t.sizes(), 1.0, t.dtype(), t.device())?
            }
        };
        _ = create_graph;
        out.push((edge, g));
    }
    Ok(out)
}

fn size_text(s: &[i64]) -> String {
    format!("torch.Size({})", crate::shape::show(s))
}

/// Adds to each leaf's `.grad` the gradient of the outputs (`Tensor.backward`). Where `inputs` is not empty, only theirs.
///
/// ```
/// use rtorch::{Tensor, autograd, ops};
/// let x = Tensor::from_slice(&[1.0f32, 2.0], &[2])?;
/// x.set_requires_grad(true)?;
/// let y = ops::sum_all(&ops::mul((&x).into(), (&x).into())?, None)?;
/// autograd::backward(&[y], &[None], &[], Default::default())?;
/// assert_eq!(x.grad().map(|g| g.to_vec::<f32>()).transpose()?, Some(vec![2.0, 4.0]));
/// # Ok::<(), rtorch::Error>(())
/// ```
pub fn backward(outputs: &[Tensor], grads: &[Option<Tensor>], inputs: &[Tensor], o: Options) -> Result<()> {
    let roots = roots(outputs, grads, o.create_graph)?;
    if inputs.is_empty() {
        engine::run(roots, Want::Leaves, o.retain_graph, o.create_graph)?;
        return Ok(());
    }
    let mut edges = Vec::new();
    for t in inputs {
        let Some(e) = graph::edge_of(t) else {
            bail!(Runtime, "One of the differentiated Tensors does not require grad")
        };
        edges.push(e);
        // As in PyTorch: a computed tensor's gradient comes to its `.grad` because it retains it from now on.
        t.retain_grad();
    }
    engine::run(roots, Want::Only(&edges), o.retain_graph, o.create_graph)?;
    Ok(())
}

/// The gradients of `outputs` with respect to `inputs`; no `.grad` is touched (`torch.autograd.grad`).
pub fn grad(outputs: &[Tensor], inputs: &[Tensor], grads: &[Option<Tensor>], o: Options) -> Result<Grads> {
    let roots = roots(outputs, grads, o.create_graph)?;
    let mut edges = Vec::new();
    for t in inputs {
        edges.push(
            graph::edge_of(t)
                .ok_or_else(|| err!(Runtime, "One of the differentiated Tensors does not require grad"))?,
        );
    }
    let got = engine::run(roots, Want::Returned(&edges), o.retain_graph, o.create_graph)?;
    if !o.allow_unused
        && let Some(i) = got.iter().position(Option::is_none)
    {
        bail!(
            Runtime,
            "The differentiated Tensor at index {i} appears to not have been used in the graph. Set allow_unused=True if this is \
             the desired behavior."
        );
    }
    Ok(got)
}
