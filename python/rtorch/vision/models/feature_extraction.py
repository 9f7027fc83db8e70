"""`torchvision.models.feature_extraction`: the results of modules inside a network, by their names.

torchvision follows single operations too (`layer1.0.relu_1`), by a graph of the program. There is none here: a node is
a module.
"""

from rtorch import nn

__all__ = ["create_feature_extractor"]


class _Enough(Exception):
    """All results are there; what comes behind them need not run."""


class FeatureExtractor(nn.Module):
    """A network whose forward gives a dict of what modules inside it gave. Runs up to the last of them."""

    def __init__(self, model, nodes):
        super().__init__()
        self.model = model
        self.return_nodes = nodes

    def state_dict(self, *args, **kwargs):
        return self.model.state_dict(*args, **kwargs)

    def load_state_dict(self, *args, **kwargs):
        return self.model.load_state_dict(*args, **kwargs)

    def named_parameters(self, *args, **kwargs):
        return self.model.named_parameters(*args, **kwargs)

    def named_buffers(self, *args, **kwargs):
        return self.model.named_buffers(*args, **kwargs)

    def forward(self, *args, **kwargs):
        found, handles = {}, []

        def keep(name):
            def hook(module, args, output):
                found[name] = output
                if len(found) == len(self.return_nodes):
                    raise _Enough

            return hook

        try:
            for node, name in self.return_nodes.items():
                handles.append(self.model.get_submodule(node).register_forward_hook(keep(name)))
            self.model(*args, **kwargs)
        except _Enough:
            pass
        finally:
            for handle in handles:
                handle.remove()
        return {name: found[name] for name in self.return_nodes.values() if name in found}


def create_feature_extractor(model, return_nodes=None, train_return_nodes=None, eval_return_nodes=None, **kwargs):
    """A module that gives what the modules named in `return_nodes` (a list, or name -> name of the result) give.

    >>> from rtorch.vision.models import resnet18
    >>> features = create_feature_extractor(resnet18().eval(), {"layer4": "map", "avgpool": "vector"})
    >>> {name: tuple(x.shape) for name, x in features(torch.rand(1, 3, 32, 32)).items()}
    {'map': (1, 512, 1, 1), 'vector': (1, 512, 1, 1)}
    """
    if return_nodes is None:
        if train_return_nodes is None or train_return_nodes != eval_return_nodes:
            raise ValueError("create_feature_extractor: return_nodes is needed (train and eval have the same here)")
        return_nodes = train_return_nodes
    nodes = dict(return_nodes) if isinstance(return_nodes, dict) else {n: n for n in return_nodes}
    nodes = {str(k): str(v) for k, v in nodes.items()}
    names = {name for name, _ in model.named_modules() if name}
    unknown = [n for n in nodes if n not in names]
    if unknown:
        raise ValueError(
            f"node: '{unknown[0]}' is not present in model. Here nodes are modules, as "
            "model.named_modules() names them; single operations cannot be asked for."
        )
    return FeatureExtractor(model, nodes)
