"""The hooks by which weight norm, spectral norm and pruning compute a parameter before each forward."""


def hooks_of(module, kind, name, attribute="name"):
    """(key, hook) of the hooks of class `kind` that make parameter `name`, which a hook has in `attribute`."""
    found = module._forward_pre_hooks.items()
    return [(k, hook) for k, hook in found if isinstance(hook, kind) and getattr(hook, attribute) == name]


def take_off(module, kind, name, attribute="name"):
    """Removes the first such hook, which makes the parameter a plain one again. False where there is none."""
    for k, hook in hooks_of(module, kind, name, attribute):
        hook.remove(module)
        del module._forward_pre_hooks[k]
        return True
    return False
