import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from service.db.ids import new_id


def test_sorting_by_id_is_sorting_by_age() -> None:
    """Each id is greater than the one before it, also within one millisecond: the last of two ratings is the one that counts."""
    made = [new_id() for _ in range(20_000)]
    assert made == sorted(set(made))


def test_ids_are_unique_among_threads() -> None:
    """Threads never make the same id, and each sees its own in order."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: [new_id() for _ in range(2_000)], range(8)))
    assert len({each for few in made for each in few}) == 16_000
    assert all(few == sorted(few) for few in made)


def test_an_id_is_32_hexadecimal_characters_that_begin_with_the_time() -> None:
    """An id holds the millisecond it was made in, and can be told from nothing else."""
    before = time.time_ns() // 1_000_000
    made = new_id()
    assert len(made) == 32 and set(made) <= set("0123456789abcdef")
    assert before <= int(made[:12], 16) <= time.time_ns() // 1_000_000 + 1


def test_ids_cannot_be_guessed_from_each_other() -> None:
    """Between two ids of one millisecond lie far more numbers than anybody can try."""
    made = [int(new_id(), 16) for _ in range(1_000)]
    steps = [later - earlier for earlier, later in pairwise(made)]
    assert sorted(steps)[len(steps) // 2] > 2**56
