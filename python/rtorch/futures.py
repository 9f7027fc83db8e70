"""`torch.futures`: results that are not there yet, set by one thread and waited for by others."""

import threading as _threading
from typing import Generic as _Generic
from typing import TypeVar as _TypeVar

__all__ = ["Future", "collect_all", "wait_all"]

_T = _TypeVar("_T")


class Future(_Generic[_T]):
    """A value, or an error, that is set once. `then` gives the future of what a function makes of this one."""

    def __init__(self, *, devices=None):
        self._ready = _threading.Condition()
        self._done = False
        self._value = self._error = None
        self._callbacks = []

    def done(self):
        """Whether the value or error has been set."""
        return self._done

    def wait(self):
        """The value, when it is there; raises the error if one was set."""
        with self._ready:
            while not self._done:
                self._ready.wait()
        return self.value()

    def value(self):
        """The value of a future that is done."""
        if not self._done:
            raise RuntimeError("The Future is not done: call wait() to wait for its value.")
        if self._error is not None:
            raise self._error
        return self._value

    def _finish(self, value, error):
        with self._ready:
            if self._done:
                raise RuntimeError("Future can only be marked completed once: a value or error was set before.")
            self._value, self._error, self._done = value, error, True
            callbacks, self._callbacks = self._callbacks, []
            self._ready.notify_all()
        for call in callbacks:
            call(self)

    def set_result(self, result):
        """Sets the value; then runs what was added, in the order of adding."""
        self._finish(result, None)

    def set_exception(self, result):
        """Sets an error, which `wait` and `value` raise."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._finish(None, result)

    def _when_done(self, call):
        with self._ready:
            if not self._done:
                self._callbacks.append(call)
                return
        call(self)

    def add_done_callback(self, callback):
        """Calls `callback(self)` when this is done, at once if it is. Its errors are reported and go no further."""

        def call(future):
            try:
                callback(future)
            except Exception:
                import traceback

                traceback.print_exc()

        self._when_done(call)

    def then(self, callback):
        """The future of `callback(self)`."""
        following = Future()

        def call(future):
            try:
                value = callback(future)
            except Exception as e:
                following.set_exception(e)
            else:
                following.set_result(value)

        self._when_done(call)
        return following


def collect_all(futures):
    """The future of the list of these futures, when all of them are done."""
    futures = list(futures)
    whole = Future()
    left, lock = len(futures), _threading.Lock()
    if not futures:
        whole.set_result(futures)

    def one_done(_):
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last:
            whole.set_result(futures)

    for future in futures:
        future._when_done(one_done)
    return whole


def wait_all(futures):
    """The values of all these futures, when they are there."""
    return [future.wait() for future in collect_all(futures).wait()]
