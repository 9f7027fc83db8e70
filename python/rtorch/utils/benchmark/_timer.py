"""`Timer` runs a statement, `Measurement` holds what it took."""

import dataclasses
import enum
import math
import timeit
from time import perf_counter as timer

import rtorch

__all__ = ["Language", "Measurement", "TaskSpec", "Timer", "select_unit", "timer"]

# below this spread (interquartile range over median) nothing is said of it
_WARN, _LOUD = 0.1, 0.25


class Language(enum.Enum):
    PYTHON = 0


def select_unit(t):
    """A unit of time for t seconds, and how many seconds it is."""
    scale = {-3: "ns", -2: "us", -1: "ms"}.get(int(math.log10(t) // 3) if t > 0 else -3, "s")
    return scale, {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}[scale]


def trim_sigfig(x, n):
    """x with n significant digits."""
    if x == 0:
        return x
    magnitude = 10 ** (math.floor(math.log10(abs(x))) + 1 - n)
    return float(round(x / magnitude) * magnitude)


@dataclasses.dataclass(init=True, repr=False, eq=True, frozen=True)
class TaskSpec:
    """What was timed."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self):
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        if "\n" not in self.stmt:
            return self.stmt + (f": {self.sub_label}" if self.sub_label else "")
        body = "\n".join("  " + line for line in self.stmt.splitlines())
        return f"stmt:{f' ({self.sub_label})' if self.sub_label else ''}\n{body}"

    def setup_str(self):
        if self.setup == "pass" or not self.setup:
            return ""
        if "\n" in self.setup:
            return "setup:\n" + "\n".join("  " + line for line in self.setup.splitlines())
        return f"setup: {self.setup}"

    def summarize(self):
        """The title and, where there is one, setup and threads."""
        parts = [self.title, self.description or "", self.setup_str()]
        return "\n".join(p for p in parts if p)


class Measurement:
    """Times of several runs of `number_per_run` statements each; figures are seconds for one statement."""

    def __init__(self, number_per_run, raw_times, task_spec, metadata=None):
        self.number_per_run = number_per_run
        self.raw_times = raw_times
        self.task_spec = task_spec
        self.metadata = metadata

    def __getattr__(self, name):
        if (name != "task_spec" and hasattr(TaskSpec, name)) or name in TaskSpec.__dataclass_fields__:
            return getattr(self.task_spec, name)
        raise AttributeError(f"'Measurement' object has no attribute '{name}'")

    @property
    def times(self):
        return [t / self.number_per_run for t in self.raw_times]

    @staticmethod
    def _quantile(values, q):
        values = sorted(values)
        at = (len(values) - 1) * q
        low, high = math.floor(at), math.ceil(at)
        return values[low] + (values[high] - values[low]) * (at - low)

    def _some(self):
        if not self.raw_times:
            raise ValueError("this Measurement holds no times")
        return self.times

    @property
    def median(self):
        return self._quantile(self._some(), 0.5)

    @property
    def mean(self):
        times = self._some()
        return sum(times) / len(times)

    @property
    def iqr(self):
        """The range of the middle half."""
        return self._quantile(self._some(), 0.75) - self._quantile(self._some(), 0.25)

    @property
    def significant_figures(self):
        """How many digits the spread lets one trust (at most 4)."""
        n = len(self._some())
        interval = max((1.645 * 2 / 1.349 * self.iqr / math.sqrt(n)) / self.median if self.median else 0, 1e-9)
        return max(1, min(4, int(-math.log10(interval)) + (1 if n > 1 else 0)))

    @property
    def has_warnings(self):
        return len(self.raw_times) >= 4 and self.iqr > _WARN * self.median

    @property
    def title(self):
        return self.task_spec.title

    @property
    def env(self):
        return "Unspecified env" if self.task_spec.env is None else self.task_spec.env

    @property
    def as_row_name(self):
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    def meets_confidence(self, threshold=_WARN):
        return self.iqr / self.median < threshold

    def __repr__(self):
        unit, scale = select_unit(self.median)
        figures = self.significant_figures if len(self.raw_times) > 1 else 4
        n = len(self.raw_times)
        lines = [f"{type(self.task_spec) and object.__repr__(self)}", self.task_spec.summarize()]

        def show(t):
            return f"{trim_sigfig(t / scale, max(figures, 3)):.{2 if t / scale < 100 else 0}f} {unit}"

        if n == 1:
            lines.append(f"  {show(self.median)}")
        else:
            lines.append(f"  {'Median' if n >= 4 else 'Mean'}: {show(self.median if n >= 4 else self.mean)}")
            if n >= 4:
                low, high = self._quantile(self.times, 0.25), self._quantile(self.times, 0.75)
                lines.append(f"  IQR:    {show(self.iqr)} ({low / scale:.2f} to {high / scale:.2f})")
        threads = self.task_spec.num_threads
        lines.append(
            f"  {n} measurement{'s' if n > 1 else ''}, {self.number_per_run} "
            f"run{'s' if self.number_per_run > 1 else ''} {'per measurement' if n > 1 else ''}, "
            f"{threads} thread{'s' if threads > 1 else ''}"
        )
        if self.has_warnings:
            share = self.iqr / self.median * 100
            loud = "significant " if share > _LOUD * 100 else ""
            lines.append(
                f"  WARNING: Interquartile range is {share:.1f}% of the median measurement.\n"
                f"           This {'suggests' if loud else 'could indicate'} {loud}environmental influence."
            )
        return "\n".join(lines)

    @staticmethod
    def merge(measurements):
        """Measurements of the same task and number of runs, made one."""
        groups = {}
        for m in measurements:
            groups.setdefault((m.task_spec, m.number_per_run), []).append(m)
        return [
            Measurement(number, [t for m in group for t in m.raw_times], spec)
            for (spec, number), group in groups.items()
        ]


class Timer:
    """Times `stmt` in the namespace `globals`, with `num_threads` threads of kernels, after a few runs to warm up."""

    def __init__(
        self,
        stmt="pass",
        setup="pass",
        global_setup="",
        timer=timer,
        globals=None,
        label=None,
        sub_label=None,
        description=None,
        env=None,
        num_threads=1,
        language=Language.PYTHON,
    ):
        if language not in (Language.PYTHON, "py", "python"):
            raise ValueError(f"Timer runs Python statements, not {language}")
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        if global_setup:
            raise ValueError(
                "global_setup is C++ only, got `"
                + global_setup
                + "`. Most likely this code can simply be moved to `setup`."
            )
        names = dict(globals or {})
        # the package under the names that statements use
        names.setdefault("torch", rtorch)
        import textwrap

        stmt, setup = textwrap.dedent(stmt).strip("\n").rstrip(), textwrap.dedent(setup).strip("\n").rstrip()
        self._timer = timeit.Timer(stmt=stmt, setup=setup or "pass", timer=timer, globals=names)
        self._task_spec = TaskSpec(
            stmt=stmt,
            setup=setup,
            label=label,
            sub_label=sub_label,
            description=description,
            env=env,
            num_threads=num_threads,
        )

    def _with_threads(self, run):
        before = rtorch.get_num_threads()
        rtorch.set_num_threads(self._task_spec.num_threads)
        try:
            return run()
        finally:
            rtorch.set_num_threads(before)

    def _timeit(self, number):
        # numbers below the clock's resolution would divide by zero
        return max(self._timer.timeit(number), 1e-9)

    def timeit(self, number=1000000):
        """One run of `number` statements."""

        def run():
            self._timeit(max(number // 100, 2))
            return Measurement(number, [self._timeit(number)], self._task_spec)

        return self._with_threads(run)

    def _runs_for(self, min_run_time):
        """How many statements take a thousandth of the time, so that looking at the clock is nothing beside them."""
        number, once = 1, self._timeit(1)
        while once < min_run_time / 1000:
            number *= 10
            once = self._timeit(number)
        return number

    def blocked_autorange(self, callback=None, min_run_time=0.2):
        """Runs of equal numbers of statements for `min_run_time` seconds in all."""

        def run():
            number = self._runs_for(min_run_time)
            times, total = [], 0.0
            while total < min_run_time or not times:
                took = self._timeit(number)
                times.append(took)
                total += took
                if callback:
                    callback(number, took)
            return Measurement(number, times, self._task_spec)

        return self._with_threads(run)

    def adaptive_autorange(self, threshold=0.1, *, min_run_time=0.01, max_run_time=10.0, callback=None):
        """Runs until the middle half of the times lies within `threshold` of the median, or the time is over."""

        def run():
            number = self._runs_for(min_run_time)
            times, total = [], 0.0
            while True:
                took = self._timeit(number)
                times.append(took)
                total += took
                if callback:
                    callback(number, took)
                result = Measurement(number, times, self._task_spec)
                if total >= max_run_time:
                    return result
                if len(times) >= 4 and total >= min_run_time and result.meets_confidence(threshold):
                    return result

        return self._with_threads(run)

    autorange = blocked_autorange
