"""Derivatives of functions: products with vectors, Jacobians and Hessians."""

import rtorch

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _tuple(x, name, function):
    """The argument as a tuple, and whether it was one."""
    many = isinstance(x, tuple)
    xs = x if many else tuple(x) if isinstance(x, list) else (x,)
    for i, t in enumerate(xs):
        if not isinstance(t, rtorch.Tensor):
            given = f"tuple of {type(t).__name__}" if many else type(t).__name__
            raise TypeError(
                f"The {name} given to {function} must be either a Tensor or a tuple of Tensors but the value at index "
                f"{i} has type {given}."
            )
    return xs, many


def _fresh(inputs, create_graph):
    """The inputs as variables of their own, or as views of the caller's where the graph goes on."""
    if create_graph:
        return tuple(t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for t in inputs)
    return tuple(t.detach().requires_grad_() for t in inputs)


def _outputs(func, inputs, function):
    out = func(*inputs)
    return _tuple(out, f"outputs of the user-provided function to {function}", function)


def _vector(v, like, name, many):
    if v is None:
        if len(like) == 1 and like[0].numel() == 1:
            return tuple(rtorch.ones_like(t) for t in like)
        raise RuntimeError(
            f"The vector v can only be None if the {name} is a single element: give one of the same shape"
        )
    vs, _ = _tuple(v, "v", "the product")
    if len(vs) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(vs)}."
            if many
            else "The given v should be a single Tensor."
        )
    for i, (a, b) in enumerate(zip(vs, like)):
        if a.shape != b.shape:
            raise RuntimeError(f"Entry {i} in v has invalid size: should be {b.shape} but got {a.shape}.")
    return vs


def _grad(outputs, inputs, vectors, create_graph, strict, what):
    used = [i for i, o in enumerate(outputs) if o.requires_grad]
    if strict and len(used) < len(outputs):
        raise RuntimeError(f"Output of the user-provided function does not require gradients: {what} would be 0.")
    if not used:
        return [None] * len(inputs)
    grads = rtorch.autograd.grad(
        [outputs[i] for i in used],
        inputs,
        [vectors[i] for i in used],
        create_graph=create_graph,
        retain_graph=True,
        allow_unused=True,
    )
    if strict and any(g is None for g in grads):
        raise RuntimeError(
            f"The output of the user-provided function is independent of one of the inputs: {what} would be 0."
        )
    return grads


def _filled(grads, like):
    return tuple(rtorch.zeros_like(t) if g is None else g for g, t in zip(grads, like))


def _given(values, many, create_graph):
    values = values if create_graph else tuple(v.detach() for v in values)
    return values if many else values[0]


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(inputs), v^T J): the vector times the Jacobian."""
    with rtorch.enable_grad():
        inputs, many = _tuple(inputs, "inputs", "vjp")
        xs = _fresh(inputs, create_graph)
        outputs, many_out = _outputs(func, xs, "vjp")
        vs = _vector(v, outputs, "output", many_out)
        grads = _filled(_grad(outputs, xs, vs, create_graph, strict, "the product"), xs)
    return _given(outputs, many_out, create_graph), _given(grads, many, create_graph)


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(inputs), J v): the Jacobian times the vector, as the gradient of v^T J with respect to v."""
    with rtorch.enable_grad():
        inputs, many = _tuple(inputs, "inputs", "jvp")
        vs = _vector(v, inputs, "input", many)
        xs = _fresh(inputs, create_graph)
        outputs, many_out = _outputs(func, xs, "jvp")
        seeds = tuple(rtorch.zeros_like(o, requires_grad=True) for o in outputs)
        back = _grad(outputs, xs, seeds, True, strict, "the product")
        # An input that no output reads takes no part.
        parts = [(g, w) for g, w in zip(back, vs) if g is not None and g.requires_grad]
        if parts:
            grads = rtorch.autograd.grad(
                [p[0] for p in parts], seeds, [p[1] for p in parts], create_graph=create_graph, allow_unused=True
            )
        else:
            grads = [None] * len(seeds)
        grads = _filled(grads, outputs)
    return _given(outputs, many_out, create_graph), _given(grads, many_out, create_graph)


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"):
    """The derivative of every element of the output by every element of the inputs: shape output + input.

    >>> torch.autograd.functional.jacobian(lambda x: x**2, torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    with rtorch.enable_grad():
        inputs, many = _tuple(inputs, "inputs", "jacobian")
        xs = _fresh(inputs, create_graph)
        outputs, many_out = _outputs(func, xs, "jacobian")
        result = []
        for o in outputs:
            rows = []
            for k in range(o.numel()):
                one = rtorch.zeros_like(o).reshape(-1)
                one[k] = 1
                rows.append(_filled(_grad((o,), xs, (one.reshape(o.shape),), create_graph, strict, "the Jacobian"), xs))
            columns = []
            for i, x in enumerate(xs):
                if rows:
                    columns.append(rtorch.stack([row[i] for row in rows]).reshape(tuple(o.shape) + tuple(x.shape)))
                else:
                    columns.append(x.new_zeros(tuple(o.shape) + tuple(x.shape)))
            columns = columns if create_graph else [c.detach() for c in columns]
            result.append(tuple(columns) if many else columns[0])
    return tuple(result) if many_out else result[0]


def _scalar(func):
    def one(*inputs):
        out = func(*inputs)
        if not isinstance(out, rtorch.Tensor):
            raise RuntimeError("The function given to hessian should return a single Tensor")
        if out.numel() != 1:
            raise RuntimeError("The Tensor returned by the function given to hessian should contain a single element")
        return out.squeeze() if out.dim() else out

    return one


def hessian(func, inputs, create_graph=False, strict=False, vectorize=False, outer_jacobian_strategy="reverse-mode"):
    """The second derivatives of a function with one number as result.

    >>> torch.autograd.functional.hessian(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    inputs, many = _tuple(inputs, "inputs", "hessian")
    single = _scalar(func)

    def gradient(*xs):
        grads = jacobian(single, xs, create_graph=True, strict=strict)
        return grads if many else grads[0]

    result = jacobian(gradient, inputs, create_graph=create_graph, strict=strict)
    return result if many else result[0]


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(inputs), v^T H): the vector times the Hessian."""
    with rtorch.enable_grad():
        inputs, many = _tuple(inputs, "inputs", "vhp")
        vs = _vector(v, inputs, "input", many)
        xs = _fresh(inputs, create_graph)
        out = _scalar(func)(*xs)
        back = _filled(_grad((out,), xs, (rtorch.ones_like(out),), True, strict, "the product"), xs)
        grads = _filled(_grad(back, xs, vs, create_graph, strict, "the product"), xs)
    return _given((out,), False, create_graph), _given(grads, many, create_graph)


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(inputs), H v): the Hessian, which is symmetric, times the vector."""
    return vhp(func, inputs, v, create_graph, strict)
