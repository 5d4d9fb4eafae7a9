"""Addresses on the network: IPv4, IPv6, MAC."""

import ipaddress
import re
from collections.abc import Iterator

from service.curation.redaction.kinds import Span
from service.curation.redaction.reading import LETTER, Reading

_IPV4 = re.compile(rf"(?<![{LETTER}_.\-])(?:[0-9]{{1,3}}\.){{3}}[0-9]{{1,3}}(?![{LETTER}_\-]|\.[0-9])")
_VERSION = re.compile(r"(?:\bv|version|release|build|section|chapter|§|firmware|kernel|driver|update|java|chrome|edge|firefox)[ :]{0,2}$")
_IPV6 = re.compile(r"(?<![\w:.])[0-9a-f:]{2,39}(?:(?<=:)(?:[0-9]{1,3}\.){3}[0-9]{1,3})?(?:%[a-z0-9]{1,15})?(?![\w:])")
_MAC = re.compile(
    r"(?<![\w:\-])(?:[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})(?![\w:\-])"
)
_FEWEST_COLONS = 2
_FEWEST_DOTS = 3
_MAC_SIGNS = 5


def find_network_addresses(reading: Reading) -> Iterator[Span]:
    """Addresses of machines. Those that name nobody's stay: loopback, unspecified, netmasks; so do version numbers that are named so."""
    lower = reading.lower
    if reading.digits and lower.count(".") >= _FEWEST_DOTS:
        for found in _IPV4.finditer(lower):
            if _is_somebodys(found[0]) and not _VERSION.search(reading.before(found.start(), 12)):
                yield Span(*found.span(), "network")
    if lower.count(":") >= _FEWEST_COLONS:
        for found in _IPV6.finditer(lower):
            address = found[0]
            if address.count(":") >= _FEWEST_COLONS and any(sign.isdigit() for sign in address) and _is_somebodys(address):
                yield Span(*found.span(), "network")
    if lower.count(":") >= _MAC_SIGNS or lower.count("-") >= _MAC_SIGNS or (reading.digits and lower.count(".") >= _FEWEST_COLONS):
        for found in _MAC.finditer(lower):
            if not found[0].isdigit():
                yield Span(*found.span(), "network")


def _is_somebodys(written: str) -> bool:
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or written.startswith("255."))
