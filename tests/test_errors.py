import re

import pytest

from service import errors
from service.errors import AttuneError


def kinds() -> list[type[AttuneError]]:
    return [AttuneError, *AttuneError.__subclasses__()]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """What the head of the module says of statuses and exit codes is what the classes do."""
    told = {
        name: (int(status or 500), int(exit_code))
        for name, status, exit_code in re.findall(r"[├└]── (\w+)\s+.*?(?:\s(\d{3}))?\s+exit (\d)", errors.__doc__ or "")
    }
    assert told == {kind.__name__: (kind.status, kind.exit_code) for kind in AttuneError.__subclasses__()}


@pytest.mark.parametrize("kind", kinds())
def test_every_error_carries_its_words_and_a_code_for_programs(kind: type[AttuneError]) -> None:
    """An error knows its sentence, its code, and the parameter it is about; a code given by hand is this error's alone."""
    error = kind("The sentence.", code="special", param="limit")
    assert (str(error), error.message, error.code, error.param) == ("The sentence.", "The sentence.", "special", "limit")
    assert kind("Another.").code == kind.code != "special"


def test_codes_tell_errors_apart() -> None:
    """No two kinds of error share a code."""
    assert len({kind.code for kind in kinds()}) == len(kinds())
