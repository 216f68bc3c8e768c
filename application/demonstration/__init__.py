"""A demonstration company, worked by distinct people through the real commands.

``load`` plays the small one of ``make run``, ``Play`` one of any size. Both are deterministic for a
given last day: content, people and times follow from seed and number, whatever goes on at once.
"""

from application.demonstration.play import Play, Script
from application.demonstration.small import load

__all__ = ["Play", "Script", "load"]
