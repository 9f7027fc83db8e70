"""torch.profiler and torch.autograd.profiler: what ran, how often, what ran inside what, steps, the trace."""

import json
import subprocess
import sys

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


def test_flops_of_forward_and_backward():
    from rtorch.utils.flop_counter import FlopCounterMode

    conv = nn.Conv2d(3, 4, 3, padding=1)
    net = nn.Sequential(conv, nn.ReLU(), nn.Conv2d(4, 4, 1), nn.Flatten(), nn.Linear(4 * 64, 5))
    x = torch.randn(2, 3, 8, 8)
    first, second, last = 2 * 2 * 64 * 4 * 27, 2 * 2 * 64 * 4 * 4, 2 * 2 * 256 * 5
    with FlopCounterMode(display=False) as counter:
        y = net(x)
    assert counter.get_total_flops() == first + second + last
    counts = counter.get_flop_counts()
    assert list(counts) == ["Global", "Sequential", "Sequential.0", "Sequential.2", "Sequential.4"]
    assert counts["Sequential.0"] == {"aten.convolution": first}
    assert counts["Sequential.4"] == {"aten.addmm": last}
    with counter:  # x needs no gradient; the others are two products each
        y.sum().backward()
    assert counter.get_total_flops() == first + 2 * second + 2 * last
    with counter:
        net(x).sum().backward()
    assert counter.get_total_flops() == 2 * first + 3 * second + 3 * last
    assert "Sequential.0" in counter.get_table() and "Sequential.0" not in counter.get_table(1)


def test_flops_of_attention_and_what_is_inside_of_operators():
    from rtorch.utils.flop_counter import FlopCounterMode

    q = torch.randn(1, 2, 3, 4, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        nn.functional.scaled_dot_product_attention(q, q, q).sum().backward()
        torch.einsum("bij,bjk->bik", torch.ones(2, 3, 4), torch.ones(2, 4, 5))
    assert counter.get_flop_counts()["Global"] == {
        "aten._scaled_dot_product_attention": 2 * 2 * 9 * 8,
        "aten._scaled_dot_product_attention_backward": 2 * 2 * 9 * 20,
        "aten.bmm": 2 * 2 * 3 * 4 * 5,
    }
    with pytest.raises(ZeroDivisionError), FlopCounterMode():
        1 / 0
    with FlopCounterMode(display=False):  # the one before has ended
        pass


def test_bottleneck_is_a_command(tmp_path):
    script = tmp_path / "net.py"
    script.write_text(
        "import sys, torch\nfor _ in range(7): torch.ones(2, 2).relu()\nprint(sys.argv[1:])\nsys.exit(3)\n"
    )
    command = [sys.executable, "-m", "rtorch", "-m", "torch.utils.bottleneck"]
    done = subprocess.run([*command, str(script), "--width", "2"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("['--width', '2']") == 2  # under each of the two profilers
    for part in ("Environment Summary", "cProfile output", "autograd profiler output (CPU mode)"):
        assert f"{'-' * 80}\n  {part}\n{'-' * 80}" in done.stdout
    relu = next(line for line in done.stdout.splitlines() if line.strip().startswith("aten::relu"))
    assert relu.split()[-1] == "7"
    absent = subprocess.run([*command, str(tmp_path / "no.py")], capture_output=True, text=True)
    assert absent.returncode == 1 and "no.py cannot be read" in absent.stderr
