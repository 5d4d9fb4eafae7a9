"""Where a request comes from, as far as anybody can know."""

from ipaddress import IPv6Address, ip_address


def client_address(peer: str, forwarded: str, hops: int) -> str:
    """Where a request came from: the peer, or what the outermost of `hops` proxies of ours saw, out of `X-Forwarded-For`.

    Each proxy adds the address it saw at the end; what stands further in front was written by whoever wanted to.
    """
    if not hops:
        return peer
    seen = [part.strip() for part in forwarded.split(",") if part.strip()]
    if len(seen) < hops:
        return peer  # Somebody came past the proxies.
    try:
        return str(ip_address(_without_port(seen[-hops])))
    except ValueError:
        return peer


def _without_port(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def network(address: str) -> str:
    """What counts as one place: an IPv4 address, or the 64 bits of an IPv6 address that one household is given."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or int(found) >> 64)
    return str(found)
