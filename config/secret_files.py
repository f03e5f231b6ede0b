"""Read secret settings from variables or files, as Docker and Kubernetes mount them."""

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

from environs import Env, EnvError
from marshmallow import ValidationError

log = logging.getLogger(__name__)

PREFIX = "KLARITY_"
SUFFIX = "_FILE"
LARGEST = 64 * 1024
"""A larger file is no secret: somebody named another file by mistake."""
EVERYBODY = 0o004

Check = Callable[[str], object]


def read_secret(env: Env, name: str, default: str = "", *, validate: Check) -> str:
    """Return the setting, or the content of the file that ``<name>_FILE`` names.

    ``validate`` raises ValidationError with a message that does not quote the value.
    """
    parser = f"content_of_{name.lower()}"
    env.add_parser(parser, lambda path: _content(name, path, validate) if path else "")
    in_file = cast("str | None", getattr(env, parser)(f"{name}{SUFFIX}", ""))
    # A faulty file is None until all faults are told.
    return in_file or env.str(name, default, validate=validate)


def warn_of_readable_files(names: Iterable[str]) -> None:
    """Log the settings whose files every user of this machine can read.

    It is not an error: in a container, Kubernetes mounts secrets so, and nobody else is there.
    """
    for name in names:
        path = os.environ.get(f"{PREFIX}{name}{SUFFIX}")
        if path and Path(path).stat().st_mode & EVERYBODY:
            log.warning("every user of this machine can read the file of %s%s", PREFIX, name)


def _content(name: str, path: str, validate: Check) -> str:
    if os.environ.get(PREFIX + name):
        raise EnvError(f"Give either {PREFIX}{name} or {PREFIX}{name}{SUFFIX}, not both.")
    content = _read(Path(path))
    if not content:
        raise EnvError(f"{path} is empty.")
    try:
        validate(content)
    except ValidationError as error:
        raise EnvError(f"In {path}: {' '.join(map(str, error.messages))}") from error
    return content


def _read(path: Path) -> str:
    """Return the text of a file without white space around it."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise EnvError(f"{path} is larger than {LARGEST} bytes.")
        return content.decode().strip()
    except OSError as error:
        raise EnvError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        # The error holds the content.
        raise EnvError(f"{path} is not a text in UTF-8.") from None
