"""`gradcheck` and `gradgradcheck`: gradients against central differences.

A complex number counts as its two parts, in inputs and in outputs, so every Jacobian here is real. Where all is real
the Jacobian has PyTorch's layout: one row for each input element, one column for each output element.
"""

import warnings

import rtorch
from rtorch import _C

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """The analytical gradient is not the numerical one, or a requirement of the check is not met."""


def _tuple(x):
    return x if isinstance(x, tuple) else tuple(x) if isinstance(x, list) else (x,)


def _is_number_tensor(x):
    return isinstance(x, _C.Tensor) and (x.is_floating_point() or x.is_complex())


def _parts(t):
    """The real numbers of a tensor in a row, detached and copied."""
    t = t.detach()
    flat = rtorch.view_as_real(t).reshape(-1) if t.is_complex() else t.reshape(-1)
    return flat.clone()


def _outputs(func, inputs):
    outs = _tuple(func(*inputs))
    return [o for o in outs if _is_number_tensor(o) and o.requires_grad]


def _numerical(func, inputs, which, eps):
    """The Jacobians of each output by one input: rows are the input's numbers."""
    x = inputs[which]
    rows = []
    step = x.detach().clone(memory_format=rtorch.contiguous_format)
    flat = rtorch.view_as_real(step).view(-1) if step.is_complex() else step.view(-1)

    def at(delta, k):
        kept = flat[k].item()
        flat[k] = kept + delta
        given = list(inputs)
        given[which] = step.clone().requires_grad_()
        with rtorch.enable_grad():
            outs = [_parts(o) for o in _outputs(func, given)]
        flat[k] = kept
        return outs

    for k in range(flat.numel()):
        rows.append([(p - m) / (2 * eps) for p, m in zip(at(eps, k), at(-eps, k))])
    n = len(_outputs(func, inputs))
    return [rtorch.stack([r[i] for r in rows]) if rows else rtorch.zeros(0, 0, dtype=x.dtype) for i in range(n)]


def _analytical(output, inputs, wanted):
    """The Jacobians of one output by each input; every column is one call of backward."""
    columns = [[] for _ in wanted]
    unit = rtorch.zeros_like(output.detach(), memory_format=rtorch.contiguous_format)
    flat = rtorch.view_as_real(unit).view(-1) if unit.is_complex() else unit.view(-1)
    for k in range(flat.numel()):
        flat[k] = 1
        grads = rtorch.autograd.grad(
            output, [inputs[i] for i in wanted], unit.clone(), retain_graph=True, allow_unused=True
        )
        flat[k] = 0
        for into, i, g in zip(columns, wanted, grads):
            x = inputs[i]
            if g is not None and g.shape != x.shape:
                raise GradcheckError(f"grad has shape {tuple(g.shape)}, but input {i} has shape {tuple(x.shape)}")
            into.append(_parts(rtorch.zeros_like(x) if g is None else g.to(x.dtype)))
    return [
        rtorch.stack(c, 1) if c else rtorch.zeros(_parts(inputs[i]).numel(), 0, dtype=inputs[i].dtype)
        for c, i in zip(columns, wanted)
    ]


def _check(func, inputs, eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes):
    wanted = [i for i, x in enumerate(inputs) if _is_number_tensor(x) and x.requires_grad]
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    for i in wanted:
        x = inputs[i]
        if x.dtype not in (rtorch.float64, rtorch.complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. "
                "This check will likely fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=4,
            )
        if any(s == 0 and n > 1 for s, n in zip(x.stride(), x.shape)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                "non-overlapping to be able to compute the numerical gradients correctly. You should call .contiguous "
                "on the input before passing it to gradcheck."
            )
        x.retain_grad()
    outputs = _outputs(func, inputs)
    if not outputs:
        for i in wanted:
            for j, d in enumerate(_numerical_of_all(func, inputs, i, eps)):
                if d.numel() and d.abs().max().item() > atol:
                    raise GradcheckError(f"Numerical gradient for function expected to be zero (output {j}, input {i})")
        return
    numerical = {i: _numerical(func, inputs, i, eps) for i in wanted}
    for j, out in enumerate(outputs):
        analytical = _analytical(out, inputs, wanted)
        again = _analytical(out, inputs, wanted)
        for i, a, b in zip(wanted, analytical, again):
            n = numerical[i][j]
            if not rtorch.allclose(a, n.to(a.dtype), rtol, atol):
                raise GradcheckError(
                    f"Jacobian mismatch for output {j} with respect to input {i},\nnumerical:{n}\nanalytical:{a}\n"
                )
            if a.numel() and (a - b).abs().max().item() > nondet_tol:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times "
                    "gives different values, although analytical gradient matches numerical gradient. The tolerance "
                    f"for nondeterminism was {nondet_tol}."
                )
        if check_grad_dtypes:
            got = rtorch.autograd.grad(
                out, [inputs[i] for i in wanted], rtorch.ones_like(out), retain_graph=True, allow_unused=True
            )
            for i, g in zip(wanted, got):
                if g is not None and g.dtype != inputs[i].dtype:
                    raise GradcheckError(f"grad of input {i} is {g.dtype}, the input {inputs[i].dtype}")
    if check_undefined_grad and len(outputs) > 1:
        # a backward that gets no gradient for one of its outputs must treat it as zero
        rtorch.autograd.grad(outputs[:1], [inputs[i] for i in wanted], rtorch.ones_like(outputs[0]), allow_unused=True)


def _numerical_of_all(func, inputs, which, eps):
    """As `_numerical`, for outputs that do not take part in autograd."""

    def tracked(*given):
        outs = [o for o in _tuple(func(*given)) if _is_number_tensor(o)]
        return tuple(o.detach().clone().requires_grad_() for o in outs)

    return _numerical(tracked, inputs, which, eps)


def gradcheck(
    func,
    inputs,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    fast_mode=False,
):
    """Compares the gradients of `func(*inputs)` with central differences of step `eps`, for every input that requires a
    gradient; float64 is needed for a meaningful answer. Returns True, or raises GradcheckError (or returns False where
    `raise_exception` is False). `fast_mode` is accepted; the whole Jacobian is compared either way.

    >>> x = rtorch.tensor([0.5, 1.5], dtype=rtorch.float64, requires_grad=True)
    >>> rtorch.autograd.gradcheck(rtorch.sin, x)
    True
    """
    given = _tuple(inputs)
    try:
        _check(func, given, eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes)
    except (GradcheckError, ValueError):
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func,
    inputs,
    grad_outputs=None,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    gen_non_contig_grad_outputs=False,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    fast_mode=False,
):
    """`gradcheck` of the gradient: second derivatives by the inputs and by `grad_outputs` (drawn where not given)."""
    given = _tuple(inputs)
    outs = _outputs(func, given)
    if grad_outputs is None:
        seeds = []
        for o in outs:
            g = rtorch.rand_like(o.detach(), memory_format=rtorch.contiguous_format)
            if gen_non_contig_grad_outputs:
                g = rtorch.stack([g, g], -1)[..., 0]
            seeds.append(g.detach().requires_grad_())
    else:
        seeds = list(_tuple(grad_outputs))
    n = len(given)

    def gradient(*args):
        inner, seeds = args[:n], args[n:]
        inner = tuple(
            x.requires_grad_() if _is_number_tensor(x) and x.is_leaf and given[i].requires_grad else x
            for i, x in enumerate(inner)
        )
        wanted = [x for x, g in zip(inner, given) if _is_number_tensor(g) and g.requires_grad]
        got = rtorch.autograd.grad(_outputs(func, inner), wanted, seeds, create_graph=True, allow_unused=True)
        return tuple(g for g in got if g is not None and g.requires_grad)

    return gradcheck(
        gradient,
        given + tuple(seeds),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        fast_mode=fast_mode,
    )
