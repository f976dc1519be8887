"""What a run leaves beside its weights, by the supervisor: evaluations, the resolved configuration; and no secret in any of it."""

import json
from pathlib import Path

import pytest

from supervised_run import RUN, SupervisedRun
from trainer.supervision.redaction import Redactor, redactor_of

SECRET = "sk-live/0123456789+abc"


def fault(kind: str, **details: object) -> dict:
    return {"faults": [{"kind": kind, **details}]}


class TestDocuments:
    def test_each_evaluation_and_the_resolved_configuration_are_artifacts(self, tmp_path: Path) -> None:
        run = SupervisedRun(tmp_path, script={"evalEvery": 5})

        manifest = run.run()

        kinds = {file["path"]: file["kind"] for file in manifest["files"]}
        assert kinds["evaluation/step-000005.json"] == kinds["evaluation/step-000010.json"] == "evaluation"
        assert kinds["config/run.json"] == "config"
        evaluation = json.loads(run.read(f"artifacts/{RUN}/evaluation/step-000010.json"))
        assert evaluation == {
            "schema": 1,
            "runId": RUN,
            "step": 10,
            "metrics": {"eval_loss": evaluation["metrics"]["eval_loss"], "eval_token_accuracy": 0.5},
        }
        config = json.loads(run.read(f"artifacts/{RUN}/config/run.json"))
        assert config["training"] == run.spec["training"]
        assert config["choices"] == manifest["choices"] and config["base"] == {"id": "scripted", "commit": None}

    def test_evaluations_of_earlier_attempts_are_there_after_a_resume(self, tmp_path: Path) -> None:
        script = {"evalEvery": 2, "saveSteps": 5, "metricsEvery": 100}
        killed = SupervisedRun(tmp_path, script={**script, **fault("kill", step=8)})
        killed.run()

        resumed = SupervisedRun(tmp_path, attempt=2, script=script, resumeFrom=killed.resume_from("step-000005"))
        manifest = resumed.run()

        steps = [file["path"] for file in manifest["files"] if file["kind"] == "evaluation"]
        assert steps == [f"evaluation/step-{step:06d}.json" for step in (2, 4, 6, 8, 10, 12)]

    def test_the_manifest_says_which_step_the_result_is_of(self, tmp_path: Path) -> None:
        manifest = SupervisedRun(tmp_path).run()

        assert manifest["result"] == {"step": 12, "of": "last", "reason": "the weights after the last step"}

    def test_a_failed_run_has_no_result(self, tmp_path: Path) -> None:
        manifest = SupervisedRun(tmp_path, script=fault("crash", step=3)).run()

        assert (manifest["result"], [file["kind"] for file in manifest["files"]]) == (None, ["samples"])

    def test_an_engine_that_stored_nothing_did_not_complete(self, tmp_path: Path) -> None:
        manifest = SupervisedRun(tmp_path, script=fault("nothingStored")).run()

        assert (manifest["outcome"], manifest["failure"]["code"]) == ("failed", "artifact_unusable")
        assert manifest["failure"]["message"] == "the engine says that it completed and stored nothing"


class TestSecrets:
    def run_with(self, folder: Path, faults: dict) -> SupervisedRun:
        run = SupervisedRun(folder, script={"saveSteps": 5, **faults})
        path = folder / "environment.json"
        path.write_text(json.dumps({"MY_TOKEN": SECRET, "SHORT": "demo", "LINES": "first line of a key\nsecond line of it"}))
        run.environment = {"TUNEPLANE_ENVIRONMENT_FILE": str(path)}
        return run

    def test_no_file_of_the_run_holds_a_secret_that_the_engine_said(self, tmp_path: Path) -> None:
        run = self.run_with(tmp_path, fault("say", step=3, text=f"the key is {SECRET}, the demo: second line of it"))

        manifest = run.run()

        found = [name for name, data in run.files().items() if SECRET.encode() in data or b"second line of it" in data]
        assert found == []
        said = "the key is ***, the demo: ***"
        assert said in run.log()
        assert {"name": "said", "value": said, "reason": f"because of {said}"} in manifest["choices"]
        assert said in run.read(f"artifacts/{RUN}/samples.jsonl").decode()

    def test_no_failure_quotes_a_secret(self, tmp_path: Path) -> None:
        run = self.run_with(tmp_path, fault("fail", step=3, code="engine_crashed", message=f"401 for https://x/?token={SECRET}"))

        manifest = run.run()

        assert manifest["failure"]["message"] == "401 for https://x/?token=***"
        assert [name for name, data in run.files().items() if SECRET.encode() in data] == []

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            (f"a{SECRET}b{SECRET}", "a***b***"),
            ("https://x/?key=sk-live%2F0123456789%2Babc", "https://x/?key=***"),
            ("12345678", "***"),
            ("1234567", "1234567"),
            ("a longer secret beats one inside it: 12345678-and-more", "a longer secret beats one inside it: ***"),
        ],
    )
    def test_values_of_eight_characters_or_more_are_hidden(self, text: str, shown: str) -> None:
        redactor = Redactor([SECRET, "12345678", "1234567", "12345678-and-more", "        "])

        assert redactor.text(text) == shown
        assert redactor.value({"a": [text, 1, None]}) == {"a": [shown, 1, None]}

    def test_the_machines_own_tokens_are_hidden_by_their_names(self) -> None:
        redactor = redactor_of({}, {"HF_TOKEN": "hf_abcdefgh", "PATH": "/usr/local/bin"})

        assert redactor.text("hf_abcdefgh in /usr/local/bin") == "*** in /usr/local/bin"

    def test_without_secrets_nothing_changes(self) -> None:
        assert Redactor().text("as it is") == "as it is"
