"""What vendors ask for training, as far as they told it in public."""

import re

_DOLLARS_PER_MILLION = {"gpt-4.1": 25.0, "gpt-4.1-mini": 5.0, "gpt-4.1-nano": 1.5, "gpt-4o": 25.0, "gpt-4o-mini": 3.0}
"""For a million training tokens: OpenAI's pricing page as mirrored on 2026-11-20. Billed are the tokens of the file times the epochs."""

_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def training_price(base: str) -> float | None:
    """Dollars for a million training tokens of a base at OpenAI, by its family; None for one whose price is not known here.

    `base` may be dated (`gpt-4.1-mini-2025-04-14`), or a model that was trained from one (`ft:gpt-4.1-mini-2025-04-14:...`).
    """
    name = base.removeprefix("ft:").partition(":")[0]
    return _DOLLARS_PER_MILLION.get(_DATED.sub("", name))
