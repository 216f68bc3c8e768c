"""Which of the two languages a caller reads."""

from functools import lru_cache


@lru_cache(maxsize=256)
def language(accept_language: str | None) -> str:
    """Return ``zh`` or ``en``, whichever the caller likes better."""
    best, best_quality = "en", 0.0
    for part in (accept_language or "").split(","):
        tag, _, parameters = part.strip().partition(";")
        quality_text = parameters.strip().removeprefix("q=") or "1"
        try:
            quality = float(quality_text)
        except ValueError:
            continue
        lang = tag.strip().lower().partition("-")[0]
        if lang in {"en", "zh"} and quality > best_quality:
            best, best_quality = lang, quality
    return best
