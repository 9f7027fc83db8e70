"""Grad modes: context managers that are also decorators."""

import functools

from rtorch import _C


class _Mode:
    """A context manager whose instances decorate functions."""

    __slots__ = ()

    def __call__(self, f):
        @functools.wraps(f)
        def run(*args, **kwargs):
            with self._again():
                return f(*args, **kwargs)

        return run

    def _again(self):
        return type(self)()


class no_grad(_Mode, _C._NoGrad):
    """Nothing is recorded inside."""

    __slots__ = ()


class enable_grad(_Mode, _C._EnableGrad):
    """Recording is on inside."""

    __slots__ = ()


class set_grad_enabled(_Mode):
    """Recording on or off: at once, and as a context until its end."""

    def __init__(self, mode):
        self.mode = bool(mode)
        self.old = _C._set_grad_enabled(self.mode)

    def __call__(self, f):
        _C._set_grad_enabled(self.old)
        return super().__call__(f)

    def _again(self):
        return set_grad_enabled(self.mode)

    def __enter__(self):
        _C._set_grad_enabled(self.mode)

    def __exit__(self, *args):
        _C._set_grad_enabled(self.old)


class inference_mode(_Mode):
    """No recording, and tensors made inside never take part in it."""

    def __new__(cls, mode=True):
        self = object.__new__(cls)
        self.mode = True
        if callable(mode):
            return self(mode)
        self.mode = bool(mode)
        return self

    def _again(self):
        return inference_mode(self.mode)

    def __enter__(self):
        self.old = (_C._set_grad_enabled(not self.mode), _C._set_inference_mode(self.mode))

    def __exit__(self, *args):
        _C._set_grad_enabled(self.old[0])
        _C._set_inference_mode(self.old[1])
