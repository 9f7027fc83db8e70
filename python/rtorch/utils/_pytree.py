"""Trees of lists, tuples, dictionaries and named tuples, with anything else as leaves."""

from collections import OrderedDict, defaultdict, deque, namedtuple
from typing import Any

__all__ = ["TreeSpec", "tree_flatten", "tree_leaves", "tree_map", "tree_map_only", "tree_unflatten"]

NodeDef = namedtuple("NodeDef", ["type", "flatten_fn", "unflatten_fn", "flatten_with_keys_fn"])
PyTree = Any  # anything is a tree
Context = Any

SUPPORTED_NODES = {}  # class -> NodeDef


class SequenceKey(namedtuple("SequenceKey", ["idx"])):
    """A place in a list or tuple."""

    def __str__(self):
        return f"[{self.idx!r}]"

    def get(self, sequence):
        return sequence[self.idx]


class MappingKey(namedtuple("MappingKey", ["key"])):
    """A place in a dictionary."""

    def __str__(self):
        return f"[{self.key!r}]"

    def get(self, mapping):
        return mapping[self.key]


class GetAttrKey(namedtuple("GetAttrKey", ["name"])):
    """An attribute."""

    def __str__(self):
        return f".{self.name}"

    def get(self, obj):
        return getattr(obj, self.name)


def keystr(kp):
    """A path as text, `['a'][0].x`."""
    return "".join(map(str, kp))


def register_pytree_node(
    cls,
    flatten_fn,
    unflatten_fn,
    *,
    serialized_type_name=None,
    to_dumpable_context=None,
    from_dumpable_context=None,
    flatten_with_keys_fn=None,
):
    """Makes a class a kind of tree: `flatten_fn(x)` gives children and context, `unflatten_fn(children, context)` x;
    `flatten_with_keys_fn(x)` gives pairs of key and child in place of the children."""
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)


_register_pytree_node = register_pytree_node


def _dict_flatten(d):
    return list(d.values()), list(d)


def _dict_flatten_with_keys(d):
    values, context = _dict_flatten(d)
    return [(MappingKey(k), v) for k, v in zip(context, values)], context


def _dict_unflatten(values, context):
    return dict(zip(context, values))


def _numbered(x):
    return [(SequenceKey(i), v) for i, v in enumerate(x)]


for _cls, _taken_apart, _put_together, _keyed in (
    (list, lambda x: (x, None), lambda c, _: list(c), lambda x: (_numbered(x), None)),
    (tuple, lambda x: (list(x), None), lambda c, _: tuple(c), lambda x: (_numbered(x), None)),
    (dict, _dict_flatten, _dict_unflatten, _dict_flatten_with_keys),
    (OrderedDict, _dict_flatten, lambda c, k: OrderedDict(zip(k, c)), _dict_flatten_with_keys),
    (
        defaultdict,
        lambda x: (list(x.values()), (x.default_factory, list(x))),
        lambda c, k: defaultdict(k[0], zip(k[1], c)),
        lambda x: (_dict_flatten_with_keys(x)[0], (x.default_factory, list(x))),
    ),
    (deque, lambda x: (list(x), x.maxlen), lambda c, n: deque(c, maxlen=n), lambda x: (_numbered(x), x.maxlen)),
    (
        namedtuple,  # of every class of named tuples
        lambda x: (list(x), type(x)),
        lambda c, kind: kind(*c),
        lambda x: ([(GetAttrKey(name), v) for name, v in zip(x._fields, x)], type(x)),
    ),
):
    register_pytree_node(_cls, _taken_apart, _put_together, flatten_with_keys_fn=_keyed)


def _kind(x):
    """The class whose rule holds for x, or None for a leaf."""
    kind = type(x)
    if kind in SUPPORTED_NODES:
        return kind
    if issubclass(kind, tuple) and hasattr(kind, "_fields") and kind.__bases__ == (tuple,):
        return namedtuple
    return None


class TreeSpec:
    """The form of a tree: `type` (None for a leaf), `context`, and the forms of its children."""

    __slots__ = ("children_specs", "context", "num_leaves", "type")

    def __init__(self, type, context, children_specs):
        self.type, self.context, self.children_specs = type, context, children_specs
        self.num_leaves = 1 if type is None else sum(c.num_leaves for c in children_specs)

    def is_leaf(self):
        return self.type is None

    def __eq__(self, other):
        return isinstance(other, TreeSpec) and (self.type, self.context, self.children_specs) == (
            other.type,
            other.context,
            other.children_specs,
        )

    __hash__ = None

    def __repr__(self):
        if self.type is None:
            return "*"
        return f"TreeSpec({self.type.__name__}, {self.context}, {self.children_specs})"


def LeafSpec():
    """The form of a leaf."""
    return TreeSpec(None, None, [])


def _get_node_type(tree):
    """The key of SUPPORTED_NODES under which a tree's rule stands; a leaf's class, for which there is none."""
    return _kind(tree) or type(tree)


def _is_leaf(tree, is_leaf=None):
    return (is_leaf is not None and is_leaf(tree)) or _kind(tree) is None


def tree_flatten(tree, is_leaf=None):
    """The leaves of a tree, and its form."""
    leaves = []
    return leaves, _flatten(tree, leaves, is_leaf)


def _flatten(tree, leaves, is_leaf):
    kind = None if is_leaf is not None and is_leaf(tree) else _kind(tree)
    if kind is None:
        leaves.append(tree)
        return TreeSpec(None, None, [])
    children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    return TreeSpec(kind, context, [_flatten(c, leaves, is_leaf) for c in children])


def tree_unflatten(leaves, treespec):
    """The tree of this form with these leaves."""
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(
            f"tree_unflatten(leaves, treespec): `leaves` has length {len(leaves)} but the spec refers to a pytree that "
            f"holds {treespec.num_leaves} items ({treespec})."
        )
    return _unflatten(iter(leaves), treespec)


def _unflatten(leaves, spec):
    if spec.type is None:
        return next(leaves)
    children = [_unflatten(leaves, c) for c in spec.children_specs]
    return SUPPORTED_NODES[spec.type].unflatten_fn(children, spec.context)


def tree_leaves(tree, is_leaf=None):
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree, is_leaf=None):
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func, tree, *rests, is_leaf=None):
    """The tree with `func` of each leaf (and of the leaves of `rests` at the same place)."""
    leaves, spec = tree_flatten(tree, is_leaf)
    columns = [leaves]
    for other in rests:
        more, other_spec = tree_flatten(other, is_leaf)
        if other_spec != spec:
            raise ValueError(f"tree_map needs trees of one form, got {spec} and {other_spec}")
        columns.append(more)
    return tree_unflatten([func(*row) for row in zip(*columns)], spec)


def tree_map_(func, tree, *rests, is_leaf=None):
    """As `tree_map`, for what `func` does; gives the tree itself."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def tree_map_only(kinds, func, tree, is_leaf=None):
    """The tree with `func` of those leaves that are of these classes (or that a predicate chooses)."""
    chosen = kinds if callable(kinds) and not isinstance(kinds, type) else (lambda x: isinstance(x, kinds))
    return tree_map(lambda x: func(x) if chosen(x) else x, tree, is_leaf=is_leaf)


def tree_all(pred, tree, is_leaf=None):
    return all(pred(x) for x in tree_leaves(tree, is_leaf))


def tree_any(pred, tree, is_leaf=None):
    return any(pred(x) for x in tree_leaves(tree, is_leaf))


def tree_flatten_with_path(tree, is_leaf=None):
    """The leaves of a tree, each with its path (a tuple of keys), and the tree's form."""
    _, spec = tree_flatten(tree, is_leaf)
    return list(_paths((), tree, is_leaf)), spec


def tree_leaves_with_path(tree, is_leaf=None):
    return list(_paths((), tree, is_leaf))


def _paths(path, tree, is_leaf):
    if _is_leaf(tree, is_leaf):
        yield path, tree
        return
    keyed = SUPPORTED_NODES[_kind(tree)].flatten_with_keys_fn
    if keyed is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {type(tree)}. Pass one to register_pytree_node."
        )
    for key, child in keyed(tree)[0]:
        yield from _paths((*path, key), child, is_leaf)


def tree_map_with_path(func, tree, *rests, is_leaf=None):
    """The tree with `func(path, leaf, ...)` of each leaf."""
    found, spec = tree_flatten_with_path(tree, is_leaf)
    columns = [*zip(*found), *(tree_leaves(other, is_leaf) for other in rests)] if found else []
    return tree_unflatten([func(*row) for row in zip(*columns)], spec)
