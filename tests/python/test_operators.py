"""Tests that come from the operator table: whatever formula or reduction stands in it is called with each dtype that it
declares, in all its forms and layouts, and its gradients are held against finite differences. Nothing here names an
operator; a new one is tested without a line of test."""

import functools
import itertools
import math
import random

import pytest
import rtorch
from rtorch import _C

OPS = {op["name"]: op for op in _C._operators() if op["kind"] in ("formula", "reduction")}
PLACES = {}
for place, name, names, inplace in _C._callables():
    for n in names:
        PLACES.setdefault(n, []).append((place, name, inplace))

FLOATS = [rtorch.float16, rtorch.bfloat16, rtorch.float32, rtorch.float64]
WHOLE = [rtorch.bool, rtorch.uint8, rtorch.int8, rtorch.int16, rtorch.int32, rtorch.int64]
COMPLEX = [rtorch.complex64, rtorch.complex128]
DTYPES = [*WHOLE, *FLOATS, *COMPLEX]
TENSORS = ("Tensor", "Num", "OptTensor", "OptNum")
# Where operators are defined and smooth differs; each is tried wherever its values are finite.
DOMAINS = [(0.15, 0.9), (1.2, 2.6), (-3.4, 3.6)]


def every(names):
    return pytest.mark.parametrize("name", names)


def dtypes_of(op):
    return [getattr(rtorch, d) for d in op["only"]] or DTYPES


def function_of(op):
    """The operator's function, or its method where it has no function; (callable, called as a method?)."""
    if op["name"] not in PLACES:
        return functools.partial(_C._call, op["name"]), False
    place, name, _ = min((p for p in PLACES[op["name"]] if not p[2]), key=lambda p: p[0] == "Tensor")
    if place == "Tensor":
        return getattr(rtorch.Tensor, name), True
    return _C._spaces[place][name], False


def numbers(n, low, high, seed):
    r = random.Random(seed)
    return [r.uniform(low, high) for _ in range(n)]


def sample(shape, dtype, domain, seed):
    """A tensor of reproducible values that the dtype holds."""
    n = math.prod(shape)
    values = numbers(n, *domain, seed)
    if dtype in WHOLE:
        values = [int(abs(v) * 3) % 5 + 1 for v in values]
    elif dtype in COMPLEX:
        values = [complex(v, w) for v, w in zip(values, numbers(n, *domain, seed + 1))]
    return rtorch.tensor(values, dtype=dtype).reshape(shape)


def variants(op):
    """Which optional parameters are given: none, or all. "numbers": what may be a tensor or a number is a number."""
    types = [p[1] for p in op["params"]]
    optional = any(t in ("OptScalar", "OptFloat", "OptNumber", "OptTensor", "OptNum") for t in types)
    return [False, *["numbers"] * ("Num" in types[1:]), *[True] * optional]


def arguments(op, make, given, dim=1):
    """{parameter: value}; `make(i, name)` gives the i-th tensor."""
    out, tensors = {}, itertools.count()
    for name, ty, default, keyword in op["params"]:
        if ty in TENSORS and is_given(ty, given):
            i = next(tensors)
            value = make(i, name)
            # What picks among others is bool by contract.
            out[name] = value > value.min() if name in ("condition", "mask") and value.numel() else value
            if name in ("condition", "mask") and not value.numel():
                out[name] = value.to(rtorch.bool)
            if ty == "Num" and out.keys() > {name} and given == "numbers":
                out[name] = 2
        elif not is_given(ty, given) and name != "dim":
            if default is None and not keyword:
                out[name] = None
        elif name == "dim":
            if ty == "Int" or default is None:
                out[name] = dim
        elif default is not None and not ty.startswith("Opt"):
            continue
        elif ty in ("OptScalar", "OptFloat", "OptNumber", "Scalar", "Number", "Float"):
            # Increasing, so that a lower bound stays below an upper one.
            out[name] = [1, 2, 3, 4][min(len(out), 3)] if given == "whole" else 0.25 * len(out)
        elif ty in ("Int", "OptInt"):
            out[name] = 1
        elif ty == "Str":
            out[name] = "mean"
        elif ty == "Bool":
            out[name] = False
    return out


def is_given(ty, given):
    return not ty.startswith("Opt") or given in (True, "whole")


def call(op, args, **more):
    f, method = function_of(op)
    args = dict(args)
    if method or op["params"][0][1] == "Num":
        first = args.pop(op["params"][0][0])
        return f(first, **args, **more)
    return f(**args, **more)


def calls(op, dtype, shape=(2, 3), domain=DOMAINS[0]):
    """Arguments with which the operator can be called in this dtype."""
    out = []
    for given in variants(op):
        kind = "whole" if given is True and dtype in WHOLE else given
        try:
            args = arguments(op, lambda i, _: sample(shape, dtype, domain, 7 * i), kind)
            call(op, args)
        except (RuntimeError, NotImplementedError, IndexError):
            continue
        out.append((kind, args))
    return out


def same(a, b, exact=True):
    assert a.dtype == b.dtype and a.shape == b.shape, (a.dtype, a.shape, b.dtype, b.shape)
    x, y = flat(a), flat(b)
    for u, v in zip(x, y):
        nan = (u != u) and (v != v)
        near = abs(u - v) <= 1e-2 * abs(v) if not exact and math.isfinite(abs(v)) else False
        assert u == v or nan or near, (a, b)


def flat(t):
    return t.detach().reshape(-1).tolist()


# ---- dtypes ----------------------------------------------------------------------------------------------------------


def expected_dtype(op, d, args):
    tensors = [t for t in args.values() if isinstance(t, rtorch.Tensor)]
    if op["rule"] != "Rest" and op["rule"] != "First":
        for t in tensors:
            d = rtorch.promote_types(d, t.dtype)
        for p in op["params"]:
            if p[1] in ("Num", "Number", "OptNumber") and d in WHOLE:
                number = args.get(p[0])
                d = rtorch.float32 if isinstance(number, float) else rtorch.int64 if type(number) is int and d == rtorch.bool else d
    elif not tensors[op["rule"] == "Rest" :]:
        d = rtorch.int64  # numbers only
    real = d.to_real() if d in COMPLEX else d
    floating = rtorch.float32 if d in WHOLE else d
    match op["rule"]:
        case "Compare":
            return rtorch.bool
        case "Bits":
            return rtorch.uint8 if d == rtorch.uint8 else rtorch.bool
        case "Real":
            return real
        case "Float":
            return floating
        case "RealFloat":
            return rtorch.float32 if d in WHOLE else real
        case "Complex":
            return floating.to_complex() if floating not in COMPLEX else floating
        case "Double":
            return rtorch.complex128 if d in COMPLEX else rtorch.float64
    if op["reduce"] in ("Sum", "Prod") and d in WHOLE:
        return rtorch.int64  # integers and bool are added up in int64
    return d


@every(OPS)
def test_each_declared_dtype_gives_the_dtype_of_the_rule(name):
    op, done = OPS[name], 0
    for d in dtypes_of(op):
        for _, args in calls(op, d):
            assert call(op, args).dtype == expected_dtype(op, d, args), d
            done += 1
    assert done, "no dtype that it declares could be called"


@every([n for n, op in OPS.items() if op["only"]])
def test_other_dtypes_are_refused_with_the_name(name):
    op = OPS[name]
    for d in set(DTYPES) - set(dtypes_of(op)):
        args = arguments(op, lambda i, _: sample((2, 3), d, DOMAINS[0], 7 * i), "whole" if d in WHOLE else False)
        if any(t.dtype != d for t in args.values() if isinstance(t, rtorch.Tensor)):
            continue
        try:
            computed = call(op, args).dtype
        except (RuntimeError, NotImplementedError) as e:
            assert str(e), d
        else:
            # Another type of the rule: integers that become floats.
            assert computed in dtypes_of(op) or op["rule"] in ("Float", "RealFloat", "Compare", "Double"), d


@every(OPS)
def test_what_the_cpu_computes_prints_as_cuda(name):
    op = OPS[name]
    printed = dict(_C._cuda_text(name))
    for d in dtypes_of(op):
        if calls(op, d):
            text = printed.get(f"{name}_{str(d).removeprefix('torch.')}", "")
            assert f"{name}_" in text, f"the CPU takes {d}, there is no CUDA text"


# ---- forms -----------------------------------------------------------------------------------------------------------


@every([n for n, op in OPS.items() if "inplace" in op["flags"] and "private" not in op["flags"]])
def test_in_place_agrees(name):
    op = OPS[name]
    base = next(n for place, n, inplace in PLACES[name] if inplace)
    place = next(place for place, n, inplace in PLACES[name] if inplace)
    f = getattr(rtorch.Tensor, base) if place == "Tensor" else _C._spaces[place][base]
    for d in dtypes_of(op):
        for _, args in calls(op, d):
            want = call(op, args)
            first = op["params"][0]
            args = {k: v.clone() if isinstance(v, rtorch.Tensor) else v for k, v in args.items()}
            target = args.pop(first[0])
            # Results of float64 (`float_power`) and absolute values have a dtype of their own.
            own = want.dtype != target.dtype and base in ("float_power_", "abs_")
            if own or not rtorch.can_cast(want.dtype, target.dtype):
                with pytest.raises(RuntimeError, match="can't be cast|requires dtype|not supported for complex"):
                    f(target, **args)
                continue
            version = target._version
            assert f(target, **args) is target
            assert target._version == version + 1
            same(target, want.to(target.dtype))


@every([n for n, op in OPS.items() if "out" in op["flags"] and "private" not in op["flags"]])
def test_out_agrees(name):
    op = OPS[name]
    if function_of(op)[1]:
        pytest.skip("it has no function")
    for d in dtypes_of(op):
        for _, args in calls(op, d):
            want = call(op, args)
            out = rtorch.empty(0, dtype=want.dtype)
            assert call(op, args, out=out) is out
            same(out, want)
            typed = name in ("complex", "polar")  # they take no wider type
            if rtorch.can_cast(want.dtype, rtorch.complex128) and want.dtype != rtorch.bool and not typed:
                wide = rtorch.empty(want.shape, dtype=rtorch.complex128)
                same(call(op, args, out=wide), want.to(rtorch.complex128))


# ---- layouts ---------------------------------------------------------------------------------------------------------


def layouts(x):
    """The same values in other layouts."""
    rows, columns = x.shape
    every_second = rtorch.zeros(rows * 2, columns * 2, dtype=x.dtype).as_strided((rows, columns), (columns * 4, 2))
    yield every_second.copy_(x)
    yield x.transpose(0, 1).contiguous().transpose(0, 1)
    yield rtorch.cat([x.narrow(0, 0, 1), x]).narrow(0, 1, rows)


@every(OPS)
def test_layouts_agree(name):
    op = OPS[name]
    for d in (rtorch.float32, rtorch.int64, rtorch.float16, rtorch.complex64):
        if d not in dtypes_of(op):
            continue
        for _, args in calls(op, d, shape=(5, 7)):
            want = call(op, args)
            tensors = [k for k, v in args.items() if isinstance(v, rtorch.Tensor) and v.dim() == 2]
            for k in tensors:
                for other in layouts(args[k]):
                    same(call(op, {**args, k: other}), want, exact=op["kind"] == "formula")


@every(OPS)
def test_empty_and_single_elements(name):
    op = OPS[name]
    d = rtorch.float32 if rtorch.float32 in dtypes_of(op) else rtorch.int64
    for kind, args in calls(op, d):
        want = call(op, args)
        make = lambda shape: arguments(op, lambda i, _: sample(shape, d, DOMAINS[0], 7 * i), kind, dim=0)
        if op["kind"] == "formula":
            assert call(op, make((0, 3))).shape == (0, 3)
            assert call(op, make(())).shape == ()
            assert call(op, make((0,))).dtype == want.dtype
            one = {k: v.reshape(-1)[0].reshape(1, 1) if isinstance(v, rtorch.Tensor) else v for k, v in args.items()}
            zero = {k: v.reshape(()) if isinstance(v, rtorch.Tensor) else v for k, v in one.items()}
            same(call(op, zero).reshape(1, 1), call(op, one))
        else:
            try:
                got = call(op, make((0, 3)))
            except (RuntimeError, IndexError) as e:
                assert "dim" in str(e)
            else:
                assert got.shape in ((), (3,))
            assert call(op, make(())).shape == ()


@every([n for n, op in OPS.items() if op["kind"] == "formula" and sum(p[1] in TENSORS for p in op["params"]) > 1])
def test_broadcast_operands_agree(name):
    op = OPS[name]
    d = rtorch.float32 if rtorch.float32 in dtypes_of(op) else rtorch.int64
    for kind, args in calls(op, d, shape=(4, 5)):
        tensors = [k for k, v in args.items() if isinstance(v, rtorch.Tensor) and v.dim() == 2]
        for k in tensors[1:]:
            x = args[k]
            for small in (x.narrow(0, 0, 1), x.narrow(1, 0, 1), x.select(0, 0), x.select(0, 0).select(0, 0)):
                got = call(op, {**args, k: small})
                same(got, call(op, {**args, k: small.expand(4, 5).contiguous()}))


# ---- gradients -------------------------------------------------------------------------------------------------------


def differences(f, inputs, h):
    """Central differences of the scalar f by every element of the inputs."""
    out = []
    for x in inputs:
        values, base = [], x.detach().reshape(-1).tolist()
        for i in range(len(base)):
            ends = []
            for step in (h, -h):
                moved = base[:]
                moved[i] += step
                y = rtorch.tensor(moved, dtype=rtorch.float64).reshape(x.shape).requires_grad_()
                ends.append(f([y if z is x else z for z in inputs]))
            values.append((ends[0] - ends[1]) / (2 * h))
        out.append(values)
    return out


def close(got, want, what):
    for g, w in zip(got, want):
        for a, b in zip(flat(g), w):
            assert a == pytest.approx(b, rel=2e-5, abs=2e-6), (what, flat(g), w)


def weights(shape, seed):
    return sample(shape, rtorch.float64, (0.5, 1.5), seed)


def differentiable(args):
    return [k for k, v in args.items() if isinstance(v, rtorch.Tensor) and v.dtype == rtorch.float64]


RECORDED = [n for n, op in OPS.items() if op["grad"] != "none" and rtorch.float64 in dtypes_of(op)]


@every(RECORDED)
def test_gradients_agree_with_differences(name):
    op, done = OPS[name], 0
    base = op["py"].split(".")[0]
    nodes = {o["node"] for o in OPS.values() if o["py"].split(".")[0] == base}  # any overload that fits the arguments
    for domain in DOMAINS:
        for _, args in calls(op, rtorch.float64, domain=domain):
            keys = differentiable(args)
            inputs = [args[k].clone().requires_grad_() for k in keys]

            def value(xs):
                return call(op, {**args, **dict(zip(keys, xs))})

            y = value(inputs)
            if not keys or y.is_complex() or not all(map(math.isfinite, flat(y))):
                continue
            assert y.requires_grad and (None in nodes or y.grad_fn.name() in nodes)
            w = weights(y.shape, 5)

            def first(xs):
                return float((value(xs) * w).sum())

            grads = rtorch.autograd.grad((y * w).sum(), inputs, create_graph=True, allow_unused=True, materialize_grads=True)
            close(grads, differences(first, inputs, 1e-6), "gradient")
            done += 1
            vs = [weights(x.shape, 11 + i) for i, x in enumerate(inputs)]

            def second(xs):
                g = rtorch.autograd.grad((value(xs) * w).sum(), xs, create_graph=True, allow_unused=True, materialize_grads=True)
                return float(sum((a * v).sum() for a, v in zip(g, vs)))

            total = sum((g * v).sum() for g, v in zip(grads, vs))
            if not total.requires_grad:
                continue
            again = rtorch.autograd.grad(total, inputs, allow_unused=True, materialize_grads=True)
            if all(math.isfinite(v) for g in again for v in flat(g)):
                close(again, differences(second, inputs, 1e-6), "second gradient")
    assert done or op["rule"] == "Complex", "finite nowhere"


@every([n for n, op in OPS.items() if op["grad"] == "none"])
def test_what_has_no_gradient_is_not_recorded(name):
    op = OPS[name]
    for d in dtypes_of(op):
        if d in (rtorch.float32, rtorch.float64):
            for _, args in calls(op, d):
                recorded = {k: v.requires_grad_() if isinstance(v, rtorch.Tensor) and v.dtype == d else v for k, v in args.items()}
                assert not call(op, recorded).requires_grad
