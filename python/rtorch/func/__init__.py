"""`torch.func`: functions of functions. Gradients here are autograd's, so transforms nest and what they call may be
anything that autograd knows."""

import rtorch
from rtorch.func._vmap import vmap
from rtorch.utils._pytree import tree_flatten, tree_map, tree_unflatten

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]

Tensor = rtorch.Tensor


def functional_call(module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """Calls `module` with the tensors of a dictionary (or several, with keys of their own) in place of its own."""
    from rtorch.nn.utils.stateless import _functional_call

    if isinstance(parameter_and_buffer_dicts, dict):
        given = parameter_and_buffer_dicts
    elif isinstance(parameter_and_buffer_dicts, (list, tuple)):
        if not all(isinstance(d, dict) for d in parameter_and_buffer_dicts):
            raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
        keys = [k for d in parameter_and_buffer_dicts for k in d]
        again = sorted({k for k in keys if keys.count(k) > 1})
        if again:
            raise ValueError(f"{again} appeared in multiple dictionaries; behavior of functional call is ambiguous")
        given = {k: v for d in parameter_and_buffer_dicts for k, v in d.items()}
    else:
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, "
            f"but got {type(parameter_and_buffer_dicts)}"
        )
    return _functional_call(module, given, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models):
    """The parameters of several models of one kind, stacked along a new first dimension, and their buffers."""
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or not any(m.training for m in models)):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if not all(type(m) is type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")

    def stacked(columns):
        out = {}
        for name in columns[0]:
            tensors = [c[name] for c in columns]
            wants = {t.requires_grad for t in tensors}
            if len(wants) > 1:
                raise RuntimeError("Expected all tensors of one name to require a gradient, or none of them")
            stack = rtorch.stack([t.detach() for t in tensors])
            out[name] = stack.requires_grad_() if wants == {True} else stack
        return out

    return stacked([dict(m.named_parameters()) for m in models]), stacked([dict(m.named_buffers()) for m in models])


def replace_all_batch_norm_modules_(root):
    """Makes all batch norms below `root` use the batch's own statistics, and keep none. Returns the module."""
    for module in [root, *root.modules()]:
        if isinstance(module, rtorch.nn.modules.batchnorm._BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


def _fresh(tree):
    """The tree with tensors that stand for themselves in a graph of their own, and these tensors. Where the caller's
    own graph goes through one, so does the new one."""
    leaves, spec = tree_flatten(tree)
    new = []
    for x in leaves:
        if isinstance(x, Tensor) and (x.is_floating_point() or x.is_complex()):
            x = x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
        new.append(x)
    return tree_unflatten(new, spec), [x for x in new if isinstance(x, Tensor) and x.requires_grad]


def _reaches_others(tensors, own):
    """Whether the graph of these tensors has leaves that are not ours: the caller's, for whom it is kept."""
    known = {id(x) for x in own}
    todo, seen = [t.grad_fn for t in tensors if t.grad_fn is not None], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if leaf is not None and id(leaf) not in known:
            return True
        todo.extend(n for n, _ in node.next_functions)
    return False


def _settled(tree, own):
    """Results without the graph that only served us."""
    tensors = [x for x in tree_flatten(tree)[0] if isinstance(x, Tensor) and x.requires_grad]
    if any(x.grad_fn is not None for x in own) or _reaches_others(tensors, own):
        return tree
    return tree_map(lambda x: x.detach() if isinstance(x, Tensor) else x, tree)


def _pick(args, argnums):
    if isinstance(argnums, int):
        if not -len(args) <= argnums < len(args):
            raise RuntimeError(f"Got argnum={argnums}, but only {len(args)} positional inputs")
        return args[argnums], argnums % len(args)
    return tuple(args[i] for i in argnums), tuple(i % len(args) for i in argnums)


def _split(output, has_aux, said):
    """Output and aux: with `has_aux` a function gives both."""
    if not has_aux:
        return output, None
    if not (isinstance(output, tuple) and len(output) == 2):
        raise RuntimeError(f"{said}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return output


def _replace(args, at, value):
    args = list(args)
    if isinstance(at, int):
        args[at] = value
    else:
        for i, v in zip(at, value):
            args[i] = v
    return tuple(args)


def _gradients(outputs, inputs, vectors):
    """The gradients, zeros where nothing depends."""
    pairs = [(o, v) for o, v in zip(outputs, vectors) if isinstance(o, Tensor) and o.requires_grad]
    if not pairs:
        return [rtorch.zeros_like(x) for x in inputs]
    out = rtorch.autograd.grad(
        [o for o, _ in pairs], inputs, [v for _, v in pairs], create_graph=True, allow_unused=True
    )
    return [rtorch.zeros_like(x) if g is None else g for g, x in zip(out, inputs)]


def _into(spec_of, inputs, values):
    """The tree with `values` in the places of `inputs`."""
    by = {id(x): v for x, v in zip(inputs, values)}
    return tree_map(lambda x: by.get(id(x), x), spec_of)


def grad_and_value(func, argnums=0, has_aux=False):
    """A function that gives the gradient of `func` by argument `argnums` (a number or a tuple), and its value."""

    def wrapper(*args, **kwargs):
        with rtorch.enable_grad():
            chosen, at = _pick(args, argnums)
            diff, own = _fresh(chosen)
            output, aux = _split(func(*_replace(args, at, diff), **kwargs), has_aux, "grad_and_value(f)(*args)")
            if not isinstance(output, Tensor):
                raise RuntimeError(
                    "Expected f(*args) to return a tensor, got unsupported type " + type(output).__name__
                )
            if output.dim() != 0:
                raise RuntimeError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
                    f"{output.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
                )
            grads = _into(diff, own, _gradients([output], own, [rtorch.ones_like(output)]))
            grads, output, aux = _settled((grads, output, aux), own)
        return (grads, (output, aux)) if has_aux else (grads, output)

    return wrapper


def grad(func, argnums=0, has_aux=False):
    """A function that gives the gradient of `func`, which returns one number, by argument `argnums`.

    >>> torch.func.grad(lambda x: x**3)(torch.tensor(2.0))
    tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    def wrapper(*args, **kwargs):
        grads, value = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return wrapper


def vjp(func, *primals, has_aux=False):
    """The value of `func`, and a function that gives products of a vector with its Jacobian."""
    with rtorch.enable_grad():
        diff, own = _fresh(primals)
        output, aux = _split(func(*diff), has_aux, "vjp(f, *primals)")
        outs, spec = tree_flatten(output)
        if not outs or not all(isinstance(o, Tensor) for o in outs):
            raise RuntimeError("vjp(f, *primals): Expected f to be a function that has non-empty output of tensors")

    def vjp_fn(cotangents, retain_graph=True, create_graph=None):
        vectors, given = tree_flatten(cotangents)
        if given != spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                "function. "
                f"cotangents: {given}, primal output: {spec}"
            )
        with rtorch.enable_grad():
            grads = _into(diff, own, _gradients(outs, own, vectors))
            return _settled(grads, own)

    value, aux = _settled((output, aux), own)
    return (value, vjp_fn, aux) if has_aux else (value, vjp_fn)


def jvp(func, primals, tangents, *, strict=False, has_aux=False):
    """The value of `func`, and the product of its Jacobian with `tangents`, by two walks backward."""
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError("jvp(f, primals, tangents): Expected primals and tangents to be tuples")
    flat, spec = tree_flatten(primals)
    vectors, given = tree_flatten(tangents)
    if spec != given:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure. For "
            "example, if "
            f"primals is a tuple of 3 tensors, tangents also must be. Got primals with structure {spec} and "
            "tangents with "
            f"structure {given}"
        )
    for p, t in zip(flat, vectors):
        if isinstance(p, Tensor) and p.shape != t.shape:
            raise RuntimeError(
                f"jvp(f, primals, tangents): primal of shape {tuple(p.shape)}, tangent of {tuple(t.shape)}"
            )
    with rtorch.enable_grad():
        diff, own = _fresh(primals)
        output, aux = _split(func(*diff), has_aux, "jvp(f, primals, tangents)")
        outs, out_spec = tree_flatten(output)
        # J^T u is linear in u: its derivative by u, applied to the tangents, is J t.
        us = [rtorch.zeros_like(o, requires_grad=True) for o in outs]
        back = _gradients(outs, own, us)
        tangent = tree_unflatten(_products(outs, us, own, back, tree_flatten(diff)[0], vectors), out_spec)
        output, tangent, aux = _settled((output, tangent, aux), [*own, *us])
    return (output, tangent, aux) if has_aux else (output, tangent)


def _products(outs, us, own, back, leaves, vectors):
    """J t for each output: `back` is J^T u, linear in u."""
    by_id = {id(d): t for d, t in zip(leaves, vectors)}
    pairs = [(b, by_id[id(x)]) for b, x in zip(back, own) if b.requires_grad]
    if not pairs:
        return [rtorch.zeros_like(o) for o in outs]
    products = rtorch.autograd.grad(
        [b for b, _ in pairs], us, [t for _, t in pairs], create_graph=True, allow_unused=True
    )
    return [rtorch.zeros_like(o) if p is None else p for p, o in zip(products, outs)]


def linearize(func, *primals):
    """The value of `func`, and the function that multiplies tangents with its Jacobian there, which does not run `func`
    again.

    >>> value, along = torch.func.linearize(lambda x: x**2, torch.tensor([1.0, 2.0]))
    >>> along(torch.tensor([1.0, 0.5]))
    tensor([2., 2.])
    """
    with rtorch.enable_grad():
        diff, own = _fresh(primals)
        output = func(*diff)
        outs, out_spec = tree_flatten(output)
        us = [rtorch.zeros_like(o, requires_grad=True) for o in outs]
        back = _gradients(outs, own, us)
    leaves, spec = tree_flatten(diff)

    def jvp_fn(*tangents):
        vectors, given = tree_flatten(tangents)
        if given != spec:
            raise RuntimeError(f"Expected the tangents {given} to have the same argspec as the primals {spec}")
        for i, (p, t) in enumerate(zip(leaves, vectors)):
            for what, have, want in (("shape", t.shape, p.shape), ("dtype", t.dtype, p.dtype)):
                if have != want:
                    raise RuntimeError(
                        f"tangent:{i} with {what} {have} in flattened pytree doesn't match the {what} {want} of the "
                        "corresponding primal."
                    )
        with rtorch.enable_grad():
            products = _products(outs, us, own, back, leaves, vectors)
            return tree_unflatten(list(_settled(tuple(products), [*own, *us])), out_spec)

    return _settled(output, own), jvp_fn


def _jacobian_of(output, own, args_tree):
    """For each output leaf the tree of its Jacobians by the inputs."""
    rows = []
    for unit in rtorch.eye(output.numel(), dtype=output.dtype, device=output.device):
        rows.append(_gradients([output], own, [unit.reshape(output.shape)]))
    columns = [
        rtorch.stack([r[i] for r in rows]).reshape(output.shape + x.shape)
        if rows
        else x.new_zeros(output.shape + x.shape)
        for i, x in enumerate(own)
    ]
    return _into(args_tree, own, columns)


def jacrev(func, argnums=0, *, has_aux=False, chunk_size=None, _preallocate_and_copy=False):
    """A function that gives the Jacobian of `func` by argument `argnums`, one walk backward a row."""

    def wrapper(*args, **kwargs):
        with rtorch.enable_grad():
            chosen, at = _pick(args, argnums)
            diff, own = _fresh(chosen)
            output, aux = _split(func(*_replace(args, at, diff), **kwargs), has_aux, "jacrev(f)(*args)")
            result = tree_map(lambda o: _jacobian_of(o, own, diff), output)
            result, aux = _settled((result, aux), own)
        return (result, aux) if has_aux else result

    return wrapper


def jacfwd(func, argnums=0, has_aux=False, *, randomness="error"):
    """A function that gives the Jacobian of `func`, one `jvp` a column."""

    def wrapper(*args, **kwargs):
        chosen, at = _pick(args, argnums)
        leaves, spec = tree_flatten(chosen)

        def of_chosen(*flat):
            return func(*_replace(args, at, tree_unflatten(flat, spec)), **kwargs)

        columns, outputs, aux = [], None, None
        for i, x in enumerate(leaves):
            found = []
            for unit in rtorch.eye(x.numel(), dtype=x.dtype, device=x.device):
                tangents = tuple(
                    unit.reshape(x.shape) if k == i else rtorch.zeros_like(v) for k, v in enumerate(leaves)
                )
                got = jvp(of_chosen, tuple(leaves), tangents, has_aux=has_aux)
                outputs, aux = got[0], got[2] if has_aux else None
                found.append(tree_flatten(got[1])[0])
            columns.append(
                [
                    rtorch.stack([f[k] for f in found], -1).reshape(found[0][k].shape + x.shape)
                    for k in range(len(found[0]))
                ]
            )
        out_spec = tree_flatten(outputs)[1]
        each = [tree_unflatten([c[k] for c in columns], spec) for k in range(len(columns[0]))]
        result = tree_unflatten(each, out_spec)
        return (result, aux) if has_aux else result

    return wrapper


def hessian(func, argnums=0):
    """A function that gives the matrix of second derivatives of `func`."""
    return jacfwd(jacrev(func, argnums), argnums)
