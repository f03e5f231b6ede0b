"""Write what depends on the services into the files of ``deploy/``.

``python -m config.manifests deploy`` writes them; a test fails if they are not up to date.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from application.system import MONITOR, SITE, Service, services
from entrypoints.nginx import nginx_configuration, nginx_main

BEGIN, END = "  # BEGIN services\n", "  # END services\n"
DOCKERS_NAME_SERVER = "127.0.0.11"
TRUSTED = "    include trusted-proxies.conf;\n"
"""The file is beside the configuration. The operator writes it."""
OUTER, INNER = "0.0.0.0:8000", "0.0.0.0:8001"
ANCHORS = {
    "command:evidence": "sandbox",
    "command:webhooks": "courier",
    "command:operations": "courier",
    SITE: "site",
    MONITOR: "monitor",
}
"""The services that need more than others, and the part of deploy/compose.yaml that says what."""


def manifests(folder: Path) -> dict[Path, str]:
    """Return the text of each file."""
    compose = folder / "compose.yaml"
    per_service = folder / "kubernetes" / "services"
    return {
        compose: _between_marks(compose.read_text(), map(_compose_service, services())),
        folder / "nginx.compose.conf": _nginx(DOCKERS_NAME_SERVER),
        per_service / "services.yaml": "---\n".join(map(_kubernetes_service, services())),
        per_service / "nginx.conf": _nginx(),
    }


def host_of(service: Service) -> str:
    """Return the name of the host of a service, which is alone in its process."""
    return service.id.replace(":", "-")


def _nginx(resolver: str = "") -> str:
    addresses = {service.id: f"{host_of(service)}:8000" for service in services()}
    configuration = nginx_configuration(
        addresses, outer=OUTER, inner=INNER, resolver=resolver, trusted=TRUSTED
    )
    return nginx_main(Path("/tmp"), configuration)  # noqa: S108 -- a folder of the container


def _between_marks(text: str, parts: Iterable[str]) -> str:
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "".join([before, BEGIN, *parts, END, after])


def _compose_service(service: Service) -> str:
    return _COMPOSE.format(
        host=host_of(service),
        id=service.id,
        anchor=ANCHORS.get(service.id, "klarity"),
        environment="monitor-environment" if service.kind == MONITOR else "environment",
    )


def _kubernetes_service(service: Service) -> str:
    needs = ANCHORS.get(service.id, "none")
    return _KUBERNETES.format(host=host_of(service), id=service.id, kind=service.kind, needs=needs)


_COMPOSE = """\
  {host}:
    <<: *{anchor}
    environment: {{<<: *{environment}, KLARITY_SERVICES: "{id}"}}
"""
_KUBERNETES = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {host}
  labels: {{app.kubernetes.io/component: {kind}, klarity.org/needs: {needs}}}
spec:
  selector:
    matchLabels: {{klarity.org/service: {host}}}
  template:
    metadata:
      labels: {{app.kubernetes.io/component: {kind}, klarity.org/service: {host}}}
    spec:
      containers:
        - name: klarity
          env:
            - {{name: KLARITY_SERVICES, value: "{id}"}}
            - {{name: KLARITY_API_URL, value: "http://nginx:8001"}}
---
apiVersion: v1
kind: Service
metadata:
  name: {host}
spec:
  selector: {{klarity.org/service: {host}}}
  ports: [{{name: http, port: 8000, targetPort: http}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {host}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{klarity.org/service: {host}}}
"""


def main() -> None:
    """Write the files into the folder that is the argument."""
    for path, text in manifests(Path(sys.argv[1])).items():
        path.write_text(text)


if __name__ == "__main__":
    main()
