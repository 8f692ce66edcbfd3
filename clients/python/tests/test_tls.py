"""TLS with certificates on both sides."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import MemoryService

from pangea_client import Invalid, PangeaError, TimedOut, Tls, Unreachable

openssl = shutil.which("openssl")
pytestmark = pytest.mark.skipif(openssl is None, reason="no openssl command to make certificates with")


def certificate(directory: Path, name: str, authority: str | None = None) -> None:
    assert openssl is not None
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
    command = [openssl, "req", "-x509", "-days", "2", "-subj", f"/CN={name}", *key]
    if authority is None:
        # Python 3.13 and later insist on it.
        command += ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    else:
        command += ["-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-addext", "subjectAltName=IP:127.0.0.1"]
        command += ["-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(command, cwd=directory, check=True, capture_output=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tls")
    try:
        for name, authority in (
            ("authority", None),
            ("other", None),
            ("node", "authority"),
            ("program", "authority"),
            ("stranger", "other"),
        ):
            certificate(directory, name, authority)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this openssl makes no such certificates: {error.stderr.decode().splitlines()[-1]}")
    return directory


@pytest.fixture(scope="module")
def secure(files: Path) -> Iterator[MemoryService]:
    service = MemoryService(files / "node.pem", files / "node.key", files / "authority.pem")
    yield service
    service.end()


def test_both_sides_show_certificates(secure: MemoryService, files: Path, unique: str) -> None:
    content = bytes(range(256)) * 20_000
    tls = Tls(ca=files / "authority.pem", certificate=files / "program.pem", key=files / "program.key")
    with secure.connect(tls=tls) as client:
        assert client.get(client.put(content, unique).link) == content
    with secure.connect(tls=tls.context()) as client:
        assert client.status().version


def test_the_wrong_authority_or_no_certificate_is_refused(secure: MemoryService, files: Path) -> None:
    with pytest.raises(Unreachable, match="is the authority right"):
        secure.connect(tls=files / "other.pem")
    for tls in (files / "authority.pem", Tls(files / "authority.pem", files / "stranger.pem", files / "stranger.key")):
        with pytest.raises(PangeaError) as caught:
            secure.connect(tls=tls, timeout=5)
        assert caught.value.code in ("PEER_UNREACHABLE", "TIMEOUT")
    with pytest.raises(Invalid, match="TLS files"):
        secure.connect(tls=Tls(ca=files / "program.key"))


def test_without_tls_it_says_what_may_be_wrong(secure: MemoryService) -> None:
    with pytest.raises((Unreachable, TimedOut)):
        secure.connect(timeout=1)


def test_tls_is_1_3(files: Path) -> None:
    assert Tls(ca=files / "authority.pem").context().minimum_version == ssl.TLSVersion.TLSv1_3
