"""Certificates for the TLS tests, made by the openssl command."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import unittest


def run(*args: str):
    if not shutil.which("openssl"):
        raise unittest.SkipTest("the openssl command is not installed")
    subprocess.run(["openssl", *args], check=True, capture_output=True)


class Authority:
    """A certificate authority in a folder: `.ca` is its certificate."""

    def __init__(self, folder: pathlib.Path, name: str):
        self.folder, self.name = folder, name
        self.ca, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
            f"/CN={name}", "-keyout", str(self.key), "-out", str(self.ca))

    def issue(self, name: str, names: str, expired: bool = False) -> tuple[str, str]:
        """(certificate, key) for names such as "DNS:localhost,IP:127.0.0.1"."""
        key, request, certificate = (self.folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-keyout", str(key), "-out", str(request))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\n")
        # A negative number of days makes a certificate that ended yesterday.
        run("x509", "-req", "-in", str(request), "-CA", str(self.ca), "-CAkey", str(self.key), "-CAcreateserial",
            "-days", "-1" if expired else "2", "-extfile", str(extensions), "-out", str(certificate))
        return str(certificate), str(key)
