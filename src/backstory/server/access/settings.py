"""What is asked of callers, as it was told on the command line."""

from __future__ import annotations

import ssl
from ipaddress import ip_address
from pathlib import Path

import msgspec

from backstory.core.clock import Clock, system_clock
from backstory.core.errors import InvalidSetting
from backstory.server.access.admission import Admission
from backstory.server.access.certificates import (
    Certificate,
    development_certificate,
    tls_context,
)
from backstory.server.access.users import Users, read_users
from backstory.server.serving import Guard, guard_nothing
from backstory.server.transport.grpc import Admit, admit_all


class Gate(msgspec.Struct, frozen=True):
    """What stands before a server: TLS (None: none), and who is let in."""

    tls: ssl.SSLContext | None
    admit: Admit
    guard: Guard
    authority: Path | None = None


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Who may connect, and how: a certificate, or one of our own making, and a file of users."""

    certificate: Path | None = None
    key: Path | None = None
    dev: Path | None = None
    """The folder in which a certificate to develop with is kept."""
    users: Path | None = None

    def gate(self, host: str, *, clock: Clock = system_clock) -> Gate:
        """Return what stands before a server that listens on *host*.

        Raises `InvalidSetting` when settings contradict each other, and when *host* is more than
        this machine and TLS or users are missing.
        """
        if (self.certificate is None) != (self.key is None):
            message = "--tls-cert and --tls-key belong together; give both"
            raise InvalidSetting(message)
        if self.certificate is not None and self.dev is not None:
            message = "--dev makes a certificate of its own; leave --tls-cert and --tls-key out"
            raise InvalidSetting(message)
        if not _is_this_machine(host):
            self._check_closed(host)
        files = self._files(host, clock)
        tls = None if files is None else tls_context(files)
        authority = None if files is None else files.authority
        if self.users is None:
            return Gate(tls, admit_all, guard_nothing, authority)
        stored = read_users(self.users)
        if not stored:
            message = f"{self.users} names nobody; add one: backstory users add NAME --file …"
            raise InvalidSetting(message)
        admission = Admission(Users(stored))
        return Gate(tls, admission.admit, admission.guard, authority)

    def _check_closed(self, host: str) -> None:
        missing = []
        if self.certificate is None and self.dev is None:
            missing.append("TLS (--tls-cert and --tls-key, or --dev)")
        if self.users is None:
            missing.append("users (--users, a file that `backstory users add` makes)")
        if missing:
            message = (
                f"{host} is reached from other machines, so the server needs "
                f"{' and '.join(missing)}; or listen on 127.0.0.1"
            )
            raise InvalidSetting(message)

    def _files(self, host: str, clock: Clock) -> Certificate | None:
        if self.certificate is not None and self.key is not None:
            return Certificate(self.certificate, self.key)
        return None if self.dev is None else development_certificate(self.dev, host, clock)


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
