"""torch.profiler and torch.autograd.profiler: what ran, how often, what ran inside what, steps, the trace."""

import json

import pytest
import rtorch as torch
from rtorch import nn
from rtorch.autograd import profiler as autograd_profiler
from rtorch.profiler import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    record_function,
    schedule,
    tensorboard_trace_handler,
)


def test_operators_and_named_blocks_are_counted():
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    x = torch.ones(32, 8)
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as prof, record_function("my_block"):
        for _ in range(3):
            net(x).sum().backward()
    torch.ones(2) + 1  # nobody looks any more
    sums = {e.key: e for e in prof.key_averages()}
    assert (sums["aten::linear"].count, sums["aten::relu"].count, sums["my_block"].count) == (6, 3, 1)
    assert sums["my_block"].cpu_time_total >= sums["aten::linear"].cpu_time_total > 0
    assert sums["my_block"].self_cpu_time_total < sums["my_block"].cpu_time_total
    block = next(e for e in prof.events() if e.name == "my_block")
    assert block.cpu_parent is None and len(block.cpu_children) > 6
    linear = next(e for e in prof.events() if e.name == "aten::linear")
    assert linear.input_shapes[:2] == [[32, 8], [16, 8]] and linear.cpu_parent is block
    by_shape = [e for e in prof.key_averages(group_by_input_shape=True) if e.key == "aten::linear"]
    assert sorted(e.count for e in by_shape) == [3, 3]
    table = prof.key_averages().table(sort_by="cpu_time_total", row_limit=5)
    assert "Self CPU" in table and "my_block" in table and "# of Calls" in table and "Self CPU time total:" in table
    with pytest.raises(AttributeError, match="to sort by"):
        prof.key_averages().table(sort_by="beauty")


def test_a_trace_is_written(tmp_path):
    with autograd_profiler.profile() as p:
        torch.ones(10, 10).mm(torch.ones(10, 10))
    p.export_chrome_trace(tmp_path / "trace.json")
    events = [e for e in json.loads((tmp_path / "trace.json").read_text())["traceEvents"] if e["ph"] == "X"]
    mm = next(e for e in events if e["name"] == "aten::mm")
    assert mm["dur"] > 0 and mm["cat"] == "cpu_op" and p.self_cpu_time_total > 0
    with pytest.raises(RuntimeError, match="Profiler didn't finish running"):
        autograd_profiler.profile().table()


def test_steps_and_errors(tmp_path):
    plan = schedule(wait=1, warmup=1, active=2, repeat=1)
    N, W, R, S = ProfilerAction.NONE, ProfilerAction.WARMUP, ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE
    assert [plan(i) for i in range(6)] == [N, W, R, S, N, N]
    traces = []

    def ready(prof):
        traces.append({e.key: e.count for e in prof.key_averages()})
        tensorboard_trace_handler(str(tmp_path))(prof)

    with profile(schedule=plan, on_trace_ready=ready) as prof:
        for _ in range(6):
            torch.ones(3).exp()
            prof.step()
    assert len(traces) == 1 and traces[0]["aten::exp"] == 2 and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(ValueError, match="mine"), profile() as prof:
        torch.ones(3).exp()
        raise ValueError("mine")
    assert [e.key for e in prof.key_averages()].count("aten::exp") == 1
    with profile(), pytest.raises(RuntimeError, match="one is running in this thread already"), profile():
        pass
    with pytest.raises(NotImplementedError, match="with_stack=True"):
        profile(with_stack=True)


def test_named_functions_cost_nothing_outside_of_a_profile():
    @record_function("named")
    def f(x):
        return x + 1

    assert f(torch.ones(1)).item() == 2
    with autograd_profiler.profile() as p:
        f(torch.ones(1))
    assert [e.name for e in p.function_events if not e.is_op] == ["named"]
