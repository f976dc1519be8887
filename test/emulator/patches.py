"""What MiniStack does otherwise than AWS and this project depends on: each fault in one function, with its source.

`test/emulator/patches.test.ts` shows each of them on the stock emulator, so that the test fails when a new version has mended it and the
patch can go. Nothing of MiniStack is copied: its functions are wrapped or replaced in place, which is why its version is pinned.
"""

import json
import os
import re
import threading
from importlib.metadata import version
from urllib.parse import urlsplit

import batch_jobs
from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.services import batch, cloudfront, eventbridge, lambda_svc, stepfunctions
from ministack.services.cloudformation import provisioners

PINNED = "1.5.33"


def apply() -> None:
    if version("ministack") != PINNED:
        raise SystemExit(f"the patches are for ministack {PINNED}, found {version('ministack')}")
    answer_without_a_stall()
    name_errors_of_handlers()
    run_batch_jobs()
    deploy_batch_by_cloudformation()
    let_accounts_in_by_cloudformation()
    record_the_start_of_tasks()
    take_a_running_execution_again()
    count_loopback_as_tls()
    name_secrets_by_arn()
    reach_hosts_of_aws()
    know_resources_of_batch()


def answer_without_a_stall() -> None:
    """Stock waits 50 ms for log lines of a handler that writes none."""
    lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (0.002, 0.002, 0.25)


def name_errors_of_handlers() -> None:
    """Stock answers `Runtime.HandlerError` for every error thrown, so that no Retry or Catch by name ever matches.

    Lambda gives `errorType`, the error's name: docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html
    """
    invoke, execute = lambda_runtime.Worker.invoke, lambda_svc._execute_function_warm
    newest = threading.local()

    def remember(*args, **options):
        newest.result = invoke(*args, **options)
        return newest.result

    def rename(*args, **options):
        newest.result = None
        answer = execute(*args, **options)
        body, result = answer.get("body"), newest.result or {}
        if isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError" and result.get("trace"):
            trace = result["trace"].split("\n")
            name = re.match(r"^([A-Za-z_$][\w$.]*)(?:: |$)", trace[0])
            if name:
                body["errorType"] = name.group(1)
            body["trace"] = trace
        return answer

    lambda_runtime.Worker.invoke = remember
    lambda_svc._execute_function_warm = rename


def run_batch_jobs() -> None:
    """Stock says SUCCEEDED at once, runs nothing, knows no TerminateJob and sends no events."""
    batch._DISPATCH.update(batch_jobs.CALLS)


def deploy_batch_by_cloudformation() -> None:
    """Stock knows none of the three types: `Unrecognized resource types`."""

    def lower_first(value):
        if isinstance(value, dict):
            return {key[:1].lower() + key[1:]: lower_first(item) for key, item in value.items()}
        return [lower_first(item) for item in value] if isinstance(value, list) else value

    def handlers(kind: str, path: str, name_key: str, arn_key: str, arn_attribute: str):
        def create(logical_id, properties, stack, *_):
            request = lower_first(properties)
            # Names and values of tags, parameters and variables are the user's own: their case stays.
            for free in ("Tags", "Parameters"):
                if free in properties:
                    request[free.lower()] = properties[free]
            request.setdefault(name_key, f"{stack}-{logical_id}"[:128])
            status, _headers, body = batch._DISPATCH[path](request)
            answer = json.loads(body)
            if status != 200:
                raise ValueError(f"AWS::Batch::{kind}: {answer.get('message')}")
            return answer[arn_key], {arn_attribute: answer[arn_key]}

        def update(_physical_id, _old, properties, stack, *_):
            return create(kind, properties, stack)

        return {"create": create, "update": update, "delete": lambda *_args, **_options: None}

    for kind, path, name_key, arn_key, arn_attribute in (
        ("ComputeEnvironment", "/v1/createcomputeenvironment", "computeEnvironmentName", "computeEnvironmentArn", "ComputeEnvironmentArn"),
        ("JobQueue", "/v1/createjobqueue", "jobQueueName", "jobQueueArn", "JobQueueArn"),
        ("JobDefinition", "/v1/registerjobdefinition", "jobDefinitionName", "jobDefinitionArn", "JobDefinitionArn"),
    ):
        provisioners._RESOURCE_HANDLERS[f"AWS::Batch::{kind}"] = handlers(kind, path, name_key, arn_key, arn_attribute)


def let_accounts_in_by_cloudformation() -> None:
    """Stock knows no AWS::Events::EventBusPolicy, though its EventBridge knows PutPermission, which AWS says is the same."""

    def create(_logical_id, properties, *_):
        statement, name = properties["Statement"], properties["StatementId"]
        bus = properties.get("EventBusName", "default")
        given = {key: statement[key] for key in ("Principal", "Action", "Condition") if key in statement}
        eventbridge._put_permission({"EventBusName": bus, "StatementId": name, **given})
        return f"{bus}|{name}", {}

    def update(_physical_id, _old, properties, *_):
        return create(None, properties)

    def delete(physical_id, *_args, **_options):
        bus, _, name = physical_id.rpartition("|")
        eventbridge._remove_permission({"EventBusName": bus, "StatementId": name})

    provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = {"create": create, "update": update, "delete": delete}


def record_the_start_of_tasks() -> None:
    """Stock histories lack TaskStarted, which AWS writes between TaskScheduled and the task's end, and which counts towards the 25,000.

    docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
    """
    add = stepfunctions._add_event

    def add_event(execution, event_type, details=None):
        event = add(execution, event_type, details)
        if event_type == "TaskScheduled":
            add(execution, "TaskStarted", {"taskStartedEventDetails": details.get("taskScheduledEventDetails", {})})
        return event

    stepfunctions._add_event = add_event


def take_a_running_execution_again() -> None:
    """Stock refuses the name of a running execution; AWS answers with that execution where the input is the same.

    docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html: "StartExecution is idempotent for STANDARD workflows".
    """
    start = stepfunctions._start_execution

    def start_execution(data):
        answer = start(data)
        if answer[0] == 200:
            return answer
        machine, name = data.get("stateMachineArn", ""), data.get("name", "")
        running = stepfunctions._executions.get(f"{machine.replace(':stateMachine:', ':execution:')}:{name}")
        if running is None or running["status"] != "RUNNING" or running["input"] != data.get("input", "{}"):
            return answer
        return stepfunctions.json_response({"executionArn": running["executionArn"], "startDate": running["startDate"]})

    stepfunctions._start_execution = start_execution


def count_loopback_as_tls() -> None:
    """Stock says `aws:SecureTransport` false of plain HTTP, as it is: then a bucket or queue for TLS only takes nothing on loopback."""
    origin = iam_evaluator._request_origin

    class OverTls:
        set = staticmethod(origin.set)

        @staticmethod
        def get():
            return origin.get()[0], True

    iam_evaluator._request_origin = OverTls


def name_secrets_by_arn() -> None:
    """Stock answers `Ref` of a secret with its name; AWS with its ARN, which policies are written with.

    docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-secretsmanager-secret.html, "Return values"
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]

    stock = dict(handlers)

    def create(*args):
        _name, attributes = stock["create"](*args)
        return attributes["Arn"], attributes

    def update(arn, *rest):
        _name, attributes = stock["update"](name_of(arn), *rest)
        return attributes["Arn"], attributes

    def delete(arn, *rest):
        return stock["delete"](name_of(arn), *rest)

    def name_of(arn: str) -> str:
        return re.sub(r"-[^-]{6}$", "", arn.rsplit(":", 1)[-1])

    handlers.update(create=create, update=update, delete=delete)


def reach_hosts_of_aws() -> None:
    """Names that only the DNS of AWS knows: of APIs, and of CloudFront's distributions.

    Functions get what such a name stands for here in their environment. CloudFront's own data plane, which stock has, refuses to dial an
    API of AWS, and is sent to this gateway instead. EMULATOR_FRONT_DOOR is where a distribution is reached from outside: a proxy of the
    tests, which says that it came by TLS.
    """
    gateway, front_door = os.environ["AWS_ENDPOINT_URL"], os.environ.get("EMULATOR_FRONT_DOOR")
    api = re.compile(r"https://([a-f0-9]{8})\.execute-api\.[a-z0-9-]+\.amazonaws\.com")
    distribution = re.compile(r"https://[a-z0-9]+\.cloudfront\.net")
    start, forward = lambda_runtime.Worker.__init__, cloudfront._forward_to_origin

    def local(value: str) -> str:
        value = api.sub(rf"{gateway}/_aws/execute-api/\1", value)
        return distribution.sub(front_door, value) if front_door else value

    def start_worker(worker, name, config, code):
        variables = {key: local(value) for key, value in config.get("Environment", {}).get("Variables", {}).items()}
        start(worker, name, {**config, "Environment": {"Variables": variables}}, code)

    def forward_to_origin(origin, method, uri, query, headers, *rest, **options):
        found = api.match(f"https://{origin['domain_name']}")
        if found:
            host, port = urlsplit(gateway).hostname, urlsplit(gateway).port
            origin = {**origin, "domain_name": host, "http_port": port, "protocol_policy": "http-only"}
            headers = {**headers, "host": f"{found.group(1)}.execute-api.localhost:{port}"}
        return forward(origin, method, uri, query, headers, *rest, **options)

    lambda_runtime.Worker.__init__ = start_worker
    cloudfront._forward_to_origin = forward_to_origin


def know_resources_of_batch() -> None:
    """Stock asks policies for `*` at every call of AWS Batch, so that one which names its resources allows nothing.

    A submit has two resources; it is asked for the definition.
    docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html
    """
    stock = iam_actions.extract_resource_arn

    def extract(service, method, path, headers, body, query_params, region, account_id):
        operation = path.rsplit("/", 1)[-1]
        if service != "batch" or operation not in ("submitjob", "terminatejob", "canceljob"):
            return stock(service, method, path, headers, body, query_params, region, account_id)
        request = json.loads(body)
        kind, name = ("job-definition", request["jobDefinition"]) if operation == "submitjob" else ("job", request["jobId"])
        return name if name.startswith("arn:") else f"arn:aws:batch:{region}:{account_id}:{kind}/{name}"

    iam_actions.extract_resource_arn = extract
