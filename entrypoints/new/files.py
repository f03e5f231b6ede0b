"""Write files from templates into a checkout of Klarity, and insert lines into others."""

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TEMPLATES = Environment(
    loader=PackageLoader("entrypoints.new"),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - the templates are Python files, not pages
)

Contents = dict[Path, str]
"""What files will hold, by their paths below the checkout."""


class CannotWrite(Exception):
    """The files cannot be written. The message says why, and nothing was written."""


@dataclass(frozen=True, slots=True)
class Insertion:
    """A text to insert before ``before``, which the file holds once. Both are format strings."""

    path: str
    before: str
    text: str


def rendered(root: Path, files: Mapping[str, str], values: Mapping[str, Any]) -> Contents:
    """Return what new files will hold. ``files`` names the templates by path, a format string.

    Raises CannotWrite if a file exists.
    """
    contents = {
        Path(path.format(**values)): _TEMPLATES.get_template(template).render(values)
        for path, template in files.items()
    }
    for path in contents:
        if (root / path).exists():
            raise CannotWrite(f"{path} exists already.")
    return contents


def inserted(root: Path, insertions: Sequence[Insertion], values: Mapping[str, Any]) -> Contents:
    """Return what files will hold after the insertions. Raises CannotWrite if one has no place."""
    contents: Contents = {}
    for each in insertions:
        path, before = Path(each.path), each.before.format(**values)
        text = contents.get(path) or (root / path).read_text()
        if text.count(before) != 1:
            raise CannotWrite(f"{path} does not have one place before {before.strip()!r}.")
        contents[path] = text.replace(before, each.text.format(**values) + before)
    return contents


def write(root: Path, contents: Contents) -> list[Path]:
    """Write the files, format those in Python, and return their paths."""
    for path, text in contents.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text)
    _format([str(root / path) for path in contents if path.suffix == ".py"])
    return list(contents)


def _format(files: Sequence[str]) -> None:
    """Break lines and sort imports by the names in them, if ruff is installed."""
    if find_spec("ruff"):
        for tool in (("check", "--select", "I", "--fix"), ("format",)):
            command = [sys.executable, "-m", "ruff", *tool, "--quiet", *files]
            subprocess.run(command, check=True)  # noqa: S603 - the names of files are ours


def must_be_a_checkout(root: Path) -> None:
    """Raise CannotWrite unless the folder is one."""
    settings = root / "setup.cfg"
    if not settings.is_file() or "name = klarity" not in settings.read_text():
        raise CannotWrite(f"{root} is no checkout of Klarity: go to the folder with its setup.cfg.")


def must_be_free(root: Path, name: str) -> None:
    """Raise CannotWrite if a class has this name: no two of them may."""
    defined = re.compile(rf"^class {name}\b", re.MULTILINE)
    for package in ("domain", "application", "adapters", "entrypoints", "config"):
        for file in (root / package).rglob("*.py"):
            if "node_modules" not in file.parts and defined.search(file.read_text()):
                raise CannotWrite(f"{file.relative_to(root)} has a class {name} already.")


def class_of(name: str) -> str:
    """Return the name of the class: of bus-stops, BusStops. Raises CannotWrite."""
    if not _NAME.fullmatch(name):
        raise CannotWrite(f"{name!r} must be small letters and digits, with hyphens: like-this.")
    return "".join(word.capitalize() for word in name.split("-"))


def snake_of(name: str) -> str:
    """Return the name of a class as that of a function: of BusStops, bus_stops."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
