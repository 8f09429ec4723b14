"""The manifests: what `kubectl apply --kustomize deploy/kubernetes/...` would send."""

from __future__ import annotations

import re
import subprocess
from urllib.parse import urlsplit

import pytest
import yaml

from genesis.settings import Settings, load
from genesis.subscriptions import load_subscriptions
from genesis.telemetry import catalogue

OVERLAYS = ("example", "gpu")
RELEASES = ("1.30", "1.34")  # of Kubernetes
TEXT, NUMBER, TEXTS = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "array", "items": {"type": "string"}}


def struct(required="", /, **properties):
    return {"type": "object", "additionalProperties": False, "required": required.split(), "properties": properties}


def rows(item):
    return {"type": "array", "minItems": 1, "items": item}


META = struct("name", name=TEXT, namespace=TEXT, labels={"type": "object", "additionalProperties": TEXT})
SCALING = struct(
    stabilizationWindowSeconds=NUMBER, policies=rows(struct("type value periodSeconds", type=TEXT, value=NUMBER, periodSeconds=NUMBER))
)
# As much of the kinds that KEDA and Prometheus' operator bring as is used here; what is not listed is a mistake.
THEIRS = {
    "keda.sh/v1alpha1/ScaledObject": struct(
        "scaleTargetRef triggers",
        scaleTargetRef=struct("name", name=TEXT),
        pollingInterval=NUMBER,
        minReplicaCount=NUMBER,
        maxReplicaCount=NUMBER,
        fallback=struct("failureThreshold replicas", failureThreshold=NUMBER, replicas=NUMBER),
        advanced=struct(horizontalPodAutoscalerConfig=struct(behavior=struct(scaleUp=SCALING, scaleDown=SCALING))),
        triggers=rows(
            struct(
                "type metadata",
                type={"const": "prometheus"},
                name=TEXT,
                metricType={"const": "AverageValue"},
                # Every value is text, numbers too.
                metadata=struct("serverAddress query threshold", serverAddress=TEXT, query=TEXT, threshold=TEXT, ignoreNullValues=TEXT),
            )
        ),
    ),
    "monitoring.coreos.com/v1/PodMonitor": struct(
        "selector podMetricsEndpoints",
        selector=struct(
            matchLabels={"type": "object", "additionalProperties": TEXT},
            matchExpressions=rows(struct("key operator", key=TEXT, operator={"enum": ["In", "NotIn"]}, values=TEXTS)),
        ),
        podMetricsEndpoints=rows(
            struct(
                port=TEXT,
                path=TEXT,
                interval=TEXT,
                honorLabels={"type": "boolean"},
                relabelings=rows(struct(sourceLabels=TEXTS, regex=TEXT, targetLabel=TEXT, replacement=TEXT, action=TEXT)),
            )
        ),
    ),
}  # fmt: skip


def kind_of(document):
    return f"{document['apiVersion']}/{document['kind']}"


def title(document):
    return f"{document['kind']}/{document['metadata']['name']}"


@pytest.fixture(scope="module")
def folder(root):
    return root / "deploy" / "kubernetes"


@pytest.fixture(scope="module")
def rendered(folder, tool):
    """Return the documents of each overlay."""
    kubectl = tool("kubectl", "Kubernetes' command line")
    found = {}
    for name in OVERLAYS:
        done = subprocess.run([kubectl, "kustomize", str(folder / "overlays" / name)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        found[name] = list(yaml.safe_load_all(done.stdout))
    return found


@pytest.fixture(params=OVERLAYS)
def documents(request, rendered):
    return rendered[request.param]


@pytest.fixture
def pods(documents):
    """Return every kind of pod that an overlay makes, by what makes it."""
    return {title(document): document["spec"]["template"]["spec"] for document in documents if "template" in document.get("spec", {})}


@pytest.fixture
def programs(documents):
    """Return the pods of Genesis' own programs that run on and on, by name."""
    return {
        document["metadata"]["name"]: document["spec"]["template"]["spec"]
        for document in documents
        if document["kind"] == "Deployment" and document["metadata"]["labels"].get("app.kubernetes.io/part-of") == "genesis"
    }


def named(documents, kind):
    return {document["metadata"]["name"]: document for document in documents if document["kind"] == kind}


@pytest.mark.parametrize("release", RELEASES)
def test_kubernetes_would_take_every_document(documents, release):
    kubernetes_validate = pytest.importorskip("kubernetes_validate")

    for document in documents:
        if kind_of(document) not in THEIRS:
            kubernetes_validate.validate(document, release, strict=True)


def test_what_others_bring_is_written_as_they_read_it(rendered):
    jsonschema = pytest.importorskip("jsonschema")
    theirs = [document for document in rendered["gpu"] if kind_of(document) in THEIRS]

    for document in theirs:
        schema = struct("apiVersion kind metadata spec", apiVersion=TEXT, kind=TEXT, metadata=META, spec=THEIRS[kind_of(document)])
        jsonschema.validate(document, schema)
    assert {kind_of(document) for document in theirs} == set(THEIRS)


def test_nothing_is_said_twice_and_all_is_in_one_namespace(documents):
    names = [title(document) for document in documents]

    assert sorted(names) == sorted(set(names))
    assert {document["metadata"].get("namespace", "genesis") for document in documents} == {"genesis"}


def test_no_pod_has_more_rights_than_it_needs(pods):
    for pod in pods.values():
        security = pod["securityContext"]
        assert security["runAsNonRoot"]
        assert security["runAsUser"] > 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
            }  # fmt: skip


def test_every_container_asks_for_what_it_takes_and_has_an_image_with_a_fixed_tag(pods):
    for name, pod in pods.items():
        for container in pod["containers"]:
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name
            assert re.fullmatch(r".+:[\w.-]*\d+\.\d+[\w.-]*", container["image"]), name


def test_every_folder_that_is_mounted_has_a_volume(documents, pods):
    claims, maps, secrets = named(documents, "PersistentVolumeClaim"), named(documents, "ConfigMap"), named(documents, "Secret")

    for name, pod in pods.items():
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        templates = next(document for document in documents if title(document) == name)["spec"].get("volumeClaimTemplates", [])
        mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
        assert mounted == set(volumes) | {template["metadata"]["name"] for template in templates}, name
        assert {v["persistentVolumeClaim"]["claimName"] for v in volumes.values() if "persistentVolumeClaim" in v} <= set(claims)
        assert {v["configMap"]["name"] for v in volumes.values() if "configMap" in v} <= set(maps)
        assert {v["secret"]["secretName"] for v in volumes.values() if "secret" in v} <= set(secrets)


def test_a_program_is_asked_how_it_is_where_it_listens(programs):
    for name, pod in programs.items():
        (container,) = pod["containers"]
        variables = {row["name"]: row.get("value") for row in container["env"]}
        (port,) = container["ports"]
        # The image sets monitoring.program_ports to this; the exporter has a setting of its own.
        assert port == {"name": "metrics", "containerPort": 9110}
        assert variables.get("GENESIS_MONITORING__PORT", "9110") == "9110"
        for probe in ("startupProbe", "livenessProbe"):
            assert container[probe]["httpGet"] == {"path": "/healthz", "port": "metrics"}, name


def test_a_program_has_time_to_end_in_order(programs):
    assert min(pod["terminationGracePeriodSeconds"] for pod in programs.values()) > Settings().celery.shutdown_seconds + 10


def test_variables_of_programs_are_settings(pods, variables):
    names = {row["name"] for pod in pods.values() for container in pod["containers"] for row in container.get("env", [])}

    assert {name for name in names if name.startswith("GENESIS_")} <= variables


def test_files_that_variables_name_are_in_the_secret(documents, pods):
    (secret,) = named(documents, "Secret").values()

    files = {
        row["value"]
        for pod in pods.values()
        for container in pod["containers"]
        for row in container.get("env", [])
        if row["name"].endswith("_FILE")
    }
    assert {file.removeprefix("/run/secrets/genesis/") for file in files} == set(secret["stringData"])


def test_addresses_of_the_example_lead_to_its_own_servers(documents):
    (secret,) = named(documents, "Secret").values()
    services = named(documents, "Service")
    urls = [urlsplit(value) for value in secret["stringData"].values() if "://" in value]

    for url in urls:
        (port,) = services[url.hostname]["spec"]["ports"]
        assert port["port"] == url.port


def test_the_settings_can_be_read(folder, monkeypatch):
    monkeypatch.delenv("GENESIS_EVENT_DRIVEN__ENABLED", raising=False)

    assert load(folder / "base" / "settings.yaml").event_driven.enabled


@pytest.mark.parametrize("name", ["ledger", "cache"])
def test_the_servers_are_set_up_as_everywhere_else(folder, root, name):
    copy, original = (folder / "components" / name / f"{name}.conf", root / "configs" / "redis" / f"{name}.conf")

    assert copy.read_text(encoding="utf-8") == original.read_text(encoding="utf-8"), f"cp {original} {copy}"


def test_the_ledger_keeps_what_it_has_on_a_disk_and_a_camera_is_read_once(documents):
    ledger, capture = named(documents, "StatefulSet")["ledger"]["spec"], named(documents, "Deployment")["capture"]["spec"]

    assert ledger["replicas"] == 1
    assert [template["metadata"]["name"] for template in ledger["volumeClaimTemplates"]] == ["data"]
    assert (capture["replicas"], capture["strategy"]) == (1, {"type": "Recreate"})


def test_every_queue_has_a_worker(programs, queues):
    served = []
    for pod in programs.values():
        arguments = pod["containers"][0]["args"]
        if "celery" in arguments:
            served += arguments[arguments.index("-Q") + 1].split(",")

    assert sorted(served) == sorted(queues)


def test_a_drained_node_leaves_a_bridge_and_all_but_one_of_each_kind_of_worker(documents):
    deployments, budgets = named(documents, "Deployment"), named(documents, "PodDisruptionBudget")

    expected = {name for name in deployments if name == "bridge" or name.startswith("worker-")}
    assert set(budgets) == expected
    for name, budget in budgets.items():
        assert budget["spec"]["selector"]["matchLabels"] == deployments[name]["spec"]["template"]["metadata"]["labels"]
    assert budgets["bridge"]["spec"]["minAvailable"] < deployments["bridge"]["spec"]["replicas"]


def test_keda_and_nobody_else_says_how_many_workers_there_are(rendered):
    deployments = named(rendered["gpu"], "Deployment")

    for name, scaled in named(rendered["gpu"], "ScaledObject").items():
        spec = scaled["spec"]
        assert spec["scaleTargetRef"]["name"] == name
        assert "replicas" not in deployments[name]["spec"]
        # From nothing a live camera's frames would be too old before a model is loaded.
        assert 1 <= spec["minReplicaCount"] <= spec["fallback"]["replicas"] <= spec["maxReplicaCount"]
        assert {trigger["metadata"]["ignoreNullValues"] for trigger in spec["triggers"]} == {"false"}


def test_keda_asks_for_metrics_that_are_told_of_groups_that_are_there(rendered):
    known = {metric.name: set(metric.labels) for metric in vars(catalogue).values() if isinstance(metric, catalogue.Metric)}
    subscribed = load_subscriptions()
    groups, streams = {row.group for row in subscribed}, {row.event.STREAM for row in subscribed}

    for scaled in named(rendered["gpu"], "ScaledObject").values():
        for trigger in scaled["spec"]["triggers"]:
            for metric, label, value in re.findall(r"(genesis_\w+)\{(\w+)=\"([^\"]+)\"\}", trigger["metadata"]["query"]):
                assert label in known[metric]
                assert value in (groups if label == "group" else streams)


def test_prometheus_operator_finds_the_pods(rendered):
    pods = [document["spec"]["template"]["metadata"]["labels"] for document in rendered["gpu"] if document["kind"] == "Deployment"]

    for monitor in named(rendered["gpu"], "PodMonitor").values():
        wanted = monitor["spec"]["selector"]["matchLabels"]
        assert any(wanted.items() <= labels.items() for labels in pods)
