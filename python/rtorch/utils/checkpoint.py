"""Trading computation for memory: what a function saves for backward is thrown away and computed again there."""

import contextlib
import warnings

import rtorch
from rtorch.overrides import TorchFunctionMode
from rtorch.utils._pytree import tree_map

__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "DefaultDeviceType",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "detach_variable",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
    "tree_map",
]


class CheckpointError(RuntimeError):
    """The recomputation did not do what the forward had done."""


class DefaultDeviceType:
    """The kind of device whose random stream is kept too, where arguments do not tell."""

    _default = "cuda"

    @staticmethod
    def set_device_type(device="cuda"):
        DefaultDeviceType._default = device

    @staticmethod
    def get_device_type():
        return DefaultDeviceType._default


def detach_variable(inputs):
    """The arguments with tensors cut off from the graph; they require a gradient where they did."""
    if not isinstance(inputs, tuple):
        raise RuntimeError("Only tuple of tensors is supported. Got Unsupported input type: ", type(inputs).__name__)
    out = []
    for x in inputs:
        if isinstance(x, rtorch.Tensor):
            requires = x.requires_grad
            x = x.detach()
            x.requires_grad = requires
        out.append(x)
    return tuple(out)


def check_backward_validity(inputs):
    """Warns where no argument requires a gradient: nothing inside would get one."""
    if not any(x.requires_grad for x in inputs if isinstance(x, rtorch.Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=3)


def noop_context_fn():
    """Two contexts that do nothing: for the forward, and for the recomputation."""
    return contextlib.nullcontext(), contextlib.nullcontext()


class _Ambient:
    """What the forward ran under, to run the recomputation under the same: random stream and autocast."""

    def __init__(self, preserve_rng_state):
        self.rng = rtorch.get_rng_state() if preserve_rng_state else None
        amp = _autocast()
        self.autocast = None if amp is None else amp._state("cpu")

    @contextlib.contextmanager
    def again(self):
        with contextlib.ExitStack() as stack:
            if self.rng is not None:
                stack.enter_context(rtorch.random.fork_rng(devices=[]))
                rtorch.set_rng_state(self.rng)
            if self.autocast is not None:
                stack.enter_context(_autocast()._under("cpu", self.autocast))
            yield


def _autocast():
    """torch.amp's switches, if anybody has used them."""
    import sys

    return sys.modules.get("rtorch.amp.autocast_mode")


class CheckpointFunction(rtorch.autograd.Function):
    """The reentrant way: forward without a graph, backward by a backward of its own."""

    @staticmethod
    def forward(ctx, run_function, preserve_rng_state, *args):
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.ambient = _Ambient(preserve_rng_state)
        ctx.inputs, ctx.tensor_indices, tensors = [], [], []
        for i, arg in enumerate(args):
            if isinstance(arg, rtorch.Tensor):
                tensors.append(arg)
                ctx.tensor_indices.append(i)
                ctx.inputs.append(None)
            else:
                ctx.inputs.append(arg)
        ctx.save_for_backward(*tensors)
        with rtorch.no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx, *grads):
        inputs = list(ctx.inputs)
        for i, tensor in zip(ctx.tensor_indices, ctx.saved_tensors):
            inputs[i] = tensor
        with ctx.ambient.again():
            inputs = detach_variable(tuple(inputs))
            with rtorch.enable_grad():
                outputs = ctx.run_function(*inputs)
        if isinstance(outputs, rtorch.Tensor):
            outputs = (outputs,)
        pairs = [(o, g) for o, g in zip(outputs, grads) if isinstance(o, rtorch.Tensor) and o.requires_grad]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        rtorch.autograd.backward([o for o, _ in pairs], [g for _, g in pairs])
        return None, None, *(x.grad if isinstance(x, rtorch.Tensor) else None for x in inputs)


_debug = None


def set_checkpoint_early_stop(enable):
    """Whether a recomputation may end at the last saved tensor. It is a permission: here it always runs whole."""
    return contextlib.nullcontext()


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled):
    """Within the block `debug=` of every checkpoint has this value (None: what the call says)."""
    global _debug
    before, _debug = _debug, enabled
    try:
        yield
    finally:
        _debug = before


def _look(x):
    return {"shape": x.shape, "dtype": x.dtype, "device": x.device}


class _Calls(TorchFunctionMode):
    """Notes the calls of torch functions, for `debug=True`."""

    def __init__(self):
        self.lines = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        shown = ", ".join(f"{x.dtype}{list(x.shape)}" if isinstance(x, rtorch.Tensor) else repr(x) for x in args)
        self.lines.append(f"{getattr(func, '__name__', func)}({shown})")
        return func(*args, **(kwargs or {}))


class _Frame:
    """One checkpointed call: what it saved, by number, and how to compute it again."""

    def __init__(self, run, check, debug):
        self.run = run
        self.check = check
        self.calls = _Calls() if debug else contextlib.nullcontext()
        self.calls_again = _Calls() if debug else contextlib.nullcontext()
        self.looks = []  # of the tensors saved by the forward
        self.again = {}  # those of the recomputation that backward has not asked for yet

    def pack(self, x):
        self.looks.append(_look(x))
        return len(self.looks) - 1

    def unpack(self, index):
        if index not in self.again:
            self.again = {}
            self._recompute()
        return self.again.pop(index)

    def _recompute(self):
        looks = []

        def pack(x):
            self.again[len(looks)] = x.detach()
            looks.append(_look(x))
            return len(looks) - 1

        def unpack(index):
            raise CheckpointError(
                "torch.utils.checkpoint: a backward inside the recomputed function needs what only the forward may "
                "use. "
                "Call torch.autograd.grad outside of the checkpointed function, or do not checkpoint it."
            )

        with rtorch.enable_grad(), rtorch.autograd.graph.saved_tensors_hooks(pack, unpack), self.calls_again:
            self.run()
        try:
            self._compare(looks)
        except CheckpointError as e:
            if isinstance(self.calls, _Calls):
                for when, calls in (("original forward", self.calls), ("recomputation", self.calls_again)):
                    e.add_note(f"Calls during the {when}:\n    " + "\n    ".join(calls.lines))
            raise

    def _compare(self, looks):
        if len(looks) != len(self.looks):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {len(self.looks)}\n"
                f"Number of tensors saved during recomputation: {len(looks)}."
            )
        if self.check is None:
            return
        wrong = [(i, a, b) for i, (a, b) in enumerate(zip(self.looks, looks)) if a != b]
        if wrong:
            lines = "".join(
                f"tensor at position {i}:\nsaved metadata: {a}\nrecomputed metadata: {b}\n" for i, a, b in wrong
            )
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                "during "
                f"the forward pass.\n{lines}"
            )


def _not_reentrant(function, preserve, context_fn, check, debug, args, kwargs):
    forward_context, again_context = context_fn()
    if not rtorch.is_grad_enabled():
        with forward_context:
            return function(*args, **kwargs)
    ambient = _Ambient(preserve)

    def run():
        with ambient.again(), again_context:
            function(*args, **kwargs)

    frame = _Frame(run, check, debug if _debug is None else _debug)
    with rtorch.autograd.graph.saved_tensors_hooks(frame.pack, frame.unpack), forward_context, frame.calls:
        return function(*args, **kwargs)


def checkpoint(
    function,
    *args,
    use_reentrant=None,
    context_fn=noop_context_fn,
    determinism_check="default",
    debug=False,
    early_stop=True,
    **kwargs,
):
    """`function(*args, **kwargs)`, whose intermediate values are not kept for backward but computed again there.

    `use_reentrant=False` is the better way: gradients by `torch.autograd.grad`, keyword arguments and nested structures
    work, and what the recomputation saves is checked against the forward. The function must do the same both times;
    random numbers are drawn from the same state unless `preserve_rng_state=False`. With `debug=True` the error of a
    recomputation that differs tells the calls of both times.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, "
            "calling checkpoint without use_reentrant will raise an exception. use_reentrant=False is "
            "recommended, but if "
            "you need to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs "
            "for more "
            "details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if not use_reentrant:
        if determinism_check not in ("default", "none"):
            raise ValueError("determinism_check should be one of ['default', 'none'] but got " + str(determinism_check))
        check = None if determinism_check == "none" else determinism_check
        return _not_reentrant(function, preserve, context_fn, check, debug, args, kwargs)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not noop_context_fn or debug is not False:
        raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
    return CheckpointFunction.apply(function, preserve, *args)


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """A sequence of modules in `segments` parts, each but the last checkpointed."""
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. "
            "In version 2.9 we will raise an exception if use_reentrant is not passed. use_reentrant=False is "
            "recommended, but if you need to preserve the current default behavior, you can pass use_reentrant=True. "
            "Refer to docs for more details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if isinstance(functions, rtorch.nn.Sequential):
        functions = list(functions.children())

    def part(steps):
        def run(x):
            for step in steps:
                x = step(x)
            return x

        return run

    size = len(functions) // segments
    at = 0
    for _ in range(segments - 1):
        input = checkpoint(
            part(functions[at : at + size]), input, use_reentrant=use_reentrant, preserve_rng_state=preserve
        )
        at += size
    return part(functions[at:])(input)
