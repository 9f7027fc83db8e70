"""torch.fft, stft and the windows, against NumPy."""

import numpy as np
import pytest
import rtorch as torch

pytestmark = pytest.mark.skipif(not hasattr(torch.fft, "fft"), reason="a build without the feature linalg")


def random(*shape, complex=False, seed=0):
    g = np.random.default_rng(seed)
    x = g.standard_normal(shape)
    return x + 1j * g.standard_normal(shape) if complex else x


def near(a, b, tol=1e-10):
    np.testing.assert_allclose(a.detach().numpy(), b, rtol=tol, atol=tol)


@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
@pytest.mark.parametrize("n", [1, 2, 7, 16, 30])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_one_dimension(name, n, norm):
    x = random(3, n, 2, complex=name not in ("rfft", "ihfft"))
    for size in (None, n + 3, max(n - 2, 1)):
        if name in ("irfft", "hfft") and size is None and n == 1:
            continue
        near(getattr(torch.fft, name)(torch.tensor(x), size, 1, norm), getattr(np.fft, name)(x, size, 1, norm))


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn", "fft2", "ifft2", "rfft2", "irfft2"])
def test_several_dimensions(name, norm):
    x = random(3, 4, 5, complex=name[0] != "r")
    f, g = getattr(torch.fft, name), getattr(np.fft, name)
    axes = (-2, -1) if name.endswith("2") else None
    near(f(torch.tensor(x), norm=norm), g(x, norm=norm))
    near(f(torch.tensor(x), s=(6, 2), dim=(0, 2), norm=norm), g(x, s=(6, 2), axes=(0, 2), norm=norm))
    assert axes is None or f(torch.tensor(x)).shape[0] == 3


def test_hermitian_forms_invert_each_other():
    x = torch.tensor(random(4, 6))
    near(torch.fft.hfftn(torch.fft.ihfftn(x), s=(4, 6)), x.numpy())
    near(torch.fft.hfft2(torch.fft.ihfft2(x), s=(4, 6)), x.numpy())


def test_dtypes():
    assert torch.fft.fft(torch.ones(4)).dtype == torch.complex64
    assert torch.fft.rfft(torch.ones(4, dtype=torch.int64)).dtype == torch.complex64
    assert torch.fft.irfft(torch.ones(4, dtype=torch.complex128)).dtype == torch.float64
    near(torch.fft.fft(torch.tensor(random(50), dtype=torch.float32)), np.fft.fft(random(50)), 1e-4)
    with pytest.raises(RuntimeError, match="Unsupported dtype Half"):
        torch.fft.fft(torch.ones(4).half())
    with pytest.raises(RuntimeError, match=r"Invalid number of data points \(0\) specified"):
        torch.fft.fft(torch.ones(4), 0)
    with pytest.raises(RuntimeError, match="rfft expects a real input tensor, but got ComplexFloat"):
        torch.fft.rfft(torch.ones(4, dtype=torch.complex64))
    with pytest.raises(RuntimeError, match='Invalid normalization mode: "x"'):
        torch.fft.fft(torch.ones(4), norm="x")


def slope(f, x, d):
    x = x.detach().requires_grad_()
    y = f(x)
    y = torch.view_as_real(y) if y.is_complex() else y
    (g,) = torch.autograd.grad((y**3).sum(), x, create_graph=True)
    return (y**3).sum(), (g.conj() * d).real.sum(), x


@pytest.mark.parametrize(
    "f",
    [
        lambda x: torch.fft.fft(x, 6, norm="ortho"),
        lambda x: torch.fft.ifftn(x),
        lambda x: torch.fft.rfft(x.real, 5),
        lambda x: torch.fft.rfftn(x.real),
        lambda x: torch.fft.irfft(x, 5),
        lambda x: torch.fft.irfftn(x),
        lambda x: torch.fft.hfft(x),
        lambda x: torch.stft(x.real, 4, 2, return_complex=True),
        lambda x: torch.istft(x, 6, 2),
    ],
)
def test_gradients(f):
    x, d = torch.tensor(random(4, 4, complex=True)), torch.tensor(random(4, 4, complex=True, seed=1))
    _, first, leaf = slope(f, x, d)
    (g,) = torch.autograd.grad(first, leaf)
    second = (g.conj() * d).real.sum().item()
    eps = 1e-5
    (a, fa, _), (b, fb, _) = slope(f, x + eps * d, d), slope(f, x - eps * d, d)
    assert first.item() == pytest.approx((a.item() - b.item()) / (2 * eps), rel=1e-5, abs=1e-6)
    assert second == pytest.approx((fa.item() - fb.item()) / (2 * eps), rel=1e-5, abs=1e-6)


def test_frequencies_and_shifts():
    for n in (1, 4, 5):
        near(torch.fft.fftfreq(n, 0.5, dtype=torch.float64), np.fft.fftfreq(n, 0.5))
        near(torch.fft.rfftfreq(n, 0.5, dtype=torch.float64), np.fft.rfftfreq(n, 0.5))
        x = random(n, 3)
        near(torch.fft.fftshift(torch.tensor(x)), np.fft.fftshift(x))
        near(torch.fft.ifftshift(torch.tensor(x), 0), np.fft.ifftshift(x, 0))


def test_stft_and_back():
    x = random(2, 100)
    t, w = torch.tensor(x), torch.hann_window(16, dtype=torch.float64)
    f = torch.stft(t, 16, 4, window=w, return_complex=True)
    padded = np.pad(x, ((0, 0), (8, 8)), mode="reflect")
    frames = np.stack([padded[:, i : i + 16] for i in range(0, 101, 4)], 1) * w.numpy()
    near(f, np.fft.rfft(frames).transpose(0, 2, 1))
    near(torch.istft(f, 16, 4, window=w, length=100), x)
    near(torch.istft(torch.stft(t, 16, 4, window=w, normalized=True, onesided=False, return_complex=True), 16, 4, window=w, normalized=True, onesided=False), x)
    assert t.stft(16, return_complex=False).shape == (2, 9, 26, 2)
    with pytest.raises(RuntimeError, match="stft requires the return_complex parameter"):
        torch.stft(t, 16)
    with pytest.raises(RuntimeError, match="window overlap add min"):
        torch.istft(f, 16, 4, window=w * 0)


def test_windows():
    from rtorch.signal import windows

    near(windows.hann(7, dtype=torch.float64), np.hanning(7))
    near(windows.hamming(7, dtype=torch.float64), np.hamming(7))
    near(windows.blackman(7, dtype=torch.float64), np.blackman(7))
    near(windows.bartlett(7, dtype=torch.float64), np.bartlett(7))
    near(windows.kaiser(7, beta=5.0, dtype=torch.float64), np.kaiser(7, 5.0))
    near(windows.hann(7, sym=False, dtype=torch.float64), np.hanning(8)[:-1])
    near(windows.cosine(5, dtype=torch.float64), np.sin(np.pi * (np.arange(5) + 0.5) / 5))
    near(windows.exponential(5, tau=2.0, dtype=torch.float64), np.exp(-np.abs(np.arange(5) - 2) / 2))
    near(windows.gaussian(5, std=2.0, dtype=torch.float64), np.exp(-((np.arange(5) - 2) ** 2) / 8))
    assert windows.hann(0).shape == (0,) and windows.hann(1).tolist() == [1.0]
    with pytest.raises(ValueError, match="Tau must be positive, got: -1.0 instead."):
        windows.exponential(3, tau=-1.0)
