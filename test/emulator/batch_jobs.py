"""AWS Batch with jobs that run: each is a process of this machine, in a session of its own, with its role's credentials.

What a job's image would start is told by EMULATOR_IMAGES, a JSON object {image: [program, argument ...]}; the job's command is appended.
Requests and answers are checked against botocore's model of Batch, so that a field which AWS does not know is refused here too.

    SUBMITTED -> PENDING -> RUNNABLE -> STARTING -> RUNNING -> SUCCEEDED | FAILED
                                 \\-> FAILED (terminated before it had a machine)

A terminated job gets SIGTERM and, EMULATOR_STOP_SECONDS (30) later, SIGKILL, as ECS stops a container. Tests play the part of EC2 through
two calls of ours, which AWS does not have:

    /v1/emulatorholdqueue  {jobQueue, statusReason | null}    new jobs stay RUNNABLE for this reason, until null lets them go
    /v1/emulatorendhost    {jobId}                            the host goes away under the job

Sources: docs.aws.amazon.com/batch/latest/userguide/{job_states,job_env_vars,batch_cwe_events,multi-node-parallel-jobs}.html
"""

import atexit
import contextlib
import contextvars
import hashlib
import json
import os
import re
import signal
import subprocess
import threading

import botocore.session
from botocore.validate import ParamValidator
from ministack.core.responses import get_account_id, get_region
from ministack.services import batch, eventbridge, sts

_service = botocore.session.get_session().get_service_model("batch")
_operations = {f"/v1/{name.lower()}": name for name in _service.operation_names}
_stop_seconds = float(os.environ.get("EMULATOR_STOP_SECONDS", "30"))
_images: dict[str, list[str]] = json.loads(os.environ.get("EMULATOR_IMAGES", "{}"))
_held: dict[str, str] = {}
_processes: dict[str, list[subprocess.Popen]] = {}
_change = threading.Condition()


class RefusedError(Exception):
    """A ClientException, status 400."""


def _checked(path: str, handler):
    """The handler behind the service's own model: parameters that AWS would refuse are refused."""
    operation = _service.operation_model(_operations[path])
    known = set(operation.input_shape.members)

    def call(request: dict):
        request = {key: value for key, value in request.items() if value is not None}
        faults = [f"unknown parameter '{key}'" for key in request if key not in known]
        report = ParamValidator().validate(request, operation.input_shape)
        if report.has_errors() or faults:
            return _refusal(f"Error executing request, Exception : {report.generate_report()} {'; '.join(faults)}")
        try:
            answer = handler(request)
        except RefusedError as error:
            return _refusal(str(error))
        return batch._json(200, answer) if isinstance(answer, dict) else answer

    return call


def _refusal(message: str):
    return batch.error_response_json("ClientException", message, 400)


def _definition(reference: str) -> dict:
    """By name, name:revision or ARN; without a revision the newest."""
    name, _, revision = reference.rsplit("/", 1)[-1].partition(":")
    revisions = batch._job_definitions.get(name) or []
    found = [record for record in revisions if not revision or record["revision"] == int(revision)]
    if not found:
        raise RefusedError(f"JobDefinition {reference} does not exist")
    return found[-1]


def _register(request: dict) -> dict:
    status, _headers, body = _stock_register(request)
    answer = json.loads(body)
    if status != 200:
        raise RefusedError(answer.get("message", "refused"))
    record = batch._job_definitions[request["jobDefinitionName"]][-1]
    for key in ("timeout", "retryStrategy", "parameters", "nodeProperties", "propagateTags"):
        if key in request:
            record[key] = request[key]
    return answer


def _submit(request: dict) -> dict:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", request["jobName"]):
        raise RefusedError(f"Job name should match valid pattern: {request['jobName']}")
    definition = _definition(request["jobDefinition"])
    queue = batch._job_queue_name_from_ref(request["jobQueue"])[0]
    if queue not in batch._job_queues:
        raise RefusedError(f"JobQueue {request['jobQueue']} can not be found.")
    job_id = batch.new_uuid()
    job = {
        "jobId": job_id,
        "jobArn": batch._job_arn(job_id),
        "jobName": request["jobName"],
        "jobQueue": batch._jq_arn(queue),
        "jobDefinition": definition["jobDefinitionArn"],
        "status": "SUBMITTED",
        "createdAt": batch._now_ms(),
        "attempts": [],
        "dependsOn": [],
        "parameters": {**(definition.get("parameters") or {}), **request.get("parameters", {})},
        "tags": request.get("tags", {}),
        "propagateTags": request.get("propagateTags", False),
        "retryStrategy": request.get("retryStrategy") or definition.get("retryStrategy") or {"attempts": 1},
    }
    commands = _commands(job, definition, request)
    batch._jobs[job_id] = job
    scope = contextvars.copy_context()  # account and region of the request
    threading.Thread(target=lambda: scope.run(_live, job, queue, commands), daemon=True).start()
    return {"jobId": job_id, "jobName": job["jobName"], "jobArn": job["jobArn"]}


def _commands(job: dict, definition: dict, request: dict) -> list[tuple[list[str], dict[str, str]]]:
    """Program and environment of each node; fills in what DescribeJobs shows."""
    shared = {"AWS_BATCH_JOB_ID": job["jobId"], "AWS_BATCH_JQ_NAME": job["jobQueue"].rsplit("/", 1)[-1], "AWS_BATCH_JOB_ATTEMPT": "1"}
    if definition["type"] != "multinode":
        container = {**definition["containerProperties"], **request.get("containerOverrides", {})}
        container["environment"] = _merge(definition["containerProperties"], request.get("containerOverrides", {}))
        job["container"] = {key: container[key] for key in ("image", "command", "jobRoleArn", "environment") if key in container}
        return [_command(job, container, shared)]
    properties = definition["nodeProperties"]
    overrides = request.get("nodeOverrides", {})
    count = overrides.get("numNodes", properties["numNodes"])
    job["nodeProperties"] = {**properties, "numNodes": count}
    commands = []
    for index in range(count):
        container = dict(next(part["container"] for part in properties["nodeRangeProperties"] if _covers(part["targetNodes"], index)))
        for part in overrides.get("nodePropertyOverrides", []):
            if _covers(part["targetNodes"], index):
                given = part.get("containerOverrides", {})
                container = {**container, **given, "environment": _merge(container, given)}
        node = {
            "AWS_BATCH_JOB_MAIN_NODE_INDEX": str(properties["mainNode"]),
            "AWS_BATCH_JOB_NODE_INDEX": str(index),
            "AWS_BATCH_JOB_NUM_NODES": str(count),
        }
        if index != properties["mainNode"]:
            node["AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"] = "127.0.0.1"
        commands.append(_command(job, container, shared | node))
    return commands


def _covers(target: str, index: int) -> bool:
    first, colon, last = target.partition(":")
    if not colon:
        return int(first) == index
    return int(first or 0) <= index and (last == "" or index <= int(last))


def _merge(definition: dict, overrides: dict) -> list[dict]:
    values = {entry["name"]: entry["value"] for part in (definition, overrides) for entry in part.get("environment", [])}
    return [{"name": name, "value": value} for name, value in values.items()]


def _command(job: dict, container: dict, variables: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    image = container.get("image", "")
    command = [
        re.sub(r"Ref::(\w+)", lambda match: job["parameters"].get(match.group(1), match.group(0)), part) for part in container["command"]
    ]
    given = {entry["name"]: entry["value"] for entry in container.get("environment", [])}
    own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    aws = {"AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"], "AWS_REGION": get_region(), "AWS_DEFAULT_REGION": get_region()}
    return [*_images.get(image, []), *command], own | aws | _credentials(container.get("jobRoleArn"), job["jobId"]) | variables | given


def _credentials(role_arn: str | None, session: str) -> dict[str, str]:
    """A session of the job's role, as its container gets one. Without a role there are none."""
    if role_arn is None:
        return {}
    digest = hashlib.sha256(f"{role_arn}:{session}".encode()).hexdigest()
    key, secret, token = f"ASIA{digest[:16].upper()}", digest[16:56], digest
    role = role_arn.rsplit("/", 1)[-1]
    arn = f"arn:aws:sts::{get_account_id()}:assumed-role/{role}/{session}"
    sts.register_session(key, {"Arn": arn, "UserId": f"{role}:{session}", "SecretAccessKey": secret, "SessionToken": token})
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}


def _live(job: dict, queue: str, commands: list[tuple[list[str], dict[str, str]]]) -> None:
    _move(job, "PENDING")
    _move(job, "RUNNABLE")
    with _change:
        while queue in _held and not job.get("_ending"):
            if job.get("statusReason") != _held[queue]:
                job["statusReason"] = _held[queue]
                _announce(job)
            _change.wait()
    if job.get("_ending"):
        return _end(job, None, job["_ending"])
    job.pop("statusReason", None)
    _move(job, "STARTING")
    job["startedAt"] = batch._now_ms()
    with _change:
        if job.get("_ending"):
            return _end(job, None, job["_ending"])
        try:
            _processes[job["jobId"]] = [subprocess.Popen(argv, env=env, start_new_session=True) for argv, env in commands]
        except OSError as error:
            return _end(job, None, f"CannotStartContainerError: {error}")
        _move(job, "RUNNING")
    codes = [process.wait() for process in _processes[job["jobId"]]]
    code = next((code for code in codes if code != 0), 0)
    _end(job, 128 - code if code < 0 else code, job.get("_ending") or "Essential container in task exited")
    return None


def _end(job: dict, exit_code: int | None, reason: str) -> None:
    container = {} if exit_code is None else {"exitCode": exit_code}
    job["attempts"].append({"container": container, "statusReason": reason, "stoppedAt": batch._now_ms()})
    job.setdefault("container", {}).update(container)
    job.update(statusReason=reason, stoppedAt=batch._now_ms())
    _move(job, "SUCCEEDED" if exit_code == 0 and not job.get("_ending") else "FAILED")


def _move(job: dict, status: str) -> None:
    job["status"] = status
    _announce(job)


def _announce(job: dict) -> None:
    detail = _shown(job)
    entry = {"Source": "aws.batch", "DetailType": "Batch Job State Change", "Resources": [job["jobArn"]], "Detail": json.dumps(detail)}
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _shown(job: dict) -> dict:
    return {key: value for key, value in job.items() if not key.startswith("_")}


def _describe(request: dict) -> dict:
    if len(request["jobs"]) > 100:
        raise RefusedError("Jobs list cannot be longer than 100")
    return {"jobs": [_shown(batch._jobs[job_id]) for job_id in request["jobs"] if job_id in batch._jobs]}


def _list(request: dict) -> dict:
    queue = batch._job_queue_name_from_ref(request["jobQueue"])[0] if "jobQueue" in request else None
    filters = {entry["name"]: entry["values"] for entry in request.get("filters", [])}
    # "When the filter is used, jobStatus is ignored": docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html
    status = None if filters else request.get("jobStatus", "RUNNING")
    found = []
    for job in batch._jobs.values():
        if queue is not None and job["jobQueue"] != batch._jq_arn(queue):
            continue
        if "JOB_NAME" in filters and not any(_matches(job["jobName"], pattern) for pattern in filters["JOB_NAME"]):
            continue
        if status is not None and job["status"] != status:
            continue
        shown = ("jobId", "jobArn", "jobName", "status", "statusReason", "createdAt", "startedAt", "stoppedAt", "jobDefinition")
        found.append({key: job[key] for key in shown if key in job})
    return {"jobSummaryList": found}


def _matches(name: str, pattern: str) -> bool:
    return name.lower().startswith(pattern[:-1].lower()) if pattern.endswith("*") else name.lower() == pattern.lower()


def _terminate(request: dict) -> dict:
    job = batch._jobs.get(request["jobId"])
    if job is not None and job["status"] not in ("SUCCEEDED", "FAILED"):
        _stop(job, request["reason"], signal.SIGTERM)
    return {}


def _cancel(request: dict) -> dict:
    """Only what has not started: docs.aws.amazon.com/batch/latest/APIReference/API_CancelJob.html"""
    job = batch._jobs.get(request["jobId"])
    if job is not None and job["status"] in ("SUBMITTED", "PENDING", "RUNNABLE"):
        _stop(job, request["reason"], signal.SIGTERM)
    return {}


def _stop(job: dict, reason: str, first: signal.Signals) -> None:
    with _change:
        job["_ending"] = reason
        processes = list(_processes.get(job["jobId"], []))
        _change.notify_all()
    _signal(processes, first)
    killer = threading.Timer(_stop_seconds, _signal, (processes, signal.SIGKILL))
    killer.daemon = True
    killer.start()


def _signal(processes: list[subprocess.Popen], number: signal.Signals) -> None:
    for process in processes:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)


def _hold_queue(request: dict):
    queue = batch._job_queue_name_from_ref(request["jobQueue"])[0]
    with _change:
        if request.get("statusReason") is None:
            _held.pop(queue, None)
        else:
            _held[queue] = request["statusReason"]
        _change.notify_all()
    return batch._json(200, {})


def _end_host(request: dict):
    job = batch._jobs[request["jobId"]]
    _stop(job, "Host EC2 (instance i-0123456789abcdef0) terminated.", signal.SIGKILL)
    return batch._json(200, {})


@atexit.register
def _end_all() -> None:
    """Sessions of their own would outlive the emulator."""
    for processes in _processes.values():
        _signal(processes, signal.SIGKILL)


_stock_register = batch._register_job_definition

CALLS = {
    "/v1/registerjobdefinition": _checked("/v1/registerjobdefinition", _register),
    "/v1/submitjob": _checked("/v1/submitjob", _submit),
    "/v1/describejobs": _checked("/v1/describejobs", _describe),
    "/v1/listjobs": _checked("/v1/listjobs", _list),
    "/v1/terminatejob": _checked("/v1/terminatejob", _terminate),
    "/v1/canceljob": _checked("/v1/canceljob", _cancel),
    "/v1/emulatorholdqueue": _hold_queue,
    "/v1/emulatorendhost": _end_host,
}
