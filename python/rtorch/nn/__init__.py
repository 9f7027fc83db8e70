# torch.nn: modules, their parameters, initial values and functional forms.
from . import functional, init, utils
from .modules import *  # noqa: F403
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
