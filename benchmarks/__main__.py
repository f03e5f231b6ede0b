"""Every benchmark, one after the other: ``python -m benchmarks``."""

from importlib import import_module
from pkgutil import iter_modules

import benchmarks


def main() -> None:
    for module in iter_modules(benchmarks.__path__, "benchmarks."):
        if module.name == "benchmarks.__main__":
            continue
        if run := getattr(import_module(module.name), "main", None):
            run()


if __name__ == "__main__":
    main()
