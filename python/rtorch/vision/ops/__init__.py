"""`torchvision.ops`: boxes, what is cut out of feature maps, losses of detection, and blocks that models share."""

from rtorch.vision.ops.boxes import *
from rtorch.vision.ops.feature_pyramid_network import *
from rtorch.vision.ops.losses import *
from rtorch.vision.ops.misc import *
from rtorch.vision.ops.poolers import *
from rtorch.vision.ops.roi import *
