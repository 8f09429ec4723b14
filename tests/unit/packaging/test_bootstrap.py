"""Making the virtual environment: what is decided, and what a person reads when it can't be done."""

from __future__ import annotations

import importlib.util
import json
import runpy
import shutil
import sys

import pytest

CPU = {"torch": "2.13.0+cpu", "numpy": "2.4.6", "nvidia-ml-py": "13.6"}
CUDA = {"torch": "2.13.0", "triton": "3.7", "nvidia-cublas": "13", "cuda-toolkit": "13", "nvidia-ml-py": "13.6"}
NO_LIBGL = "ImportError: libGL.so.1: cannot open shared object file: No such file or directory"


class SilentLog:
    """Keeps what would be said."""

    def __init__(self):
        self.said = []

    def step(self, text):
        self.said.append(text)

    progress = complain = step


class FakeEnvironment:
    """An environment in which nothing is installed: it notes what pip was asked for, and answers as it was told."""

    def __init__(self, folder, *, plan=None, import_errors=(), pip_version=(26, 3)):
        self.folder = folder
        self.stamp = folder / "stamp.json"
        self.python = folder / "python"
        self.log = SilentLog()
        self.calls = []
        self.created = 0
        self._plan = plan or CPU
        self._import_errors = list(import_errors)
        self._pip_version = pip_version

    def create(self):
        self.created += 1
        self.python.touch()

    def pip_version(self):
        return self._pip_version if self.python.exists() else ()

    def packages(self):
        return {**CPU, "opencv-python": "4.14.0.94"}

    def plan(self, _what, *arguments):
        self.calls.append(("plan", *arguments))
        return self._plan

    def pip(self, _what, *arguments):
        self.calls.append(arguments)

    def import_error(self, _modules):
        return self._import_errors.pop(0) if self._import_errors else None

    @property
    def installs(self):
        return [call for call in self.calls if call[0] == "install" and "--editable" in call]


@pytest.fixture
def bootstrap(scripts, monkeypatch):
    module = scripts("bootstrap")
    monkeypatch.setattr(module, "answers", lambda _url: False)
    return module


def test_an_old_python_is_told_so_in_one_line(root, monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))

    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(root / "scripts" / "bootstrap.py"), run_name="__main__")

    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert "needs Python 3.10 or newer" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("missing", ["ensurepip", "venv"])
def test_a_python_without_the_venv_module_is_told_what_to_install(bootstrap, monkeypatch, missing):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name))
    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/apt-get")

    with pytest.raises(bootstrap.Failure) as failure:
        bootstrap.need_venv_module()

    assert failure.value.code == 2
    assert missing in str(failure.value)
    assert f"sudo apt-get install python{sys.version_info.major}.{sys.version_info.minor}-venv" in str(failure.value)


def test_a_second_run_does_nothing(bootstrap, tmp_path):
    environment = FakeEnvironment(tmp_path)
    bootstrap.install(environment, {"detection"}, "cpu")
    environment.calls.clear()

    bootstrap.install(environment, {"detection"}, "cpu")

    assert environment.calls == []
    assert environment.created == 1


def test_an_extra_is_added_to_those_that_are_there(bootstrap, tmp_path):
    environment = FakeEnvironment(tmp_path)
    bootstrap.install(environment, {"detection"}, "cpu")

    bootstrap.install(environment, {"monitoring"}, "cpu")

    assert environment.created == 1
    assert environment.installs[-1][3].endswith("[detection,monitoring]")
    assert json.loads(environment.stamp.read_text())["extras"] == ["detection", "monitoring"]


def test_another_choice_of_torch_starts_from_nothing(bootstrap, tmp_path):
    environment = FakeEnvironment(tmp_path)
    bootstrap.install(environment, {"detection", "dev"}, "cpu")

    bootstrap.install(environment, {"detection"}, "cuda")

    assert environment.created == 2
    assert environment.installs[-1][3].endswith("[detection]")


def test_an_install_that_was_cut_short_is_done_again(bootstrap, tmp_path):
    environment = FakeEnvironment(tmp_path, import_errors=["ImportError: no space left"])
    with pytest.raises(bootstrap.Failure):
        bootstrap.install(environment, {"detection"}, "cpu")

    bootstrap.install(environment, {"detection"}, "cpu")

    assert len(environment.installs) == 2
    assert environment.created == 1


def test_an_environment_whose_pip_is_broken_is_made_anew(bootstrap, tmp_path):
    environment = FakeEnvironment(tmp_path)
    bootstrap.install(environment, {"detection"}, "cpu")
    environment.pip_version = lambda: (26, 3) if environment.created == 2 else ()

    bootstrap.install(environment, {"dev"}, "cpu")

    assert environment.created == 2


@pytest.mark.parametrize("name", ["setup.cfg", "pyproject.toml", "constraints.txt"])
def test_a_change_of_what_is_asked_for_changes_the_fingerprint(bootstrap, root, tmp_path, name):
    for file in ("setup.cfg", "pyproject.toml", "constraints.txt"):
        shutil.copy(root / file, tmp_path)
    before = bootstrap.fingerprint(tmp_path, "cpu")

    with (tmp_path / name).open("a") as file:
        file.write("\n# changed\n")

    assert bootstrap.fingerprint(tmp_path, "cpu") != before


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"fingerprint": "x"}'])
def test_a_stamp_that_is_no_stamp_counts_as_none(bootstrap, tmp_path, text):
    stamp = tmp_path / "stamp.json"
    stamp.write_text(text)

    assert bootstrap.read_stamp(stamp) == {}


def test_cuda_packages_that_nobody_asked_for_are_refused_before_they_are_fetched(bootstrap, tmp_path):
    environment = FakeEnvironment(tmp_path, plan=CUDA)

    with pytest.raises(bootstrap.Failure) as failure:
        bootstrap.install(environment, {"detection"}, "cpu")

    assert failure.value.code == 2
    assert "TORCH=cuda" in str(failure.value)
    assert environment.installs == []


def test_cuda_packages_are_taken_when_they_are_asked_for(bootstrap, tmp_path):
    environment = FakeEnvironment(tmp_path, plan=CUDA)

    bootstrap.install(environment, {"detection"}, "cuda")

    pins = (tmp_path / "torch-cuda.txt").read_text()
    assert str(tmp_path / "torch-cuda.txt") in environment.installs[0]
    assert "torch===2." in pins
    assert "torchvision===0." in pins


def test_the_official_index_of_cpu_builds_is_used_where_it_answers(bootstrap, monkeypatch, tmp_path):
    monkeypatch.setattr(bootstrap, "answers", lambda _url: True)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    environment = FakeEnvironment(tmp_path)

    bootstrap.install(environment, {"detection"}, "cpu")

    assert environment.installs[0][-2:] == ("--extra-index-url", bootstrap.CPU_INDEX)


def test_a_server_that_is_not_there_is_noticed(scripts):
    assert scripts("bootstrap").answers("http://127.0.0.1:1") is False


def test_a_core_install_asks_nobody_about_torch(bootstrap, tmp_path):
    environment = FakeEnvironment(tmp_path, plan=CUDA)

    bootstrap.install(environment, set(), "cpu")

    assert [call for call in environment.calls if call[0] == "plan"] == []
    assert environment.installs[0][3] == str(bootstrap.ROOT)


def test_an_old_pip_is_replaced_first(bootstrap, tmp_path):
    environment = FakeEnvironment(tmp_path, pip_version=(22, 0))

    bootstrap.install(environment, {"detection"}, "cpu")

    assert environment.calls[0][:3] == ("install", "--upgrade", "pip")


def test_headless_opencv_takes_over_where_desktop_libraries_are_missing(bootstrap, tmp_path):
    environment = FakeEnvironment(tmp_path, import_errors=[NO_LIBGL, None])

    bootstrap.mend_opencv(environment)

    assert environment.calls[-1][-1] == "opencv-contrib-python-headless==4.14.0.94"
    assert {"--no-deps", "--force-reinstall"} <= set(environment.calls[-1])
    assert "libGL.so.1" in environment.log.said[0]


@pytest.mark.parametrize(
    ("errors", "said", "installs"),
    [
        (["ImportError: numpy is broken"], "numpy is broken", 0),
        ([NO_LIBGL, NO_LIBGL], "headless build can't be imported either", 1),
    ],
)
def test_an_opencv_that_cannot_be_mended_is_an_error(bootstrap, tmp_path, errors, said, installs):
    environment = FakeEnvironment(tmp_path, import_errors=errors)

    with pytest.raises(bootstrap.Failure, match=said):
        bootstrap.mend_opencv(environment)

    assert len(environment.calls) == installs


def test_an_opencv_that_loads_is_left_alone(bootstrap, tmp_path):
    environment = FakeEnvironment(tmp_path)

    bootstrap.mend_opencv(environment)

    assert environment.calls == []


def test_a_failure_ends_with_its_own_exit_code_and_one_message(bootstrap, capsys, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")

    code = bootstrap.main(["--venv", str(tmp_path)])

    assert code == 2
    assert "it is not a virtual environment" in capsys.readouterr().err
    assert (tmp_path / "precious.txt").exists()
