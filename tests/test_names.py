"""One name stands for one thing."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("domain", "application", "adapters", "entrypoints", "config")

# kombu's transports name their classes so.
OF_KOMBU = {"Channel", "Transport"}


def class_names() -> Iterator[str]:
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            if "node_modules" in file.parts:
                continue
            tree = ast.parse(file.read_text())
            yield from (node.name for node in tree.body if isinstance(node, ast.ClassDef))


def test_no_two_classes_have_the_same_name() -> None:
    twice = {name for name, number in Counter(class_names()).items() if number > 1}
    assert twice == OF_KOMBU
