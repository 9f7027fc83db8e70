"""torchvision: models, transforms, datasets, ops. What the real one gives is recorded (torchvision 0.28.0, torch 2.13.0)."""

import copy
import gzip
import hashlib
import os
import pickle
import struct

import numpy as np
import pytest
import rtorch as torch

pytest.importorskip("PIL")
from PIL import Image
from rtorch.vision import datasets, io, models, ops, tv_tensors, utils
from rtorch.vision import transforms as T
from rtorch.vision.transforms import functional as F
from rtorch.vision.transforms import v2

# names, shapes and initial values for seed 0 and ten classes
VALUES = {
    "alexnet": "3adeb725fddb1888",
    "resnet18": "a9f2c25209a11421",
    "mobilenet_v3_small": "aa1a1f8f6145c70c",
    "efficientnet_b0": "21ca8685effcb311",
    "squeezenet1_1": "1564705564aa85c0",
    "densenet121": "3e3d694037d091fc",
    "convnext_tiny": "b6923ba7a7e401f3",
}
# names and shapes
NAMES = {
    "vgg16_bn": "a49a9e064802fa25",
    "resnext50_32x4d": "9a47faebfc936a68",
    "wide_resnet50_2": "e373ab8541bccb2c",
    "densenet201": "67e1e762d707458a",
    "efficientnet_v2_s": "42b9a4393171e718",
    "mobilenet_v2": "1c18ba5f335c2735",
    "mobilenet_v3_large": "1df0a5ae5bf0c810",
    "vit_b_16": "703cc94d7d5984fd",
    "convnext_base": "2e6c6ac0deb04c9b",
}


@pytest.mark.parametrize("name", VALUES)
def test_initial_values(name):
    torch.manual_seed(0)
    h = hashlib.sha256()
    for k, v in models.get_model(name, num_classes=10).state_dict().items():
        h.update(k.encode() + repr(tuple(v.shape)).encode())
        h.update(v.numpy().tobytes())
    assert h.hexdigest()[:16] == VALUES[name]


@pytest.mark.parametrize("name", NAMES)
def test_names_and_shapes(name):
    with torch.device("meta"):
        net = models.get_model(name)
    found = repr([(k, tuple(v.shape)) for k, v in net.state_dict().items()])
    assert hashlib.sha256(found.encode()).hexdigest()[:16] == NAMES[name]
    weights = models.get_model_weights(name).DEFAULT
    assert sum(p.numel() for p in net.parameters()) == weights.meta["num_params"]


def test_published_weights(tmp_path, monkeypatch):
    """From torch.hub's folder, as if they had been fetched; strangers are refused."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.manual_seed(1)
    net = models.squeezenet1_1()
    torch.save(net.state_dict(), folder / "squeezenet1_1-b8a52dc0.pth")
    got = models.squeezenet1_1(weights="DEFAULT")
    assert torch.equal(got.features[0].weight, net.features[0].weight)
    with pytest.warns(UserWarning, match="pretrained"):
        models.squeezenet1_1(pretrained=True)
    with pytest.raises(ValueError, match="num_classes"):
        models.squeezenet1_1(weights=models.SqueezeNet1_1_Weights.DEFAULT, num_classes=10)
    w = models.ResNet50_Weights.DEFAULT
    assert w is models.ResNet50_Weights.IMAGENET1K_V2 and w.meta["categories"][1] == "goldfish"
    assert w.transforms()(Image.new("RGB", (300, 260))).shape == (3, 224, 224)


def picture(seed=0, shape=(37, 45, 3)):
    return Image.fromarray(np.random.RandomState(seed).randint(0, 256, shape, dtype=np.uint8))


def test_geometry_on_tensors():
    x = torch.arange(12.0).view(1, 3, 4)
    assert F.hflip(x)[0, 0].tolist() == [3, 2, 1, 0]
    assert F.crop(x, -1, 2, 3, 3)[0].tolist() == [[0, 0, 0], [2, 3, 0], [6, 7, 0]]
    assert F.center_crop(x, [1, 2])[0].tolist() == [[5, 6]]
    assert F.pad(x, [1, 0], padding_mode="symmetric")[0, 0].tolist() == [0, 0, 1, 2, 3, 3]
    assert F.rotate(x, 180.0)[0].tolist() == x.flip(-1).flip(-2)[0].tolist()
    y = torch.arange(24.0).view(1, 4, 6)
    assert F.rotate(y, 90.0, expand=True)[0].tolist() == y[0].rot90().tolist()
    moved = F.affine(x, 0.0, [1, 0], 1.0, [0.0, 0.0], fill=[9.0])
    assert moved[0, 0].tolist() == [9, 0, 1, 2]
    same = [[0, 0], [3, 0], [3, 2], [0, 2]]
    assert torch.allclose(F.perspective(x, same, same), x, atol=1e-3)
    assert F.resize(picture(), 20).size == (24, 20)
    assert F.resize(torch.zeros(3, 37, 45), 20, max_size=22).shape == (3, 18, 22)


def test_colours():
    img = torch.tensor([[[10, 200]], [[50, 100]], [[90, 0]]], dtype=torch.uint8)
    assert F.invert(img)[:, 0, 0].tolist() == [245, 205, 165]
    assert F.adjust_brightness(img, 2)[:, 0, 1].tolist() == [255, 200, 0]
    assert F.adjust_saturation(img, 0.0)[:, 0, 0].tolist() == [42, 42, 42]
    assert F.adjust_hue(img, 1 / 3)[:, 0, 1].tolist() == [0, 200, 100]
    assert F.posterize(img, 2)[:, 0, 1].tolist() == [192, 64, 0]
    assert F.convert_image_dtype(img, torch.float32)[0, 0, 1].item() == pytest.approx(200 / 255)
    assert F.convert_image_dtype(torch.tensor([[1.0]]), torch.uint8).item() == 255
    assert np.asarray(F.adjust_contrast(picture(), 0.6)).mean() == pytest.approx(126.07, abs=0.6)


def test_random_streams():
    """The same seed, the same pictures as torchvision's."""
    torch.manual_seed(3)
    assert T.RandomCrop.get_params(torch.zeros(3, 40, 50), (10, 10)) == RECORDED["crop"]
    assert T.RandomResizedCrop.get_params(torch.zeros(3, 40, 50), (0.08, 1.0), (0.75, 4 / 3)) == RECORDED["resized"]
    assert T.RandomRotation.get_params([-30.0, 30.0]) == pytest.approx(RECORDED["rotation"])
    order, *factors = T.ColorJitter.get_params((0.5, 1.5), None, (0.1, 0.2), (-0.1, 0.1))
    assert order.tolist() == RECORDED["jitter"][0] and factors == pytest.approx(RECORDED["jitter"][1])
    angle, moves, scale, shear = T.RandomAffine.get_params([-9.0, 9.0], (0.1, 0.2), (0.5, 2.0), [-5.0, 5.0], [50, 40])
    assert (angle, scale, *shear) == pytest.approx(RECORDED["affine"][0]) and moves == RECORDED["affine"][1]
    assert T.RandomPerspective.get_params(50, 40, 0.5)[1] == RECORDED["perspective"]


RECORDED = {
    "crop": (6, 2, 10, 10),
    "resized": (6, 20, 30, 23),
    "rotation": 16.31195068359375,
    "jitter": ([1, 2, 3, 0], [0.9510313272476196, None, 0.1799490600824356, -0.07003182172775269]),
    "affine": ((-1.7735613584518433, 0.763407826423645, 4.491828918457031, 0.0), (-4, -1)),
    "perspective": [[0, 5], [48, 7], [41, 39], [10, 34]],
}


def test_repr_and_refusals():
    t = T.Compose([T.RandomCrop(32, padding=4), T.ToTensor(), T.Normalize((0.5,), (1.0,))])
    assert repr(t) == (
        "Compose(\n    RandomCrop(size=(32, 32), padding=4)\n    ToTensor()\n    Normalize(mean=(0.5,), std=(1.0,))\n)"
    )
    with pytest.raises(TypeError, match="pic should be PIL Image or ndarray. Got <class 'list'>"):
        T.ToTensor()([1])
    with pytest.raises(ValueError, match="larger than input"):
        T.RandomCrop(50)(torch.zeros(3, 4, 4))
    with pytest.raises(ValueError, match="std evaluated to zero"):
        T.Normalize([0.5], [0.0])(torch.zeros(1, 2, 2))


def test_v2_transforms_picture_and_mask_alike():
    img = tv_tensors.Image(torch.arange(48, dtype=torch.uint8).view(1, 6, 8))
    mask = tv_tensors.Mask(torch.arange(48, dtype=torch.uint8).view(6, 8))
    t = v2.Compose(
        [v2.RandomCrop(4), v2.RandomHorizontalFlip(), v2.ColorJitter(0.5), v2.ToDtype(torch.float32, scale=True)]
    )
    torch.manual_seed(0)
    for _ in range(5):
        out = t({"image": img, "mask": mask, "label": 3})
        assert type(out["image"]) is tv_tensors.Image and out["image"].dtype == torch.float32
        assert type(out["mask"]) is tv_tensors.Mask and out["label"] == 3 and out["mask"].shape == (4, 4)
    t = v2.RandomCrop(4)
    i, m, text = t(img, mask, "x")
    assert i[0].tolist() == m.tolist() and text == "x"
    x, y = v2.CenterCrop(2)(torch.zeros(3, 4, 4), torch.zeros(3, 4, 4))
    assert x.shape == (3, 2, 2) and y.shape == (3, 4, 4)  # of plain tensors the first is the picture


def idx(a):
    return bytes([0, 0, 8, a.ndim]) + b"".join(struct.pack(">I", n) for n in a.shape) + a.tobytes()


def test_mnist(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rs = np.random.RandomState(0)
    images, labels = rs.randint(0, 256, (5, 28, 28), dtype=np.uint8), rs.randint(0, 10, 5, dtype=np.uint8)
    for part in ("train", "t10k"):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    d = datasets.MNIST(tmp_path, transform=T.ToTensor(), download=True)
    assert len(d) == 5 and d.targets.tolist() == labels.tolist()
    assert np.array_equal((d[2][0][0].numpy() * 255).round(), images[2]) and d[2][1] == labels[2]
    assert "Split: Train" in repr(d)
    (raw / "t10k-images-idx3-ubyte").write_bytes(idx(images)[:-1])
    with pytest.raises(ValueError, match="need 3920 bytes of data, the file has 3919"):
        datasets.MNIST(tmp_path, train=False)
    (raw / "t10k-images-idx3-ubyte").write_bytes(gzip.compress(idx(images)))
    with pytest.raises(ValueError, match="gzip"):
        datasets.MNIST(tmp_path, train=False)


def test_cifar(tmp_path, monkeypatch):
    base = tmp_path / "cifar-10-batches-py"
    base.mkdir()
    data = np.arange(2 * 3072, dtype=np.uint32).astype(np.uint8).reshape(2, 3072)
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        (base / name).write_bytes(pickle.dumps({"data": data, "labels": [1, 2]}))
    (base / "batches.meta").write_bytes(pickle.dumps({"label_names": ["a", "b", "c"]}))
    with pytest.raises(RuntimeError, match="not found or corrupted"):
        datasets.CIFAR10(tmp_path)
    monkeypatch.setattr(datasets.CIFAR10, "_check_integrity", lambda self: True)
    d = datasets.CIFAR10(tmp_path)
    assert len(d) == 10 and d.classes == ["a", "b", "c"]
    assert np.asarray(d[1][0])[0, 1].tolist() == [data[1][1], data[1][1025], data[1][2049]]
    (base / "data_batch_1").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(pickle.UnpicklingError, match="no os.system|no posix.system"):
        datasets.CIFAR10(tmp_path)


def test_folders_and_fake_data(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        picture().save(tmp_path / name / "1.png")
    (tmp_path / "cat" / "notes.txt").write_text("no picture")
    d = datasets.ImageFolder(str(tmp_path))
    assert d.classes == ["cat", "dog"] and d.targets == [0, 1] and d[1][0].size == (45, 37)
    os.unlink(tmp_path / "dog" / "1.png")
    with pytest.raises(FileNotFoundError, match="no valid file for the classes dog"):
        datasets.ImageFolder(str(tmp_path))
    f = datasets.FakeData(size=3, image_size=(3, 4, 5))
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert f[1][0].getpixel((0, 0)) == (123, 220, 228) and f[1][1] == 5 and f[2][1] == 3
    assert torch.equal(before, torch.get_rng_state())


def test_ops():
    b = torch.tensor([[0.0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]])
    assert ops.box_iou(b, b)[0].tolist() == pytest.approx([1, 81 / 119, 0])
    assert ops.nms(b, torch.tensor([0.5, 0.9, 0.1]), 0.5).tolist() == [1, 2]
    assert ops.batched_nms(b, torch.tensor([0.5, 0.9, 0.1]), torch.tensor([0, 1, 0]), 0.5).tolist() == [1, 0, 2]
    assert ops.generalized_box_iou(b, b)[0, 2].item() == pytest.approx(-700 / 900)
    assert ops.box_convert(b[1:2], "xyxy", "cxcywh").tolist() == [[6, 6, 10, 10]]
    x = torch.arange(16.0).view(1, 1, 4, 4).requires_grad_()
    out = ops.roi_align(x, [torch.tensor([[0.0, 0, 4, 4]])], 2, sampling_ratio=2, aligned=True)
    assert out[0, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    out.sum().backward()
    assert x.grad.sum().item() == pytest.approx(4)
    assert ops.roi_pool(x, [torch.tensor([[0.0, 0, 3, 3]])], 2)[0, 0].tolist() == [[5, 7], [13, 15]]
    p, t = torch.tensor([0.5, -1.0]), torch.tensor([1.0, 0.0])
    assert ops.sigmoid_focal_loss(p, t).tolist() == pytest.approx([0.0170, 0.0170], abs=2e-2)


def test_grids_and_files(tmp_path):
    x = torch.rand(5, 3, 4, 6)
    g = utils.make_grid(x, nrow=3, padding=1)
    assert g.shape == (3, 11, 22) and torch.equal(g[:, 6:10, 1:7], x[3])
    utils.save_image(x, tmp_path / "g.png", nrow=3, padding=1)
    back = io.read_image(tmp_path / "g.png")
    assert back.dtype == torch.uint8 and torch.equal(back, (g * 255 + 0.5).clamp(0, 255).to(torch.uint8))
    io.write_png(back, tmp_path / "h.png")
    assert torch.equal(io.decode_image(io.read_file(tmp_path / "h.png")), back)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(RuntimeError, match="bad.png"):
        io.read_image(tmp_path / "bad.png")
    drawn = utils.draw_bounding_boxes(
        torch.zeros(3, 20, 20, dtype=torch.uint8), torch.tensor([[2, 3, 8, 9]]), colors="red"
    )
    assert drawn[0, 3, 2].item() == 255 and drawn[1].sum().item() == 0


def test_batches_are_mixed():
    x = torch.arange(8.0).reshape(2, 1, 2, 2)
    y = torch.tensor([0, 2])
    torch.manual_seed(0)
    mixed, labels = v2.MixUp(num_classes=3)(x, y)
    share = labels[0, 0]
    assert 0 < share < 1 and torch.allclose(mixed[0], share * x[0] + (1 - share) * x[1])
    assert torch.allclose(labels, torch.tensor([[share, 0, 1 - share], [1 - share, 0, share]]))
    out = v2.CutMix(num_classes=3)({"image": torch.stack([torch.zeros(1, 8, 8), torch.ones(1, 8, 8)]), "label": y})
    assert torch.allclose(out["image"][1].mean(), out["label"][1, 2])
    assert v2.MixUp()(x, torch.eye(2))[1].shape == (2, 2)
    with pytest.raises(ValueError, match="num_classes must be passed"):
        v2.MixUp()(x, y)
    with pytest.raises(ValueError, match="batched input with 4 dims"):
        v2.CutMix(num_classes=3)(x[0], y)


def test_noise_and_what_transforms_say():
    x = torch.full((1, 100, 100), 128, dtype=torch.uint8)
    noisy = v2.GaussianNoise(sigma=0.1)(x)
    assert noisy.dtype == torch.uint8 and 20 < noisy.float().std() < 30
    assert v2.GaussianNoise(sigma=5.0)(torch.full((3, 4, 4), 0.5)).amax() <= 1
    for transform, text in (
        (v2.Resize(8), "Resize(size=[8], interpolation=bilinear, antialias=True)"),
        (v2.Normalize((0.5,), (0.5,)), "Normalize(mean=[0.5], std=[0.5], inplace=False)"),
        (v2.Pad(2, fill=3), "Pad(padding=2, fill=3, padding_mode=constant)"),
        (v2.MixUp(num_classes=3), "MixUp(alpha=1.0, num_classes=3)"),
    ):
        assert repr(transform) == text


def test_images_give_plain_tensors_and_copies_stay_images():
    """As torchvision: img + 2 is a tensor; clone, to, detach, deepcopy and the transforms keep the kind."""
    from rtorch.vision import tv_tensors
    from rtorch.vision.transforms import v2

    img = tv_tensors.Image(torch.arange(12.0).reshape(3, 2, 2))
    for plain in (img + 2, img.mean(), img.unbind()[0], img.max(0)[0], img.add_(0), torch.stack([img]), img[0]):
        assert type(plain) is torch.Tensor
    for kept in (img.clone(), img.to(torch.float64), img.detach(), copy.deepcopy(img), v2.functional.hflip(img)):
        assert type(kept) is tv_tensors.Image
    assert torch.equal(v2.functional.hflip(img), torch.flip(img, [-1])) and repr(img).endswith(", )")
    with tv_tensors.set_return_type("TVTensor"):
        assert type(img + 2) is tv_tensors.Image
    assert type(img + 2) is torch.Tensor


def test_results_from_inside_a_network():
    from rtorch.vision.models import resnet18
    from rtorch.vision.models._utils import IntermediateLayerGetter
    from rtorch.vision.models.feature_extraction import create_feature_extractor

    net, x = resnet18().eval(), torch.rand(1, 3, 32, 32)
    runs = []
    net.fc.register_forward_hook(lambda *a: runs.append(1))
    out = create_feature_extractor(net, {"layer1": "a", "layer2.0": "b"})(x)
    stem = net.layer1(net.maxpool(net.relu(net.bn1(net.conv1(x)))))
    assert list(out) == ["a", "b"] and torch.equal(out["a"], stem) and torch.equal(out["b"], net.layer2[0](stem))
    assert runs == [] and not net.layer1._forward_hooks  # nothing ran behind the last node, nothing stays behind
    body = IntermediateLayerGetter(net, {"layer1": 0})
    assert list(body) == ["conv1", "bn1", "relu", "maxpool", "layer1"] and torch.equal(body(x)[0], stem)
    with pytest.raises(ValueError, match="'nope' is not present in model"):
        create_feature_extractor(net, ["nope"])


def test_a_feature_pyramid_adds_the_coarser_maps():
    from rtorch.vision.ops.feature_pyramid_network import LastLevelMaxPool

    net = ops.FeaturePyramidNetwork([4, 8], 6, LastLevelMaxPool())
    assert list(net.state_dict())[:2] == ["inner_blocks.0.0.weight", "inner_blocks.0.0.bias"]
    fine, coarse = torch.rand(1, 4, 9, 9), torch.rand(1, 8, 4, 4)
    out = net({"a": fine, "b": coarse})
    above = net.inner_blocks[1](coarse)
    assert list(out) == ["a", "b", "pool"] and torch.equal(out["b"], net.layer_blocks[1](above))
    rows = torch.arange(9) * 4 // 9  # the nearest
    assert torch.allclose(out["a"], net.layer_blocks[0](net.inner_blocks[0](fine) + above[:, :, rows][..., rows]))
    assert torch.equal(out["pool"], out["b"][..., ::2, ::2])


def test_boxes_are_cut_out_of_the_map_that_fits_their_size():
    pool = ops.MultiScaleRoIAlign(["a", "b", "c"], 2, 2)
    maps = {name: torch.rand(1, 2, n, n) for name, n in (("a", 64), ("b", 32), ("c", 16))}  # a quarter, an eighth, ...
    boxes = torch.tensor([[10.0, 10, 30, 30], [5.0, 5, 135, 135], [0.0, 0, 240, 240]])
    out = pool(maps, [boxes], [(256, 256)])
    for i, (name, scale) in enumerate((("a", 1 / 4), ("b", 1 / 8), ("c", 1 / 16))):
        assert torch.equal(out[i : i + 1], ops.roi_align(maps[name], [boxes[i : i + 1]], 2, scale, 2))
    assert pool.scales == [1 / 4, 1 / 8, 1 / 16]


def test_no_boxes_give_a_gradient_of_zeros():
    x = torch.rand(1, 2, 4, 4, requires_grad=True)
    for cut in (ops.roi_align, ops.roi_pool):
        x.grad = None
        out = cut(x, torch.zeros(0, 5), 2)
        out.sum().backward()
        assert out.shape == (0, 2, 2, 2) and torch.equal(x.grad, torch.zeros_like(x))
