"""One name stands for one thing."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("domain", "application", "adapters", "entrypoints", "config")

# kombu's transports name their classes so.
OF_KOMBU = {"Channel", "Transport"}


def source_files() -> Iterator[Path]:
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            if "node_modules" not in file.parts:
                yield file


def class_names() -> Iterator[str]:
    for file in source_files():
        tree = ast.parse(file.read_text())
        yield from (node.name for node in tree.body if isinstance(node, ast.ClassDef))


def test_no_two_classes_have_the_same_name() -> None:
    twice = {name for name, number in Counter(class_names()).items() if number > 1}
    assert twice == OF_KOMBU


EXPLAINED = re.compile(
    r"(?:^|[.:]\s+)``([a-z_]+)`` (?:is|says|means|has|are|counts|names|holds|returns|tells)\b"
)


def dataclasses_of(file: Path) -> Iterator[ast.ClassDef]:
    """Yield those without a base class, which could have further fields."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ClassDef) and not node.bases and is_dataclass(node):
            yield node


def is_dataclass(kind: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(one) for one in kind.decorator_list)


def members_of(kind: ast.ClassDef) -> Iterator[str]:
    for node in kind.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.FunctionDef):
            yield node.name


def test_dataclasses_explain_only_what_they_have() -> None:
    unknown = {
        f"{kind.name}: {name}"
        for file in source_files()
        for kind in dataclasses_of(file)
        for name in EXPLAINED.findall(ast.get_docstring(kind) or "")
        if name not in members_of(kind)
    }
    assert unknown == set()
