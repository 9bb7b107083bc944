"""The files of docs/deploy: linted, and run as processes with the same commands, environment and probes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from sentri.cli.commands import COMMANDS
from support.databases import postgres
from support.deploy import DEPLOY, ROOT, build_image, compose, instructions, system
from support.golden import exchange
from support.serve import PASSWORD, ask

BIN = Path(sys.executable).parent
DOCKERFILES = [DEPLOY / "Dockerfile", *sorted(DEPLOY.glob("*/Dockerfile"))]
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
#: The most that the image may copy, in bytes.
LARGEST = 120_000_000


def lint(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_dockerfiles_pass_hadolint(path: Path) -> None:
    lint(str(BIN / "hadolint"), str(path))
    version = json.loads((ROOT / "npm/package.json").read_text())["version"]
    stated = [rest for name, rest in instructions(path) if name == "ARG"]
    assert stated == [f"VERSION={version}"]
    user = [rest for name, rest in instructions(path) if name == "USER"][-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), "a number that Kubernetes knows not to be root"


def test_the_compose_file_is_valid_and_hardened() -> None:
    lint(str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml"))
    found = compose()
    services = found["services"]
    assert set(services) == {"postgres", "redis", "sentri", "orders", "invoices", "web"}
    for name, service in services.items():
        assert {"healthcheck", "networks"} <= set(service), name
        assert set(service.get("secrets", [])) <= set(found["secrets"])
        assert {one["condition"] for one in service.get("depends_on", {}).values()} <= {"service_healthy"}
        if name != "postgres":
            assert service["read_only"] and service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name
        if "build" in service:
            assert (DEPLOY / service["build"] / "Dockerfile").exists()
    assert [name for name, service in services.items() if "ports" in service] == ["web"]
    assert found["networks"]["data"]["internal"] and "front" not in services["postgres"]["networks"]
    stated = next(rest for name, rest in instructions(DEPLOY / "Dockerfile") if name == "HEALTHCHECK")
    assert services["sentri"]["healthcheck"]["test"][1:3] == ["/bin/python", "-c"] and "/health/ready" in stated


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_pass_kubernetes_validate(path: Path) -> None:
    lint(str(BIN / "kubernetes-validate"), "--strict", str(path))


def resources() -> dict[str, Any]:
    found = [one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text())]
    return {one["kind"]: one for one in found}


def test_manifests_fit_each_other() -> None:
    found = resources()
    pod = found["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    labels = pod["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": 3000, "metrics": int(found["ConfigMap"]["data"]["SENTRI_METRICS_PORT"])}
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {probe["port"] for probe in probes.values()} == {"http"}
    assert [probe["path"] for probe in probes.values()] == ["/health/live", "/health/live", "/health/ready"]
    drain = int(found["ConfigMap"]["data"]["SENTRI_DRAIN"].removesuffix("s"))
    readiness = container["readinessProbe"]
    assert readiness["periodSeconds"] * readiness["failureThreshold"] * 2 <= drain, "no traffic when it stops accepting"
    assert pod["spec"]["terminationGracePeriodSeconds"] >= drain + 30, "time for what is in flight"
    context = {**pod["spec"]["securityContext"], **container["securityContext"]}
    assert context["runAsNonRoot"] and context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
    user = next(rest for name, rest in instructions(DEPLOY / "Dockerfile") if name == "USER")
    assert user == f"{context['runAsUser']}:{context['runAsGroup']}"


def test_every_variable_is_one_of_the_command() -> None:
    """The variables of the compose file, the manifests and the unit, with and without ``_FILE``, are those of a flag
    of serve, or stand in the guide."""
    config = resources()
    (container,) = config["Deployment"]["spec"]["template"]["spec"]["containers"]
    unit = (DEPLOY / "systemd/sentri.service").read_text()
    stated = {
        *compose()["services"]["sentri"]["environment"],
        *config["ConfigMap"]["data"],
        *(one["name"] for one in container["env"]),
        *re.findall(r"(?m)^Environment=(\w+)=", unit),
        *re.findall(r"(\w+)=", next(rest for name, rest in instructions(DEPLOY / "Dockerfile") if name == "ENV")),
    }
    guide = (ROOT / "docs/guide/python.md").read_text()
    known = {flag.env for flag in COMMANDS["serve"].flags.values()} | set(re.findall(r"`(SENTRI_\w+)", guide))
    stated -= {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
    assert {name.removesuffix("_FILE") for name in stated} <= known


def test_the_unit_passes_systemd_analyze(tmp_path: Path) -> None:
    program = tmp_path / "sentri"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for path in (DEPLOY / "systemd").iterdir():
        (tmp_path / path.name).write_text(path.read_text().replace("/opt/sentri/bin/sentri", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "sentri.service"), str(tmp_path / "sentri.socket")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    words = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(tmp_path / "sentri.service")]
    lint(*words)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the image."""
    root = tmp_path_factory.mktemp("image")
    build_image(root)
    for path in (root, *root.parents[:3]):
        path.chmod(0o755)
    return root


def test_the_image_holds_little(image: Path) -> None:
    files = [path for path in image.rglob("*") if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_size for path in files)
    assert size < LARGEST, size
    programs = sorted(str(path.relative_to(image)) for path in files if "bin" in path.relative_to(image).parts[:2])
    assert programs == [], "no shell, no package manager: /bin/python is a link"
    assert not [path for path in files if path.name in ("sh", "bash", "pip", "pip3")]


def test_the_services_of_the_compose_file_work_together(image: Path, tmp_path: Path) -> None:
    with postgres() as place, system(tmp_path, image, place["connection_string"]) as services:
        services.start("web")
        page, server = services.base(8080), services.base(8081)
        assert set(services.running) == {"redis", "sentri", "orders", "invoices", "web"}
        key = (image / "run/secrets/api_key").read_text()
        user = {"identifiers": [{"type": "username", "value": "rizz"}], "password": PASSWORD}
        assert ask(server, "POST", "/auth/register", user)[0] in (401, 403), "an API key closes the registration"
        assert ask(server, "POST", "/auth/register", user, x_api_key=key)[0] == 201

        credentials = json.dumps({"identifier": "rizz", "password": PASSWORD}).encode()
        headers = {"content-type": "application/json", "origin": page}
        answer = exchange(server, "POST", "/auth/login", headers, credentials)
        allowed = {name.lower(): value for name, value in answer.headers}
        assert (answer.status, allowed["access-control-allow-origin"]) == (200, page)
        token = json.loads(answer.text)["data"]["accessToken"]
        elsewhere = exchange(server, "POST", "/auth/login", {**headers, "origin": "http://localhost:1"}, credentials)
        assert "access-control-allow-origin" not in {name.lower() for name, _ in elsewhere.headers}

        for name in ("orders", "invoices"):
            assert ask(page, "GET", f"/api/{name}")[0] == 401
            status, body = ask(page, "GET", f"/api/{name}", token=token)
            assert (status, body["owner"]) == (200, json.loads(answer.text)["data"]["user"]["id"])
        assert exchange(server, "GET", "/health/ready", {}, None).status == 404, "not published"
        assert exchange(server, "GET", "/metrics", {}, None).status == 404
        metrics = exchange(f"http://127.0.0.1:{services.ports[9464]}", "GET", "/metrics", {}, None)
        assert "sentri_ready" in metrics.text

        browse(page)
        assert services.stop("sentri") == 0
        log = services.log("sentri")
        assert PASSWORD not in log and token not in log and key not in log


def browse(page: str) -> None:
    """Signs in and out in a real browser."""
    script = ROOT / "tests/python/support/deploy_browser.mjs"
    done = subprocess.run(
        ["node", str(script), page, "rizz", PASSWORD], capture_output=True, text=True, timeout=120, env=os.environ
    )
    assert done.returncode == 0, done.stdout + done.stderr
