"""A demonstration company, worked by distinct people through the real commands."""

from application.demonstration.small import load

__all__ = ["load"]
