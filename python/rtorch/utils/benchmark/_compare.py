"""`Compare`: measurements side by side."""

from ._timer import Measurement, select_unit, trim_sigfig

__all__ = ["Compare"]


class Compare:
    """A table for each label: a row for each sub-label and number of threads, a column for each description."""

    def __init__(self, results):
        self._results = []
        self.extend_results(results)
        self._trim = False

    def extend_results(self, results):
        for r in results:
            if not isinstance(r, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(r)} instead.")
        self._results.extend(results)

    def trim_significant_figures(self):
        self._trim = True

    def print(self):
        print(str(self))

    def __str__(self):
        merged = Measurement.merge(self._results)
        tables = {}
        for m in merged:
            tables.setdefault(m.task_spec.label or m.task_spec.stmt, []).append(m)
        return "\n".join(self._table(label, ms) for label, ms in tables.items())

    def _table(self, label, measurements):
        unit, scale = select_unit(min(m.median for m in measurements))
        columns = list(dict.fromkeys(m.task_spec.description or "" for m in measurements))
        rows = list(dict.fromkeys((m.task_spec.num_threads, m.as_row_name) for m in measurements))
        names = {
            k: m
            for m in measurements
            for k in [(m.task_spec.num_threads, m.as_row_name, m.task_spec.description or "")]
        }
        left = max(len(r) for _, r in rows) + 6
        widths = [max(len(c), 8) for c in columns]
        title = " " * left + "|  " + "  |  ".join(c.center(w) for c, w in zip(columns, widths))
        out = [f"[{'-' * 4} {label} {'-' * 4}]".center(len(title)), title]
        last = None
        for threads, row in rows:
            if threads != last:
                out.append(f"{threads} threads: ".ljust(len(title), "-"))
                last = threads
            cells = []
            for c, w in zip(columns, widths):
                m = names.get((threads, row, c))
                if m is None:
                    cells.append(" " * w)
                    continue
                value = m.median / scale
                if self._trim:
                    value = trim_sigfig(value, m.significant_figures)
                cells.append(f"{value:.1f}".center(w))
            out.append(f"      {row}".ljust(left) + "|  " + "  |  ".join(cells))
        words = {"ns": "nanoseconds", "us": "microseconds", "ms": "milliseconds", "s": "seconds"}
        seconds = f"{words[unit]} ({unit})"
        return "\n".join([*out, "", f"Times are in {seconds}.", ""])
