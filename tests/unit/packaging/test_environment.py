"""The environment's pip: hidden while all is well, quoted when it fails."""

from __future__ import annotations

import pytest

PIP = """#!/bin/sh
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo "Collecting package-$n"; done
echo "WARNING: Location 'x' is ignored: it is neither a file nor a directory."
echo "Installing collected packages: a, b, c"
echo "PYTHONPATH=$PYTHONPATH PIP_TARGET=$PIP_TARGET"
echo "ERROR: no space left on device" >&2
exit {code}
"""


@pytest.fixture
def environment(scripts, tmp_path, request):
    module = scripts("environment")
    made = module.Environment(tmp_path / "venv", module.Log())
    made.python.parent.mkdir(parents=True)
    made.python.write_text(PIP.format(code=getattr(request, "param", 0)))
    made.python.chmod(0o755)
    return made


@pytest.mark.parametrize("environment", [3], indirect=True)
def test_a_pip_that_fails_is_quoted_and_its_log_named(environment, scripts):
    with pytest.raises(scripts("environment").Failure) as failure:
        environment.pip("installing", "install", "x")

    said = str(failure.value)
    assert "ERROR: no space left on device" in said
    assert "Collecting package-1\n" not in said
    assert "is ignored" not in said
    assert said.endswith(str(environment.record))


def test_a_pip_that_succeeds_is_not_heard_but_recorded(environment, capsys):
    environment.pip("installing", "install", "x")

    said = capsys.readouterr().out
    assert "Collecting" not in said
    assert "unpacking 3 packages" in said
    assert "Collecting package-7" in environment.record.read_text()


def test_variables_that_would_lead_pip_astray_are_not_passed_on(environment, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")

    environment.pip("installing", "install", "x")

    assert "PYTHONPATH= PIP_TARGET=\n" in environment.record.read_text()


def test_no_environment_has_no_pip(scripts, tmp_path):
    module = scripts("environment")

    assert module.Environment(tmp_path / "none", module.Log()).pip_version() == ()


@pytest.mark.parametrize(("name", "normal"), [("PyYAML", "pyyaml"), ("typing_extensions", "typing-extensions"), ("a.b__c", "a-b-c")])
def test_names_are_compared_as_the_index_spells_them(scripts, name, normal):
    assert scripts("environment").normal(name) == normal
