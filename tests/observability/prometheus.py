"""A Prometheus server that reads one target."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.observability.conftest import PATIENCE, RULES
from tests.servers import free_port, listens, wait_until

CONFIGURATION = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: klarity
    static_configs: [{{targets: ["{target}"]}}]
"""


class Prometheus:
    """Stores in a folder what it reads every second."""

    def __init__(self, folder: Path, target: str) -> None:
        self._folder = folder
        self._port = free_port()
        self._configuration = CONFIGURATION.format(rules=RULES.absolute(), target=target)
        self.url = f"http://127.0.0.1:{self._port}"

    @contextmanager
    def running(self) -> Iterator["Prometheus"]:
        if not shutil.which("prometheus"):
            pytest.fail("it is missing: scripts/install-debian prometheus", pytrace=False)
        (self._folder / "prometheus.yml").write_text(self._configuration)
        with (self._folder / "log").open("w") as log:
            process = subprocess.Popen(
                [
                    "prometheus",
                    "--config.file=prometheus.yml",
                    "--storage.tsdb.path=data",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                ],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"]},
            )
        try:
            assert wait_until(lambda: listens(self._port), PATIENCE)
            ready = f"{self.url}/-/ready"
            assert wait_until(lambda: requests.get(ready, timeout=60).ok, PATIENCE)
            yield self
        finally:
            process.terminate()
            process.wait(PATIENCE)

    def ask(self, expression: str) -> list[Any]:
        """What the expression yields now. Prometheus has to understand it."""
        reply = requests.get(
            f"{self.url}/api/v1/query", params={"query": expression}, timeout=60
        ).json()
        assert reply["status"] == "success", reply
        found: list[Any] = reply["data"]["result"]
        return found
