# Modules: registration, calls, hooks, state dicts, text; values of layers against closed forms and NumPy.
import copy
import math
import pickle
import warnings

import numpy as np
import pytest
import rtorch
from rtorch import nn
from rtorch.nn import functional as F


def close(a, b, tol=1e-5):
    np.testing.assert_allclose(a.detach().numpy(), np.asarray(b), rtol=tol, atol=tol)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
        self.head = nn.Linear(3, 2, bias=False)
        self.register_buffer("scale", rtorch.ones(1))
        self.register_buffer("hidden", rtorch.zeros(1), persistent=False)

    def forward(self, x):
        return self.head(self.features(x)) * self.scale


# ---- registration --------------------------------------------------------------------------------------


def test_names_in_order_of_registration():
    net = Net()
    assert [n for n, _ in net.named_parameters()] == ["features.0.weight", "features.0.bias", "head.weight"]
    assert [n for n, _ in net.named_buffers()] == ["scale", "hidden"]
    assert [n for n, _ in net.named_modules()] == ["", "features", "features.0", "features.1", "head"]
    assert [n for n, _ in net.named_children()] == ["features", "head"]
    assert list(net.state_dict()) == ["scale", "features.0.weight", "features.0.bias", "head.weight"]
    assert [id(p) for p in net.parameters()] == [id(p) for _, p in net.named_parameters()]


def test_shared_module_is_counted_once():
    a = nn.Linear(2, 2)
    net = nn.ModuleList([a, a])
    assert len(list(net.parameters())) == 2
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert len(list(net.modules())) == 2


def test_assignment_rules():
    net = Net()
    with pytest.raises(TypeError, match=r"cannot assign 'torch.FloatTensor' as parameter 'weight'"):
        net.head.weight = rtorch.zeros(2, 3)
    net.head.weight = None
    assert net.head.weight is None and list(net.head.parameters()) == []
    net.head = None
    assert "head" in net._modules and len(list(net.modules())) == 4
    with pytest.raises(TypeError, match="child module"):
        net.features = 3
    net.scale = rtorch.full((1,), 2.0)
    assert net._buffers["scale"].item() == 2.0
    with pytest.raises(TypeError, match="buffer 'scale'"):
        net.scale = 3
    net.scale = nn.Parameter(rtorch.ones(1))
    assert "scale" not in net._buffers and "scale" in net._parameters
    del net.scale
    assert not hasattr(net, "scale")
    net.extra = nn.Buffer(rtorch.ones(2), persistent=False)
    assert "extra" in net._buffers and "extra" not in net.state_dict()


def test_registering_refuses_bad_names():
    net = Net()
    for name, error in (("a.b", KeyError), ("", KeyError), (3, TypeError), ("forward", KeyError)):
        with pytest.raises(error):
            net.register_buffer(name, rtorch.ones(1))
        with pytest.raises(error):
            net.register_parameter(name, None)
        with pytest.raises(error):
            net.add_module(name, nn.ReLU())
    with pytest.raises(ValueError, match="non-leaf"):
        w = nn.Parameter(rtorch.ones(2))
        w.requires_grad_(False).mul_(nn.Parameter(rtorch.ones(2)))  # now the result of a multiplication
        net.register_parameter("w", w)


def test_super_init_forgotten():
    class Forgot(nn.Module):
        def __init__(self):
            self.fc = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"cannot assign module before Module.__init__\(\) call") as e:
        Forgot()
    assert "super().__init__()" in e.value.__notes__[0]


def test_paths():
    net = Net()
    assert net.get_submodule("features.0") is net.features[0]
    assert net.get_parameter("head.weight") is net.head.weight
    assert net.get_buffer("scale") is net._buffers["scale"]
    net.set_submodule("features.0", nn.Identity())
    assert isinstance(net.features[0], nn.Identity)
    for call in (lambda: net.get_submodule("nope"), lambda: net.get_parameter("features"), lambda: net.get_buffer("x")):
        with pytest.raises(AttributeError):
            call()


def test_modules_in_a_plain_list_are_told_of():
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.Linear(2, 2)]
            self.known = [nn.Linear(2, 2)]
            self.list = nn.ModuleList(self.known)

    net = Hidden()
    with pytest.warns(UserWarning, match=r"Hidden.layers is a plain list with 1 Modules"):
        assert len(list(net.parameters())) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(net.parameters())  # told once


# ---- calls and hooks --------------------------------------------------------------------------------------


def test_forward_hooks():
    m = nn.Identity()
    seen = []
    a = m.register_forward_pre_hook(lambda mod, args: (args[0] + 1,))
    b = m.register_forward_hook(lambda mod, args, out: out * 10)
    c = m.register_forward_hook(lambda mod, args, kwargs, out: seen.append(kwargs), with_kwargs=True)
    d = m.register_forward_hook(lambda mod, args, out: seen.append("first"), prepend=True)
    assert m(1) == 20
    assert seen == ["first", {}]
    for h in (a, b, c, d):
        h.remove()
    assert m(1) == 1
    with m.register_forward_hook(lambda mod, args, out: 5):
        assert m(1) == 5
    assert m(1) == 1
    m._forward_hooks[0] = lambda mod, args, out: 7  # the dictionary itself works too
    assert m(1) == 7


def test_always_call_runs_on_failure():
    class Fails(nn.Module):
        def forward(self, x):
            raise KeyError("key")

    seen = []
    m = Fails()
    m.register_forward_hook(lambda mod, args, out: seen.append(out), always_call=True)
    m.register_forward_hook(lambda mod, args, out: seen.append("no"))
    with pytest.raises(KeyError):
        m(1)
    assert seen == [None]


def test_global_hooks():
    seen = []
    h = nn.modules.module.register_module_forward_hook(lambda mod, args, out: seen.append(type(mod).__name__))
    try:
        Net()(rtorch.ones(1, 4))
    finally:
        h.remove()
    assert seen == ["Linear", "ReLU", "Sequential", "Linear", "Net"]


def test_full_backward_hooks():
    m = nn.Linear(2, 1, bias=False)
    with rtorch.no_grad():
        m.weight.copy_(rtorch.tensor([[2.0, 3.0]]))
    seen = {}

    def hook(mod, grad_in, grad_out):
        seen["in"], seen["out"] = grad_in, grad_out
        return (grad_in[0] * 10,)

    m.register_full_backward_pre_hook(lambda mod, grad_out: (grad_out[0] * 2,))
    m.register_full_backward_hook(hook)
    x = rtorch.ones(1, 2, requires_grad=True)
    m(x).sum().backward()
    close(seen["out"][0], [[2.0]])
    close(seen["in"][0], [[4.0, 6.0]])
    close(x.grad, [[40.0, 60.0]])
    close(m.weight.grad, [[2.0, 2.0]])


def test_full_backward_hook_without_input_gradient():
    m = nn.Linear(2, 1)
    seen = []
    m.register_full_backward_hook(lambda mod, grad_in, grad_out: seen.append((grad_in, grad_out[0].item())))
    m(rtorch.ones(1, 2)).sum().backward()
    assert seen == [((None,), 1.0)]


def test_the_error_names_the_module_and_keeps_its_text():
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = Net()
            self.blocks = nn.ModuleList([nn.Linear(9, 9)])

        def forward(self, x, which):
            return self.net(x) if which == "net" else self.blocks[0](x)

    for which, note in (
        ("net", "  in Outer.net.features.0: Linear(in_features=4, out_features=3, bias=True)"),
        ("blocks", "  in Outer.blocks.0: Linear(in_features=9, out_features=9, bias=True)"),
    ):
        with pytest.raises(RuntimeError) as e:
            Outer()(rtorch.ones(1, 5), which)
        assert e.value.__notes__[-1] == note
        assert "Outer" not in str(e.value)


def test_missing_forward():
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError) as e:
        Empty()(1)
    assert str(e.value) == 'Module [Empty] is missing the required "forward" function'
    with pytest.raises(NotImplementedError, match="ModuleList"):
        nn.ModuleList([])(1)


def test_misspelt_keyword():
    with pytest.raises(TypeError, match="kernal_size") as e:
        nn.Conv2d(1, 2, kernal_size=3)
    assert "Did you mean 'kernel_size'?" in e.value.__notes__[0]


# ---- state ------------------------------------------------------------------------------------------------


def test_load_state_dict_lists_every_key():
    net = Net()
    state = net.state_dict()
    del state["scale"], state["head.weight"]
    state["more"] = rtorch.ones(1)
    state["features.0.weight"] = rtorch.ones(3, 5)
    with pytest.raises(RuntimeError) as e:
        net.load_state_dict(state)
    assert str(e.value) == (
        'Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: "scale", "head.weight". \n\t'
        'Unexpected key(s) in state_dict: "more". \n\t'
        "size mismatch for features.0.weight: copying a param with shape torch.Size([3, 5]) from checkpoint, the shape "
        "in current model is torch.Size([3, 4])."
    )
    state["features.0.weight"] = rtorch.ones(3, 4)
    keys = net.load_state_dict(state, strict=False)
    assert sorted(keys.missing_keys) == ["head.weight", "scale"] and keys.unexpected_keys == ["more"]
    assert str(net.load_state_dict(Net().state_dict())) == "<All keys matched successfully>"


def test_load_copies_or_assigns():
    a, b = Net(), Net()
    w = a.head.weight
    a.load_state_dict(b.state_dict())
    assert a.head.weight is w and rtorch.equal(w, b.head.weight)
    state = {k: v.clone() for k, v in b.state_dict().items()}
    a.load_state_dict(state, assign=True)
    assert a.head.weight is not w and isinstance(a.head.weight, nn.Parameter)
    assert a.head.weight.data_ptr() == state["head.weight"].data_ptr()


def test_extra_state_and_hooks_of_state_dict():
    class Counts(nn.Linear):
        count = 0

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    a, b = Counts(1, 1), Counts(1, 1)
    a.count = 3
    a.register_state_dict_post_hook(lambda m, sd, prefix, meta: sd.update(note=rtorch.ones(1)))
    state = a.state_dict()
    assert state["_extra_state"] == {"count": 3} and "note" in state
    b.register_load_state_dict_pre_hook(lambda m, sd, *rest: sd.pop("note"))
    b.load_state_dict(state)
    assert b.count == 3


def test_deepcopy_and_pickle():
    net = Net().eval()
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert not twin.training
        x = rtorch.ones(2, 4)
        assert rtorch.equal(net(x), twin(x))
        assert not any(p is q for p, q in zip(net.parameters(), twin.parameters()))


def test_to_casts_and_keeps_the_parameters():
    net = Net()
    w = net.head.weight
    assert net.double() is net and net.head.weight is w and w.dtype == rtorch.float64
    net.to(rtorch.float32)
    assert w.dtype == rtorch.float32 and net.scale.dtype == rtorch.float32
    net.to("cpu", rtorch.float64)
    assert w.dtype == rtorch.float64
    net.to(rtorch.ones(1))
    assert w.dtype == rtorch.float32
    with pytest.raises(TypeError, match="only accepts floating point"):
        net.to(rtorch.int64)
    bn = nn.BatchNorm1d(2).half()
    assert bn.num_batches_tracked.dtype == rtorch.int64 and bn.running_mean.dtype == rtorch.float16


def test_modes_and_gradients():
    net = Net()
    net.eval()
    assert not any(m.training for m in net.modules())
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    net.requires_grad_()
    net(rtorch.ones(1, 4)).sum().backward()
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    seen = []
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "ReLU", "Sequential", "Linear", "Net"]


def test_parameter():
    data = rtorch.ones(2)
    p = nn.Parameter(data)
    assert p.requires_grad and p.is_leaf and isinstance(p, nn.Parameter) and isinstance(p, rtorch.Tensor)
    assert p.data_ptr() == data.data_ptr() and type(p + 1) is rtorch.Tensor
    assert repr(p) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    q = copy.deepcopy(p)
    assert type(q) is nn.Parameter and q.data_ptr() != p.data_ptr()
    assert not nn.Parameter(data, requires_grad=False).requires_grad


# ---- text -------------------------------------------------------------------------------------------------


def test_repr():
    assert repr(Net()) == (
        "Net(\n  (features): Sequential(\n    (0): Linear(in_features=4, out_features=3, bias=True)\n    (1): ReLU()\n  )\n"
        "  (head): Linear(in_features=3, out_features=2, bias=False)\n)"
    )
    assert repr(nn.Conv2d(3, 8, 3, padding=1, groups=1, bias=False)) == (
        "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)"
    )
    assert (
        repr(nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()])) == "ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Tanh()\n)"
    )
    assert repr(nn.LSTM(3, 4, 2, batch_first=True)) == "LSTM(3, 4, num_layers=2, batch_first=True)"


# ---- containers ---------------------------------------------------------------------------------------------


def test_sequential():
    s = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    s.append(nn.Linear(3, 1)).insert(1, nn.Tanh())
    assert [type(m).__name__ for m in s] == ["Linear", "Tanh", "ReLU", "Linear"]
    assert len(s[1:3]) == 2 and s[-1] is s[3]
    del s[1]
    assert list(s._modules) == ["0", "1", "2"]
    assert len(s + s) == 6 and len(s * 2) == 6
    with pytest.raises(IndexError):
        s[7]


def test_module_and_parameter_containers():
    ml = nn.ModuleList([nn.ReLU()])
    ml += [nn.Tanh()]
    ml.insert(0, nn.Identity())
    assert [type(m).__name__ for m in ml] == ["Identity", "ReLU", "Tanh"] and type(ml.pop(-1)).__name__ == "Tanh"
    md = nn.ModuleDict({"a": nn.ReLU()})
    md["b"] = nn.Tanh()
    assert list(md) == ["a", "b"] and "a" in md and len(md) == 2
    pl = nn.ParameterList([rtorch.ones(2), nn.Parameter(rtorch.zeros(1))])
    assert len(list(pl.parameters())) == 2 and isinstance(pl[0], nn.Parameter)
    pd = nn.ParameterDict({"x": rtorch.ones(2)})
    pd["y"] = 3
    assert list(pd) == ["x", "y"] and pd["y"] == 3 and len(list(pd.parameters())) == 1


# ---- values -------------------------------------------------------------------------------------------------


def test_linear_initial_bounds_and_value():
    rtorch.manual_seed(0)
    m = nn.Linear(16, 5)
    bound = 1 / math.sqrt(16)
    for p in m.parameters():
        assert p.abs().max().item() <= bound
    x = rtorch.randn(3, 16)
    close(m(x), x.numpy() @ m.weight.detach().numpy().T + m.bias.detach().numpy())


def test_seeded_initial_values_are_pytorchs():
    rtorch.manual_seed(0)  # recorded from torch 2.13
    m = nn.Linear(2, 2)
    close(m.weight, SEEDED["Linear.weight"], 1e-6)
    close(m.bias, SEEDED["Linear.bias"], 1e-6)
    rtorch.manual_seed(0)
    close(nn.Embedding(2, 2).weight, SEEDED["Embedding"], 1e-6)
    rtorch.manual_seed(0)
    close(nn.init.trunc_normal_(rtorch.empty(6)), SEEDED["trunc_normal_"], 1e-6)


SEEDED = {
    "Linear.weight": [[-0.00529398, 0.37932289], [-0.58198076, -0.52038747]],
    "Linear.bias": [-0.27234524, 0.18961589],
    "Embedding": [[1.5409960, -0.2934289], [-2.1787894, 0.5684313]],
    "trunc_normal_": [1.5409961, -0.2934289, -0.7192576, 0.5684313, -1.0845224, -1.3985955],
}


def test_batch_norm_against_numpy():
    m = nn.BatchNorm1d(3, momentum=0.5)
    x = rtorch.arange(12.0).reshape(4, 3)
    a = x.numpy()
    close(m(x), (a - a.mean(0)) / np.sqrt(a.var(0) + 1e-5))
    close(m.running_mean, 0.5 * a.mean(0))
    close(m.running_var, 0.5 + 0.5 * a.var(0, ddof=1))
    assert m.num_batches_tracked.item() == 1
    m.eval()
    close(m(x), (a - 0.5 * a.mean(0)) / np.sqrt(0.5 + 0.5 * a.var(0, ddof=1) + 1e-5))
    with pytest.raises(ValueError, match="expected 2D or 3D input"):
        m(rtorch.ones(3))


def test_norms_against_numpy():
    a = np.arange(24.0, dtype=np.float32).reshape(2, 4, 3)
    x = rtorch.tensor(a)

    def normal(v, axes):
        return (v - v.mean(axes, keepdims=True)) / np.sqrt(v.var(axes, keepdims=True) + 1e-5)

    close(nn.LayerNorm(3)(x), normal(a, (2,)))
    close(nn.InstanceNorm1d(4)(x), normal(a, (2,)))
    close(nn.GroupNorm(2, 4)(x), normal(a.reshape(2, 2, 6), (2,)).reshape(2, 4, 3))
    close(nn.RMSNorm(3, eps=1e-5)(x), a / np.sqrt((a**2).mean(2, keepdims=True) + 1e-5))


def test_convolution_against_numpy():
    rtorch.manual_seed(1)
    m = nn.Conv2d(2, 3, 3, stride=2, padding=1)
    x = rtorch.randn(1, 2, 5, 5)
    a = np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)))
    w, b = m.weight.detach().numpy(), m.bias.detach().numpy()
    want = np.zeros((1, 3, 3, 3))
    for i in range(3):
        for j in range(3):
            patch = a[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
            want[:, :, i, j] = np.einsum("nchw,ochw->no", patch, w) + b
    close(m(x), want)
    circular = nn.Conv1d(1, 1, 3, padding=1, padding_mode="circular", bias=False)
    with rtorch.no_grad():
        circular.weight.fill_(1.0)
    close(circular(rtorch.tensor([[[1.0, 2.0, 4.0]]])), [[[7.0, 7.0, 7.0]]])


def test_transposed_convolution_output_size():
    m = nn.ConvTranspose2d(1, 1, 2, stride=2)
    assert tuple(m(rtorch.ones(1, 1, 3, 3), output_size=(7, 7)).shape) == (1, 1, 7, 7)
    with pytest.raises(ValueError, match="valid sizes range from"):
        m(rtorch.ones(1, 1, 3, 3), output_size=(9, 9))


def test_pooling():
    x = rtorch.arange(16.0).reshape(1, 1, 4, 4)
    close(nn.MaxPool2d(2)(x), [[[[5, 7], [13, 15]]]])
    close(nn.AvgPool2d(2)(x), [[[[2.5, 4.5], [10.5, 12.5]]]])
    close(nn.AdaptiveAvgPool2d(1)(x), [[[[7.5]]]])
    _, where = nn.MaxPool2d(2, return_indices=True)(x)
    assert where.flatten().tolist() == [5, 7, 13, 15]


def test_losses_by_hand():
    x, y = rtorch.tensor([1.0, 2.0, 4.0]), rtorch.tensor([1.0, 0.0, 1.0])
    close(nn.MSELoss()(x, y), 13 / 3)
    close(nn.L1Loss(reduction="sum")(x, y), 5.0)
    close(nn.HuberLoss()(x, y), (0 + 1.5 + 2.5) / 3)
    logits = rtorch.tensor([[1.0, 2.0, 0.5], [0.0, 0.0, 0.0]])
    a = logits.numpy()
    logp = a - np.log(np.exp(a).sum(1, keepdims=True))
    close(nn.CrossEntropyLoss()(logits, rtorch.tensor([1, 2])), -(logp[0, 1] + logp[1, 2]) / 2)
    close(nn.BCEWithLogitsLoss()(rtorch.zeros(3), y), math.log(2))
    close(nn.KLDivLoss(reduction="batchmean")(rtorch.tensor(logp), rtorch.tensor(np.exp(logp))), 0.0)
    with pytest.warns(UserWarning, match="reduction='sum'"):
        assert nn.MSELoss(size_average=False).reduction == "sum"


def test_dropout_by_mode():
    rtorch.manual_seed(0)
    m, x = nn.Dropout(0.25), rtorch.ones(1000)
    out = m(x)
    assert {round(v, 4) for v in out.tolist()} == {0.0, 1.3333} and 650 < (out != 0).sum().item() < 850
    assert rtorch.equal(m.eval()(x), x)
    with pytest.raises(ValueError, match="between 0 and 1"):
        nn.Dropout(1.5)


def test_embedding():
    m = nn.Embedding(4, 2, padding_idx=-1)
    assert m.padding_idx == 3 and m.weight[3].abs().sum().item() == 0
    assert rtorch.equal(m(rtorch.tensor([[0, 3]])), m.weight[rtorch.tensor([[0, 3]])])
    given = nn.Embedding.from_pretrained(rtorch.ones(3, 2))
    assert not given.weight.requires_grad


def test_lstm_step_against_numpy():
    rtorch.manual_seed(2)
    m = nn.LSTM(3, 4)
    x = rtorch.randn(2, 1, 3)
    out, (_, c) = m(x)
    w, u = m.weight_ih_l0.detach().numpy(), m.weight_hh_l0.detach().numpy()
    b = (m.bias_ih_l0 + m.bias_hh_l0).detach().numpy()
    hh, cc = np.zeros(4), np.zeros(4)

    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    for t in range(2):
        i, f, g, o = np.split(w @ x[t, 0].numpy() + u @ hh + b, 4)
        cc = sigmoid(f) * cc + sigmoid(i) * np.tanh(g)
        hh = sigmoid(o) * np.tanh(cc)
        close(out[t, 0], hh)
    close(c[0, 0], cc)
    with pytest.raises(RuntimeError, match="Expected 3, got 5"):
        m(rtorch.ones(2, 1, 5))


def test_packed_sequences_round_trip_and_run():
    seqs = [rtorch.arange(float(n)).reshape(n, 1) for n in (2, 4, 1)]
    packed = nn.utils.rnn.pack_sequence(seqs, enforce_sorted=False)
    assert packed.batch_sizes.tolist() == [3, 2, 1, 1] and packed.data.shape[0] == 7
    padded, lengths = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True, padding_value=-1.0)
    assert lengths.tolist() == [2, 4, 1] and padded[2, :, 0].tolist() == [0.0, -1.0, -1.0, -1.0]
    for a, b in zip(seqs, nn.utils.rnn.unpack_sequence(packed)):
        assert rtorch.equal(a, b)
    m = nn.GRU(1, 3)
    _, h = m(packed)
    _, last = m(seqs[1].unsqueeze(1))
    close(h[0, 1], last[0, 0].detach().numpy())
    with pytest.raises(RuntimeError, match="sorted in decreasing order"):
        nn.utils.rnn.pack_sequence(seqs)


def test_attention_of_equal_keys_is_the_mean():
    m = nn.MultiheadAttention(4, 2, batch_first=True)
    x = rtorch.ones(1, 3, 4)
    out, weights = m(x, x, x)
    close(weights, np.full((1, 3, 3), 1 / 3))
    fast, none = m(x, x, x, need_weights=False)
    assert none is None
    close(fast, out.detach().numpy())
    mask = rtorch.triu(rtorch.ones(3, 3, dtype=rtorch.bool), diagonal=1)
    _, weights = m(x, x, x, attn_mask=mask)
    close(weights[0], [[1, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]])
    with pytest.raises(AssertionError, match="divisible"):
        nn.MultiheadAttention(50, 8)


def test_transformer_shapes_and_causality():
    rtorch.manual_seed(0)
    m = nn.Transformer(8, 2, 1, 1, 16, batch_first=True).eval()
    src, tgt = rtorch.randn(2, 5, 8), rtorch.randn(2, 4, 8)
    mask = nn.Transformer.generate_square_subsequent_mask(4)
    out = m(src, tgt, tgt_mask=mask)
    assert tuple(out.shape) == (2, 4, 8)
    changed = tgt.clone()
    changed[:, 3] = 0
    close(m(src, changed, tgt_mask=mask)[:, :3], out[:, :3].detach().numpy())


def test_lazy_modules_take_their_shape():
    m = nn.LazyLinear(3)
    assert isinstance(m.weight, nn.UninitializedParameter)
    m(rtorch.ones(2, 5))
    assert type(m) is nn.Linear and tuple(m.weight.shape) == (3, 5) and type(m.weight) is nn.Parameter


def test_init_fans_and_gain():
    w = rtorch.empty(6, 3, 2, 2)
    assert nn.init._calculate_fan_in_and_fan_out(w) == (12, 24)
    assert nn.init.calculate_gain("leaky_relu", 1.0) == 1.0
    q = nn.init.orthogonal_(rtorch.empty(3, 5))
    close(q @ q.t(), np.eye(3))
    close(nn.init.dirac_(rtorch.empty(2, 2, 3))[0, 0], [0, 1, 0])
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        nn.init.xavier_uniform_(rtorch.empty(3))


def test_clipping():
    p = nn.Parameter(rtorch.zeros(2))
    p.grad = rtorch.tensor([3.0, 4.0])
    assert nn.utils.clip_grad_norm_([p], 1.0).item() == 5.0
    close(p.grad, [0.6, 0.8])
    nn.utils.clip_grad_value_(p, 0.7)
    close(p.grad, [0.6, 0.7])
    vector = nn.utils.parameters_to_vector([p, nn.Parameter(rtorch.ones(1))])
    assert vector.tolist() == [0.0, 0.0, 1.0]


def test_functional_has_the_operators():
    for name in ("linear", "relu", "conv2d", "cross_entropy", "max_pool2d", "dropout", "softmax"):
        assert callable(getattr(F, name))


def test_shared_and_cyclic_modules_give_each_parameter_once():
    shared = nn.Linear(2, 2)
    net = nn.Sequential(shared, nn.Sequential(shared, nn.Linear(2, 3, bias=False)))
    net[1].up = net
    ps = list(net.parameters())
    assert [tuple(p.shape) for p in ps] == [(2, 2), (2,), (3, 2)]
    assert ps[0] is shared.weight and isinstance(ps[0], nn.Parameter)
    assert [tuple(p.shape) for p in net.parameters(recurse=False)] == []
    with pytest.raises(AttributeError):
        list(nn.Module.__new__(nn.Module).parameters())


def test_state_dict_asks_a_class_of_its_own_for_detach():
    class Tagged(nn.Parameter):
        def detach(self):
            return ("detached", super().detach())

    net = nn.BatchNorm1d(2)
    net.weight = Tagged(rtorch.ones(2))
    net.register_buffer("hidden", rtorch.ones(1), persistent=False)
    state = net.state_dict(prefix="a.")
    assert list(state) == ["a.weight", "a.bias", "a.running_mean", "a.running_var", "a.num_batches_tracked"]
    assert state["a.weight"][0] == "detached" and not state["a.bias"].requires_grad
    assert state["a.bias"].data_ptr() == net.bias.data_ptr()
    assert net.state_dict(keep_vars=True)["bias"] is net.bias
