"""The units of systemd: what would run on a plain server."""

from __future__ import annotations

import importlib.util
import re
import subprocess

import pytest

from genesis.cli.main import COMMANDS
from genesis.settings import Settings
from genesis.telemetry.vitals import LOOK_SECONDS

PROGRAMS = {
    "genesis-bridge.service": "genesis.bridge",
    "genesis-capture.service": "genesis.capture",
    "genesis-capture@.service": "genesis.capture",
    "genesis-exporter.service": "genesis.monitoring",
    "genesis-worker@.service": None,
}
OTHERS = {"genesis-migrate.service", "genesis-redis@.service", "genesis.target"}
BIN = "/opt/genesis/bin/"
EXPOSED = 25  # tenths, of 100: systemd calls this OK


class Unit(dict):
    """A section's directives, each with all of its values."""

    def one(self, name):
        (value,) = self[name]
        return value


def read(path):
    """Return the sections of a unit, or of a file of variables as the section `None`."""
    sections, section = {}, None
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            section = match[1]
        elif "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            sections.setdefault(section, Unit()).setdefault(name, []).append(value)
    return sections


@pytest.fixture(scope="module")
def folder(root):
    return root / "deploy" / "systemd"


@pytest.fixture(params=sorted(PROGRAMS))
def service(request, folder):
    return request.param, read(folder / request.param)["Service"]


@pytest.fixture(scope="module")
def installed(folder, tmp_path_factory):
    """Return the units as on a server where Genesis is installed: every program there, every template with a name."""
    place = tmp_path_factory.mktemp("units")
    for path in (*folder.glob("*.service"), *folder.glob("*.target")):
        text = re.sub(rf"{BIN}\w+|/usr/bin/redis-server", "/bin/true", path.read_text(encoding="utf-8"))
        (place / path.name.replace("@.", "@ledger.")).write_text(text)
    return sorted(str(path) for path in place.iterdir())


def test_the_units_are_those_that_the_documentation_tells_of(folder, root):
    text = (root / "docs" / "deploy.md").read_text(encoding="utf-8")
    found = {path.name for path in (*folder.glob("*.service"), *folder.glob("*.target"))}

    assert found == {*PROGRAMS, *OTHERS}
    assert [name for name in found if name.partition(".")[0] not in text] == []


def test_systemd_reads_every_unit(installed, tool):
    done = subprocess.run(
        [tool("systemd-analyze", "systemd"), "verify", "--man=no", *installed], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_finds_that_a_program_can_do_little_harm(installed, tool):
    analyze = tool("systemd-analyze", "systemd")
    known = subprocess.run([analyze, "security", "--help"], capture_output=True, text=True, check=False).stdout
    if "--offline" not in known:
        pytest.skip("this systemd-analyze can't judge units that are not loaded")

    services = [path for path in installed if path.endswith(".service")]
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSED}", *services],
        capture_output=True,
        text=True,
        check=False,
    )

    levels = re.findall(r"exposure level for (\S+): ([\d.]+)", done.stdout)
    assert len(levels) == len(services)
    assert (done.returncode, [name for name, level in levels if float(level) * 10 > EXPOSED]) == (0, [])


def test_a_unit_starts_a_program_that_is_there(service):
    name, unit = service
    program, *arguments = unit.one("ExecStart").split()

    if PROGRAMS[name] is None:
        assert (program, arguments[:3]) == (f"{BIN}celery", ["-A", "genesis", "worker"])
    else:
        assert (program, arguments[:2]) == (f"{BIN}python", ["-m", PROGRAMS[name]])
        assert importlib.util.find_spec(PROGRAMS[name])


def test_the_tables_streams_and_groups_are_made_by_commands_that_are_there(folder):
    commands = read(folder / "genesis-migrate.service")["Service"]["ExecStart"]

    assert [command.removeprefix(f"{BIN}genesis ").split()[0] for command in commands] == ["db", "init"]
    assert {"db", "init"} <= set(COMMANDS)


def test_a_program_that_hangs_is_started_again_and_one_that_is_set_up_wrongly_is_not(service):
    _, unit = service

    assert (unit.one("Type"), unit.one("Restart"), unit.one("RestartPreventExitStatus")) == ("notify", "on-failure", "2")
    assert int(unit.one("WatchdogSec")) > 3 * LOOK_SECONDS


def test_a_program_has_time_to_end_in_order_and_its_children_end_with_it(service):
    _, unit = service

    assert int(unit.one("TimeoutStopSec")) > Settings().celery.shutdown_seconds + 10
    assert unit.one("KillMode") == "mixed"


def test_a_program_runs_as_a_user_of_its_own_and_writes_to_its_own_folder(service):
    _, unit = service

    assert (unit.one("User"), unit.one("ProtectSystem"), unit.one("NoNewPrivileges")) == ("genesis", "strict", "yes")
    assert "GENESIS_DATA_DIR=/var/lib/genesis" in unit["Environment"][0]
    assert unit.one("StateDirectory") == "genesis"


def test_variables_of_units_are_settings(service, folder, variables):
    _, unit = service
    set_here = re.findall(r"\bGENESIS_\w+(?==)", " ".join(unit["Environment"]))
    examples = re.findall(r"\bGENESIS_\w+(?==)", (folder / "genesis.env").read_text(encoding="utf-8"))

    assert {*set_here, *examples} <= variables


def test_every_queue_has_a_worker(folder, queues):
    started = {"detection", "recognition", "notifications", "others"}
    files = {name: read(folder / f"worker-{name}.env").get(None, {}) for name in started if (folder / f"worker-{name}.env").exists()}

    served = [queue for name in started for queue in files.get(name, {}).get("QUEUES", [name])[0].split(",")]
    assert sorted(served) == sorted(queues)


def test_a_device_of_a_card_can_be_reached_by_workers(folder):
    unit = read(folder / "genesis-worker@.service")["Service"]

    # Each of these lets a unit have no devices but those that it names.
    assert not {"PrivateDevices", "DeviceAllow", "DevicePolicy", "ProtectClock"} & set(unit)
