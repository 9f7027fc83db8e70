"""`torchvision.models`: networks for pictures, with torchvision's names of parameters and its initial values."""

from rtorch.vision.models._api import (
    Weights,
    WeightsEnum,
    get_model,
    get_model_builder,
    get_model_weights,
    get_weight,
    list_models,
)
from rtorch.vision.models.alexnet import *
from rtorch.vision.models.convnext import *
from rtorch.vision.models.densenet import *
from rtorch.vision.models.efficientnet import *
from rtorch.vision.models.mobilenetv2 import *
from rtorch.vision.models.mobilenetv3 import *
from rtorch.vision.models.resnet import *
from rtorch.vision.models.squeezenet import *
from rtorch.vision.models.vgg import *
from rtorch.vision.models.vision_transformer import *
