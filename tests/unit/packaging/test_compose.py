"""The development servers: what `docker-compose.dev.yml` would start."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess

import pytest
import yaml

from genesis.monitoring.__main__ import main as exporter
from genesis.settings import Settings, current

PORTS = {
    "genesis-redis": 6379,
    "genesis-redis-cache": 6380,
    "genesis-postgres": 5432,
    "genesis-prometheus": 9090,
    "genesis-grafana": 3000,
    "genesis-redis-commander": 8081,
    "genesis-pgadmin": 5050,
    "genesis-flower": 5555,
}


@pytest.fixture(scope="module")
def file(root):
    return root / "docker-compose.dev.yml"


@pytest.fixture(scope="module")
def compose(file):
    return yaml.safe_load(file.read_text(encoding="utf-8"))


@pytest.fixture(params=sorted(PORTS))
def service(request, compose):
    return compose["services"][request.param]


def test_the_servers_are_those_that_people_expect(compose):
    published = {name: [int(port.split(":")[1]) for port in service["ports"]] for name, service in compose["services"].items()}

    assert published == {name: [port] for name, port in PORTS.items()}


def test_the_default_settings_lead_to_these_servers():
    defaults = Settings()

    assert f":{PORTS['genesis-redis']}/0" in defaults.redis.url
    assert f":{PORTS['genesis-redis-cache']}/0" in defaults.frame_cache.url
    assert f":{PORTS['genesis-redis-cache']}/1" in defaults.celery.broker_url


def test_an_image_has_a_fixed_tag(service):
    name, _, tag = service["image"].rpartition(":")

    assert name
    assert re.search(r"\d+\.\d+", tag), service["image"]


def test_ports_are_open_to_this_machine_alone(service):
    assert [port for port in service["ports"] if not port.startswith("127.0.0.1:")] == []


def test_every_mounted_file_exists_and_is_read_only(service, root):
    mounts = [volume.split(":") for volume in service.get("volumes", []) if volume.startswith(".")]

    assert [mount for mount in mounts if not (root / mount[0]).exists()] == []
    assert [mount for mount in mounts if mount[2:] != ["ro"]] == []


def test_every_named_volume_is_declared(service, compose):
    named = {volume.split(":")[0] for volume in service.get("volumes", []) if not volume.startswith(".")}

    assert named <= set(compose["volumes"])


def test_a_service_tells_whether_it_is_well(service):
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries"} <= set(service["healthcheck"])


def test_a_password_can_be_set_from_outside(service):
    secrets = {name: value for name, value in service.get("environment", {}).items() if "PASSWORD" in name}

    assert [name for name, value in secrets.items() if not re.fullmatch(r"\$\{[A-Z_]+:-.+\}", value)] == []


def test_a_service_that_waits_for_another_names_one_that_exists(service, compose):
    assert set(service.get("depends_on", {})) <= set(compose["services"])


def test_prometheus_and_grafana_are_pointed_at_services_that_exist(root, compose):
    scraped = yaml.safe_load((root / "configs/prometheus/prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    targets = {target for job in scraped for entry in job["static_configs"] for target in entry["targets"]}
    (source,) = yaml.safe_load((root / "configs/grafana/provisioning/datasources/prometheus.yml").read_text(encoding="utf-8"))[
        "datasources"
    ]

    here = {"localhost", *(entry.split(":")[0] for entry in compose["services"]["genesis-prometheus"]["extra_hosts"])}
    assert {target.split(":")[0] for target in targets} - here <= set(compose["services"])
    assert source["url"] == "http://genesis-prometheus:9090"


def test_prometheus_asks_the_exporter_where_it_listens_by_default(root):
    scraped = yaml.safe_load((root / "configs/prometheus/prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    (port,) = [option.default for option in exporter.params if option.name == "port"]

    assert f"host.docker.internal:{port}" in [target for job in scraped for entry in job["static_configs"] for target in entry["targets"]]


def test_pgadmin_knows_the_database(root, compose):
    (server,) = json.loads((root / "configs/pgadmin/servers.json").read_text(encoding="utf-8"))["Servers"].values()
    environment = compose["services"]["genesis-postgres"]["environment"]

    assert server["Host"] in compose["services"]
    assert (server["Username"], server["MaintenanceDB"]) == (environment["POSTGRES_USER"], environment["POSTGRES_DB"])


@pytest.mark.parametrize("prefix", [None, "site-7"])
def test_flower_listens_to_the_keys_that_the_workers_use(root, compose, monkeypatch, prefix):
    monkeypatch.setenv("CELERY_BROKER_URL", compose["services"]["genesis-flower"]["environment"]["CELERY_BROKER_URL"])
    if prefix:
        monkeypatch.setenv("GENESIS_REDIS__PREFIX", prefix)
    current.cache_clear()
    workers = runpy.run_path(str(root / "celeryconfig.py"))["broker_transport_options"]

    flower = runpy.run_path(str(root / "configs/flower/genesis_flower.py"))

    assert flower["broker_transport_options"]["global_keyprefix"] == workers["global_keyprefix"]
    assert flower["broker_url"].endswith("/1")


def test_docker_compose_reads_the_file(file):
    found = shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    if not found:
        pytest.skip("no docker with compose")

    done = subprocess.run(["docker", "compose", "-f", str(file), "config", "--quiet"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
