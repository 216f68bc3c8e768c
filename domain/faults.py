"""How a fault is told without what it may quote."""

from traceback import extract_tb


def place_of(error: BaseException) -> str:
    """Name an error by its type and place; its message may quote personal data."""
    frames = extract_tb(error.__traceback__)
    place = f" in {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place
