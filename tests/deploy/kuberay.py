"""What a RayJob of KubeRay may say: a strict model of the fields in use, the published schema of pods, and of the CRD.

The CRD itself is not part of this project: MOEE_KUBERAY_CRD names a copy of `ray.io_rayjobs.yaml` as KubeRay publishes
it (ray-operator/config/crd/bases; tried with v1.7.0, sha256 01a5cf3b17c1769f...).
"""

import functools
import importlib.util
import json
import os
from pathlib import Path
from typing import Any, Final, Literal

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field
from referencing import Registry, Resource

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "deploy" / "kuberay"
KUBERNETES: Final = "v1.34.0-local-strict"  # strict: a field that the schema does not know is an error
CRD: Final = Path(os.environ.get("MOEE_KUBERAY_CRD", ROOT.parent / "shared" / "kuberay" / "ray.io_rayjobs.yaml"))


class Strict(BaseModel):
    """An object whose unknown fields are errors: Kubernetes would drop them without a word."""

    model_config = ConfigDict(extra="forbid", strict=True)


class AutoscalerOptions(Strict):
    version: Literal["v1", "v2"]
    idle_timeout_seconds: int = Field(alias="idleTimeoutSeconds", gt=0)


class AuthOptions(Strict):
    mode: Literal["disabled", "token"]


class HeadGroup(Strict):
    ray_start_params: dict[str, str] = Field(alias="rayStartParams")
    template: dict[str, Any]


class WorkerGroup(HeadGroup):
    group_name: str = Field(alias="groupName", pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
    replicas: int = Field(ge=0)
    min_replicas: int = Field(alias="minReplicas", ge=0)
    max_replicas: int = Field(alias="maxReplicas", ge=1)


class RayCluster(Strict):
    ray_version: str = Field(alias="rayVersion")
    enable_in_tree_autoscaling: bool = Field(alias="enableInTreeAutoscaling")
    autoscaler_options: AutoscalerOptions = Field(alias="autoscalerOptions")
    auth_options: AuthOptions = Field(alias="authOptions")
    head: HeadGroup = Field(alias="headGroupSpec")
    workers: list[WorkerGroup] = Field(alias="workerGroupSpecs", min_length=1)


class SubmitterConfig(Strict):
    backoff_limit: int = Field(alias="backoffLimit", ge=0)


class RayJobSpec(Strict):
    entrypoint: str
    backoff_limit: int = Field(alias="backoffLimit", ge=0)
    shutdown_after_job_finishes: bool = Field(alias="shutdownAfterJobFinishes")
    ttl_seconds_after_finished: int = Field(alias="ttlSecondsAfterFinished", ge=0)
    submitter_config: SubmitterConfig = Field(alias="submitterConfig")
    cluster: RayCluster = Field(alias="rayClusterSpec")


class Metadata(Strict):
    name: str = Field(pattern=r"^[a-z]([-a-z0-9]{0,45}[a-z0-9])?$")  # KubeRay adds to it; 63 are allowed


class RayJob(Strict):
    """A RayJob as these files write it."""

    api_version: Literal["ray.io/v1"] = Field(alias="apiVersion")
    kind: Literal["RayJob"]
    metadata: Metadata
    spec: RayJobSpec


def pod_errors(template: dict[str, Any]) -> list[str]:
    """What the published schema of Kubernetes says against a pod template; skips without the package that brings it."""
    return _errors(_pods(), template)


@functools.cache
def _pods() -> Draft202012Validator:
    found = importlib.util.find_spec("kubernetes_validate")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the schema of pods is not here: pip install kubernetes-validate")
    folder = Path(found.submodule_search_locations[0]) / "kubernetes-json-schema" / KUBERNETES
    definitions = json.loads((folder / "_definitions.json").read_text())
    registry = Registry().with_resource("/api/_definitions.json", Resource.from_contents(definitions))
    schema = {"$ref": "/api/_definitions.json#/$defs/io.k8s.api.core.v1.PodTemplateSpec"}
    return Draft202012Validator(schema, registry=registry)


def crd_errors(job: dict[str, Any]) -> list[str]:
    """What KubeRay's own schema says against a RayJob; skips without a copy of it."""
    return _errors(_crd(), job)


@functools.cache
def _crd() -> Draft202012Validator:
    if not CRD.is_file():
        pytest.skip(f"KubeRay's schema is not here: set MOEE_KUBERAY_CRD to a copy of ray.io_rayjobs.yaml ({CRD})")
    versions = yaml.load(CRD.read_text(), yaml.CSafeLoader)["spec"]["versions"]
    (schema,) = [version["schema"]["openAPIV3Schema"] for version in versions if version["name"] == "v1"]
    return Draft202012Validator(_strict(schema))


def _strict(schema: Any) -> Any:
    """OpenAPI v3 as Kubernetes writes it, as JSON schema: fields that it would prune are errors here."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _strict(value) for key, value in schema.items() if not _note(key, value)}
    if "properties" in schema and isinstance(schema["properties"], dict):
        plain["properties"] = {name: _strict(field) for name, field in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            plain.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string") is True:
        plain.pop("type", None)
        plain["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if schema.get("nullable") is True and "type" in plain:
        plain["type"] = [plain["type"], "null"]
    return plain


def _note(key: str, value: Any) -> bool:
    """Words and rules of Kubernetes that JSON schema has no place for."""
    return key.startswith("x-kubernetes-") or (
        key in ("description", "format", "default") and not isinstance(value, dict)
    )


def _errors(validator: Any, document: Any) -> list[str]:
    return sorted(
        f"{'.'.join(map(str, error.path))}: {error.message[:200]}" for error in validator.iter_errors(document)
    )
