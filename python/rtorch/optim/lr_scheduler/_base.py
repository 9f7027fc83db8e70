# What all learning rate schedules share: the base class, and how rates are read and set.
import functools
import weakref

from rtorch import Tensor

from ..optimizer import Optimizer

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` is deprecated: call `scheduler.step()` once per epoch. With an epoch, "
    "the closed form of the schedule is used where there is one."
)


def _warn(text, level=3):
    import warnings

    warnings.warn(text, UserWarning, stacklevel=level)


def _own(value):
    return value.clone() if isinstance(value, Tensor) else value


def _set(group, key, value):
    """Into a tensor in place, so that whoever holds it sees the change."""
    if isinstance(group[key], Tensor):
        group[key].fill_(value.item() if isinstance(value, Tensor) else value)
    else:
        group[key] = value


def _rates(optimizer):
    return [_own(group["lr"]) for group in optimizer.param_groups]


def _is_function(f):
    return isinstance(f, type(_is_function))


def _per_group(optimizer, value, name):
    """One value per group, from one for all or a list."""
    n = len(optimizer.param_groups)
    if isinstance(value, (list, tuple)):
        if len(value) != n:
            raise ValueError(
                f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
                f"param_groups has {n}."
            )
        return list(value)
    return [value] * n


def _watch(optimizer):
    """Let the optimizer note its steps, to tell whether scheduler.step() came first."""
    step = optimizer.step
    if hasattr(step, "_wrapped_by_lr_sched"):
        return
    weak = weakref.ref(optimizer)
    own = type(optimizer).step if "step" not in optimizer.__dict__ else None

    @functools.wraps(own if own is not None else step)
    def noted(*args, **kwargs):
        optimizer = weak()
        optimizer._opt_called = True
        return step(*args, **kwargs) if own is None else own(optimizer, *args, **kwargs)

    noted._wrapped_by_lr_sched = True
    if own is not None:
        del step
    optimizer.step = noted


class LRScheduler:
    """Base class: a subclass defines get_lr(), which returns one rate per parameter group."""

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer, last_epoch=-1):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _own(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                    "last_epoch >= 0: load the optimizer's state_dict first, or leave last_epoch at -1 for a new run."
                )
        self.base_lrs = [_own(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        _watch(optimizer)
        self._initial_step()

    def _initial_step(self):
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self):
        """Everything but the optimizer."""
        return {k: v for k, v in self.__dict__.items() if k != "optimizer"}

    def load_state_dict(self, state_dict):
        """Take over another scheduler's state."""
        self.__dict__.update(state_dict)

    def get_last_lr(self):
        """The rates of all groups as the last step set them."""
        return self._last_lr

    def get_lr(self):
        """The next rates of all groups."""
        raise NotImplementedError

    def _now(self):
        return _rates(self.optimizer)

    def _check_called(self):
        if not self._get_lr_called_within_step:
            _warn("To get the last learning rate computed by the scheduler, please use `get_last_lr()`.", 4)

    def step(self, epoch=None):
        """Go on to the next epoch (or to the one given)."""
        if self._step_count == 1:
            if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
                _warn(
                    "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
                    "Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`."
                )
            elif not getattr(self.optimizer, "_opt_called", False):
                _warn(
                    "Detected call of `lr_scheduler.step()` before `optimizer.step()`: "
                    f"{type(self).__name__} skips the first learning rate, {self._last_lr[0]}. Call them in the "
                    f"opposite order, `optimizer.step()` ({type(self.optimizer).__name__}) before "
                    "`lr_scheduler.step()`."
                )
        self._step_count += 1
        if epoch is not None:
            _warn(EPOCH_DEPRECATION_WARNING)
        self._update_lr(epoch)

    def _update_lr(self, epoch=None):
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                values = self.get_lr()
            else:
                self.last_epoch = epoch
                closed = getattr(self, "_get_closed_form_lr", None)
                values = self.get_lr() if closed is None else closed()
        finally:
            self._get_lr_called_within_step = False
        for group, lr in zip(self.optimizer.param_groups, values):
            _set(group, "lr", lr)
        self._last_lr = self._now()


class _LRScheduler(LRScheduler):
    """The older name of LRScheduler."""
