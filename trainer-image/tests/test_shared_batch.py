"""A resume on other ranks keeps the rows of a step, also after several resumes; without torch."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hf_trials import make_training
from trainer import resume
from trainer.data import Data
from trainer.failure import Failure

DATA = Data("alpaca", [], [], "text", "fingerprint")
BASE = {"id": "tiny-llama", "commit": "c0ffee"}


def resumed_on(folder: Path, ranks: int, **settings: Any) -> resume.Resumed | None:
    """One attempt: it resumes from what lies in `folder`, if anything does, and leaves what it says of itself."""
    training = make_training(batchSize=4, **settings)
    accumulation = training["hyperparameters"]["gradientAccumulationSteps"]
    batch = resume.Batch(4, accumulation, ranks)
    mine = resume.describe(training, BASE, DATA, batch)
    checkpoint = folder if (folder / resume.NAME).exists() else None
    link: Any = SimpleNamespace(resume_folder=checkpoint, spec={"resumeFrom": {"checkpoint": "step-000010"}}, choice=lambda *_: None)
    found = resume.check(link, mine, (), batch)
    (folder / "trainer_state.json").write_text('{"global_step": 10}')
    (folder / resume.NAME).write_text(json.dumps(mine | (found.shared if found else {})))
    return found


@pytest.mark.parametrize(("ranks", "parts"), [(1, 6), (2, 3), (3, 2), (6, 1)])
def test_the_global_batch_is_kept_on_any_ranks_that_can_share_it(tmp_path: Path, ranks: int, parts: int):
    resumed_on(tmp_path, 1, gradientAccumulationSteps=6)

    found = resumed_on(tmp_path, ranks, gradientAccumulationSteps=6)

    assert found and found.batch == resume.Batch(4, parts, ranks)


@pytest.mark.parametrize("chain", [(2, 1, 1, 1), (2, 1, 2, 1), (1, 2, 2, 1), (4, 2, 1, 4)])
def test_it_is_kept_over_any_chain_of_resumes(tmp_path: Path, chain: tuple[int, ...]):
    resumed_on(tmp_path, chain[0], gradientAccumulationSteps=2)

    found = [resumed_on(tmp_path, ranks, gradientAccumulationSteps=2) for ranks in chain[1:]]

    assert [(one.batch.whole, one.batch.ranks) for one in found if one] == [(8 * chain[0], ranks) for ranks in chain[1:]]


def test_other_settings_with_the_same_rows_a_step_go_on_and_are_understood_later(tmp_path: Path):
    resumed_on(tmp_path, 1, gradientAccumulationSteps=2)
    resumed_on(tmp_path, 2, gradientAccumulationSteps=1)

    found = resumed_on(tmp_path, 1, gradientAccumulationSteps=1)

    assert found and found.batch == resume.Batch(4, 2, 1)


def test_ranks_that_cannot_share_it_are_refused(tmp_path: Path):
    resumed_on(tmp_path, 1, gradientAccumulationSteps=6)

    with pytest.raises(Failure, match="a global batch of 24, which 5 ranks cannot share evenly") as caught:
        resumed_on(tmp_path, 5, gradientAccumulationSteps=6)

    assert caught.value.code == "resume_refused"
