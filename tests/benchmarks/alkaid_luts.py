"""Look-up tables of whole networks as alkaid counts them, casts and limits included.

python tests/benchmarks/alkaid_luts.py RUN/steps/search/model.json ...
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alkaid_fixed_point import alkaid_logic
from pulsefront.fixed_point import FixedPointModel

if __name__ == "__main__":
    for file in sys.argv[1:]:
        print(f"{file}: {float(alkaid_logic(FixedPointModel.load(file)).cost):,.0f} LUT")  # noqa: T201
