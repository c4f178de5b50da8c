"""Certificates for servers of the tests, made by openssl."""

import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec import Struct

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl, which makes certificates, is missing"
)


class Pair(Struct, frozen=True):
    """A certificate of 127.0.0.1 and `hook.internal` that vouches for itself, and its key."""

    certificate: Path
    key: Path


def make_pair(folder: Path, name: str) -> Pair:
    """Make `name.pem` and `name.key`."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    kind = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1")
    whom = ("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1,DNS:hook.internal")
    files = ("-out", str(pair.certificate), "-keyout", str(pair.key))
    subprocess.run(["openssl", "req", *kind, *whom, *files], check=True, capture_output=True)
    return pair
