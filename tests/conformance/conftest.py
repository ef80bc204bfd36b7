"""The judge and the handlers are modules of `conformance`, found from `tests`."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
