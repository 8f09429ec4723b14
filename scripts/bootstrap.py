"""Make this checkout's virtual environment: `python3 scripts/bootstrap.py --extras detection`.

Needs Python 3.10 and nothing else. A second run finds everything done and returns at once; a change of
setup.cfg, of constraints.txt, of the Python or of the choice of torch makes it install again. It takes
the small CPU build of torch, and stops rather than fetch gigabytes of CUDA packages that nobody asked for.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - this is the one file that older Pythons get to read
    import subprocess

    known = ("python3.12", "python3.11", "python3.10", "python3.13")
    newer = [name for name in known if not subprocess.getstatusoutput(f"{name} -c ''")[0]]  # noqa: S605 - no name but these
    hint = f"make ... PYTHON={newer[0]}" if newer else "install one, then name it: make ... PYTHON=/path/to/python3.11"
    sys.stderr.write(f"genesis: needs Python 3.10 or newer; {sys.executable} is {sys.version.split()[0]}. {hint}\n")
    sys.exit(2)

import argparse
import hashlib
import importlib.util
import json
import platform
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from environment import CUDA_PREFIXES, NOT_CUDA, Environment, Failure, Log

ROOT = Path(__file__).resolve().parents[1]
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_SECONDS = 3.0
OLDEST_PIP = (25, 0)  # from about here on pip installs a third faster; older ones than 23.1 can't do without --report
HEADLESS = "opencv-contrib-python-headless"
TORCH_EXTRAS = {"detection", "dev", "all"}
# Imported once after installing: proves that they load, and compiles what every later start needs.
WARM: tuple[tuple[set[str], str], ...] = (
    (set(), "celery.bin.celery, cv2, kombu.transport.redis, pydantic_settings"),
    (TORCH_EXTRAS, "torch; from ultralytics import YOLO"),
    ({"faces", "dev", "all"}, "dlib; from deepface import DeepFace"),
    ({"report", "dev", "all"}, "jinja2; import matplotlib.figure, matplotlib.backends.backend_svg"),
    ({"notify", "dev", "all"}, "apprise"),
    ({"storage", "dev", "all"}, "alembic.command, psycopg2, sqlalchemy.dialects.postgresql.psycopg2"),
)


def main(arguments: list[str] | None = None) -> int:
    """Install what is missing; return the exit code."""
    parser = argparse.ArgumentParser(description="Make this checkout's virtual environment.")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="where it lies (default: .venv)")
    parser.add_argument("--extras", default="", help="comma-separated extras of setup.cfg, such as detection,dev")
    parser.add_argument("--torch", choices=("cpu", "cuda"), default="cpu", help="which build of torch (default: cpu)")
    given = parser.parse_args(arguments)
    extras = {name.strip() for name in given.extras.split(",") if name.strip()}
    log = Log()
    try:
        install(Environment(given.venv, log), extras, given.torch)
    except Failure as failure:
        log.complain(str(failure))
        return failure.code
    except KeyboardInterrupt:
        log.complain("interrupted; the same command goes on from here")
        return 130
    return 0


def install(environment: Environment, extras: set[str], torch: str) -> None:
    """Bring the environment to where `extras` can be imported, or do nothing if they can.

    Args:
        environment: made if it is not there, made anew if it belongs to another Python or another torch.
        extras: names of extras of setup.cfg; what an earlier run installed stays.
        torch: `cpu` or `cuda`.

    Raises:
        Failure: one paragraph for the person who started this.
    """
    mark = fingerprint(ROOT, torch)
    stamp = read_stamp(environment.stamp)
    if stamp.get("fingerprint") == mark and extras <= set(stamp["extras"]) and environment.python.exists():
        return
    need_venv_module()
    if stamp.get("python") == sys.version and stamp.get("torch") == torch and environment.pip_version():
        extras = extras | set(stamp["extras"])
    else:
        environment.create()
    # Whatever stops this run in the middle, the next one must not believe that all is well.
    write_stamp(environment.stamp, "incomplete", extras, torch)
    if environment.pip_version() < OLDEST_PIP:
        environment.pip("upgrading pip", "install", "--upgrade", "pip", "-c", str(ROOT / "constraints.txt"))
    options = torch_options(environment, torch) if extras & TORCH_EXTRAS else []
    wanted = f"{ROOT}[{','.join(sorted(extras))}]" if extras else str(ROOT)
    environment.pip(
        f"installing Genesis{' with ' + ', '.join(sorted(extras)) if extras else ''} (nearly all of the time goes here)",
        "install", "--no-compile", "--editable", wanted, "-c", str(ROOT / "constraints.txt"), *options,
    )  # fmt: skip
    if torch == "cpu":
        refuse_cuda(environment.packages(), "was installed all the same")
    mend_opencv(environment)
    warm(environment, extras)
    write_stamp(environment.stamp, mark, extras, torch)
    environment.log.step(f"ready: {environment.folder}")


def fingerprint(root: Path, torch: str) -> str:
    """Return a digest of all that decides what gets installed, the checkout's own place included."""
    digest = hashlib.sha256(f"{root}\n{torch}\n{sys.version}\n".encode())
    for name in ("setup.cfg", "pyproject.toml", "constraints.txt"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def read_stamp(path: Path) -> dict[str, str]:
    """Return what the last complete run wrote, or nothing."""
    try:
        stamp = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and "extras" in stamp else {}


def write_stamp(path: Path, mark: str, extras: set[str], torch: str) -> None:
    """Note for the next run what is installed."""
    stamp = {"fingerprint": mark, "extras": sorted(extras), "python": sys.version, "torch": torch}
    path.write_text(json.dumps(stamp), encoding="utf-8")


def need_venv_module() -> None:
    """Refuse a Python that can't make virtual environments; Debian ships it so.

    Raises:
        Failure: with the command that mends it.
    """
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if not missing:
        return
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    way = f"sudo apt-get install python{version}-venv" if shutil.which("apt-get") else "install your system's package for it"
    msg = f"Python {version} at {sys.executable} lacks the module {missing[0]!r}, which virtual environments need: {way}"
    raise Failure(msg, code=2)


def torch_options(environment: Environment, torch: str) -> list[str]:
    """Return the options that make pip take the right build of torch.

    Raises:
        Failure: only a CUDA build is to be had, and it was not asked for.
    """
    if torch == "cuda":
        # `===` compares text, so that no local CPU build (2.13.0+cpu) can stand in for the plain version.
        pin = environment.folder / "torch-cuda.txt"
        pin.write_text("".join(f"{name}==={version}\n" for name, version in pinned("torch", "torchvision").items()), encoding="utf-8")
        return ["-c", str(pin)]
    options = []
    if platform.system() == "Linux" and answers(CPU_INDEX):
        options = ["--extra-index-url", CPU_INDEX]
    plan = environment.plan("looking for a CPU build of torch", "torch", "-c", str(ROOT / "constraints.txt"), *options)
    refuse_cuda(plan, "is the only build on offer here" if options else f"is the only build on offer here ({CPU_INDEX} does not answer)")
    return options


def refuse_cuda(packages: dict[str, str], why: str) -> None:
    """Stop when a set of packages holds CUDA libraries.

    Args:
        packages: version by name.
        why: what the sentence about them says.

    Raises:
        Failure: with the choices there are.
    """
    cuda = sorted(name for name in packages if name.startswith(CUDA_PREFIXES) and name not in NOT_CUDA)
    if not cuda:
        return
    msg = (
        f"torch {packages.get('torch', '')} for CUDA {why}: it brings {len(cuda)} packages ({', '.join(cuda[:3])}, ...) of several GB.\n"
        "Choose one:\n"
        "  - take it:                  make ... TORCH=cuda\n"
        "  - name a CPU build of it:   PIP_FIND_LINKS=/folder/with/wheels or PIP_EXTRA_INDEX_URL=..., then the same command\n"
        "  - go without torch:         python3 scripts/bootstrap.py    (capture and bridge need none)"
    )
    raise Failure(msg, code=2)


def pinned(*names: str) -> dict[str, str]:
    """Return the versions that constraints.txt gives these packages."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("#")[0].split(";")[0].strip().partition("==") for line in lines)
    return {name: version for name, _, version in pairs if name in names}


def answers(url: str) -> bool:
    """Tell whether a server gives any answer within a few seconds."""
    try:
        with urllib.request.urlopen(f"{url}/torch/", timeout=PROBE_SECONDS):  # noqa: S310 - a constant https URL
            return True
    except (OSError, urllib.error.URLError):
        return False


def mend_opencv(environment: Environment) -> None:
    """Replace OpenCV by its headless build where the system lacks the libraries of a desktop.

    Both builds are the same version in the same folder `cv2/`, so the one written last is used.

    Raises:
        Failure: `import cv2` fails for another reason, or still fails.
    """
    error = environment.import_error("cv2")
    if error is None:
        return
    if "shared object" not in error:
        msg = f"OpenCV was installed but can't be imported: {error}"
        raise Failure(msg)
    environment.log.step(f"OpenCV's desktop build does not load ({error.rpartition('ImportError: ')[2]}): taking the headless one")
    version = environment.packages()["opencv-python"]
    environment.pip("installing headless OpenCV", "install", "--no-compile", "--no-deps", "--force-reinstall", f"{HEADLESS}=={version}")
    error = environment.import_error("cv2")
    if error is not None:
        msg = f"OpenCV's headless build can't be imported either: {error}"
        raise Failure(msg)


def warm(environment: Environment, extras: set[str]) -> None:
    """Import the large libraries once.

    Raises:
        Failure: one of them can't be imported.
    """
    environment.log.step("trying what was installed")
    for needed_by, modules in WARM:
        if needed_by and not extras & needed_by:
            continue
        error = environment.import_error(modules)
        if error is not None:
            msg = f"installed, but can't be imported: {error}"
            raise Failure(msg)


if __name__ == "__main__":
    sys.exit(main())
