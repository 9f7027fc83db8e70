"""Random numbers: the same seed gives PyTorch's numbers (hashes recorded from torch 2.13, x86 CPU), and as many are drawn."""

import copy
import hashlib
import pickle

import pytest
import rtorch as torch

F, init = torch.nn.functional, torch.nn.init


def digest(t):
    return hashlib.sha256(t.detach().contiguous().numpy().tobytes()).hexdigest()[:16]


# name: what is drawn, its hash, the hash of the next rand(3)
CASES = {
    "rand": (lambda: torch.rand(5,7), "19111257614398b1", "85a87d64131ec199"),
    "randn": (lambda: torch.randn(5,7), "65b52a40b3c6948a", "c1238a191037e088"),
    "randn short": (lambda: torch.randn(7), "da8ac258a6deee78", "b3de57fc1924fd18"),
    "randn f64": (lambda: torch.randn(20,dtype=torch.float64), "37b968cdac636a1c", "156d87e0a1aa776c"),
    "rand f16": (lambda: torch.rand(20,dtype=torch.float16), "24d6a8996f77ba6d", "f378eb1468b06f31"),
    "randint": (lambda: torch.randint(-5,5,(30,)), "8d6b5df66bd42a4a", "088fabbb5e334b92"),
    "randint wide": (lambda: torch.randint(0,2**40,(9,)), "5eb9dc4eb89d0d73", "d817fd3023b64426"),
    "randperm": (lambda: torch.randperm(1000), "cee4a88ef6120e8e", "22afc3b6af3be96e"),
    "rand_like": (lambda: torch.rand_like(torch.zeros(3,4).t()), "84988162e1794917", "d42cbd885aa73c7f"),
    "randn_like": (lambda: torch.randn_like(torch.zeros(5,5)), "ca7aa56ce24df237", "2a0691c4379e35d4"),
    "randint_like": (lambda: torch.randint_like(torch.zeros(9),50), "ef3d5797d21d46f3", "f2f9a0fa4fc747e3"),
    "normal": (lambda: torch.normal(torch.arange(20.),torch.arange(1.,21.)), "a28d39bd22f657fd", "d7fecb69c9acf14f"),
    "normal size": (lambda: torch.normal(2.,3.,(4,5)), "2aab5b34c44daeda", "d7fecb69c9acf14f"),
    "bernoulli": (lambda: torch.bernoulli(torch.arange(10.)/10), "13da071c6ca06157", "7cb37239b591a3de"),
    "bernoulli p": (lambda: torch.zeros(40).bernoulli_(0.3), "48cff1ee8d2cd721", "fa8b5c737f9f352d"),
    "uniform_": (lambda: torch.empty(5,7).t().uniform_(-1,2), "cb745ed2fa8a76b4", "85a87d64131ec199"),
    "normal_": (lambda: torch.empty(33).normal_(1,2), "5affaf27d1450d3b", "742a236c28727ac1"),
    "random_": (lambda: torch.empty(10,dtype=torch.int64).random_(), "959b6e338cc8b4fe", "f378eb1468b06f31"),
    "random_ range": (lambda: torch.empty(10).random_(3,9), "b18d649fa36b8229", "7cb37239b591a3de"),
    "exponential_": (lambda: torch.empty(20).exponential_(2.5), "490b82b4ea18799c", "b0433f4af8fc5cdc"),
    "multinomial": (lambda: torch.multinomial(torch.arange(1.,7.),6), "ed545ed7c48459f3", "d42cbd885aa73c7f"),
    "multinomial r": (lambda: torch.multinomial(torch.arange(1.,7.),20,replacement=True), "ae903fa9ca939b42", "b0433f4af8fc5cdc"),
    "dropout": (lambda: F.dropout(torch.ones(50),0.3), "ecd6d7ee6eabbab2", "06c5d526d10d1b2f"),
    "alpha_dropout": (lambda: F.alpha_dropout(torch.ones(30),0.4,training=True), "91b167549dfe1d02", "46a1c604dd11c538"),
    "dropout2d": (lambda: F.dropout2d(torch.ones(2,8,2,2),0.4), "c9c829b2dffea9b2", "e4720f2cac50678b"),
    "feature_alpha_dropout": (lambda: F.feature_alpha_dropout(torch.ones(4,5,3),0.4,training=True), "70da1d5d07c39841", "b0433f4af8fc5cdc"),
    "rrelu": (lambda: F.rrelu(-torch.ones(30),training=True), "aecfceb6435d7d74", "46a1c604dd11c538"),
    "xavier_uniform_": (lambda: init.xavier_uniform_(torch.empty(6,5)), "17456c8c5c6ba7d0", "088fabbb5e334b92"),
    "kaiming_normal_": (lambda: init.kaiming_normal_(torch.empty(6,5)), "687d0aeca2fe2882", "2fd4e1b8255b620f"),
    "trunc_normal_": (lambda: init.trunc_normal_(torch.empty(6,5),std=0.02), "032893514b9db6c3", "2fd4e1b8255b620f"),
    "sparse_": (lambda: init.sparse_(torch.empty(6,5),0.4), "1e4c5a12bff1d5f8", "b41f0ef507f9b528"),
    "Linear": (lambda: (torch.nn.Linear(7,5)).weight, "5fc2be96a78cb482", "b0433f4af8fc5cdc"),
    "Conv2d": (lambda: torch.nn.Conv2d(3,4,3).bias, "15fa3b6c5a3498e7", "c48d18f6200c79e9"),
    "LSTM": (lambda: torch.nn.LSTM(3,4,2).weight_hh_l1, "b3a32810f196cf44", "9b08dbc510ecc351"),
    "loader": (lambda: torch.cat(list(torch.utils.data.DataLoader(torch.arange(10),batch_size=4,shuffle=True))), "88e5e3c781e595ee", "a298941c7438f4a0"),
    "random_split": (lambda: torch.tensor(list(torch.utils.data.random_split(range(20),[12,8])[1].indices)), "4fafb73e7db5f2c9", "d41f8aba7a2b419c"),
}


@pytest.mark.parametrize("name", CASES)
def test_numbers(name):
    draw, want, following = CASES[name]
    torch.manual_seed(0)
    assert (digest(draw()), digest(torch.rand(3))) == (want, following)


def test_state_bytes():
    torch.manual_seed(3)
    torch.randn(5)
    torch.rand(7)
    state = torch.get_rng_state()
    assert state.shape == (5056,) and state.dtype == torch.uint8
    digest = hashlib.sha256(bytes(state.tolist())).hexdigest()
    assert digest == "fbf1b7a67906f09c9cf929069e52b3d0bf5fb16143a7d13b496d2e17391088da"
    a = torch.randn(5)
    torch.set_rng_state(state)
    assert torch.equal(a, torch.randn(5))


def test_generators():
    g = torch.Generator()
    assert g.initial_seed() == 67280421310721 and g.device == torch.device("cpu")
    assert g.manual_seed(7) is g
    a = torch.rand(3, generator=g)
    assert a.narrow(0, 0, 2).tolist() == [0.5349225401878357, 0.19880318641662598]
    for other in (pickle.loads(pickle.dumps(g)), copy.deepcopy(g), copy.copy(g), g.clone_state()):
        assert other is not g and other.initial_seed() == 7
        assert torch.equal(other.get_state(), g.get_state())
        assert torch.equal(torch.randn(20, generator=other), torch.randn(20, generator=g.clone_state()))
    g.set_state(torch.Generator().manual_seed(7).get_state())
    assert torch.equal(torch.rand(3, generator=g), a)
    assert g.seed() == g.initial_seed()
    assert torch.manual_seed(5) is torch.default_generator is torch.random.default_generator
    assert torch.seed() == torch.initial_seed() == torch.default_generator.initial_seed()


def test_a_fork_leaves_the_stream_alone():
    torch.manual_seed(1)
    a = torch.rand(4)
    torch.manual_seed(1)
    with torch.random.fork_rng():
        assert torch.equal(torch.rand(4), a)
        torch.manual_seed(9)
    assert torch.equal(torch.rand(4), a)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: torch.manual_seed(2**64), ValueError, "Overflow when unpacking long long"),
        (lambda: torch.Generator().manual_seed(1.5), RuntimeError, "expected a long, but got float"),
        (lambda: torch.set_rng_state(torch.zeros(3, dtype=torch.uint8)), RuntimeError, "size 5056 .* to be 3"),
        (lambda: torch.set_rng_state(torch.zeros(5056)), TypeError, "RNG state must be a torch.ByteTensor"),
        (lambda: torch.set_rng_state(torch.zeros(5056, dtype=torch.uint8)), RuntimeError, "Invalid mt19937 state"),
        (lambda: torch.rand(2, generator=3), TypeError, "'generator' must be torch.Generator, not int"),
        (lambda: torch.randint(5, 3, (2,)), RuntimeError, "from=5 >= to=3"),
        (lambda: torch.normal(0.0, -1.0, (2,)), RuntimeError, "normal expects std >= 0.0, but found std -1"),
        (lambda: torch.multinomial(torch.tensor([0.0, 0.0]), 1), RuntimeError, "sum of probabilities <= 0"),
        (lambda: torch.multinomial(torch.ones(3), 4), RuntimeError, "without replacement"),
        (lambda: torch.bernoulli(torch.tensor([2.0])), RuntimeError, "p_in >= 0 && p_in <= 1"),
        (lambda: torch.randperm(-1), RuntimeError, "negative dimension -1"),
        (lambda: torch.empty(2).uniform_(2, 1), RuntimeError, "from=2 > to=1"),
        (lambda: torch.ones(2, requires_grad=True).uniform_(), RuntimeError, "a leaf Variable that requires grad"),
        (lambda: torch.zeros(2).bernoulli_(torch.ones(2, device="meta")), RuntimeError, "on the same device"),
    ],
)
def test_refusals(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_our_objects_pickle_without_an_alias():
    for o in (torch.float32, torch.Size([1, 2]), torch.device("cpu"), torch.strided, torch.channels_last):
        back = pickle.loads(pickle.dumps(o))
        assert back == o and type(back) is type(o)


def test_limits_of_types():
    assert repr(torch.finfo(torch.float32)) == (
        "finfo(resolution=1e-06, min=-3.40282e+38, max=3.40282e+38, eps=1.19209e-07, "
        "smallest_normal=1.17549e-38, tiny=1.17549e-38, dtype=float32)"
    )
    assert repr(torch.iinfo(torch.int32)) == "iinfo(min=-2.14748e+09, max=2.14748e+09, dtype=int32)"
    assert torch.iinfo(torch.int64).max == 2**63 - 1 and torch.finfo(torch.complex128).bits == 64
    with pytest.raises(TypeError, match="Use torch.iinfo"):
        torch.finfo(torch.int32)


def test_meta_tensors_have_no_elements():
    m = torch.ones(2, device="meta")
    assert repr(m) == "tensor(..., device='meta', size=(2,))"
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor; no data!"):
        torch.ones(2).copy_(m)
    with pytest.raises(RuntimeError, match="same device"):
        torch.add(torch.ones(2), 1, out=m)
