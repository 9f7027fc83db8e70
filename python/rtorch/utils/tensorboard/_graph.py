"""The graph of a model for TensorBoard: the model is run once, and the operators that it calls are written down,
under the names of the modules that call them.

While it runs, torch's functions and the methods of Tensor are replaced by ones that take notes; an operator that
another one calls is part of that one.
"""

from __future__ import annotations

import functools
import types

import rtorch as torch
from rtorch import nn

# what Python calls an operator -> what PyTorch's tracer does
_NAMES = {
    "__add__": "add",
    "__radd__": "add",
    "__sub__": "sub",
    "__rsub__": "rsub",
    "__mul__": "mul",
    "__rmul__": "mul",
    "__truediv__": "div",
    "__rtruediv__": "div",
    "__matmul__": "matmul",
    "__pow__": "pow",
    "__neg__": "neg",
    "__getitem__": "select",
    "conv1d": "_convolution",
    "conv2d": "_convolution",
    "conv3d": "_convolution",
    "cross_entropy": "cross_entropy_loss",
}
_DUNDERS = [n for n in _NAMES if n.startswith("__")]
# what tells something of a tensor and computes nothing
_NOT = {"dim", "size", "stride", "numel", "nelement", "is_contiguous", "data_ptr", "item", "tolist", "storage_offset"}


class Node:
    """One box of the graph."""

    def __init__(self, name, op, inputs=(), shape=None, text=""):
        self.name, self.op, self.inputs, self.shape, self.text = name, op, list(inputs), shape, text


class _Notes:
    def __init__(self, model):
        self.nodes = []
        self.known = {}  # id of a tensor -> (the tensor, so that its id stays its own, the node's name)
        self.depth = 0
        self.count = 0
        root = type(model).__name__
        self.scopes = [root]
        self.names = {"": root}
        self.owners = {}
        for path, module in model.named_modules():
            if path:
                parent, _, last = path.rpartition(".")
                self.names[path] = f"{self.names[parent]}/{type(module).__name__}[{last}]"
            for kind in (module._parameters, module._buffers):
                for name, t in kind.items():
                    if t is not None:
                        self.owners.setdefault(id(t), (self.names[path], name))

    def number(self):
        self.count += 1
        return self.count

    def keep(self, t, name):
        self.known[id(t)] = (t, name)

    def name_of(self, t):
        if id(t) in self.known:
            return self.known[id(t)][1]
        if id(t) in self.owners:
            scope, name = self.owners[id(t)]
            node = Node(
                f"{scope}/{name}/{name}.{self.number()}", "prim::GetAttr", [], list(t.shape), f"{{ name : {name}}}"
            )
        else:
            node = Node(f"{self.scopes[-1]}/{self.number()}", "prim::Constant", [], list(t.shape))
        self.nodes.append(node)
        self.keep(t, node.name)
        return node.name

    def wrap(self, name, f):
        op = "aten::" + _NAMES.get(name, name)

        @functools.wraps(f, assigned=("__name__", "__doc__"))
        def noted(*args, **kwargs):
            if self.depth:
                return f(*args, **kwargs)
            self.depth += 1
            try:
                out = f(*args, **kwargs)
            finally:
                self.depth -= 1
            results = list(_tensors(out))
            if results:
                inputs = [self.name_of(t) for t in _tensors((args, tuple(kwargs.values())))]
                node = Node(f"{self.scopes[-1]}/{self.number()}", op, inputs, list(results[0].shape))
                self.nodes.append(node)
                for t in results:
                    self.keep(t, node.name)
            return out

        return noted


def _tensors(x):
    if isinstance(x, torch.Tensor):
        yield x
    elif isinstance(x, dict):
        for v in x.values():
            yield from _tensors(v)
    elif isinstance(x, (list, tuple)):
        for v in x:
            yield from _tensors(v)


def _places():
    """(object, name) of everything that calls an operator."""
    spaces = torch._C._spaces
    for name in spaces[""]:
        if not name.startswith("_"):
            yield torch, name
    for name in spaces["nn.functional"]:
        if not name.startswith("_"):
            yield nn.functional, name
    kinds = (types.MethodDescriptorType, types.FunctionType)
    for name, f in vars(torch.Tensor).items():
        if name in _DUNDERS or (isinstance(f, kinds) and not name.startswith("_") and name not in _NOT):
            yield torch.Tensor, name


def trace(model, inputs):
    """The nodes of a run of the model on these inputs."""
    notes = _Notes(model)
    for i, t in enumerate(_tensors(inputs)):
        node = Node(f"input/{'x' if i == 0 else f'x.{i}'}", "IO Node", [], list(t.shape))
        notes.nodes.append(node)
        notes.keep(t, node.name)
    handles = []
    for path, module in model.named_modules():
        scope = notes.names[path]
        handles.append(module.register_forward_pre_hook(lambda *_, scope=scope: notes.scopes.append(scope)))
        handles.append(module.register_forward_hook(lambda *_: notes.scopes.pop() and None))
    before = [(place, name, vars(place).get(name)) for place, name in _places()]
    before = [(place, name, f) for place, name, f in before if callable(f)]
    try:
        for place, name, f in before:
            setattr(place, name, notes.wrap(name, f))
        with torch.no_grad():
            out = model(*inputs)
    finally:
        for place, name, f in before:
            setattr(place, name, f)
        for h in handles:
            h.remove()
    for i, t in enumerate(_tensors(out)):
        notes.nodes.append(Node(f"output/output.{i + 1}", "IO Node", [notes.name_of(t)], list(t.shape)))
    return notes.nodes


def graph(model, args, verbose=False):
    """TensorBoard's form of it."""
    from tensorboard.compat.proto.attr_value_pb2 import AttrValue
    from tensorboard.compat.proto.config_pb2 import RunMetadata
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.compat.proto.node_def_pb2 import NodeDef
    from tensorboard.compat.proto.step_stats_pb2 import DeviceStepStats, StepStats
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.versions_pb2 import VersionDef

    out = []
    for node in trace(model, args):
        attributes = {"attr": AttrValue(s=node.text.encode())}
        if node.shape is not None:
            shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=n) for n in node.shape])
            attributes["_output_shapes"] = AttrValue(list=AttrValue.ListValue(shape=[shape]))
        out.append(NodeDef(name=node.name, op=node.op, input=node.inputs, attr=attributes))
        if verbose:
            print(f"{node.name}: {node.op}({', '.join(node.inputs)}) {node.shape or ''}")
    stats = RunMetadata(step_stats=StepStats(dev_stats=[DeviceStepStats(device="/device:CPU:0")]))
    return GraphDef(node=out, versions=VersionDef(producer=22)), stats
