from __future__ import annotations

import sys
from pathlib import Path

# The small runs of the quick tests are looked at here as well.
sys.path.append(str(Path(__file__).parents[1] / "reporting"))
