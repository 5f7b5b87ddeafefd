"""Which addresses may be asked: only http(s), and private, loopback or link-local ones only where allowed."""

import ipaddress
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

Address = tuple[Any, ...]  # one row of socket.getaddrinfo
PORTS = {"http": 80, "https": 443}
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressError(Exception):
    """An address that must not be asked; the message is one sentence."""


def host_port(url: str) -> tuple[str, int]:
    """Host (lower case) and port of a URL.

    Raises:
        AddressError: not http(s), or no host.
    """
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        raise AddressError("the address is not a valid URL") from None
    if scheme not in PORTS:
        raise AddressError(f"only http and https are fetched, and this address begins with {scheme[:20]!r}")
    if not host:
        raise AddressError("the address names no host")
    return host.rstrip("."), port or PORTS[scheme]


def is_public(text: str) -> bool:
    """Whether an IP address is one of the public internet, looking through the IPv6 forms that hold an IPv4 one."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast and not address.is_reserved


class Addresses:
    """Decides per request, after the name is resolved, so that a name cannot point inside.

    Args:
        allow_private: the list's own hosts may be private.
        listed: URLs of the list.
        extra: further `host:port`.
    """

    def __init__(self, allow_private: bool, listed: Iterable[str] = (), extra: Iterable[str] = ()) -> None:
        self.allowed: set[tuple[str, int]] = set()
        if not allow_private:
            return
        for item in extra:
            host, _, port = item.rpartition(":")
            self.allowed.add((host.lower(), int(port)))
        for url in listed:
            try:
                self.allowed.add(host_port(url))
            except AddressError:
                continue

    def check(self, url: str) -> tuple[str, int]:
        """Refuse what can be refused without asking a name server; returns host and port."""
        host, port = host_port(url)
        if (host, port) not in self.allowed and _is_literal(host) and not is_public(_literal(host)):
            raise AddressError(_sentence(host))
        return host, port

    def resolve(self, host: str, port: int) -> list[Address]:
        """Socket addresses of a host that may be connected to, exactly as checked.

        Raises:
            AddressError: all of them are private.
            OSError: the name does not resolve.
        """
        found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
        if (host.lower().rstrip("."), port) in self.allowed:
            return found
        public = [address for address in found if is_public(str(address[4][0]))]
        if not public:
            raise AddressError(_sentence(host))
        return public


def _is_literal(host: str) -> bool:
    return _literal(host) != ""


def _literal(host: str) -> str:
    """The IP address that a host is written as, also in the short and octal forms that the system accepts, or ''."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host)) if host[:1].isdigit() else ""
    except (OSError, UnicodeError):
        return ""


def _sentence(host: str) -> str:
    return f"the address leads to the private or local host {host[:80]!r}: --allow-private allows the hosts of the list"
