"""The files of deploy/ are valid, and fit the services and settings that there are."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from application.system import services
from config import manifests
from config.main import INTERNAL_PORT
from config.manifests import host_of
from config.secret_files import PREFIX
from config.settings import Settings, read_settings
from entrypoints.monitor.access import is_loopback
from entrypoints.up.programs import program

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
CONTAINERS_FOLDER = "/tmp"  # noqa: S108 -- the only folder that nginx can write to there
OVERLAYS = ("single", "services")
NGINX_CONFIGURATIONS = ("nginx.compose.conf", "kubernetes/services/nginx.conf")
TRUST = "set_real_ip_from 10.0.0.0/8;\n"
OURS = {host_of(service) for service in services()}
SECRETS = {
    "secret": "a secret for tests that is long enough",
    "mongo_url": "mongodb://user:password@mongodb/?replicaSet=rs0",
    "bus_url": "amqps://user:password@rabbitmq//",
    "search_url": "rediss://user:password@redis/0",
}
CALLERS = {
    "application/use_cases/webhooks/courier.py": "command-webhooks",
    "application/use_cases/operations/send_alerts.py": "command-operations",
    "application/use_cases/webhooks/manage.py": "",
}
"""What calls other machines, and the service that runs it. The last one is for operators alone."""
Document = dict[str, Any]


def tool(name: str) -> str:
    """Return the path of a program that a Python package brought along."""
    return str(Path(sys.executable).with_name(name))


def said_by(*command: str, **variables: str) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("path", manifests.manifests(DEPLOY), ids=lambda path: path.name)
def test_the_files_are_up_to_date(path: Path) -> None:
    """Otherwise: make deploy."""
    assert path.read_text() == manifests.manifests(DEPLOY)[path]


def test_the_files_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    (tmp_path / "deploy" / "kubernetes" / "services" / "nginx.conf").unlink()
    monkeypatch.setattr(sys, "argv", ["manifests", str(tmp_path / "deploy")])
    manifests.main()
    written = manifests.manifests(tmp_path / "deploy")
    assert list(written.values()) == list(manifests.manifests(DEPLOY).values())
    assert all(path.read_text() == text for path, text in written.items())


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    assert said_by(tool("hadolint"), "Dockerfile") == ""


def test_the_image_contains_no_data_tests_or_secrets() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in lines
    assert allowed.isdisjoint({"data", "tests", "deploy", ".git", ".venv"})
    assert all((ROOT / name).exists() for name in allowed)


# compose


@pytest.fixture(scope="module")
def compose() -> Document:
    """The file as Docker Compose reads it, validated by the schema that it contains."""
    command = [tool("docker-compose"), "--file", "deploy/compose.yaml", "config"]
    found: Document = json.loads(said_by(*command, "--format", "json"))
    return found


def test_compose_runs_each_service(compose: Document) -> None:
    assert compose["services"].keys() >= OURS


@pytest.mark.parametrize("name", sorted(OURS))
def test_compose_gives_each_service_valid_settings(
    name: str, compose: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = compose["services"][name]
    mounted = [secret["target"] for secret in service["secrets"]]
    check_settings(service["environment"], mounted, name, tmp_path, monkeypatch)


def test_compose_lets_no_container_write_or_gain_rights(compose: Document) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not service.get("privileged"), name


def test_compose_publishes_nginx_and_the_monitor_alone(compose: Document) -> None:
    services = compose["services"].items()
    published = {name for name, service in services if service.get("ports")}
    assert published == {"nginx", "monitor"}
    assert compose["networks"]["inside"]["internal"]


def test_compose_publishes_the_monitor_to_its_machine_and_asks_for_a_sign_in(
    compose: Document,
) -> None:
    (port,) = compose["services"]["monitor"]["ports"]
    listens = {
        name: compose["services"][name]["environment"]["KLARITY_INTERNAL_HOST"] for name in OURS
    }
    assert (port["host_ip"], port["target"]) == ("127.0.0.1", INTERNAL_PORT)
    assert {name for name, host in listens.items() if not is_loopback(host)} == {"monitor"}


def test_compose_lets_out_each_service_that_calls_other_machines(compose: Document) -> None:
    callers = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "application" / "use_cases").rglob("*.py")
        if "WebhookCaller" in path.read_text()
    }
    assert callers == CALLERS.keys()
    services = compose["services"].items()
    outside = {name for name, service in services if "outside" in service["networks"]}
    assert outside - {"nginx", "monitor"} == {name for name in CALLERS.values() if name}


def test_compose_checks_the_health_of_each_server(compose: Document) -> None:
    servers = compose["services"].keys() - OURS
    assert servers == {"mongodb", "rabbitmq", "redis", "nginx"}
    assert all("healthcheck" in compose["services"][name] for name in servers)


def test_the_secrets_of_compose_are_made_once(tmp_path: Path, compose: Document) -> None:
    script = str(shutil.copy(DEPLOY / "make-secrets", tmp_path))
    said_by("bash", script)
    first = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    said_by("bash", script)
    assert first == {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    wanted = {Path(secret["file"]).name for secret in compose["secrets"].values()}
    assert wanted <= first.keys()
    assert len(set(first.values())) == len(first)


# Kubernetes


@pytest.fixture(scope="module")
def objects() -> Mapping[str, Sequence[Document]]:
    """What each overlay makes, as `kubectl apply --kustomize` would apply it."""
    kubectl = program("kubectl", "kubectl")
    return {
        overlay: list(
            yaml.safe_load_all(said_by(kubectl, "kustomize", f"deploy/kubernetes/{overlay}"))
        )
        for overlay in OVERLAYS
    }


def of_kind(kind: str, objects: Sequence[Document]) -> dict[str, Document]:
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_accepts_each_object(
    overlay: str, objects: Mapping[str, Sequence[Document]]
) -> None:
    for each in objects[overlay]:
        kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)


def test_kubernetes_runs_each_service(objects: Mapping[str, Sequence[Document]]) -> None:
    for kind in ("Deployment", "Service", "PodDisruptionBudget"):
        assert of_kind(kind, objects["services"]).keys() == {*OURS, "nginx"}
        assert of_kind(kind, objects["single"]).keys() == {"klarity"}


def pods(objects: Mapping[str, Sequence[Document]]) -> Iterator[tuple[str, Document, Document]]:
    """Yield the name, the pod and the labels of each Deployment."""
    for overlay in OVERLAYS:
        for name, each in of_kind("Deployment", objects[overlay]).items():
            template = each["spec"]["template"]
            yield name, template["spec"], template["metadata"]["labels"]


def test_kubernetes_gives_each_process_valid_settings(
    objects: Mapping[str, Sequence[Document]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, pod, _ in pods(objects):
        (container,) = pod["containers"]
        if "envFrom" in container:
            overlay = "single" if name == "klarity" else "services"
            configured = container["envFrom"][0]["configMapRef"]["name"]
            environment = {
                **of_kind("ConfigMap", objects[overlay])[configured]["data"],
                **{each["name"]: each["value"] for each in container.get("env", ())},
            }
            mounted = [f"/run/secrets/klarity/{secret}" for secret in SECRETS]
            check_settings(environment, mounted, name, tmp_path, monkeypatch)


def test_no_pod_can_write_or_gain_rights(objects: Mapping[str, Sequence[Document]]) -> None:
    for name, pod, _ in pods(objects):
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"]["type"] != "Unconfined", name
        assert not pod["automountServiceAccountToken"], name
        assert not pod["enableServiceLinks"], name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert container["resources"]["limits"]["memory"], name


def test_probes_ask_the_internal_address(objects: Mapping[str, Sequence[Document]]) -> None:
    for name, pod, _ in pods(objects):
        (container,) = pod["containers"]
        if name != "nginx":
            probes = {key: value for key, value in container.items() if key.endswith("Probe")}
            assert len(probes) == 3, name
            assert {probe["httpGet"]["port"] for probe in probes.values()} == {"internal"}, name


def test_only_operators_reach_the_internal_address(
    objects: Mapping[str, Sequence[Document]],
) -> None:
    for overlay in OVERLAYS:
        policies = of_kind("NetworkPolicy", objects[overlay])
        assert policies["klarity-nobody"]["spec"]["policyTypes"] == ["Ingress"]
        assert "ingress" not in policies["klarity-nobody"]["spec"]
        rules = [rule for each in policies.values() for rule in each["spec"].get("ingress", ())]
        internal = [rule for rule in rules if 9000 in {port["port"] for port in rule["ports"]}]
        assert [rule["from"] for rule in internal] == [
            [{"namespaceSelector": {"matchLabels": {"klarity.org/operators": "true"}}}]
        ]
        ports = {port["port"] for rule in rules for port in rule["ports"]}
        assert ports <= {8000, 8001, 9000}


def test_the_site_alone_reaches_the_port_that_trusts_it(
    objects: Mapping[str, Sequence[Document]],
) -> None:
    public = of_kind("NetworkPolicy", objects["services"])["klarity-public"]["spec"]["ingress"]
    (inner,) = [rule for rule in public if rule["ports"][0]["port"] == 8001]
    (peer,) = inner["from"]
    reaching = [name for name, _, labels in pods(objects) if matches(peer["podSelector"], labels)]
    assert reaching == ["site"]


def test_each_policy_selects_pods(objects: Mapping[str, Sequence[Document]]) -> None:
    for overlay in OVERLAYS:
        for name, each in of_kind("NetworkPolicy", objects[overlay]).items():
            selector = each["spec"]["podSelector"]
            assert any(matches(selector, labels) for _, _, labels in pods(objects)), name


def matches(selector: Document, labels: Mapping[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    exist = {each["key"] for each in selector.get("matchExpressions", ())} <= labels.keys()
    return wanted and exist


# nginx


@pytest.mark.parametrize("name", NGINX_CONFIGURATIONS)
def test_nginx_accepts_its_configuration(name: str, tmp_path: Path) -> None:
    """The names of the services are known here as well: nginx looks them up.

    It reads the file of trusted proxies beside it.
    """
    text = (DEPLOY / name).read_text().replace(CONTAINERS_FOLDER, str(tmp_path))
    text = re.sub(r"(server) [a-z-]+:8000;", r"\1 127.0.0.1:8000;", text)
    (tmp_path / "nginx.conf").write_text(text)
    (tmp_path / "trusted-proxies.conf").write_text(TRUST)
    nginx = program("nginx", "nginx-light")
    told = said_by(nginx, "-T", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"))
    assert TRUST in told


def test_nothing_says_that_a_proxy_is_trusted_unless_the_operator_does(
    objects: Mapping[str, Sequence[Document]],
) -> None:
    assert said_in((DEPLOY / "trusted-proxies.conf").read_text()) == []
    assert said_in(trusted_in(objects["services"])) == []
    for name in NGINX_CONFIGURATIONS:
        assert "set_real_ip_from" not in (DEPLOY / name).read_text()


def said_in(configuration: str) -> list[str]:
    lines = configuration.splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_compose_gives_nginx_the_trusted_proxies_of_the_operator(compose: Document) -> None:
    mounted = {each["source"]: each["target"] for each in compose["services"]["nginx"]["configs"]}
    assert mounted["trusted_proxies"] == str(
        Path(mounted["nginx"]).with_name("trusted-proxies.conf")
    )
    assert compose["configs"]["trusted_proxies"]["file"] == str(DEPLOY / "trusted-proxies.conf")
    own = said_by(
        *(tool("docker-compose"), "--file", "deploy/compose.yaml", "config", "--format", "json"),
        KLARITY_TRUSTED_PROXIES="/etc/klarity/proxies.conf",
    )
    assert json.loads(own)["configs"]["trusted_proxies"]["file"] == "/etc/klarity/proxies.conf"


def test_an_overlay_gives_nginx_its_trusted_proxies(tmp_path: Path) -> None:
    """As docs/running.md says."""
    shutil.copytree(DEPLOY / "kubernetes", tmp_path / "kubernetes")
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(
        "resources: [../kubernetes/services]\n" + yaml_of("docs/running.md", "klarity-nginx")
    )
    told = said_by(program("kubectl", "kubectl"), "kustomize", str(overlay))
    objects = list(yaml.safe_load_all(told))
    assert trusted_in(objects) == "set_real_ip_from 10.42.0.0/16;\nset_real_ip_from 10.43.0.7;"
    pod = of_kind("Deployment", objects)["nginx"]["spec"]["template"]["spec"]
    (name,) = [each["configMap"]["name"] for each in pod["volumes"] if "configMap" in each]
    assert "nginx.conf" in of_kind("ConfigMap", objects)[name]["data"]
    mounted = {
        each.get("subPath"): each["mountPath"] for each in pod["containers"][0]["volumeMounts"]
    }
    assert mounted["trusted-proxies.conf"] == str(
        Path(mounted["nginx.conf"]).with_name("trusted-proxies.conf")
    )


def trusted_in(objects: Sequence[Document]) -> str:
    (found,) = [
        each["data"]["trusted-proxies.conf"]
        for name, each in of_kind("ConfigMap", objects).items()
        if name.startswith("klarity-nginx")
    ]
    return str(found)


def yaml_of(page: str, word: str) -> str:
    """Return the example in YAML that contains the word."""
    blocks: list[str] = re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    (found,) = [block for block in blocks if word in block]
    return found


def check_settings(
    environment: Mapping[str, str],
    mounted: Sequence[str],
    name: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Check that a process starts with these settings, and runs the service of its name."""
    with monkeypatch.context() as patch:
        for variable, value in environment.items():
            patch.setenv(variable, given(value, mounted, folder) if "_FILE" in variable else value)
        patch.setenv(f"{PREFIX}DATA", str(folder))
        settings = read_settings()
    assert not settings.single_process
    chosen = {host_of(service) for service in settings.services}
    assert chosen == ({name} if name != "klarity" else OURS)
    assert_secrets_arrive(settings)


def given(path: str, mounted: Sequence[str], folder: Path) -> str:
    """Return a file with the secret that is mounted at the path."""
    assert path in mounted
    file = folder / Path(path).name
    file.write_text(SECRETS[file.name])
    return str(file)


def assert_secrets_arrive(settings: Settings) -> None:
    for name, value in SECRETS.items():
        assert getattr(settings, name) == value
