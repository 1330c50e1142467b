"""Certificate authorities that this machine trusts, as PEM text: a probe trusts what an ordinary client here would.

Rule: what OpenSSL is told to read (`SSL_CERT_FILE`, `SSL_CERT_DIR`, else its built-in places) is read, and nothing is
guessed. Weak spot: a browser's own list is another one.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from lab.engine.errors import MachineError


def system() -> str:
    """What this machine trusts; empty where it has no list."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return Path(paths.cafile).read_text("utf-8", "replace")
    folder = Path(paths.capath) if paths.capath else None
    files = sorted(folder.glob("*.[0-9]")) if folder else []
    return "\n".join(file.read_text("utf-8", "replace") for file in files)


def file(path: Path, what: str) -> str:
    """A PEM file that was named on the command line. Raises MachineError."""
    try:
        text = path.read_text("ascii")
    except UnicodeDecodeError:
        text = ""
    except OSError as error:
        raise MachineError(f"{what} {path} cannot be read: {error.strerror}", "give a file in PEM form") from error
    if "-----BEGIN " not in text:
        raise MachineError(f"{what} {path} is no PEM file", "`openssl x509 -in FILE -inform der` makes one of DER")
    return text
