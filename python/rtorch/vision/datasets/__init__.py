"""`torchvision.datasets`: known collections of pictures, and pictures in folders."""

from rtorch.vision.datasets.cifar import CIFAR10, CIFAR100
from rtorch.vision.datasets.fakedata import FakeData
from rtorch.vision.datasets.folder import DatasetFolder, ImageFolder
from rtorch.vision.datasets.mnist import EMNIST, KMNIST, MNIST, FashionMNIST
from rtorch.vision.datasets.vision import VisionDataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "EMNIST",
    "KMNIST",
    "MNIST",
    "DatasetFolder",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "VisionDataset",
]
