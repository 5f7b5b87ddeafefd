"""The KubeRay files: every field is known, every option exists, and Ray's own autoscaler reads the cluster."""

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tests.curation.runs import moee
from tests.deploy.kuberay import FOLDER, ROOT, RayJob, crd_errors, pod_errors

FILES = ("curate.yaml", "train.yaml")


@pytest.fixture(params=FILES)
def job(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One file, read."""
    return json.loads(json.dumps(yaml.safe_load((FOLDER / request.param).read_text())))  # without shared anchors


def groups(job: dict[str, Any]) -> list[dict[str, Any]]:
    """The head's group and the workers'."""
    cluster = job["spec"]["rayClusterSpec"]
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


def test_every_file_of_the_folder_is_tested() -> None:
    assert {path.name for path in FOLDER.glob("*.y*ml")} == set(FILES)


def test_a_rayjob_says_only_what_kuberay_knows(job: dict[str, Any]) -> None:
    RayJob.model_validate(job)


def test_every_pod_fits_the_published_schema_of_kubernetes(job: dict[str, Any]) -> None:
    assert [error for group in groups(job) for error in pod_errors(group["template"])] == []


def test_a_rayjob_fits_the_published_schema_of_kuberay(job: dict[str, Any]) -> None:
    assert crd_errors(job) == []


WRONG_JOBS = pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("spec", {"shutdownAfterJobFinish": True}),
        ("spec.rayClusterSpec", {"workerGroupSpec": []}),
        ("spec.rayClusterSpec.workerGroupSpecs.0", {"maxReplicas": "16"}),
        ("spec.rayClusterSpec.autoscalerOptions", {"version": "v3"}),
        ("spec.rayClusterSpec.headGroupSpec", {"rayStartParams": {"num-cpus": 0}}),
    ],
)
WRONG_PODS = pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("spec", {"volume": []}),
        ("spec.containers.0", {"volumeMount": []}),
        ("spec.containers.0.resources", {"limit": {}}),
        ("spec.securityContext", {"runAsUser": "1000"}),
    ],
)


@WRONG_JOBS
def test_a_misspelled_field_or_a_wrong_value_is_found(job: dict[str, Any], place: str, wrong: dict[str, Any]) -> None:
    _at(job, place).update(wrong)
    with pytest.raises(ValidationError):
        RayJob.model_validate(job)


@WRONG_PODS
def test_a_mistake_in_a_pod_is_found(job: dict[str, Any], place: str, wrong: dict[str, Any]) -> None:
    _at(_worker(job), place).update(wrong)
    assert pod_errors(_worker(job))


@WRONG_JOBS
def test_kuberays_schema_finds_it_too(job: dict[str, Any], place: str, wrong: dict[str, Any]) -> None:
    _at(job, place).update(wrong)
    assert crd_errors(job)


@WRONG_PODS
def test_kuberays_schema_finds_a_mistake_in_a_pod(job: dict[str, Any], place: str, wrong: dict[str, Any]) -> None:
    _at(_worker(job), place).update(wrong)
    assert crd_errors(job)


def _worker(job: dict[str, Any]) -> dict[str, Any]:
    return groups(job)[1]["template"]


def _at(document: Any, place: str) -> Any:
    for name in place.split("."):
        document = document[int(name) if name.isdigit() else name]
    return document


def test_ray_is_the_locked_one(job: dict[str, Any]) -> None:
    (pin,) = re.findall(r"^ray==(\S+)$", (ROOT / "requirements" / "cpu.lock").read_text(), re.MULTILINE)
    assert job["spec"]["rayClusterSpec"]["rayVersion"] == pin


def test_the_entrypoint_is_a_command_line_that_moee_has(job: dict[str, Any]) -> None:
    words = shlex.split(job["spec"]["entrypoint"])
    command = words[: words.index("||")]
    assert words[words.index("||") :] == ["||", "[", "$?", "-eq", "1", "]"], "status 1 is a run that is done"
    assert command[0] == "moee"
    helped = moee(command[1], "--help", env={"COLUMNS": "200"}).out
    options = [word for word in command if word.startswith("--")]
    assert {"--engine", "--address"} <= set(options)
    assert [option for option in options if not re.search(rf"(?<!\S){option}(?!\S)", helped)] == []


def test_rays_own_autoscaler_reads_both_groups(job: dict[str, Any]) -> None:
    autoscaler = pytest.importorskip("ray.autoscaler._private.kuberay.autoscaling_config")
    manifest = {"metadata": {"name": "moee", "namespace": "default"}, "spec": job["spec"]["rayClusterSpec"]}
    types = autoscaler._derive_autoscaling_config_from_ray_cr(manifest)["available_node_types"]
    cpu, gpu = types["cpu"], types["gpu"]
    head = next(kind for name, kind in types.items() if name not in ("cpu", "gpu"))
    assert head["resources"]["CPU"] == 0, "no source runs beside the driver"
    assert cpu["resources"]["CPU"] >= 8
    assert "GPU" not in cpu["resources"]
    assert gpu["resources"]["GPU"] >= 1
    assert all(kind["min_workers"] <= kind["max_workers"] for kind in (cpu, gpu))
    assert cpu["resources"]["memory"] >= cpu["resources"]["CPU"] * (2 << 30), "2 GiB for each source in work"


def test_every_mount_has_its_volume_and_every_pod_has_limits(job: dict[str, Any]) -> None:
    for group in groups(job):
        pod = group["template"]["spec"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
            assert container["resources"]["requests"] == container["resources"]["limits"]
        assert all("sizeLimit" in volume["emptyDir"] for volume in volumes.values() if "emptyDir" in volume)
        assert {"name": "MOEE_WEIGHTS", "value": "/weights"} in pod["containers"][0]["env"]


def test_no_credential_stands_in_a_file() -> None:
    for path in FOLDER.iterdir():
        values = re.findall(r"(?:SECRET|KEY|TOKEN|PASSWORD)\w*\s*[=:]\s*(\S+)", path.read_text())
        assert all(value.strip("'\"").startswith("...") for value in values), (path.name, values)
    curate = (FOLDER / "curate.yaml").read_text()
    assert "secretRef" in curate


def test_the_image_sets_up_as_a_laptop_does() -> None:
    text = (FOLDER / "Dockerfile").read_text()
    assert "make setup" in text, "one set-up, one lock"
    assert re.search(r"^USER (?!0|root)\S+$", text, re.MULTILINE)
    assert os.access(ROOT / "Makefile", os.R_OK)
    assert Path(ROOT / "requirements" / "cpu.lock").is_file()
