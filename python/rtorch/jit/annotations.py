"""`torch.jit.annotations`: types for annotations, from where old code takes them."""

from typing import Dict as Dict  # noqa: UP035 - these very names
from typing import List as List  # noqa: UP035
from typing import Optional as Optional
from typing import Tuple as Tuple  # noqa: UP035
