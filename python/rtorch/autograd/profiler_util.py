"""Events of a profile, their sums, and the table."""

from operator import attrgetter

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "Interval", "format_time"]


def refuse(**options):
    """Options that would have to show what is not recorded."""
    for name, value in options.items():
        if value:
            raise NotImplementedError(
                f"profile({name}=True): rtorch's profiler records operators, their times and shapes; leave {name} out"
            )


def format_time(us):
    """Microseconds as the table writes them."""
    if us >= 1e6:
        return f"{us / 1e6:.3f}s"
    if us >= 1e3:
        return f"{us / 1e3:.3f}ms"
    return f"{us:.3f}us"


class Interval:
    """A time from `start` to `end`, in microseconds since the profile began."""

    def __init__(self, start, end):
        self.start, self.end = start, end

    def elapsed_us(self):
        return self.end - self.start


class _Times:
    """What events and sums of events have in common: times in microseconds."""

    device_time_total = self_device_time_total = 0
    cpu_memory_usage = self_cpu_memory_usage = device_memory_usage = self_device_memory_usage = 0

    @property
    def cpu_time(self):
        """The mean of one call."""
        return self.cpu_time_total / self.count if self.count else 0.0

    device_time = 0.0

    @property
    def cpu_time_str(self):
        return format_time(self.cpu_time)

    @property
    def cpu_time_total_str(self):
        return format_time(self.cpu_time_total)

    @property
    def self_cpu_time_total_str(self):
        return format_time(self.self_cpu_time_total)


class FunctionEvent(_Times):
    """One call of an operator, or one run of a named block."""

    count = 1

    def __init__(self, id, name, is_op, start, end, depth, shapes, thread=1):
        self.id, self.name, self.is_op, self.depth, self.thread = id, name, is_op, depth, thread
        self.time_range = Interval(start, end)
        self.input_shapes = shapes
        self.cpu_parent = None
        self.cpu_children = []

    @property
    def key(self):
        return self.name

    @property
    def cpu_time_total(self):
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self):
        """Without what ran inside."""
        return max(self.cpu_time_total - sum(c.cpu_time_total for c in self.cpu_children), 0.0)

    def __repr__(self):
        return (
            f"<FunctionEvent id={self.id} name={self.name} cpu_time={self.cpu_time_str} "
            f"cpu_start_us={self.time_range.start} cpu_end_us={self.time_range.end} "
            f"cpu_children={[c.id for c in self.cpu_children]} input_shapes={self.input_shapes}>"
        )


class FunctionEventAvg(_Times):
    """Events of one key together."""

    def __init__(self, key=None, shapes=None):
        self.key = key
        self.input_shapes = shapes
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.is_op = False

    def add(self, event):
        self.count += event.count
        self.self_cpu_time_total += event.self_cpu_time_total
        # a call inside one of the same name is in that one's time already
        parent = getattr(event, "cpu_parent", None)
        while parent is not None and parent.key != event.key:
            parent = parent.cpu_parent
        if parent is None:
            self.cpu_time_total += event.cpu_time_total
        self.is_op = event.is_op
        return self

    def __repr__(self):
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str} "
            f"input_shapes={self.input_shapes}>"
        )


_SORTS = (
    "cpu_time",
    "cpu_time_total",
    "self_cpu_time_total",
    "count",
    "device_time",
    "device_time_total",
    "self_device_time_total",
    "cpu_memory_usage",
    "self_cpu_memory_usage",
)


class EventList(list):
    """Events, or sums of events."""

    @classmethod
    def of(cls, raw):
        """The events that the core recorded, with who ran in whom."""
        out, open_ = cls(), []
        for i, (name, is_op, start, end, depth, shapes) in enumerate(raw):
            event = FunctionEvent(i, f"aten::{name}" if is_op else name, is_op, start / 1e3, end / 1e3, depth, shapes)
            del open_[depth:]
            if open_:
                event.cpu_parent = open_[-1]
                open_[-1].cpu_children.append(event)
            open_.append(event)
            out.append(event)
        return out

    def key_averages(self, group_by_input_shapes=False, group_by_stack_n=0, group_by_overload_name=False):
        """Events of one name (and shapes) together."""
        groups = {}
        for e in self:
            key = (e.key, str(e.input_shapes) if group_by_input_shapes else None)
            if key not in groups:
                groups[key] = FunctionEventAvg(e.key, e.input_shapes if group_by_input_shapes else None)
            groups[key].add(e)
        return EventList(groups.values())

    def total_average(self):
        """All together."""
        total = FunctionEventAvg("Total")
        for e in self:
            total.add(e)
        return total

    @property
    def self_cpu_time_total(self):
        return sum(e.self_cpu_time_total for e in self)

    def table(
        self,
        sort_by=None,
        row_limit=100,
        max_src_column_width=75,
        max_name_column_width=55,
        max_shapes_column_width=80,
        header=None,
        top_level_events_only=False,
        time_unit=None,
    ):
        """The events as text, the largest by `sort_by` first."""
        events = list(self)
        if top_level_events_only:
            events = [e for e in events if getattr(e, "cpu_parent", None) is None]
        if sort_by is not None:
            sort_by = sort_by.replace("cuda", "device")
            if sort_by not in _SORTS:
                raise AttributeError(f"an event has no {sort_by!r} to sort by: choose one of {', '.join(_SORTS)}")
            events.sort(key=attrgetter(sort_by), reverse=True)
        shown = events if row_limit < 0 else events[:row_limit]
        total = sum(e.self_cpu_time_total for e in self)
        shapes = any(e.input_shapes for e in shown)
        heads = ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls"]
        heads += ["Input Shapes"] if shapes else []
        rows = []
        for e in shown:
            name = e.key
            if max_name_column_width is not None and len(name) > max_name_column_width:
                name = name[: max_name_column_width - 3] + "..."
            row = [
                name,
                _share(e.self_cpu_time_total, total),
                e.self_cpu_time_total_str,
                _share(e.cpu_time_total, total),
                e.cpu_time_total_str,
                e.cpu_time_str,
                str(e.count),
            ]
            rows.append(row + ([str(e.input_shapes or [])[:max_shapes_column_width]] if shapes else []))
        widths = [max([len(h), 12, *(len(r[i]) for r in rows)]) for i, h in enumerate(heads)]
        line = "  ".join("-" * w for w in widths)
        out = [header, "=" * len(line)] if header else []
        out += [line, "  ".join(h.rjust(w) for h, w in zip(heads, widths)), line]
        out += ["  ".join(c.rjust(w) for c, w in zip(r, widths)) for r in rows]
        out += [line, f"Self CPU time total: {format_time(total)}", ""]
        return "\n".join(out)

    def __str__(self):
        return self.table()


def _share(part, whole):
    return f"{100 * part / whole:.2f}%" if whole else "NaN"
