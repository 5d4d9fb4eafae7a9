"""Where a request comes from: never from where a client only says it does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.web.addresses import client_address, network

PEER = "192.0.2.1"


@pytest.mark.parametrize(
    ("forwarded", "hops", "found"),
    [
        ("198.51.100.7", 0, PEER),
        ("198.51.100.7", 1, "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7", 1, "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7", 2, "203.0.113.9"),
        (" 203.0.113.9 ,198.51.100.7 ,, ", 2, "203.0.113.9"),
        ("198.51.100.7", 2, PEER),
        ("", 1, PEER),
        ("unknown", 1, PEER),
        ("203.0.113.9, _hidden", 1, PEER),
        ("198.51.100.7:4711", 1, "198.51.100.7"),
        ("[2001:db8::1]:4711", 1, "2001:db8::1"),
        ("2001:DB8::1", 1, "2001:db8::1"),
        ("x" * 5000, 1, PEER),
    ],
)
def test_the_address_is_what_our_own_proxies_saw(forwarded: str, hops: int, found: str) -> None:
    """So many proxies of ours, so many entries from the end; what is no address, or came past the proxies, is the peer's."""
    assert client_address(PEER, forwarded, hops) == found


@given(made_up=st.text(alphabet="0123456789abcdef.:, []x", max_size=60), hops=st.integers(0, 3))
def test_whatever_a_client_makes_up_changes_nothing(made_up: str, hops: int) -> None:
    """In front of what our proxies wrote a client may write what it likes: the address found is the same."""
    seen = ["198.51.100.7", "10.0.0.1", "10.0.0.2"][:hops]
    alone = client_address(PEER, ",".join(seen), hops)
    assert client_address(PEER, ",".join([made_up, *seen]), hops) == alone


def test_one_place_counts_once() -> None:
    """An IPv6 household is one place, whatever address of its 64 bits it takes; an IPv4 address is itself, mapped or not."""
    assert network("2001:db8:1:2::1") == network("2001:db8:1:2:ffff::9") != network("2001:db8:1:3::1")
    assert network("::ffff:192.0.2.1") == network("192.0.2.1") != network("192.0.2.2")
    assert network("") == ""
    assert len(network("x" * 5000)) <= 100
