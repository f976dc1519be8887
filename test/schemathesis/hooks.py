"""What schemathesis cannot know of this plane: why a request may be refused that its schema allows."""

import itertools
import re

import schemathesis
from schemathesis import GenerationMode

# Of the world or of two fields together, not of a field's form.
REASONS = [
    r"\bis not there: looked at\b",  # files
    r"\bnothing is stored under\b",
    r"\bnothing was uploaded with SHA-256\b",
    r"\bis required: the project has no base_model$",
    r"\bis given in (env|model_parameters) too$",
    r"\bis another name of '\w+', which is given too$",
    r"\bis used only with report_to 'wandb'$",
    r"\bis used only with method 'dpo'$",
    r"\bmust be 'preference' with method 'dpo'",
    r"'preference' needs method 'dpo'$",
    r"'merged' needs an adapter; full fine-tuning has none$",
    r"^line \d+: ",  # rows of a text
    r"\bhas checkpoints already\b",
    r"\bmust not differ from\b",  # compute beside the document's own fields
    r"\bmust not hold NUL or half a character\b",  # in values of any shape
]
CODES = {"transition_refused", "not_submitted", "name_taken"}
_keys = itertools.count()


@schemathesis.hook
def map_headers(context, headers):
    """A key is new with every request: the same one with another body is refused, as it must be."""
    if headers and "Idempotency-Key" in headers and len(headers["Idempotency-Key"]) > 0:
        headers["Idempotency-Key"] = f"{headers['Idempotency-Key'][:200]}{next(_keys)}"
    return headers


@schemathesis.check
def refused_for_a_reason(ctx, response, case):
    """Valid by the document, and refused: then for a reason that the document cannot hold."""
    if response.status_code not in (400, 422) or case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    body = response.json()
    if body["code"] in CODES:
        return
    problems = [f"{problem['path']}: {problem['message']}" for problem in body.get("problems", [])] or [body["detail"]]
    unexplained = [problem for problem in problems if not any(re.search(reason, problem) for reason in REASONS)]
    assert not unexplained, f"valid by its schema, and refused: {unexplained}"
