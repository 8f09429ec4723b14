"""setup.cfg, the constraints and the wheel that comes of them."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import zipfile

import pytest

packaging_requirements = pytest.importorskip("packaging.requirements")
Requirement = packaging_requirements.Requirement

GIVEN = {"celery", "redis", "lz4", "kombu", "opencv-python", "torch", "ultralytics", "deepface", "psycopg2-binary", "pgvector", "flower"}
HEAVY = {"torch", "torchvision", "ultralytics", "deepface", "psycopg2-binary", "openvino", "onnxruntime", "tensorflow", "flower"}


@pytest.fixture(scope="module")
def setup_cfg(root):
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.read(root / "setup.cfg", encoding="utf-8")
    return parser


@pytest.fixture(scope="module")
def requirements(setup_cfg):
    """Return a function that lists all requirements of the core and some extras."""

    def lines(text):
        return [Requirement(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]

    def collect(*extras):
        found = lines(setup_cfg["options"]["install_requires"])
        waiting, done = list(extras), set()
        while waiting:
            extra = waiting.pop()
            if extra in done:
                continue
            done.add(extra)
            for requirement in lines(setup_cfg["options.extras_require"][extra]):
                if requirement.name == "genesis":
                    waiting += requirement.extras
                else:
                    found.append(requirement)
        return found

    return collect


@pytest.fixture(scope="module")
def pins(root):
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]


def test_the_given_dependencies_are_reached_with_all(requirements):
    names = {requirement.name for requirement in requirements("all")}

    assert names >= GIVEN


def test_the_core_is_small(requirements):
    names = {requirement.name for requirement in requirements()}

    assert not names & HEAVY


def test_every_direct_dependency_is_pinned_to_a_version_that_fits(requirements, pins):
    versions = {}
    for pin in pins:
        versions.setdefault(pin.name.lower(), set()).update(spec.version for spec in pin.specifier)

    for requirement in requirements("all", "dev"):
        found = versions[requirement.name.lower()]
        assert all(requirement.specifier.contains(version) for version in found), requirement


def test_a_constraint_is_an_exact_version(pins):
    assert [str(pin) for pin in pins if [spec.operator for spec in pin.specifier] != ["=="]] == []


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12"])
def test_no_python_is_given_two_versions_of_one_package(pins, version):
    environment = {"python_version": version, "python_full_version": f"{version}.0"}
    names = [pin.name.lower() for pin in pins if pin.marker is None or pin.marker.evaluate(environment)]

    assert sorted(names) == sorted(set(names))


def test_the_two_builds_of_opencv_are_one_version(pins):
    versions = {str(pin.specifier) for pin in pins if pin.name.startswith("opencv-")}

    assert len(versions) == 1


def test_every_pin_made_by_hand_has_its_reason_above_it(root, scripts):
    by_hand = (root / "constraints.txt").read_text(encoding="utf-8").partition(scripts("pin").BORDER)[0]
    paragraphs = [paragraph.splitlines() for paragraph in by_hand.split("\n\n") if "==" in paragraph]

    assert [lines for lines in paragraphs if not lines[0].startswith("#")] == []
    assert len(paragraphs) > 5


def test_pyproject_only_names_the_build_system(root):
    sections = [line for line in (root / "pyproject.toml").read_text(encoding="utf-8").splitlines() if line.startswith("[")]

    assert sections == ["[build-system]"]


@pytest.mark.parametrize(
    ("resolved", "lines"),
    [
        ({"3.10": {"a": "1"}, "3.11": {"a": "1"}}, ["a==1"]),
        ({"3.10": {"a": "1"}, "3.11": {}}, ["a==1"]),
        ({"3.10": {"a": "1"}, "3.11": {"a": "2"}}, ['a==1; python_version < "3.11"', 'a==2; python_version >= "3.11"']),
        (
            {"3.10": {"a": "1"}, "3.11": {"a": "2"}, "3.12": {"a": "3"}},
            [
                'a==1; python_version < "3.11"',
                'a==2; python_version >= "3.11" and python_version < "3.12"',
                'a==3; python_version >= "3.12"',
            ],
        ),
    ],
)
def test_pins_have_a_marker_only_where_pythons_differ(scripts, resolved, lines):
    assert scripts("pin").merged(resolved) == lines


def test_the_wheel_holds_every_module_and_every_script_for_redis(root, tmp_path):
    pytest.importorskip("setuptools")
    source = tmp_path / "source"
    source.mkdir()
    for name in ("genesis", "tasks"):
        shutil.copytree(root / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "celeryconfig.py", "LICENSE"):
        shutil.copy(root / name, source)
    (source / "README.md").write_text("Genesis")

    build = "from setuptools import build_meta; build_meta.build_wheel('..')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)

    (wheel,) = tmp_path.glob("genesis-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    wanted = {str(path.relative_to(source)) for name in ("genesis", "tasks") for path in (source / name).rglob("*") if path.is_file()}
    assert wanted | {"celeryconfig.py"} <= held
    assert {path.split("/")[0] for path in held if ".dist-info" not in path} == {"genesis", "tasks", "celeryconfig.py"}


def test_make_alone_lists_every_target(root):
    if shutil.which("make") is None:
        pytest.skip("no make")

    said = subprocess.run(["make", "--no-print-directory"], cwd=root, check=True, capture_output=True, text=True).stdout

    for target in ("run", "test", "check", "setup", "clean", "help"):
        assert f"make {target} " in said
