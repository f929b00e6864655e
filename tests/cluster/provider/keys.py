"""Keys and certificates of a test cluster. They protect nothing but a cluster on this machine."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFE = timedelta(days=3650)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path, name: str) -> None:
        """Write `name`.crt and `name`.key, for this user alone."""
        write_secret(folder / f"{name}.crt", self.certificate)
        write_secret(folder / f"{name}.key", self.key)


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only this user can read, from its first byte on."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(content)


def signing_pair() -> Pair:
    """What signs service accounts' tokens: a private key, and in place of a certificate its public key."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Pair(public, _pem(key))


class Authority:
    """A certificate authority."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self._certificate = x509.load_pem_x509_certificate(pair.certificate)
        key = serialization.load_pem_private_key(pair.key, password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key

    @classmethod
    def new(cls) -> "Authority":
        """An authority that nobody has known before."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("test cluster")
        certificate = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(Pair(certificate.public_bytes(serialization.Encoding.PEM), _pem(key)))

    @classmethod
    def read(cls, folder: Path) -> "Authority":
        """The authority that `pair.write(folder, "ca")` wrote."""
        return cls(Pair((folder / "ca.crt").read_bytes(), (folder / "ca.key").read_bytes()))

    def server(self, name: str, *others: str) -> Pair:
        """A pair for a server that goes by these DNS names and addresses."""
        alternatives = x509.SubjectAlternativeName([_general_name(known) for known in (name, *others)])
        return self._issue(_name(name), alternatives, ExtendedKeyUsageOID.SERVER_AUTH)

    def client(self, user: str, group: str) -> Pair:
        """A pair by which a client is this user in this group."""
        return self._issue(_name(user, group), None, ExtendedKeyUsageOID.CLIENT_AUTH)

    def _issue(
        self, name: x509.Name, alternatives: x509.SubjectAlternativeName | None, usage: x509.ObjectIdentifier
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, self._certificate.subject, key.public_key()).add_extension(
            x509.ExtendedKeyUsage([usage]), critical=False
        )
        if alternatives is not None:
            builder = builder.add_extension(alternatives, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Pair(certificate.public_bytes(serialization.Encoding.PEM), _pem(key))


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # a clock that is set back is no reason to fail
        .not_valid_after(now + _LIFE)
    )


def _name(common: str, organization: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _general_name(known: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(known))
    except ValueError:
        return x509.DNSName(known)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
