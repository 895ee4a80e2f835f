"""The experiments, one file a subject; importing this package fills `experiment.EXPERIMENTS`.

The order is that of the imports: from what only asks to what restarts the module.
"""

from . import at_port  # isort: skip
from . import config  # isort: skip
from . import files  # isort: skip
from . import registration  # isort: skip
from . import pdp  # isort: skip
from . import opening  # isort: skip
from . import sending  # isort: skip
from . import receiving  # isort: skip
from . import closing  # isort: skip
from . import transparent  # isort: skip
from . import secrets  # isort: skip
from . import losing  # isort: skip
from . import power  # isort: skip

__all__ = [
    "at_port",
    "closing",
    "config",
    "files",
    "losing",
    "opening",
    "pdp",
    "power",
    "receiving",
    "registration",
    "secrets",
    "sending",
    "transparent",
]
