# L-BFGS, with a line search by the strong Wolfe conditions.
import rtorch

from .optimizer import Optimizer, _check_lr

__all__ = ["LBFGS"]


def _cubic_minimum(x1, f1, g1, x2, f2, g2, bounds=None):
    """Where the cubic through two values and slopes is least, kept within the bounds."""
    low, high = bounds if bounds is not None else (min(x1, x2), max(x1, x2))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1**2 - g1 * g2
    if square < 0:
        return (low + high) / 2.0
    d2 = square**0.5
    if x1 <= x2:
        at = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        at = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(at, low), high)


def _strong_wolfe(evaluate, t, d, f, g, gtd, c1=1e-4, c2=0.9, tolerance_change=1e-9, max_ls=25):
    """A step along d with enough decrease and a small enough slope: (value, gradient, step, evaluations).

    Nocedal & Wright, algorithms 3.5 and 3.6: first an interval that holds such a step, then halving it by cubics.
    """
    d_norm = d.abs().max()
    g = g.clone(memory_format=rtorch.contiguous_format)
    f_new, g_new = evaluate(t, d)
    evaluations = 1
    gtd_new = g_new.dot(d)

    t_prev, f_prev, g_prev, gtd_prev = 0, f, g, gtd
    done = False
    tries = 0
    while tries < max_ls:
        if f_new > (f + c1 * t * gtd) or (tries > 1 and f_new >= f_prev):
            ends = [t_prev, t]
            values, grads, slopes = [f_prev, f_new], [g_prev, g_new.clone()], [gtd_prev, gtd_new]
            break
        if abs(gtd_new) <= -c2 * gtd:
            ends, values, grads, slopes = [t], [f_new], [g_new], [gtd_new]
            done = True
            break
        if gtd_new >= 0:
            ends = [t_prev, t]
            values, grads, slopes = [f_prev, f_new], [g_prev, g_new.clone()], [gtd_prev, gtd_new]
            break
        least, most = t + 0.01 * (t - t_prev), t * 10
        at = t
        t = _cubic_minimum(t_prev, f_prev, gtd_prev, t, f_new, gtd_new, bounds=(least, most))
        t_prev, f_prev, g_prev, gtd_prev = at, f_new, g_new.clone(), gtd_new
        f_new, g_new = evaluate(t, d)
        evaluations += 1
        gtd_new = g_new.dot(d)
        tries += 1
    if tries == max_ls:
        ends, values, grads = [0, t], [f, f_new], [g, g_new]

    stuck = False
    low, high = (0, 1) if values[0] <= values[-1] else (1, 0)
    while not done and tries < max_ls:
        if abs(ends[1] - ends[0]) * d_norm < tolerance_change:
            break
        t = _cubic_minimum(ends[0], values[0], slopes[0], ends[1], values[1], slopes[1])
        # too near an end of the interval, twice or at the very end: move a tenth inside
        margin = 0.1 * (max(ends) - min(ends))
        if min(max(ends) - t, t - min(ends)) < margin:
            if stuck or t >= max(ends) or t <= min(ends):
                t = max(ends) - margin if abs(t - max(ends)) < abs(t - min(ends)) else min(ends) + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        f_new, g_new = evaluate(t, d)
        evaluations += 1
        gtd_new = g_new.dot(d)
        tries += 1
        if f_new > (f + c1 * t * gtd) or f_new >= values[low]:
            ends[high], values[high], grads[high], slopes[high] = t, f_new, g_new.clone(), gtd_new
            low, high = (0, 1) if values[0] <= values[1] else (1, 0)
        else:
            if abs(gtd_new) <= -c2 * gtd:
                done = True
            elif gtd_new * (ends[high] - ends[low]) >= 0:
                ends[high], values[high], grads[high], slopes[high] = ends[low], values[low], grads[low], slopes[low]
            ends[low], values[low], grads[low], slopes[low] = t, f_new, g_new.clone(), gtd_new
    return values[low], grads[low], ends[low], evaluations


class LBFGS(Optimizer):
    """Quasi-Newton steps from the last `history_size` differences; step() needs a closure. Liu & Nocedal 1989.

    One group of parameters; all history is in the state of the first one.
    """

    def __init__(
        self,
        params,
        lr=1,
        max_iter=20,
        max_eval=None,
        tolerance_grad=1e-7,
        tolerance_change=1e-9,
        history_size=100,
        line_search_fn=None,
    ):
        _check_lr(lr)
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": max_eval if max_eval is not None else max_iter * 5 // 4,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def _gather_flat_grad(self):
        views = []
        for p in self._params:
            if p.grad is None:
                view = p.new_zeros(p.numel())
            else:
                view = (p.grad.to_dense() if p.grad.is_sparse else p.grad).reshape(-1)
            if view.is_complex():
                view = rtorch.view_as_real(view).reshape(-1)
            views.append(view)
        return rtorch.cat(views, 0)

    def _add_grad(self, step_size, direction):
        offset = 0
        for p in self._params:
            real = rtorch.view_as_real(p) if p.is_complex() else p
            n = real.numel()
            real.add_(direction[offset : offset + n].view_as(real), alpha=step_size)
            offset += n

    def step(self, closure):
        """Up to max_iter iterations; `closure` clears the gradients, computes the loss, calls backward, returns it."""
        with rtorch.no_grad():
            return self._iterate(rtorch.enable_grad()(closure))

    def _iterate(self, closure):
        group = self.param_groups[0]
        lr = group["lr"].item() if isinstance(group["lr"], rtorch.Tensor) else group["lr"]
        max_iter, max_eval = group["max_iter"], group["max_eval"]
        tolerance_grad, tolerance_change = group["tolerance_grad"], group["tolerance_change"]
        search, history = group["line_search_fn"], group["history_size"]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first_loss = closure()
        loss = first_loss.item()
        evaluations = 1
        state["func_evals"] += 1
        grad = self._gather_flat_grad()
        if grad.abs().max() <= tolerance_grad:
            return first_loss

        d, t = state.get("d"), state.get("t")
        ys, ss, ro = state.get("old_dirs"), state.get("old_stps"), state.get("ro")
        scale, before, loss_before = state.get("H_diag"), state.get("prev_flat_grad"), state.get("prev_loss")
        alphas = state.get("al")
        n = 0
        while n < max_iter:
            n += 1
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d = grad.neg()
                ys, ss, ro = [], [], []
                scale = 1
            else:
                y, s = grad.sub(before), d.mul(t)
                ys_dot = y.dot(s)
                if ys_dot > 1e-10:
                    if len(ys) == history:
                        ys.pop(0)
                        ss.pop(0)
                        ro.pop(0)
                    ys.append(y)
                    ss.append(s)
                    ro.append(1.0 / ys_dot)
                    scale = ys_dot / y.dot(y)
                # the direction: the inverse Hessian's estimate times -grad, by the two loops
                if alphas is None:
                    alphas = state["al"] = [None] * history
                q = grad.neg()
                for i in range(len(ys) - 1, -1, -1):
                    alphas[i] = ss[i].dot(q) * ro[i]
                    q.add_(ys[i], alpha=-alphas[i])
                d = q.mul(scale)
                for i in range(len(ys)):
                    d.add_(ss[i], alpha=alphas[i] - ys[i].dot(d) * ro[i])
            if before is None:
                before = grad.clone(memory_format=rtorch.contiguous_format)
            else:
                before.copy_(grad)
            loss_before = loss

            t = min(1.0, 1.0 / grad.abs().sum()) * lr if state["n_iter"] == 1 else lr
            slope = grad.dot(d)
            if slope > -tolerance_change:
                break
            evaluated = 0
            if search is not None:
                if search != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                start = [p.clone(memory_format=rtorch.contiguous_format) for p in self._params]

                def evaluate(t, d, start=start):
                    self._add_grad(t, d)
                    value = closure().item()
                    slopes = self._gather_flat_grad()
                    for p, x in zip(self._params, start):
                        p.copy_(x)
                    return value, slopes

                loss, grad, t, evaluated = _strong_wolfe(
                    evaluate, t, d, loss, grad, slope, max_ls=max_eval - evaluations
                )
                self._add_grad(t, d)
                flat = grad.abs().max() <= tolerance_grad
            else:
                self._add_grad(t, d)
                flat = False
                if n != max_iter:  # at the last iteration nobody asks for it
                    with rtorch.enable_grad():
                        loss = closure().item()
                    grad = self._gather_flat_grad()
                    flat = grad.abs().max() <= tolerance_grad
                    evaluated = 1
            evaluations += evaluated
            state["func_evals"] += evaluated
            if n == max_iter or evaluations >= max_eval or flat:
                break
            if d.mul(t).abs().max() <= tolerance_change or abs(loss - loss_before) < tolerance_change:
                break

        state["d"], state["t"] = d, t
        state["old_dirs"], state["old_stps"], state["ro"] = ys, ss, ro
        state["H_diag"], state["prev_flat_grad"], state["prev_loss"] = scale, before, loss_before
        return first_loss
