"""Read models: what the events say, in the shape that questions are asked in.

``PROJECTIONS`` is found among the sibling modules, so a new read model is one new file.
"""

import importlib
import pkgutil

from projections.engine import Projection

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

PROJECTIONS: dict[str, Projection] = {
    cls.name: cls() for cls in sorted(Projection.__subclasses__(), key=lambda c: c.name)
}
"""Every read model by its name."""
