"""Hold each package's coverage, lines and branches, against its floor."""

import json
import sys
from collections import Counter
from pathlib import Path

FLOORS = {"core": 95.0, "aws-lambda": 95.0}  # percent, of lines and of branches each


def totals(report: dict[str, dict[str, dict[str, Counter[str]]]]) -> dict[str, Counter[str]]:
    """Sum the files of each package."""
    packages: dict[str, Counter[str]] = {}
    for path, measured in report["files"].items():
        package = Path(path).parts[1]
        packages.setdefault(package, Counter()).update(measured["summary"])
    return packages


def main() -> int:
    """Print one line a package; 1 when one is under its floor."""
    below = 0
    for package, counts in sorted(totals(json.loads(Path(sys.argv[1]).read_text())).items()):
        lines = 100 * counts["covered_lines"] / max(1, counts["num_statements"])
        branches = 100 * counts["covered_branches"] / max(1, counts["num_branches"])
        floor = FLOORS.get(package, 0.0)
        is_below = min(lines, branches) < floor
        below += is_below
        print(
            f"{package:12} lines {lines:6.2f} %  branches {branches:6.2f} %"
            f"  floor {floor:.0f} %{'  BELOW' if is_below else ''}"
        )
    return min(below, 1)


if __name__ == "__main__":
    sys.exit(main())
