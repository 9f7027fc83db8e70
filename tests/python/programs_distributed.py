"""What the processes of test_distributed.py run: `torchrun programs_distributed.py NAME`. Every process checks its own
results; the world is any size from 2 on."""

import datetime
import sys

import rtorch as torch
import rtorch.distributed as dist
from rtorch import nn


def collectives(rank, n):
    total = n * (n + 1) / 2
    for dtype in (
        torch.float32,
        torch.float64,
        torch.int64,
        torch.int32,
        torch.uint8,
        torch.bfloat16,
        torch.float16,
        torch.int16,
    ):
        t = torch.full((5,), rank + 1).to(dtype)
        dist.all_reduce(t)
        assert t.tolist() == [total] * 5 and t.dtype == dtype, (dtype, t)
    t = torch.tensor([rank + 1.0, -rank])
    dist.all_reduce(t, dist.ReduceOp.MAX)
    assert t.tolist() == [n, 0], t
    t = torch.tensor([rank + 1.0])
    dist.all_reduce(t, op=dist.ReduceOp.AVG)
    assert t.item() == total / n
    t = torch.tensor([rank > 0])
    dist.all_reduce(t, op=dist.ReduceOp.MAX)
    assert t.tolist() == [True]
    t = torch.tensor([complex(rank, 1)])
    dist.all_reduce(t)
    assert t.item() == complex(total - n, n)
    # a view with gaps, and nothing at all
    base = torch.zeros(4, 3)
    base[:, 1] = rank + 1
    dist.all_reduce(base[:, 1])
    assert base.sum().item() == 4 * total and base[:, 0].sum().item() == 0
    dist.all_reduce(torch.zeros(0))
    work = dist.all_reduce(torch.ones(3), async_op=True)
    assert work.wait() and work.is_completed() and work.result()[0].tolist() == [n] * 3

    b = torch.full((3, 2), rank, dtype=torch.bool if rank == 5 else torch.int64).t()
    dist.broadcast(b, src=1)
    assert b.unique().tolist() == [1]
    r = torch.full((2,), rank + 1.0)
    dist.reduce(r, dst=1)
    assert r.tolist() == ([total] * 2 if rank == 1 else [rank + 1.0] * 2)

    got = [torch.zeros(2, 2) for _ in range(n)]
    dist.all_gather(got, torch.full((2, 2), float(rank)))
    assert [g[0, 0].item() for g in got] == list(range(n))
    uneven = [torch.zeros(i + 1) for i in range(n)]
    dist.all_gather(uneven, torch.full((rank + 1,), float(rank)))
    assert [u.sum().item() for u in uneven] == [i * (i + 1) for i in range(n)]
    flat = torch.zeros(n * 2)
    dist.all_gather_into_tensor(flat, torch.tensor([rank, rank + 0.5]))
    assert flat.tolist() == [x for i in range(n) for x in (i, i + 0.5)]
    got = [torch.zeros(2) for _ in range(n)] if rank == 0 else None
    dist.gather(torch.full((2,), float(rank)), got, dst=0)
    assert rank or [g[0].item() for g in got] == list(range(n))
    out = torch.zeros(2)
    dist.scatter(out, [torch.full((2,), 10.0 * i) for i in range(n)] if rank == 1 else None, src=1)
    assert out.tolist() == [10.0 * rank] * 2
    out = torch.zeros(2)
    dist.reduce_scatter(out, [torch.full((2,), float(i + rank)) for i in range(n)])
    assert out.tolist() == [n * rank + n * (n - 1) / 2] * 2
    out = torch.zeros(2)
    dist.reduce_scatter_tensor(out, torch.arange(2.0 * n))
    assert out.tolist() == [n * 2.0 * rank, n * (2.0 * rank + 1)]
    outs = [torch.zeros(1) for _ in range(n)]
    dist.all_to_all(outs, [torch.tensor([10.0 * rank + i]) for i in range(n)])
    assert [o.item() for o in outs] == [10.0 * i + rank for i in range(n)]
    out = torch.zeros(n)
    dist.all_to_all_single(out, torch.arange(float(n)) + 10 * rank)
    assert out.tolist() == [10.0 * i + rank for i in range(n)]

    dist.barrier()
    dist.monitored_barrier(timeout=datetime.timedelta(seconds=20))
    nxt, before = (rank + 1) % n, (rank - 1) % n
    big, here = torch.full((300_000,), float(rank)), torch.zeros(300_000)
    works = dist.batch_isend_irecv([dist.P2POp(dist.isend, big, nxt), dist.P2POp(dist.irecv, here, before)])
    for w in works:
        w.wait()
    assert here.unique().tolist() == [before]
    if rank == 0:
        dist.send(torch.tensor([1.0, 2.0]), dst=1)
        dist.send(torch.tensor([3.0]), dst=1, tag=7)
    elif rank == 1:
        a, c = torch.zeros(2), torch.zeros(1)
        assert dist.recv(a, src=0) == 0
        dist.recv(c, src=0, tag=7)
        assert a.tolist() == [1, 2] and c.item() == 3

    objects = [None] * n
    dist.all_gather_object(objects, {"rank": rank, "more": "x" * rank})
    assert [o["rank"] for o in objects] == list(range(n)) and objects[1]["more"] == "x"
    box = ["a", {"b": 2}] if rank == 0 else [None, None]
    dist.broadcast_object_list(box, src=0)
    assert box == ["a", {"b": 2}]
    got = [None] * n if rank == 1 else None
    dist.gather_object((rank,), got, dst=1)
    assert rank != 1 or got == [(i,) for i in range(n)]
    box = [None]
    dist.scatter_object_list(box, [f"for {i}" for i in range(n)] if rank == 0 else None, src=0)
    assert box == [f"for {rank}"]

    part = dist.new_group([0, 1])
    if rank < 2:
        t = torch.tensor([rank + 1.0])
        dist.all_reduce(t, group=part)
        assert t.item() == 3 and dist.get_world_size(part) == 2 and dist.get_process_group_ranks(part) == [0, 1]
    else:
        assert part == dist.GroupMember.NON_GROUP_MEMBER and dist.get_rank(part) == -1
    for bad, text in ((lambda: dist.all_reduce([1]), "torch.Tensor"), (lambda: dist.broadcast(torch.ones(1)), "src")):
        try:
            bad()
        except (TypeError, ValueError) as e:
            assert text in str(e), e
        else:
            raise AssertionError("not refused")


def gradients(rank, n):
    """Collectives in the graph, and SyncBatchNorm: as one process with the whole batch."""
    from rtorch.distributed.nn.functional import all_gather, all_reduce, reduce_scatter

    x = torch.tensor([rank + 1.0], requires_grad=True)
    y = all_reduce(x)
    (y * (rank + 1)).sum().backward()
    assert x.grad.item() == n * (n + 1) / 2
    x = torch.tensor([rank + 1.0], requires_grad=True)
    sum(g.sum() * (i + 1) for i, g in enumerate(all_gather(x))).backward()
    assert x.grad.item() == n * (rank + 1)
    parts = [torch.ones(1, requires_grad=True) for _ in range(n)]
    (reduce_scatter(torch.zeros(1), parts) * (rank + 1)).sum().backward()
    assert [p.grad.item() for p in parts] == list(range(1, n + 1))

    g = torch.Generator().manual_seed(0)
    whole = torch.randn(4 * n, 3, 2, generator=g)
    weight = torch.randn(4 * n, 3, 2, generator=g)
    one, many = nn.BatchNorm1d(3), nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.BatchNorm1d(3)))[0]
    assert type(many) is nn.SyncBatchNorm
    w = whole.clone().requires_grad_()
    (one(w) * weight).sum().backward()
    mine = whole[4 * rank : 4 * rank + 4].clone().requires_grad_()
    (many(mine) * weight[4 * rank : 4 * rank + 4]).sum().backward()
    assert torch.allclose(mine.grad, w.grad[4 * rank : 4 * rank + 4], atol=1e-5)
    assert torch.allclose(one.running_var, many.running_var) and torch.allclose(one.running_mean, many.running_mean)
    dist.all_reduce(many.weight.grad)
    assert torch.allclose(many.weight.grad, one.weight.grad, atol=1e-5)


class Two(nn.Module):
    """Its second branch is used by some inputs only."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 3)
        self.b = nn.Linear(4, 3)
        self.never = nn.Linear(4, 3)

    def forward(self, x, both):
        return self.a(x) + self.b(x) if both else self.a(x)


def ddp(rank, n):
    g = torch.Generator().manual_seed(1)
    x, y = torch.randn(4 * n, 6, generator=g), torch.randn(4 * n, 2, generator=g)

    def model(seed):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 2))

    for options in ({}, {"bucket_cap_mb": 1e-5}, {"gradient_as_bucket_view": True}, {"find_unused_parameters": True}):
        torch.manual_seed(rank)
        net = nn.parallel.DistributedDataParallel(model(rank).eval(), **options)  # all get those of process 0
        ref = model(0).eval()
        opt, ref_opt = (torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9) for m in (net, ref))
        for step in range(4):
            mine = slice(4 * rank, 4 * rank + 4)
            opt.zero_grad()
            ref_opt.zero_grad()
            if step == 2:  # two halves, added up before they are averaged
                with net.no_sync():
                    nn.functional.mse_loss(net(x[mine][:2]), y[mine][:2]).div(2).backward()
                nn.functional.mse_loss(net(x[mine][2:]), y[mine][2:]).div(2).backward()
            else:
                nn.functional.mse_loss(net(x[mine]), y[mine]).backward()
            nn.functional.mse_loss(ref(x), y).backward()
            for (name, p), q in zip(net.module.named_parameters(), ref.parameters()):
                assert torch.allclose(p.grad, q.grad, atol=1e-6), (options, step, name)
            opt.step()
            ref_opt.step()
        assert all(k.startswith("module.") for k in net.state_dict())
        for p, q in zip(net.parameters(), ref.parameters()):
            assert torch.allclose(p, q, atol=1e-5)

    net = nn.parallel.DistributedDataParallel(Two(), find_unused_parameters=True)
    out = net(torch.ones(1, 4), both=rank == 0)
    out.sum().backward()
    assert torch.allclose(net.module.a.weight.grad, torch.ones(3, 4))
    assert torch.allclose(net.module.b.weight.grad, torch.full((3, 4), 1 / n))
    assert net.module.never.weight.grad is None

    net = nn.parallel.DistributedDataParallel(Two())
    net(torch.ones(1, 4), both=True).sum().backward()
    try:
        net(torch.ones(1, 4), both=True)
    except RuntimeError as e:
        assert "find_unused_parameters=True" in str(e) and any("never.weight" in x for x in e.__notes__)
    else:
        raise AssertionError("unused parameters were not noticed")

    # running statistics are those of process 0
    net = nn.parallel.DistributedDataParallel(nn.BatchNorm1d(2))
    net(torch.full((2, 2), float(rank)))
    net(torch.full((2, 2), float(rank)))
    net.eval()
    dist.barrier()
    mean = net.module.running_mean.clone()
    assert torch.allclose(mean, torch.full((2,), 0.1 * rank)), mean  # 0 after the first, as process 0 has it


def join(rank, n):
    """Process r has 2 + r batches."""

    def model():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))

    g = torch.Generator().manual_seed(1)
    data = [[torch.randn(2, 3, generator=g) for _ in range(2 + r)] for r in range(n)]
    for by_world in (True, False):
        for options in ({}, {"find_unused_parameters": True}, {"bucket_cap_mb": 1e-5}):
            net, ref = nn.parallel.DistributedDataParallel(model(), **options), model()
            opt, ref_opt = (torch.optim.SGD(m.parameters(), lr=0.1) for m in (net, ref))
            with net.join(divide_by_initial_world_size=by_world):
                for x in data[rank]:
                    opt.zero_grad()
                    net(x).square().sum().backward()
                    opt.step()
            for step in range(1 + n):  # the same on one process
                batches = [d[step] for d in data if step < len(d)]
                ref_opt.zero_grad()
                for x in batches:
                    (ref(x).square().sum() / (n if by_world else len(batches))).backward()
                ref_opt.step()
            for p, q in zip(net.parameters(), ref.parameters()):
                assert torch.allclose(p, q, atol=1e-5), (by_world, options)
    net = nn.parallel.DistributedDataParallel(model())
    try:
        with net.join(throw_on_early_termination=True):
            for x in data[rank]:
                net(x).sum().backward()
    except RuntimeError as e:
        assert "exhausted inputs" in str(e)
    else:
        raise AssertionError("nobody noticed")
    net(data[rank][0]).sum().backward()  # all go on together


def hook(rank, n):
    """A communication hook instead of the average."""

    class Done:
        def __init__(self, value):
            self.value = value

        def wait(self):
            return self.value

    seen = []

    def twice(state, bucket):
        seen.append((state, bucket.index(), bucket.is_last(), len(bucket.gradients())))
        t = bucket.buffer().clone()
        dist.all_reduce(t)
        return Done(t * 2)

    net = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    net.register_comm_hook("s", twice)
    net(torch.ones(1, 2)).sum().backward()
    assert seen == [("s", 0, True, 2)] and net.module.weight.grad.tolist() == [[2.0 * n, 2.0 * n]]


def zero(rank, n):
    """ZeroRedundancyOptimizer steps like Adam, with a part of the state on each process."""
    from rtorch.distributed.optim import ZeroRedundancyOptimizer

    def model():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))

    one, many = model(), model()
    plain = torch.optim.Adam(one.parameters(), lr=0.05)
    zero = ZeroRedundancyOptimizer(many.parameters(), torch.optim.Adam, lr=0.05)
    schedules = [torch.optim.lr_scheduler.StepLR(o, 2, 0.5) for o in (plain, zero)]
    x = torch.randn(8, 4)
    dist.broadcast(x, 0)
    for _ in range(4):
        for net, opt in ((one, plain), (many, zero)):
            opt.zero_grad()
            net(x).pow(2).sum().backward()
            opt.step()
        for s in schedules:
            s.step()
    for p, q in zip(one.parameters(), many.parameters()):
        assert torch.allclose(p, q, atol=1e-6)
    held = torch.tensor([len(zero.optim.state)])
    assert held.item() < 4
    dist.all_reduce(held)
    assert held.item() == 4
    zero.consolidate_state_dict(to=0)
    if rank == 0:
        saved = zero.state_dict()
        other = torch.optim.Adam(model().parameters(), lr=0.05)
        other.load_state_dict(saved)
        assert torch.allclose(saved["state"][0]["exp_avg"], plain.state_dict()["state"][0]["exp_avg"], atol=1e-6)
    else:
        try:
            zero.state_dict()
        except RuntimeError as e:
            assert "has not been consolidated" in str(e)
    zero.load_state_dict(plain.state_dict())


def mesh(rank, n):
    """Four processes in two rows of two."""
    m = dist.init_device_mesh("cpu", (2, 2), mesh_dim_names=("rows", "columns"))
    assert m.get_coordinate() == [rank // 2, rank % 2] and m.size() == 4 and m.shape == (2, 2)
    t = torch.tensor([float(rank)])
    dist.all_reduce(t, group=m.get_group("columns"))
    assert t.item() == (1 if rank < 2 else 5)
    t = torch.tensor([float(rank)])
    dist.all_reduce(t, group=m["rows"].get_group())
    assert t.item() == 2 + 2 * (rank % 2)
    assert m["columns"].get_local_rank() == rank % 2 and m["rows"].mesh.tolist() == [rank % 2, rank % 2 + 2]


def peer_dies(rank, n):
    dist.all_reduce(torch.ones(2))
    if rank == n - 1:
        import os

        os._exit(17)
    try:
        for _ in range(100):
            dist.all_reduce(torch.ones(1000))
    except RuntimeError as e:
        assert any("another process has ended" in x for x in e.__notes__), e.__notes__
        print("noticed", flush=True)


if __name__ == "__main__":
    backend = sys.argv[2] if len(sys.argv) > 2 else "gloo"
    dist.init_process_group(backend, timeout=datetime.timedelta(seconds=60))
    globals()[sys.argv[1]](dist.get_rank(), dist.get_world_size())
    print("done", sys.argv[1], dist.get_rank(), flush=True)
    dist.destroy_process_group()
