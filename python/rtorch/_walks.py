"""What hooks on several tensors need to know of the walk backward that runs: which one it is, and where it will go.

Nothing of this costs anything while there is no such hook: callers of the engine ask `watched` first.
"""

from _thread import _local

from rtorch import _C

watched = 0  # how many hooks on several tensors there are
_thread = _local()


def current():
    """The walk that this thread is in; None where it began before there were hooks."""
    stack = getattr(_thread, "stack", None)
    return stack[-1] if stack else None


def run(call, roots, inputs, *args):
    """`call(roots, *args)`, known as the current walk."""
    if not hasattr(_thread, "stack"):
        _thread.stack = []
    _thread.stack.append(_Walk(_list(roots), _list(inputs)))
    try:
        return call(roots, *args)
    finally:
        _thread.stack.pop()


def _list(x):
    return [] if x is None else list(x) if isinstance(x, (list, tuple)) else [x]


def _node(tensor):
    """Where the tensor's gradient goes."""
    return _C._accumulator(tensor) if tensor.grad_fn is None else tensor.grad_fn


class _Walk:
    def __init__(self, roots, inputs):
        self.roots, self.inputs = roots, inputs
        self.key = object()  # what a hook remembers it by, without keeping the graph

    def reaches(self, tensors):
        """How many of the tensors will get a gradient."""
        above_it, todo = {}, [_node(t) for t in self.roots if t.requires_grad]
        nodes = set(todo)
        while todo:
            node = todo.pop()
            for below, _ in node.next_functions:
                if below is None:
                    continue
                above_it.setdefault(below, []).append(node)
                if below not in nodes:
                    nodes.add(below)
                    todo.append(below)
        if self.inputs:  # only what leads to them
            todo = [n for n in map(_node, self.inputs) if n in nodes]
            nodes = set(todo)
            while todo:
                for above in above_it.get(todo.pop(), ()):
                    if above not in nodes:
                        nodes.add(above)
                        todo.append(above)
        return sum(_node(t) in nodes for t in tensors)
