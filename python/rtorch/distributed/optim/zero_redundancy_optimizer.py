"""ZeroRedundancyOptimizer: each process keeps the optimizer's state for its part of the parameters, updates those, and
sends them to the others. Rajbhandari et al. 2019 (stage 1)."""

from __future__ import annotations

from typing import Any

import rtorch as torch
import rtorch.distributed as dist
from rtorch.distributed import _group
from rtorch.optim import Optimizer

__all__ = ["ZeroRedundancyOptimizer"]


class ZeroRedundancyOptimizer(Optimizer):
    """`ZeroRedundancyOptimizer(model.parameters(), optimizer_class=torch.optim.Adam, lr=0.01)` steps like the
    optimizer that it wraps."""

    def __init__(
        self,
        params,
        optimizer_class,
        process_group=None,
        parameters_as_bucket_view=False,
        overlap_with_ddp=False,
        **defaults,
    ):
        if overlap_with_ddp:
            raise NotImplementedError("ZeroRedundancyOptimizer(overlap_with_ddp=True) is not available")
        self.process_group = process_group if process_group is not None else _group.world()
        self.rank, self.world_size = self.process_group.rank(), self.process_group.size()
        self._class, self._own = optimizer_class, defaults
        super().__init__(params, defaults)
        self._divide()

    def _divide(self) -> None:
        """The largest parameter to the process that has least, and so on: all processes find the same."""
        every = [p for g in self.param_groups for p in g["params"]]
        load = [0] * self.world_size
        self._owner: dict[Any, int] = {}
        for p in sorted(every, key=lambda p: -p.numel()):
            rank = load.index(min(load))
            self._owner[p] = rank
            load[rank] += p.numel()
        groups = []
        for g in self.param_groups:
            mine = [p for p in g["params"] if self._owner[p] == self.rank]
            groups.append({**{k: v for k, v in g.items() if k != "params"}, "params": mine})
        self.optim = self._class(groups, **self._own)
        for g, inner in zip(self.param_groups, self.optim.param_groups):
            for k, v in inner.items():
                if k != "params":
                    g.setdefault(k, v)

    def add_param_group(self, param_group) -> None:
        super().add_param_group(param_group)
        if hasattr(self, "optim"):
            state = self.optim.state
            self._divide()
            self.optim.state.update({p: s for p, s in state.items() if self._owner[p] == self.rank})

    def step(self, closure=None):
        """Update this process's parameters, then take the others' from their processes."""
        for g, inner in zip(self.param_groups, self.optim.param_groups):
            inner.update({k: v for k, v in g.items() if k != "params"})  # what schedulers have changed
        loss = self.optim.step(closure) if closure is not None else self.optim.step()
        works = [
            dist.broadcast(p.detach(), group_src=self._owner[p], group=self.process_group, async_op=True)
            for g in self.param_groups
            for p in g["params"]
        ]
        for w in works:
            w.wait()
        return loss

    def consolidate_state_dict(self, to: int = 0) -> None:
        """Gather the state of all processes on one, before state_dict() there."""
        index = {id(p): i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        mine = {index[id(p)]: s for p, s in self.optim.state.items()}
        here = self.rank == to
        every: list[Any] = [None] * self.world_size
        dist.gather_object(mine, every if here else None, group_dst=to, group=self.process_group)
        self._whole = {k: v for part in every for k, v in part.items()} if here else None

    def state_dict(self):
        """The state as the wrapped optimizer's whole state_dict; on the process of consolidate_state_dict."""
        whole = getattr(self, "_whole", None)
        if whole is None:
            raise RuntimeError(
                "Optimizer state has not been consolidated on this rank. Please call `consolidate_state_dict(to="
                f"{self.rank})` on all ranks beforehand if you meant to save the global state."
            )
        out = super().state_dict()
        out["state"] = dict(sorted(whole.items()))
        return out

    def load_state_dict(self, state_dict) -> None:
        """Each process takes its part of a whole state_dict."""
        every = [p for g in self.param_groups for p in g["params"]]
        for i, s in state_dict["state"].items():
            p = every[i]
            if self._owner[p] == self.rank:
                self.optim.state[p] = {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in s.items()}
        for g, saved in zip(self.param_groups, state_dict["param_groups"]):
            g.update({k: v for k, v in saved.items() if k != "params"})

    def zero_grad(self, set_to_none: bool = True) -> None:
        super().zero_grad(set_to_none)
