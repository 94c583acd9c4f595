"""Certificates: those that are given, and one of our own making to develop with."""

from __future__ import annotations

import os
import ssl
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from backstory.core.clock import Clock
from backstory.core.errors import InvalidSetting

_DAYS: Final = 365
_AT_LEAST_LEFT: Final = timedelta(days=7)
_ADDRESSES: Final = ("127.0.0.1", "::1")


class Certificate(msgspec.Struct, frozen=True):
    """Where a certificate and its key are; `authority` is what clients are told to trust."""

    certificate: Path
    key: Path
    authority: Path | None = None


def tls_context(files: Certificate) -> ssl.SSLContext:
    """Return what a server needs for TLS 1.2 and later, both protocols offered.

    Raises `InvalidSetting` when the files cannot be read or do not belong together.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(files.certificate, files.key)
    except (OSError, ssl.SSLError) as error:
        message = (
            f"{files.certificate} and {files.key} are no certificate with its key: {error}; "
            "both are PEM files, the key without a passphrase"
        )
        raise InvalidSetting(message) from error
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def development_certificate(folder: Path, host: str, clock: Clock) -> Certificate:
    """Return a certificate for this machine, from *folder*, made there when there is none left.

    It is signed by an authority of its own, whose key is thrown away: nobody can sign another.
    Raises `InvalidSetting` when the folder cannot be written.
    """
    made = Certificate(folder / "server.pem", folder / "server.key", folder / "authority.pem")
    try:
        if _serves(made, host, clock() + _AT_LEAST_LEFT):
            return made
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make(made, host, clock())
    except OSError as error:
        message = f"no certificate can be written to {folder}: {error.strerror or error}"
        raise InvalidSetting(message) from error
    return made


def _serves(made: Certificate, host: str, until: datetime) -> bool:
    try:
        found = x509.load_pem_x509_certificate(made.certificate.read_bytes())
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        return False
    there = made.key.exists() and made.authority is not None and made.authority.exists()
    return there and found.not_valid_after_utc > until and _name(host) in list(names)


def _make(made: Certificate, host: str, now: datetime) -> None:
    authority_key, key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Backstory development")])
    authority = (
        _builder(authority_name, authority_name, authority_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    names = dict.fromkeys([x509.DNSName("localhost"), *map(_name, _ADDRESSES), _name(host)])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        _builder(subject, authority_name, key.public_key(), now)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(os.open(made.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secret)
    made.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    assert made.authority is not None  # noqa: S101 - the only caller names one
    made.authority.write_bytes(authority.public_bytes(Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_DAYS))
    )


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
