"""Use cases: commands, their handlers, permissions, and the event store beneath them.

Importing the package imports its modules, and so registers every handler.
"""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    if not _module.ispkg:
        importlib.import_module(f"{__name__}.{_module.name}")
