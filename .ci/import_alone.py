"""Import a package, and each of its modules that needs none of its extras."""

import importlib
import pkgutil
import sys

NEED_AN_EXTRA = (
    "durable_core.pydantic_serdes",
    "durable_testing.pytest_plugin",  # what it needs imports it
    "durable_testing.server",
    "durable_testing.tracing",
)

package = importlib.import_module(sys.argv[1])
count = 1
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.startswith(NEED_AN_EXTRA):
        importlib.import_module(module.name)
        count += 1
print(f"{sys.argv[1]}: {count} modules import alone")
