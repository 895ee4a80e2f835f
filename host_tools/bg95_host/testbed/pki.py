"""Certificates made on the spot: a CA, those it vouches for, and the bad ones that must be refused.

The module compares the subject CN with the host name (SSL note 2.3.1, at-commands.md 1.5), other
peers look at the subject alternative name, so a server certificate carries its name in both places.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal

import trustme

KeyKind = Literal["ecdsa", "rsa"]

# Half of the suites of at-commands.md 1.2 need an RSA key; an ECDSA key is made in no time.
_KEY_TYPES = {"ecdsa": trustme.KeyType.ECDSA, "rsa": trustme.KeyType.RSA}


@dataclass(frozen=True)
class Credential:
    """A certificate with its chain (leaf first, no root) and its private key, as PEM bytes."""

    name: str
    cert_pem: bytes
    key_pem: bytes

    def write(self, directory: Path, stem: str) -> tuple[Path, Path]:
        """Write `<stem>.pem` and `<stem>.key` (for its owner's eyes only) into `directory`."""
        cert_path, key_path = directory / f"{stem}.pem", directory / f"{stem}.key"
        cert_path.write_bytes(self.cert_pem)
        key_path.touch(mode=0o600)
        key_path.write_bytes(self.key_pem)
        return cert_path, key_path


class Authority:
    """A certificate authority for one run. A second one is the unknown CA of the first one's."""

    def __init__(self, key_kind: KeyKind = "ecdsa", *, _ca: trustme.CA | None = None):
        self.key_kind: KeyKind = key_kind
        self._ca = _ca or trustme.CA(
            organization_name="bg95 testbed", key_type=_KEY_TYPES[key_kind]
        )

    @property
    def cert_pem(self) -> bytes:
        """The certificate that a client has to trust."""
        return self._ca.cert_pem.bytes()

    def write(self, directory: Path, name: str = "cacert.pem") -> Path:
        """Write the CA certificate to `directory/name` and return the path."""
        path = directory / name
        path.write_bytes(self.cert_pem)
        return path

    def intermediate(self) -> "Authority":
        """An authority below this one: its certificates chain through it to this one."""
        child = self._ca.create_child_ca(key_type=_KEY_TYPES[self.key_kind])
        return Authority(self.key_kind, _ca=child)

    def server(
        self,
        name: str,
        *,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
    ) -> Credential:
        """A server credential for the DNS name or IP address `name`, in CN and SAN.

        Valid from 2000 to 3000 unless told otherwise, so that any sane module clock accepts it. For
        a wrong name, ask for another name than the one the client connects to.
        """
        leaf = self._ca.issue_cert(
            name,
            common_name=name,
            not_before=not_before,
            not_after=not_after,
            key_type=_KEY_TYPES[self.key_kind],
        )
        return _credential(name, leaf)

    def expired_server(
        self, name: str, ago: timedelta = timedelta(days=1), now: datetime | None = None
    ) -> Credential:
        """As `server`, but the validity ended `ago` before `now`: what the client's clock says, or the PC's time."""
        end = (now or datetime.now(timezone.utc)) - ago
        return self.server(name, not_before=end - timedelta(days=365), not_after=end)

    def future_server(
        self, name: str, ahead: timedelta = timedelta(days=1), now: datetime | None = None
    ) -> Credential:
        """As `server`, but the validity begins `ahead` of `now`, as in `expired_server`."""
        start = (now or datetime.now(timezone.utc)) + ahead
        return self.server(name, not_before=start, not_after=start + timedelta(days=365))

    def client(self, name: str = "device-1") -> Credential:
        """A client credential with the common name `name`."""
        leaf = self._ca.issue_cert(name, common_name=name, key_type=_KEY_TYPES[self.key_kind])
        return _credential(name, leaf)


def _credential(name: str, leaf: trustme.LeafCert) -> Credential:
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    return Credential(name, chain, leaf.private_key_pem.bytes())
